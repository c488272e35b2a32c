#include "datapath/control_queue.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "datapath/datapath_impl.h"
#include "datapath/forwarding.h"
#include "datapath/nd_guard.h"
#include "datapath/rewrite.h"
#include "packet/parse.h"

namespace lifeline::datapath {
namespace {

enum class Class : std::uint8_t { kKnown, kStranger, kForeign };

constexpr std::uint8_t kTcpSynRst = 0x02 | 0x04;
constexpr std::size_t kTcpFlagsOffset = 13;

std::uint64_t mix(std::uint64_t h, std::uint64_t v) {
  h ^= v;
  h *= 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio: Fibonacci hashing
  return h ^ (h >> 29);
}

std::uint64_t mix_ip(std::uint64_t h, const packet::FlowKey& key, bool source) {
  if (key.is_ipv4()) return mix(h, (source ? key.ipv4_src : key.ipv4_dst).value.raw());
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), (source ? key.ipv6_src : key.ipv6_dst).bytes.data(), sizeof words);
  return mix(mix(h, words[0]), words[1]);
}

IpAddress address(const packet::FlowKey& key, bool source) {
  if (key.is_ipv4()) return source ? key.ipv4_src : key.ipv4_dst;
  return source ? key.ipv6_src : key.ipv6_dst;
}

class Classifier {
 public:
  Classifier(const World& world, const table::Fdb& fdb, Conversations& conversations,
             std::uint32_t now_s)
      : world_(world), fdb_(fdb), conversations_(conversations), now_s_(now_s) {}

  Class of(std::span<const std::byte> frame, PortNo in_port) {
    packet::Layers layers;
    const auto seen = in_vlan(*world_.view, packet::parse(frame, in_port, &layers));
    if (!seen) return Class::kForeign;
    const packet::FlowKey& key = *seen;
    if (world_.tables->lookup_hidden(key, world_.version) == nullptr)
      return is_guards_affair(*world_.guards, key) ? Class::kStranger : Class::kForeign;
    const bool by_next_hop = is_from_next_hop(key, in_port);
    if (key.ip_proto != packet::kProtoTcp) return by_next_hop ? Class::kKnown : Class::kStranger;
    if (by_next_hop && world_.guards->is_remote(address(key, true), key.tp_src.host())) {
      const std::size_t flags_at = layers.l4 + kTcpFlagsOffset;
      if (flags_at < frame.size() &&
          (std::to_integer<std::uint8_t>(frame[flags_at]) & kTcpSynRst) == 0)
        conversations_.note(key, now_s_);
      return Class::kKnown;
    }
    return conversations_.knows(key, now_s_) ? Class::kKnown : Class::kStranger;
  }

 private:
  bool is_from_next_hop(const packet::FlowKey& key, PortNo in_port) const {
    return is_known_next_hop(*world_.guards, fdb_, key.vlan_vid(), key.eth_src, in_port);
  }

  const World& world_;
  const table::Fdb& fdb_;
  Conversations& conversations_;
  const std::uint32_t now_s_;
};

bool within(rte_meter_srtcm& meter, rte_meter_srtcm_profile& profile, std::uint64_t tsc) {
  // A packet is what the meter calls a byte.
  return rte_meter_srtcm_color_blind_check(&meter, &profile, tsc, 1) == RTE_COLOR_GREEN;
}

// Gives the buffer back to the queue's own pool. Nullptr: `pool` has none; the frame stays as it
// is.
rte_mbuf* moved_to(rte_mempool* pool, rte_mbuf* m) {
  rte_mbuf* const copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
  if (copy != nullptr) rte_pktmbuf_free(m);
  return copy;
}

}  // namespace

std::uint64_t Conversations::hash_of(const packet::FlowKey& key, bool reply) {
  std::uint64_t h = mix(0, std::uint64_t{key.tp_src.raw()} << (reply ? 16 : 0) |
                               std::uint64_t{key.tp_dst.raw()} << (reply ? 0 : 16));
  h = mix_ip(h, key, !reply);
  return mix_ip(h, key, reply) | 1;  // 0: a free cell
}

Expected<void> Datapath::Impl::start_control_queues() {
  ControlQueues& q = control_queues;
  const std::uint64_t rate = std::max<std::uint64_t>(shared.config.foreign_per_s, 1);
  rte_meter_srtcm_params params{
      .cir = rate, .cbs = std::max<std::uint64_t>(rate / 10, 1), .ebs = 0};
  if (rte_meter_srtcm_profile_config(&q.profile, &params) != 0)
    return make_error("datapath: no meter for {} packets per second", rate);
  for (ControlQueueMeters& m : q.meters) {
    rte_meter_srtcm_config(&m.strangers, &q.profile);
    rte_meter_srtcm_config(&m.foreign, &q.profile);
  }
  return {};
}

// To the worker that the port has: always the same, so that the order within a flow stays.
void Datapath::Impl::hand_to_worker(rte_mbuf* m, PortNo in_port, std::uint8_t index) {
  ControlQueueCounts& count = control_queues.counts[index];
  ++count.excess;
  const std::uint32_t n_workers = shared.n_slots - 1;
  port::mbuf_private<MbufNote>(m)->in_port = in_port;
  if (n_workers == 0 || !shared.excess[1 + index % n_workers]->enqueue(m)) {
    ++count.dropped;
    control->drop(m, DropReason::kControlQueueExcess);
  }
}

// Keeps, in place, what this lcore is to forward.
std::uint32_t Datapath::Impl::sort_control_burst(rte_mbuf** m, std::uint32_t n,
                                                 const port::RxQueue& queue) {
  ControlQueues& q = control_queues;
  ControlQueueMeters& meters = q.meters[queue.index];
  ControlQueueCounts& count = q.counts[queue.index];
  const std::uint64_t tsc = rte_rdtsc();
  Classifier classify(control->world(), shared.fdb, q.conversations, shared.now_s(tsc));
  std::uint32_t kept = 0;
  count.received += n;
  for (std::uint32_t i = 0; i < n; ++i) {
    switch (classify.of(linear(m[i], control->scratch()), queue.port_no)) {
      case Class::kKnown: ++count.known; break;
      case Class::kStranger:
        if (!within(meters.strangers, q.profile, tsc)) {
          hand_to_worker(m[i], queue.port_no, queue.index);
          continue;
        }
        ++count.strangers;
        break;
      case Class::kForeign:
        if (!within(meters.foreign, q.profile, tsc)) {
          hand_to_worker(m[i], queue.port_no, queue.index);
          continue;
        }
        ++count.foreign;
        break;
    }
    rte_mbuf* const copy = moved_to(control->world().view->control_pool, m[i]);
    m[kept++] = copy != nullptr ? copy : m[i];
  }
  return kept;
}

bool Datapath::has_control_queues() const {
  return !impl_->shared.ports.view()->rx[sync::kControlSlot].empty();
}

std::size_t Datapath::poll_control_queues(std::size_t budget) {
  Impl& impl = *impl_;
  if (impl.shared.ports.view()->rx[sync::kControlSlot].empty()) return 0;
  const Impl::Reading reading(impl);
  const auto& queues = impl.control->world().view->rx[sync::kControlSlot];
  std::size_t moved = 0;
  std::size_t n_empty = 0;
  for (std::size_t at = ++impl.control_queues.first; n_empty < queues.size() && moved < budget;
       ++at) {
    const port::RxQueue& queue = queues[at % queues.size()];
    std::array<rte_mbuf*, kBurst> m;
    const auto want = static_cast<std::uint16_t>(std::min<std::size_t>(kBurst, budget - moved));
    const std::uint16_t n = rte_eth_rx_burst(queue.ethdev_id, queue.queue, m.data(), want);
    n_empty = n == 0 ? n_empty + 1 : 0;
    moved += n;
    const std::uint32_t kept = impl.sort_control_burst(m.data(), n, queue);
    if (kept != 0) impl.control->process(m.data(), kept, queue.port_no);
  }
  return moved;
}

ControlQueueCounts Datapath::control_queue_counts(std::uint8_t index) const {
  return impl_->control_queues.counts[std::min<std::size_t>(index, port::kMaxPorts)];
}

std::uint64_t Datapath::hidden_by_data_queue(std::uint8_t index, std::uint32_t kind) const {
  std::uint64_t sum = 0;
  if (index > port::kMaxPorts || kind >= kHiddenKinds) return 0;
  for (const auto& w : impl_->workers) sum += w->stats().hidden_by_data_queue[index][kind].get();
  return sum;
}

// What the control lcore did not forward itself; at most a burst, in runs of one port.
std::uint32_t Lane::process_excess() {
  auto& ring = *shared_.excess[slot_];
  if (ring.empty()) return 0;
  std::array<rte_mbuf*, kBurst> m;
  const std::uint32_t n = ring.dequeue_burst(m.data(), kBurst);
  steered_ = true;
  for (std::uint32_t at = 0; at < n;) {
    const std::uint16_t in_port = port::mbuf_private<MbufNote>(m[at])->in_port;
    std::uint32_t end = at + 1;
    while (end < n && port::mbuf_private<MbufNote>(m[end])->in_port == in_port) ++end;
    std::uint32_t kept = at;
    for (std::uint32_t i = at; i < end; ++i) {
      if (rte_mbuf* const copy = moved_to(shared_.ports.data_pool(), m[i])) {
        m[kept++] = copy;
      } else {
        drop(m[i], DropReason::kNoBuffer);
      }
    }
    if (kept != at) process(m.data() + at, kept - at, in_port);
    at = end;
  }
  steered_ = false;
  return n;
}

}  // namespace lifeline::datapath
