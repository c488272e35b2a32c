#include "datapath/datapath.h"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "datapath/datapath_impl.h"

namespace lifeline::datapath {
namespace {

// A few turns of a worker: what waits longer is late, and its mbufs are the control queue's.
constexpr std::uint32_t kExcessRing = 256;

int run_worker(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

std::uint16_t fdb_vlan(const flow::ManagementVlan& vlan) {
  switch (vlan.kind) {
    case flow::ManagementVlan::Kind::kAny: return table::Fdb::kAnyVlan;
    case flow::ManagementVlan::Kind::kVid: return vlan.vid;
    case flow::ManagementVlan::Kind::kUntagged: break;
  }
  return 0;
}

void free_all(sync::SpscRing<rte_mbuf>& ring) {
  rte_mbuf* m;
  while (ring.dequeue_burst(&m, 1) == 1) rte_pktmbuf_free(m);
}

}  // namespace

Datapath::Impl::Impl(const DatapathConfig& config, table::Tables& tables, table::Fdb& fdb,
                     port::PortSet& ports, sync::Qsbr& qsbr, sync::RetireList& retired_list)
    : shared{.config = config,
             .tables = tables,
             .fdb = fdb,
             .ports = ports,
             .qsbr = qsbr,
             .n_slots = ports.n_slots(),
             .tsc_hz = rte_get_tsc_hz(),
             .tsc_start = rte_rdtsc(),
             .tx_hold_tsc = rte_get_tsc_hz() / 1'000'000 * config.tx_hold_us,
             .guards = sync::Published<GuardState>(std::make_unique<const GuardState>())},
      retired(retired_list),
      local_meter(config.local_per_s, config.local_per_s, shared.tsc_hz),
      upcall_meter(config.upcalls_per_s, config.upcalls_per_s, shared.tsc_hz) {
  const std::uint32_t share = config.upcalls_per_s / port::kMaxPorts;
  upcall_shares.fill({share, share, shared.tsc_hz});
  for (std::uint32_t s = 0; s < shared.n_slots; ++s) {
    shared.up.push_back(std::make_unique<UpRings>(config.ring_size));
  }
  for (std::uint32_t i = 0; i < shared.n_slots * shared.n_slots; ++i) {
    shared.handoff.push_back(std::make_unique<sync::SpscRing<rte_mbuf>>(config.ring_size));
  }
  for (std::uint32_t s = 0; s < shared.n_slots; ++s)
    shared.excess.push_back(std::make_unique<sync::SpscRing<rte_mbuf>>(kExcessRing));
  control = std::make_unique<Lane>(shared, sync::kControlSlot, config.control_exact_entries);
  for (std::uint32_t s = 1; s < shared.n_slots; ++s) {
    workers.push_back(std::make_unique<Worker>(shared, s));
  }
  qsbr.register_reader(sync::kControlSlot);
}

Datapath::Impl::~Impl() {
  for (auto& up : shared.up) {
    free_all(up->inband);
    free_all(up->local);
    free_all(up->upcall);
  }
  for (auto& ring : shared.handoff) free_all(*ring);
  for (auto& ring : shared.excess) free_all(*ring);
  if (shared.wake_fd >= 0) close(shared.wake_fd);
  shared.qsbr.unregister_reader(sync::kControlSlot);
}

Datapath::Impl::Reading::Reading(Impl& impl) : impl_(impl) {
  impl_.shared.qsbr.online(sync::kControlSlot);
  impl_.control->begin(rte_rdtsc());
}

Datapath::Impl::Reading::~Reading() {
  impl_.control->end();
  impl_.shared.qsbr.offline(sync::kControlSlot);
}

Datapath::Datapath(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Datapath::~Datapath() { stop_workers(); }

Expected<std::unique_ptr<Datapath>> Datapath::create(const DatapathConfig& config,
                                                     table::Tables& tables, table::Fdb& fdb,
                                                     port::PortSet& ports, sync::Qsbr& qsbr,
                                                     sync::RetireList& retired) {
  if (config.ring_size == 0) return make_error("datapath: ring_size must be at least 1");
  auto impl = std::make_unique<Impl>(config, tables, fdb, ports, qsbr, retired);
  bool memory = impl->control->ok();
  for (const auto& w : impl->workers) memory = memory && w->ok();
  if (!memory) {
    return make_error(
        "datapath: no memory for {} exact-match tables of {} entries (128 bytes each, and an "
        "index); ask for fewer entries",
        impl->workers.size(), config.exact_entries);
  }
  if (auto ok = impl->start_control_queues(); !ok) return tl::make_unexpected(ok.error());
  impl->shared.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (impl->shared.wake_fd < 0) return make_error("datapath: eventfd: {}", std::strerror(errno));
  return std::unique_ptr<Datapath>(new Datapath(std::move(impl)));
}

Expected<void> Datapath::start_workers() {
  if (!impl_->lcores.empty()) return {};
  std::vector<unsigned> lcores = impl_->shared.config.lcores;
  unsigned lcore;
  RTE_LCORE_FOREACH_WORKER(lcore) {
    if (lcores.size() < impl_->workers.size()) lcores.push_back(lcore);
  }
  if (lcores.size() < impl_->workers.size()) {
    return make_error("datapath: {} workers but {} worker lcores; give EAL more of them (-l 0-{})",
                      impl_->workers.size(), lcores.size(), impl_->workers.size());
  }
  for (std::size_t i = 0; i < lcores.size(); ++i) {
    impl_->workers[i]->reset();
    const int rc = rte_eal_remote_launch(run_worker, impl_->workers[i].get(), lcores[i]);
    if (rc != 0) {
      stop_workers();
      return make_error("datapath: lcore {} does not start: {}", lcores[i], std::strerror(-rc));
    }
    impl_->lcores.push_back(lcores[i]);
  }
  return {};
}

void Datapath::stop_workers() {
  for (auto& w : impl_->workers) w->stop();
  for (const unsigned lcore : impl_->lcores) rte_eal_wait_lcore(lcore);
  impl_->lcores.clear();
}

std::uint32_t Datapath::turn(unsigned slot) {
  sync::Qsbr& qsbr = impl_->shared.qsbr;
  qsbr.register_reader(slot);
  qsbr.online(slot);
  const std::uint32_t moved = impl_->workers[slot - 1]->turn();
  qsbr.offline(slot);
  return moved;
}

// Each setting is published first and the version moved after it: see translate.h.

void Datapath::set_guards(const flow::Guards& guards) {
  table::Fdb& fdb = impl_->shared.fdb;
  fdb.set_local(guards.local_mac);
  fdb.set_protected(guards.protected_macs, fdb_vlan(guards.vlan));
  impl_->shared.guards.publish(std::make_unique<const GuardState>(guards), impl_->retired);
  impl_->shared.tables.touch();
}

Expected<void> Datapath::set_port_flags(PortNo port, std::uint32_t flags, std::uint32_t mask) {
  auto done = impl_->shared.ports.set_flags(port, flags, mask);
  if (done) impl_->shared.tables.touch();
  return done;
}

void Datapath::set_port_vlans(const std::vector<std::pair<PortNo, flow::PortVlan>>& vlans) {
  const auto changed = impl_->shared.ports.set_vlans(vlans);
  if (changed.empty()) return;
  for (const PortNo port : changed) impl_->shared.fdb.flush_port(port);
  impl_->shared.tables.touch();
}

void Datapath::set_table_miss(TableMiss miss) {
  if (impl_->shared.table_miss.exchange(miss) != miss) impl_->shared.tables.touch();
}

void Datapath::set_drop_fragments(bool drop) {
  if (impl_->shared.drop_fragments.exchange(drop) != drop) impl_->shared.tables.touch();
}

// The view was published before: reports that wait in the rings are checked against it when they
// are learned, so none of them brings back what is flushed here.
void Datapath::ports_changed() {
  table::Fdb& fdb = impl_->shared.fdb;
  for (const PortNo port : fdb.learned_ports()) {
    if (!impl_->can_be_behind(port)) fdb.flush_port(port);
  }
  impl_->shared.tables.touch();
}

std::uint32_t Datapath::now_s() const { return impl_->shared.now_s(rte_rdtsc()); }

bool Datapath::Impl::can_be_behind(PortNo port) const {
  if (port == flow::kPortLocal) return true;
  const port::PortEntry* entry = shared.ports.view()->find(port);
  return entry != nullptr && entry->usable && entry->link_up;
}

int Datapath::wake_fd() const { return impl_->shared.wake_fd; }

bool Datapath::arm_wakeup() {
  impl_->shared.control_asleep.store(true, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!impl_->anything_waits()) return true;
  disarm_wakeup();
  return false;
}

void Datapath::disarm_wakeup() {
  impl_->shared.control_asleep.store(false, std::memory_order_seq_cst);
  std::uint64_t value;
  while (read(impl_->shared.wake_fd, &value, sizeof value) > 0) {
  }
}

std::vector<DropCounter> Datapath::drop_counters() const {
  std::vector<DropCounter> out;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const DropReasonText& text = describe(static_cast<DropReason>(i));
    std::uint64_t packets = impl_->control->stats().drops[i].get();
    for (const auto& w : impl_->workers) packets += w->stats().drops[i].get();
    out.push_back({text.name, text.meaning, packets});
  }
  return out;
}

std::vector<DropCounter> Datapath::event_counters() const {
  std::vector<DropCounter> out;
  for (std::size_t i = 0; i < kEvents; ++i) {
    const DropReasonText& text = describe(static_cast<Event>(i));
    std::uint64_t count = impl_->events[i];
    if (static_cast<Event>(i) == Event::kRelayed) {
      count = impl_->control->stats().relayed.get();
      for (const auto& w : impl_->workers) count += w->stats().relayed.get();
    }
    out.push_back({text.name, text.meaning, count});
  }
  return out;
}

Expected<std::shared_ptr<Capture>> Datapath::start_capture(CaptureSpec spec) {
  Impl& impl = *impl_;
  if (impl.capture && !impl.capture->ended())
    return make_error("another capture runs; there is one at a time");
  if (impl.capture) impl.stop_capture();
  auto capture =
      std::make_shared<Capture>(std::move(spec), impl.shared.n_slots, impl.shared.tsc_hz);
  if (!capture->ok()) return make_error("no memory for the rings of a capture");
  impl.capture = std::move(capture);
  impl.shared.capture.store(impl.capture.get(), std::memory_order_release);
  impl.control->use_capture(impl.capture.get());
  return impl.capture;
}

// Lanes may hold it until they are quiescent.
void Datapath::Impl::stop_capture() {
  shared.capture.store(nullptr, std::memory_order_release);
  control->use_capture(nullptr);
  retired.retire_call([held = std::move(capture)] {});
  capture.reset();
}

std::vector<WorkerStats> Datapath::worker_stats() const {
  std::vector<WorkerStats> out;
  const auto add = [&out](unsigned slot, const LaneStats& s) {
    out.push_back({.slot = slot,
                   .rx_packets = s.rx_packets.get(),
                   .tx_packets = s.tx_packets.get(),
                   .hits = s.hits.get(),
                   .misses = s.misses.get(),
                   .revalidated = s.revalidated.get(),
                   .wide_packets = s.wide_packets.get(),
                   .exact_entries = s.entries.get(),
                   .busy_cycles = s.busy_cycles.get(),
                   .idle_cycles = s.idle_cycles.get()});
  };
  add(0, impl_->control->stats());
  for (const auto& w : impl_->workers) add(w->slot(), w->stats());
  return out;
}

}  // namespace lifeline::datapath
