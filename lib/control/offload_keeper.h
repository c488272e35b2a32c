// Keeps the NICs' rules in line with in-band control's facts: the control lcore's half of offload.
//
// The agent publishes its rules first, then the intents that follow from the same facts are given
// to the device thread, which reconciles each port and answers by message. What a NIC brings that
// is not wanted any more is classified in software like everything else, so nothing depends on how
// fast that is. A port that is new, or new again, gets its rules at the next look.
//
// A NIC that lies is noticed here: packets that a hidden rule matches go on coming by the data
// queues although all intents of that kind are in the NIC. The forms that should have brought them
// are reported as lost.
//
// Thread-safety: control lcore only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "datapath/datapath.h"
#include "flow/port_vlan.h"
#include "inband/agent.h"
#include "offload/reconciler.h"
#include "port/device_thread.h"
#include "port/port_set.h"

namespace lifeline::control {

class OffloadKeeper {
 public:
  // The references outlive the keeper, and the thread runs no answers after it has gone.
  OffloadKeeper(port::PortSet& ports, port::DeviceThread& thread,
                const datapath::Datapath& datapath, const Clock& clock);

  // Once per turn of the loop, after the agent. Cheap where nothing changed.
  void run(const inband::InbandAgent& agent, TimePoint now);

  struct PortReport {
    port::PortSet::SteeringPort port;
    offload::Report report;  // empty without a control queue
    datapath::ControlQueueCounts counts;
    std::uint64_t unsteered = 0;  // control packets that came by a data queue all the same
  };
  std::vector<PortReport> reports() const;

  // By which rung each port with a control queue brings what a hidden rule is about. Empty for what
  // never comes from a wire.
  struct InNic {
    std::string port;
    offload::Rung rung = offload::Rung::kSoftware;
  };
  std::vector<InNic> nics_of(const inband::HiddenRule& rule) const;

 private:
  static constexpr std::size_t kKinds = 26;
  struct State {
    std::uint64_t life = 0;
    flow::PortVlan vlan;
    bool asked = false;    // the device thread has not answered yet
    bool outdated = true;  // the facts or the port changed since it was asked
    TimePoint stands_since{};
    std::array<std::uint64_t, kKinds> unsteered{};  // as of the last look
    std::vector<offload::Form> lost;
    offload::Report report;
  };

  void look_at_facts(const inband::InbandAgent& agent);
  void look_at_ports();
  void look_for_losses(const port::PortSet::SteeringPort& port, State& state, TimePoint now);
  void ask(const port::PortSet::SteeringPort& port, State& state, TimePoint now);
  void answered(flow::PortNo port_no, std::uint64_t life, offload::Report report);

  port::PortSet& ports_;
  port::DeviceThread& thread_;
  const datapath::Datapath& datapath_;
  const Clock& clock_;
  inband::Facts facts_;                          // as of the intents
  std::uint64_t publishes_ = ~std::uint64_t{0};  // of the agent, as of the facts
  bool working_out_ = false;                     // the intents, on the device thread
  bool cut_ = false;                             // there are more than a NIC is asked for
  std::vector<flow::SteeringIntent> intents_;
  flow::ManagementVlan management_vlan_;          // of the intents
  std::uint64_t generation_ = ~std::uint64_t{0};  // of the port view, as of the last look
  std::vector<port::PortSet::SteeringPort> known_ports_;
  std::map<flow::PortNo, State> states_;
  TimePoint next_look_{};
};

}  // namespace lifeline::control
