#include "port/port_set.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/log.h"
#include "port/device_thread.h"
#include "port/ethdev_port.h"
#include "port/hot_plug.h"

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
  self->config_.workers.resize(config.n_slots - 1);
  auto made = self->make_control_pool(0);
  if (!made) return tl::make_unexpected(made.error());
  self->control_pool_ = std::move(*made);
  self->keep_large_enough(
      {.owner = "control",
       .make = [set = self.get()](auto n) { return set->make_control_pool(n); },
       .use = [set = self.get()](auto p) { set->use_control_pool(std::move(p)); }});
  auto first = self->copy_view();
  first->control_pool = self->control_pool_.get();
  delete self->view_.exchange(first.release());
  return self;
}

// What can be seen to be wrong without touching a device.
Expected<void> PortSet::check_spec(const PortSpec& spec,
                                   const std::vector<PortSpec>& earlier) const {
  if (spec.port_no == flow::kPortZero || spec.port_no > flow::kPortMax)
    return make_error("port {}: number {} is not in 1..{}", spec.name, spec.port_no,
                      flow::kPortMax);
  if (ports_.size() + aside_.size() + earlier.size() + leaving_->count() >= kMaxPorts)
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
  for (const auto& [number, aside] : aside_)
    if (auto ok = clash(aside.port->spec()); !ok) return ok;
  return {};
}

Expected<std::unique_ptr<EthdevPort>> PortSet::attach(
    const PortSpec& spec, const std::vector<WorkerPlace>& workers) const {
  const auto it = made_from_.find(device_name(spec.device));
  auto port = EthdevPort::attach(spec, it == made_from_.end() ? std::string() : it->second);
  if (port) (*port)->pollers = choose_pollers(spec.name, (*port)->socket_id(), workers);
  return port;
}

void PortSet::detach(EthdevPort& port) {
  if (std::string from = port.detach(); !from.empty())
    made_from_[device_name(port.spec().device)] = std::move(from);
}

// Configured and started.
Expected<void> PortSet::set_up(EthdevPort& port, rte_mempool* pool) {
  had_pool_[port.spec().name] = pool;
  const auto control = control_queue_pool(port);
  if (!control) return tl::make_unexpected(control.error());
  if (auto ok = port.configure(config_.n_slots, pool, *control); !ok) return ok;
  return port.start();
}

// Attached, configured, started; on whichever thread. What fails leaves no device behind, so that
// it can be tried again.
Expected<std::unique_ptr<EthdevPort>> PortSet::prepare(const PortSpec& spec,
                                                       const std::vector<WorkerPlace>& workers) {
  auto port = attach(spec, workers);
  if (!port) return port;
  auto pool = pool_for(**port);
  if (pool && *pool == nullptr) pool = make_data_pool((*port)->socket_id(), {port->get()});
  const auto ok = pool ? set_up(**port, *pool) : tl::make_unexpected(pool.error());
  if (!ok) {
    detach(**port);
    return tl::make_unexpected(ok.error());
  }
  return port;
}

struct PortSet::Opening {
  std::vector<std::unique_ptr<EthdevPort>> opened;
  std::vector<AbsentPort> absent;
  std::string errors;

  bool ok() const { return errors.empty(); }
  void note(const Error& error) {
    if (!errors.empty()) errors += '\n';
    errors += error.message;
  }
  void note(const PortSpec& spec, const Error& error) {
    if (spec.optional) {
      absent.push_back({spec, error.message});
    } else {
      note(error);
    }
  }
};

void PortSet::attach_all(const std::vector<PortSpec>& specs, Opening& opening) {
  std::vector<PortSpec> accepted;
  for (const PortSpec& spec : specs) {
    if (auto ok = check_spec(spec, accepted); !ok) {
      opening.note(ok.error());
      continue;
    }
    accepted.push_back(spec);
    auto port = attach(spec, config_.workers);
    if (!port) {
      opening.note(spec, port.error());
    } else if (auto counts = (*port)->queues(config_.n_slots); !counts) {
      detach(**port);
      opening.note(spec, counts.error());
    } else {
      opening.opened.push_back(std::move(*port));
    }
  }
}

void PortSet::start_all(Opening& opening) {
  for (auto& port : opening.opened) {
    const auto ok = set_up(*port, pool_on(port->socket_id()));
    if (ok) continue;
    opening.note(port->spec(), ok.error());
    detach(*port);
    port.reset();
  }
  std::erase(opening.opened, nullptr);
}

Expected<std::vector<AbsentPort>> PortSet::open(const std::vector<PortSpec>& specs) {
  Opening opening;
  attach_all(specs, opening);
  if (opening.ok() && ports_.empty()) {
    std::uint32_t in_tx_rings = 0;
    for (const auto& port : opening.opened) in_tx_rings += port->tx_descriptors();
    for (const auto& port : opening.absent) in_tx_rings += tx_descriptors(port.spec);
    if (auto made = make_control_pool(in_tx_rings); made) {
      control_pool_ = std::move(*made);
      sent_pools_.front().pool.room = in_tx_rings;
    } else {
      opening.note(made.error());
    }
  }
  // The pools are sized for all of them, so nothing is configured while one is missing.
  if (opening.ok() && data_pools_.empty()) {
    if (auto made = make_data_pools(opening.opened); !made) opening.note(made.error());
  }
  if (opening.ok()) start_all(opening);
  if (!opening.ok()) return tl::make_unexpected(Error{opening.errors});
  for (const auto& port : opening.absent)
    absent_tx_descriptors_[port.spec.name] = tx_descriptors(port.spec);
  insert(std::move(opening.opened));
  return std::move(opening.absent);
}

Expected<void> PortSet::add(const PortSpec& spec) {
  if (auto ok = check_spec(spec, {}); !ok) return ok;
  auto port = prepare(spec, config_.workers);
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

// A view that is to be changed and published.
std::unique_ptr<PortView> PortSet::copy_view() const { return std::make_unique<PortView>(*view()); }

void PortSet::publish(std::unique_ptr<PortView> next) {
  ++next->generation;
  next->control_pool = control_pool_.get();
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
    port->index = claim_index(*next, *leaving_, port->status().port_no);
    fill_entry(next->entries[port->index], *port);
    next->entries[port->index].vlan = port->spec().vlan;
    assign_rx_queues(*port);
    ports_.push_back(std::move(port));
  }
  deal_rx_queues(*next);
  publish(std::move(next));
  make_more_room();
}

void PortSet::fill_entry(PortEntry& entry, const EthdevPort& port) const {
  const PortStatus& status = port.status();
  entry.ethdev_id = port.ethdev_id();
  entry.flags = status.flags;
  entry.link_up = status.link_up;
  entry.usable = true;
  entry.n_rxq = status.n_rxq;
  entry.n_txq = status.n_txq;
  entry.has_control_queue = status.control_queue.has_value();
  entry.max_frame_bytes = status.mtu + kFrameOverheadBytes;
  entry.tx = choose_tx_paths(status.n_txq, config_.n_slots);
}

// Call before `next` is published.
void PortSet::give_up_index(PortView& next, const EthdevPort& port) {
  next.entries[port.index] = PortEntry{};
  next.index_of[port.spec().port_no] = kNoIndex;
  leaving_->set(port.index);
}

std::shared_ptr<EthdevPort> PortSet::extract(flow::PortNo port_no) {
  const auto it = std::find_if(ports_.begin(), ports_.end(),
                               [port_no](const auto& p) { return p->status().port_no == port_no; });
  if (it == ports_.end()) return nullptr;
  std::shared_ptr<EthdevPort> port = std::move(*it);
  ports_.erase(it);
  port->unwatch();
  return port;
}

std::shared_ptr<EthdevPort> PortSet::take_out(flow::PortNo port_no) {
  std::shared_ptr<EthdevPort> port = extract(port_no);
  if (!port) return nullptr;
  auto next = copy_view();
  give_up_index(*next, *port);
  deal_rx_queues(*next);
  publish(std::move(next));
  retire_([leaving = leaving_, index = port->index] { leaving->reset(index); });
  return port;
}

void PortSet::assign_rx_queues(EthdevPort& port) const {
  if (config_.n_slots < 2) return;
  std::vector<std::uint32_t> load(config_.n_slots);
  for (const auto& other : ports_)
    for (const sync::SlotId slot : other->rx_slot) ++load[slot];
  const Pollers& pollers = port.pollers;
  port.rx_slot = deal_queues(port.status().n_rxq, pollers.slots, std::move(load));
  if (!pollers.is_remote) return;
  log::warn("port", "port {}: its device is on NUMA node {}, and {}", port.spec().name,
            port.socket_id(),
            pollers.is_told ? "the lcores that `workers` gives it are not"
                            : "no lcore that may poll it is: give EAL one there (-l)");
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
  } else if (const auto it = aside_.find(port_no); it != aside_.end()) {
    it->second.status.flags = value;
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
