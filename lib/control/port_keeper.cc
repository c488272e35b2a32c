#include "control/port_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace lifeline::control {
namespace {

using Change = PortActions::Change;

constexpr Duration kFirstPause = std::chrono::seconds{1};
constexpr Duration kLongestPause = std::chrono::seconds{8};
// Opening a device makes link events of its own.
constexpr Duration kEventPause = std::chrono::milliseconds{100};

// The device is, or may be, one on an interface of the kernel.
bool lives_on_an_interface(const port::PortSpec& spec) {
  return spec.device.starts_with("net_af_") || spec.device.find("iface=") != std::string::npos;
}

bool differs(const port::PortSpec& a, port::PortSpec b) {
  b.optional = a.optional;
  b.vlan = a.vlan;
  return a != b;
}

}  // namespace

PortKeeper::PortKeeper(PortActions& actions, const Clock& clock) : do_(actions), clock_(clock) {
  do_.on_device_event(
      [this](flow::PortNo number, port::DeviceEvent event) { device_event(number, event); });
  do_.on_arrival([this](const std::string& device) { device_came(device); });
}

PortKeeper::~PortKeeper() {
  do_.on_device_event({});
  do_.on_arrival({});
}

void PortKeeper::begin(const std::vector<port::PortSpec>& wanted,
                       const std::vector<port::AbsentPort>& absent) {
  for (const auto& spec : wanted) {
    Port& port = known_[spec.name];
    port.state = State::kThere;
    port.spec = spec;
    port.wanted = spec;
  }
  for (const auto& [spec, reason] : absent) failed(known_[spec.name], reason);
  look_for_next_try();
  look_at_mtus();
}

void PortKeeper::want(const std::vector<port::PortSpec>& wanted, Done done) {
  problems_.clear();
  done_ = std::move(done);
  std::vector<std::string> changed;
  for (auto& [name, port] : known_) {
    if (std::any_of(wanted.begin(), wanted.end(),
                    [&name = name](const auto& spec) { return spec.name == name; }))
      continue;
    port.wanted.reset();
    changed.push_back(name);
  }
  for (const auto& spec : wanted) {
    const bool is_new = !known_.contains(spec.name);
    Port& port = known_[spec.name];
    if (is_new || !port.wanted || differs(port.spec, spec)) {
      changed.push_back(spec.name);
      port.next_try = clock_.now();
    }
    port.wanted = spec;
  }
  unsettled_.insert(changed.begin(), changed.end());
  // Those that go first: who comes may need their numbers and devices.
  for (const auto& name : changed) step(name);
  look_for_next_try();
  look_at_mtus();
  settle({});
}

// The answer to want() is due once all has been tried.
void PortKeeper::settle(const std::string& name) {
  unsettled_.erase(name);
  if (!unsettled_.empty() || !done_) return;
  std::exchange(done_, nullptr)(std::exchange(problems_, {}));
}

void PortKeeper::run(TimePoint now) {
  if (now < next_try_) return;
  std::vector<std::string> due;
  for (const auto& [name, port] : known_)
    if (port.state == State::kAbsent && now >= port.next_try) due.push_back(name);
  for (const auto& name : due) step(name);
  look_for_next_try();
}

void PortKeeper::interfaces_changed() {
  for (auto& [name, port] : known_) {
    if (!port.wanted || !lives_on_an_interface(*port.wanted)) continue;
    if (port.state == State::kAbsent)
      port.next_try = std::min(port.next_try, port.last_try + kEventPause);
    port.saw_event = true;
  }
  look_for_next_try();
}

// Who binds it to vfio-pci (udev, an operator) has heard of it when we have: soon, then ever less
// often, as at the beginning.
void PortKeeper::device_came(const std::string& device) {
  for (auto& [name, port] : known_) {
    if (!port.wanted || port::device_name(port.wanted->device) != device) continue;
    port.pause = {};
    if (port.state == State::kAbsent) port.next_try = clock_.now() + kEventPause;
    port.saw_event = true;
  }
  look_for_next_try();
}

void PortKeeper::look_for_next_try() {
  next_try_ = TimePoint::max();
  for (const auto& [name, port] : known_)
    if (port.state == State::kAbsent) next_try_ = std::min(next_try_, port.next_try);
}

void PortKeeper::look_at_mtus() {
  smallest_mtu_.reset();
  for (auto& [name, port] : known_) {
    if (port.state == State::kThere) {
      if (const std::uint32_t mtu = do_.mtu(port.spec.port_no); mtu != 0) port.mtu = mtu;
    }
    if (!port.wanted || port.mtu == 0) continue;
    smallest_mtu_ = std::min(smallest_mtu_.value_or(port.mtu), port.mtu);
  }
}

// One thing at a time: what is under way calls again when it is done.
void PortKeeper::step(const std::string& name) {
  const auto it = known_.find(name);
  if (it == known_.end()) return;
  Port& port = it->second;
  switch (port.state) {
    case State::kAbsent:
      if (!port.wanted) {
        known_.erase(it);
        settle(name);
      } else if (clock_.now() >= port.next_try) {
        arrive(name, port);
      }
      return;
    case State::kThere:
      if (!port.wanted || differs(port.spec, *port.wanted)) {
        log::info("control", "port {} ({}): removed", port.spec.port_no, name);
        leave(name, port);
      } else if (std::exchange(port.wants_reset, false)) {
        restart(name, port);
      } else {
        port.spec = *port.wanted;
        do_.set_vlan(port.spec.port_no, port.spec.vlan);
        settle(name);
      }
      return;
    case State::kArriving:
    case State::kRestarting:
    case State::kLeaving: return;
  }
}

std::function<void(Expected<void>)> PortKeeper::answer(
    const std::string& name,
    void (PortKeeper::*member)(const std::string&, const Expected<void>&)) {
  return [this, alive = std::weak_ptr(alive_), name, member](const Expected<void>& result) {
    if (alive.expired()) return;
    (this->*member)(name, result);
    look_for_next_try();
    look_at_mtus();
  };
}

void PortKeeper::arrive(const std::string& name, Port& port) {
  port.state = State::kArriving;
  port.spec = *port.wanted;
  port.last_try = clock_.now();
  port.saw_event = false;
  do_.add(port.spec, answer(name, &PortKeeper::arrived));
}

void PortKeeper::arrived(const std::string& name, const Expected<void>& result) {
  Port& port = known_.at(name);
  if (!result) {
    failed(port, result.error().message);
    if (port.wanted && !differs(port.spec, *port.wanted)) {
      if (!port.spec.optional && unsettled_.contains(name))
        problems_.push_back(result.error().message);
      settle(name);
    } else {
      port.next_try = clock_.now();  // what is wanted now has not failed yet
      step(name);
    }
    return;
  }
  port.state = State::kThere;
  port.pause = {};
  port.reason.clear();
  log::info("control", "port {} ({}): added, device {}", port.spec.port_no, name, port.spec.device);
  if (const auto info = do_.info(port.spec.port_no)) do_.announce(Change::kAdded, *info);
  step(name);
}

// Says so the first time, and when there is another reason: not at each try.
void PortKeeper::failed(Port& port, const std::string& reason) {
  const TimePoint now = clock_.now();
  port.state = State::kAbsent;
  port.pause = std::clamp(port.pause * 2, kFirstPause, kLongestPause);
  port.last_try = now;
  port.next_try = now + (port.saw_event ? kEventPause : port.pause);
  const std::string before = std::exchange(port.reason, reason);
  if (before == reason) return;
  if (before.empty()) {
    log::warn("control", "{}; it is taken as soon as it can be", reason);
  } else {
    log::info("control", "{}; it is taken as soon as it can be", reason);
  }
}

void PortKeeper::leave(const std::string& name, Port& port) {
  const auto info = do_.info(port.spec.port_no);
  port.state = State::kLeaving;
  port.wants_reset = false;
  do_.remove(port.spec.port_no, answer(name, &PortKeeper::left));
  if (info) do_.announce(Change::kDeleted, *info);
}

void PortKeeper::left(const std::string& name, const Expected<void>&) {
  Port& port = known_.at(name);
  port.state = State::kAbsent;
  port.next_try = clock_.now();
  // The kernel is taking the device away: nobody is to open it meanwhile.
  if (std::exchange(port.is_unplugged, false) && port.wanted) port.next_try += kFirstPause;
  step(name);
}

void PortKeeper::restart(const std::string& name, Port& port) {
  port.state = State::kRestarting;
  log::warn("control", "port {} ({}): its device asks for a reset and is restarted",
            port.spec.port_no, name);
  const flow::PortNo number = port.spec.port_no;
  do_.restart(number, answer(name, &PortKeeper::restarted));
  if (const auto info = do_.info(number)) {
    known_.at(name).info = info;
    do_.announce(Change::kModified, *info);
  }
}

void PortKeeper::restarted(const std::string& name, const Expected<void>& result) {
  Port& port = known_.at(name);
  if (!result) {
    if (port.info) do_.announce(Change::kDeleted, *port.info);
    failed(port, result.error().message);
  } else {
    port.state = State::kThere;
    log::info("control", "port {} ({}): restarted", port.spec.port_no, name);
    if (const auto info = do_.info(port.spec.port_no)) do_.announce(Change::kModified, *info);
  }
  step(name);
}

void PortKeeper::device_event(flow::PortNo port_no, port::DeviceEvent event) {
  const auto it = std::find_if(known_.begin(), known_.end(), [&](const auto& known) {
    return known.second.state == State::kThere && known.second.spec.port_no == port_no;
  });
  if (it == known_.end()) return;
  const std::string name = it->first;
  if (event == port::DeviceEvent::kWantsReset) {
    it->second.wants_reset = true;
    step(name);
    return;
  }
  log::warn("control", "port {} ({}): its device {} is gone; it is taken again when it is there",
            port_no, name, it->second.spec.device);
  it->second.reason = "its device is gone";
  it->second.is_unplugged = !lives_on_an_interface(it->second.spec);
  leave(name, it->second);
}

std::vector<port::AbsentPort> PortKeeper::absent() const {
  std::vector<port::AbsentPort> out;
  for (const auto& [name, port] : known_)
    if (port.wanted && (port.state == State::kAbsent || port.state == State::kArriving))
      out.push_back({*port.wanted, port.reason});
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.spec.port_no < b.spec.port_no; });
  return out;
}

}  // namespace lifeline::control
