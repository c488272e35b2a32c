// Keeps the ports as the configuration wants them: those that it names are there as soon as their
// devices are, those that it does not name go, and devices come and go while packets are forwarded.
//
// Desired state and difference. Each port is a small state machine that does one thing at a time on
// the device thread (port::PortSet::request_*) and then looks again at what is wanted. A port whose
// device is gone, or does not start, is tried again after 1 s, ever less often up to 8 s, and at
// once when an interface of the kernel comes or goes or the device is plugged in. It keeps its
// OpenFlow number.
//
// Who is told: controllers, of each port that comes and goes (port status ADD and DELETE) or is
// restarted (MODIFY); the datapath, which looks again at what it cached; the FDB, which forgets who
// was behind a port. The rules of its NIC come back by OffloadKeeper, which sees a new life.
//
// Control lcore only; nothing blocks. Answers that come after its end are ignored.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/port_actions.h"
#include "ofagent/backend.h"
#include "port/port_set.h"

namespace lifeline::control {

class PortKeeper {
 public:
  // Both outlive it.
  PortKeeper(PortActions& actions, const Clock& clock);
  ~PortKeeper();
  PortKeeper(const PortKeeper&) = delete;
  PortKeeper& operator=(const PortKeeper&) = delete;

  // What PortSet::open() was asked for, and what it went without.
  void begin(const std::vector<port::PortSpec>& wanted,
             const std::vector<port::AbsentPort>& absent);

  // From now on these ports, and no others. A port that differs in more than `optional` and
  // its VLANs goes and comes again. `done` once each change was tried: one line for each port that
  // has to be there (is not optional) and cannot be; it is tried again like the others. One call at
  // a time.
  using Done = std::function<void(std::vector<std::string> problems)>;
  void want(const std::vector<port::PortSpec>& wanted, Done done);

  // Once per turn of the loop. Cheap where nothing is due.
  void run(TimePoint now);
  TimePoint next_deadline() const { return next_try_; }
  // An interface of the kernel came, went or changed.
  void interfaces_changed();

  // IP MTU in bytes, of the ports that are wanted. One whose device is gone counts as it was: the
  // way through it will be as narrow when it is back. nullopt: no port has been there yet.
  std::optional<std::uint32_t> smallest_mtu() const { return smallest_mtu_; }

  // Ports that are wanted and have no device, by number.
  std::vector<port::AbsentPort> absent() const;

 private:
  enum class State : std::uint8_t { kAbsent, kArriving, kThere, kRestarting, kLeaving };
  struct Port {
    State state = State::kAbsent;
    port::PortSpec spec;                   // as it is, or was last tried
    std::optional<port::PortSpec> wanted;  // unset: it is to go
    bool wants_reset = false;
    bool is_unplugged = false;  // it goes for that
    std::string reason;         // of kAbsent, once it was tried
    std::uint32_t mtu = 0;      // IP, in bytes; 0: it was never there
    TimePoint last_try{};
    TimePoint next_try{};
    bool saw_event = false;                 // interfaces_changed() during a try
    Duration pause{};                       // before the try after the next
    std::optional<ofagent::PortInfo> info;  // as controllers know it, while it restarts
  };

  void step(const std::string& name);
  void arrive(const std::string& name, Port& port);
  void arrived(const std::string& name, const Expected<void>& result);
  void leave(const std::string& name, Port& port);
  void left(const std::string& name, const Expected<void>&);
  void restart(const std::string& name, Port& port);
  void restarted(const std::string& name, const Expected<void>& result);
  void failed(Port& port, const std::string& reason);
  void device_event(flow::PortNo port_no, port::DeviceEvent event);
  void device_came(const std::string& device);
  void look_for_next_try();
  void look_at_mtus();
  void settle(const std::string& name);
  // Calls (this->*member)(name, result) unless this is gone by then.
  std::function<void(Expected<void>)> answer(const std::string& name,
                                             void (PortKeeper::*member)(const std::string&,
                                                                        const Expected<void>&));

  PortActions& do_;
  const Clock& clock_;
  std::map<std::string, Port> known_;  // by name
  TimePoint next_try_ = TimePoint::max();
  std::optional<std::uint32_t> smallest_mtu_;
  std::set<std::string> unsettled_;  // of the last want(), while its `done` is not called
  std::vector<std::string> problems_;
  Done done_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace lifeline::control
