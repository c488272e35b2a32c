#include "port/port_set.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "port/device_thread.h"
#include "port/ethdev_port.h"

namespace lifeline::port {
namespace {

constexpr std::uint32_t kFrameOverheadBytes = 14 + 8;  // Ethernet header, two VLAN tags

// The lowest free index that no reader can hold any more, entered for the port. There is one:
// check_spec() counts.
std::uint8_t claim_index(PortView& view, const std::bitset<kMaxPorts + 1>& leaving,
                         flow::PortNo port_no) {
  std::uint8_t index = 0;
  while (view.entries[index].exists() || leaving.test(index)) ++index;
  view.entries[index] = PortEntry{.port_no = port_no};
  view.index_of[port_no] = index;
  view.n_entries = std::max<std::uint32_t>(view.n_entries, index + 1u);
  return index;
}

}  // namespace

PortSet::PortSet(const PortSetConfig& config, Retire retire)
    : config_(config), retire_(std::move(retire)), view_(new PortView) {}

PortSet::~PortSet() {
  ports_.clear();
  delete view_.load(std::memory_order_relaxed);
}

Expected<std::unique_ptr<PortSet>> PortSet::create(const PortSetConfig& config, Retire retire) {
  if (config.n_slots < 1 || config.n_slots > kMaxSlots)
    return make_error("{} lcores, but there may be 1 to {}", config.n_slots, kMaxSlots);
  std::unique_ptr<PortSet> self(new PortSet(config, std::move(retire)));
  if (auto made = self->make_control_pool(config.control_mbufs); !made)
    return tl::make_unexpected(made.error());
  return self;
}

// What can be seen to be wrong without touching a device.
Expected<void> PortSet::check_spec(const PortSpec& spec,
                                   const std::vector<PortSpec>& earlier) const {
  if (spec.port_no == flow::kPortZero || spec.port_no > flow::kPortMax)
    return make_error("port {}: number {} is not in 1..{}", spec.name, spec.port_no,
                      flow::kPortMax);
  if (ports_.size() + earlier.size() + leaving_->count() >= kMaxPorts)
    return make_error("port {}: there are {} ports already, which is the most", spec.name,
                      kMaxPorts);
  const auto clash = [&](const PortSpec& other) -> Expected<void> {
    if (other.name == spec.name) return make_error("port {}: the name is taken", spec.name);
    if (other.port_no == spec.port_no)
      return make_error("port {}: number {} is port {} already", spec.name, spec.port_no,
                        other.name);
    if (device_name(other.device) == device_name(spec.device))
      return make_error("port {}: device {} is port {} already", spec.name,
                        device_name(spec.device), other.name);
    return {};
  };
  for (const PortSpec& other : earlier)
    if (auto ok = clash(other); !ok) return ok;
  for (const auto& port : ports_)
    if (auto ok = clash(port->spec()); !ok) return ok;
  return {};
}

// Attached, configured, started; on whichever thread.
Expected<std::unique_ptr<EthdevPort>> PortSet::prepare(const PortSpec& spec) {
  auto port = EthdevPort::attach(spec);
  if (!port) return port;
  auto pool = pool_for(**port);
  if (!pool) return tl::make_unexpected(pool.error());
  if (*pool == nullptr) {
    std::vector<std::unique_ptr<EthdevPort>> one;
    one.push_back(std::move(*port));
    if (auto made = make_data_pool(one); !made) return tl::make_unexpected(made.error());
    port = std::move(one.front());
    pool = later_pools_.empty() ? data_pool_.get() : later_pools_.back().get();
  }
  const auto control = control_queue_pool(**port);
  if (!control) return tl::make_unexpected(control.error());
  if (auto ok = (*port)->configure(config_.n_slots, *pool, *control); !ok)
    return tl::make_unexpected(ok.error());
  if (auto ok = (*port)->start(); !ok) return tl::make_unexpected(ok.error());
  return port;
}

Expected<void> PortSet::open(const std::vector<PortSpec>& specs) {
  std::vector<std::unique_ptr<EthdevPort>> opened;
  std::vector<PortSpec> accepted;
  std::string errors;
  const auto note = [&errors](const Expected<void>& result) {
    if (result) return true;
    if (!errors.empty()) errors += '\n';
    errors += result.error().message;
    return false;
  };
  for (const PortSpec& spec : specs) {
    if (!note(check_spec(spec, accepted))) continue;
    accepted.push_back(spec);
    auto port = EthdevPort::attach(spec);
    if (!port) {
      note(tl::make_unexpected(port.error()));
    } else if (auto counts = (*port)->queues(config_.n_slots); !counts) {
      note(tl::make_unexpected(counts.error()));
    } else {
      opened.push_back(std::move(*port));
    }
  }
  if (errors.empty() && ports_.empty()) {
    std::uint32_t in_tx_rings = 0;
    for (const auto& port : opened) in_tx_rings += port->tx_descriptors();
    note(make_control_pool(config_.control_mbufs + in_tx_rings));
  }
  // The pool is sized for all of them, so nothing is configured while one is missing.
  if (errors.empty() && data_pool_.get() == nullptr) note(make_data_pool(opened));
  if (errors.empty()) {
    for (const auto& port : opened) {
      const auto control = control_queue_pool(*port);
      if (!control) {
        note(tl::make_unexpected(control.error()));
      } else if (note(port->configure(config_.n_slots, data_pool_.get(), *control))) {
        note(port->start());
      }
    }
  }
  if (!errors.empty()) return tl::make_unexpected(Error{errors});
  insert(std::move(opened));
  return {};
}

Expected<void> PortSet::add(const PortSpec& spec) {
  if (auto ok = check_spec(spec, {}); !ok) return ok;
  auto port = prepare(spec);
  if (!port) return tl::make_unexpected(port.error());
  std::vector<std::unique_ptr<EthdevPort>> one;
  one.push_back(std::move(*port));
  insert(std::move(one));
  return {};
}

Expected<void> PortSet::remove(flow::PortNo port_no) {
  std::shared_ptr<EthdevPort> port = take_out(port_no);
  if (!port) return make_error("there is no port {}", port_no);
  retire_([port] { port->close(); });
  return {};
}

void PortSet::request_add(const PortSpec& spec, Done done) {
  if (auto ok = check_spec(spec, {}); !ok) {
    done(std::move(ok));
    return;
  }
  using Prepared = Expected<std::shared_ptr<EthdevPort>>;
  thread_->post(
      [this, spec]() -> Prepared {
        auto port = prepare(spec);
        if (!port) return tl::make_unexpected(port.error());
        return std::shared_ptr<EthdevPort>(std::move(*port));
      },
      [this, done = std::move(done)](Prepared prepared) {
        if (!prepared) {
          done(tl::make_unexpected(prepared.error()));
          return;
        }
        // Two requests for the same name or number may both have been on their way.
        Expected<void> ok = check_spec((*prepared)->spec(), {});
        if (ok) {
          insert({std::move(*prepared)});
        } else {
          thread_->post([port = std::move(*prepared)] { return port->close(), 0; }, [](int) {});
        }
        done(std::move(ok));
      });
}

void PortSet::request_remove(flow::PortNo port_no, Done done) {
  std::shared_ptr<EthdevPort> port = take_out(port_no);
  if (!port) {
    done(make_error("there is no port {}", port_no));
    return;
  }
  retire_([port, thread = thread_, done = std::move(done)] {
    thread->post([port] { return port->close(), 0; }, [done](int) { done({}); });
  });
}

// A view that is to be changed and published.
std::unique_ptr<PortView> PortSet::copy_view() const { return std::make_unique<PortView>(*view()); }

void PortSet::publish(std::unique_ptr<PortView> next) {
  ++next->generation;
  next->has_vlans = std::any_of(next->entries.begin(), next->entries.begin() + next->n_entries,
                                [](const PortEntry& e) { return !e.vlan.is_plain(); });
  const PortView* old = view_.exchange(next.release(), std::memory_order_acq_rel);
  retire_([old] { delete old; });
}

void PortSet::insert(std::vector<std::unique_ptr<EthdevPort>> ports) {
  std::vector<std::shared_ptr<EthdevPort>> shared;
  for (auto& port : ports) shared.emplace_back(std::move(port));
  insert(std::move(shared));
}

void PortSet::insert(std::vector<std::shared_ptr<EthdevPort>> ports) {
  auto next = copy_view();
  for (auto& port : ports) {
    const PortStatus& status = port->status();
    port->index = claim_index(*next, *leaving_, status.port_no);
    PortEntry& entry = next->entries[port->index];
    entry.ethdev_id = port->ethdev_id();
    entry.link_up = status.link_up;
    entry.usable = true;
    entry.n_rxq = status.n_rxq;
    entry.n_txq = status.n_txq;
    entry.has_control_queue = status.control_queue.has_value();
    entry.max_frame_bytes = status.mtu + kFrameOverheadBytes;
    entry.vlan = port->spec().vlan;
    entry.tx = choose_tx_paths(status.n_txq, config_.n_slots);
    assign_rx_queues(*port);
    ports_.push_back(std::move(port));
  }
  deal_rx_queues(*next);
  publish(std::move(next));
}

std::shared_ptr<EthdevPort> PortSet::take_out(flow::PortNo port_no) {
  const auto it = std::find_if(ports_.begin(), ports_.end(),
                               [port_no](const auto& p) { return p->status().port_no == port_no; });
  if (it == ports_.end()) return nullptr;
  std::shared_ptr<EthdevPort> port = std::move(*it);
  ports_.erase(it);
  auto next = copy_view();
  next->entries[port->index] = PortEntry{};
  next->index_of[port_no] = kNoIndex;
  deal_rx_queues(*next);
  leaving_->set(port->index);
  publish(std::move(next));
  retire_([leaving = leaving_, index = port->index] { leaving->reset(index); });
  return port;
}

// Of the RX queues of a new port: each to the worker that has fewest.
void PortSet::assign_rx_queues(EthdevPort& port) const {
  if (config_.n_slots < 2) return;
  std::vector<std::uint32_t> load(config_.n_slots);
  for (const auto& other : ports_)
    for (const sync::SlotId slot : other->rx_slot) ++load[slot];
  port.rx_slot.clear();
  for (std::uint16_t q = 0; q < port.status().n_rxq; ++q) {
    const auto least = std::min_element(load.begin() + 1, load.end());
    ++*least;
    port.rx_slot.push_back(static_cast<sync::SlotId>(least - load.begin()));
  }
}

void PortSet::deal_rx_queues(PortView& view) const {
  for (auto& queues : view.rx) queues.clear();
  for (const auto& port : ports_) {
    for (std::size_t q = 0; q < port->rx_slot.size(); ++q)
      view.rx[port->rx_slot[q]].push_back({.ethdev_id = port->ethdev_id(),
                                           .queue = static_cast<std::uint16_t>(q),
                                           .port_no = port->status().port_no,
                                           .index = port->index,
                                           .lag_sign = port->lag_sign(),
                                           .descriptors = port->rx_descriptors()});
    if (const auto control = port->status().control_queue)
      view.rx[sync::kControlSlot].push_back({.ethdev_id = port->ethdev_id(),
                                             .queue = *control,
                                             .port_no = port->status().port_no,
                                             .index = port->index,
                                             .lag_sign = LagSign::kNone,
                                             .descriptors = port->rx_descriptors()});
  }
}

void PortSet::set_local(MacAddress mac, std::uint32_t mtu, bool link_up) {
  const bool known = local_.has_value();
  if (!known) {
    local_.emplace();
    local_->port_no = flow::kPortLocal;
    local_->name = "LOCAL";
    local_->driver = "tap";
  } else if (local_->mac == mac && local_->mtu == mtu && local_->link_up == link_up) {
    return;
  }
  local_->mac = mac;
  local_->mtu = mtu;
  local_->link_up = link_up;
  auto next = copy_view();
  PortEntry& entry = next->entries[known ? next->index_of[flow::kPortLocal]
                                         : claim_index(*next, *leaving_, flow::kPortLocal)];
  entry.link_up = link_up;
  entry.max_frame_bytes = mtu + kFrameOverheadBytes;
  publish(std::move(next));
}

Expected<void> PortSet::set_flags(flow::PortNo port_no, std::uint32_t flags, std::uint32_t mask) {
  const PortEntry* now = view()->find(port_no);
  if (now == nullptr) return make_error("there is no port {}", port_no);
  const std::uint32_t value = (now->flags & ~mask) | (flags & mask);
  if (value == now->flags) return {};
  if (EthdevPort* port = find(port_no)) {
    port->status().flags = value;
  } else {
    local_->flags = value;
  }
  auto next = copy_view();
  next->entries[next->index_of[port_no]].flags = value;
  publish(std::move(next));
  return {};
}

std::vector<flow::PortNo> PortSet::set_vlans(
    const std::vector<std::pair<flow::PortNo, flow::PortVlan>>& vlans) {
  std::vector<flow::PortNo> changed;
  auto next = copy_view();
  for (const auto& [port_no, vlan] : vlans) {
    const std::uint8_t index = next->index_of[port_no];
    if (index == kNoIndex || next->entries[index].vlan == vlan) continue;
    next->entries[index].vlan = vlan;
    changed.push_back(port_no);
  }
  if (!changed.empty()) publish(std::move(next));
  return changed;
}

}  // namespace lifeline::port
