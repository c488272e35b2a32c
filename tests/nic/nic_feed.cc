// From the wire into the rings, out of the rings to the application, and back to the wire.
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "nic.h"

namespace testnic {
namespace {

constexpr std::uint16_t kBurst = 32;
constexpr double kTxRing = 64;  // packets that a slow TX queue takes at once

using Scratch = std::array<std::uint8_t, 9728>;

// The frame as it was on the wire, in one piece: in the mbuf if it can be, else in `scratch`.
const std::uint8_t* as_on_the_wire(const rte_mbuf* packet, Scratch& scratch, std::uint32_t& bytes) {
  bytes = rte_pktmbuf_pkt_len(packet);
  if (bytes + 4 > scratch.size() || bytes < 14) return nullptr;
  if ((packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0)
    return static_cast<const std::uint8_t*>(rte_pktmbuf_read(packet, 0, bytes, scratch.data()));
  // af_packet hands a tag over beside the frame, as Linux does.
  const void* head = rte_pktmbuf_read(packet, 0, 12, scratch.data());
  if (head != scratch.data()) std::memcpy(scratch.data(), head, 12);
  std::uint8_t* tag = scratch.data() + 12;
  tag[0] = 0x81;
  tag[1] = 0x00;
  tag[2] = static_cast<std::uint8_t>(packet->vlan_tci >> 8);
  tag[3] = static_cast<std::uint8_t>(packet->vlan_tci);
  const void* rest = rte_pktmbuf_read(packet, 12, bytes - 12, tag + 4);
  if (rest != tag + 4) std::memcpy(tag + 4, rest, bytes - 12);
  bytes += 4;
  return scratch.data();
}

}  // namespace

std::uint16_t Nic::receive(RxQueue& queue, rte_mbuf** packets, std::uint16_t n) {
  feed(queue, n);
  const unsigned got =
      rte_ring_sc_dequeue_burst(queue.ring, reinterpret_cast<void**>(packets), n, nullptr);
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < got; ++i) bytes += rte_pktmbuf_pkt_len(packets[i]);
  queue.packets.add(got);
  queue.bytes.add(bytes);
  return static_cast<std::uint16_t>(got);
}

void Nic::feed(const RxQueue& poller, std::uint32_t wanted) {
  if (rte_spinlock_trylock(&feed_lock_) == 0) return;
  if (live_.port != kNoPort) feed_live();
  if (generator_ != nullptr && hears() && (isolated_ || pays_for_generator_[poller.index]))
    // More than is taken, so that the ring of a worker that falls behind fills.
    feed_generator(poller, 2 * std::max<std::uint32_t>(wanted, kBurst));
  rte_spinlock_unlock(&feed_lock_);
}

void Nic::feed_live() {
  rte_mbuf* packets[kBurst];
  static thread_local Scratch scratch;
  live_overrun_ = generator_ != nullptr ? generator_->overrun() : 0;
  for (std::uint16_t q = 0; q < live_.n_rxq; ++q) {
    const std::uint16_t n = rte_eth_rx_burst(live_.port, q, packets, kBurst);
    for (std::uint16_t i = 0; i < n; ++i) {
      std::uint32_t bytes = 0;
      const std::uint8_t* frame = as_on_the_wire(packets[i], scratch, bytes);
      if (frame != nullptr && hears()) arrive(frame, bytes);
    }
    rte_pktmbuf_free_bulk(packets, n);
    from_live.add(n);
  }
  live_overrun_ = 0;
}

void Nic::feed_generator(const RxQueue& poller, std::uint32_t most) {
  // A full ring takes nothing: what is due waits, and is lost when it is more than all rings hold.
  if (rte_ring_full(poller.ring) != 0) most = 0;
  const std::uint32_t n = generator_->due(rte_get_timer_cycles(), most, std::max(room_, 64u));
  generator_lost.add(generator_->take_lost());
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto frame = generator_->next();
    arrive(frame.data(), static_cast<std::uint32_t>(frame.size()));
  }
  generated.add(n);
}

bool Nic::passes_mac_filter(const std::uint8_t* frame) const {
  if (promiscuous.load(std::memory_order_relaxed)) return true;
  static constexpr std::uint8_t kBroadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  if (std::memcmp(frame, kBroadcast, 6) == 0) return true;
  if ((frame[0] & 1) != 0) return all_multicast.load(std::memory_order_relaxed);
  return std::memcmp(frame, mac.addr_bytes, 6) == 0;
}

Rule* Nic::lookup(const std::uint8_t* frame, std::uint32_t bytes, const Layers& layers) const {
  for (Rule* rule : order_)
    if (rule->shape.match.matches(frame, bytes, layers)) return rule;
  return nullptr;
}

void Nic::arrive(const std::uint8_t* frame, std::uint32_t bytes) {
  if (bytes < 14) return;
  if (!passes_mac_filter(frame)) {
    filtered.add(1);
    return;
  }
  const Layers layers = parse_layers(frame, bytes);
  Rule* rule = lookup(frame, bytes, layers);
  if (rule != nullptr) {
    rule->packets.fetch_add(1, std::memory_order_relaxed);
    rule->bytes.fetch_add(bytes, std::memory_order_relaxed);
  }
  const Fate fate = rule != nullptr ? rule->shape.actions.fate : Fate::kPassthru;
  if (fate == Fate::kDrop) {
    dropped_by_rule.add(1);
    return;
  }
  const std::uint32_t hash = rss_.hash(frame, layers);
  std::uint16_t queue = 0;
  if (fate == Fate::kQueue) {
    queue = rule->shape.actions.queue;
  } else if (fate == Fate::kRss && !rule->shape.actions.rss_queues.empty()) {
    const auto& queues = rule->shape.actions.rss_queues;
    queue = queues[hash % queues.size()];
  } else if (isolated_) {
    dropped_isolated.add(1);
    return;
  } else {
    queue = rss_.queue(hash);
  }
  if (queue >= n_rxq_) return;
  if (fate == Fate::kQueue) rx[queue].steered.add(1);
  put(rx[queue], frame, bytes, hash, rule);
}

// What the wire brings competes with what the generator could not deliver: it came between that,
// not when the ring had room.
bool Nic::meets_full_ring(const RxQueue& queue) {
  if (live_overrun_ == 0 || !pays_for_generator_[queue.index]) return false;
  dice_ = dice_ * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's MMIX
  return static_cast<double>(dice_ >> 11) * 0x1p-53 < live_overrun_;
}

void Nic::put(RxQueue& queue, const std::uint8_t* frame, std::uint32_t bytes, std::uint32_t hash,
              const Rule* rule) {
  if (queue.ring == nullptr || rte_ring_full(queue.ring) != 0 || meets_full_ring(queue)) {
    queue.missed.add(1);
    return;
  }
  rte_mbuf* packet = rte_pktmbuf_alloc(queue.pool);
  if (packet == nullptr) {
    queue.no_mbuf.add(1);
    return;
  }
  char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(bytes));
  if (room == nullptr) {
    rte_pktmbuf_free(packet);
    queue.oversize.add(1);
    return;
  }
  std::memcpy(room, frame, bytes);
  packet->port = port_id;
  if (rss_.on && hash != 0) {
    packet->hash.rss = hash;
    packet->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
  }
  if (rule != nullptr && rule->shape.actions.mark) {
    packet->hash.fdir.hi = *rule->shape.actions.mark;
    packet->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
  }
  rte_ring_sp_enqueue(queue.ring, packet);  // there is room: this is the only producer
}

std::uint16_t Nic::may_send(TxQueue& queue, std::uint16_t n) const {
  const std::uint32_t rate = tx_per_s.load(std::memory_order_relaxed);
  if (rate == kNoLimit) return n;
  const std::uint64_t now = rte_get_timer_cycles();
  const double passed_s =
      static_cast<double>(now - queue.since_cycles) / static_cast<double>(rte_get_timer_hz());
  queue.since_cycles = now;
  queue.allowance = std::min(queue.allowance + passed_s * rate, kTxRing);
  const auto may = std::min(n, static_cast<std::uint16_t>(queue.allowance));
  queue.allowance -= may;
  return may;
}

std::uint16_t Nic::transmit(TxQueue& queue, rte_mbuf** packets, std::uint16_t n) {
  if (!present.load(std::memory_order_relaxed)) return 0;
  n = may_send(queue, n);
  std::uint64_t bytes = 0;
  std::uint16_t sent = 0;
  if (live_.port == kNoPort || !hears()) {  // no wire: a sink
    for (std::uint16_t i = 0; i < n; ++i) bytes += rte_pktmbuf_pkt_len(packets[i]);
    rte_pktmbuf_free_bulk(packets, n);
    sent = n;
  } else {
    const auto live_queue = static_cast<std::uint16_t>(queue.index % live_.n_txq);
    rte_spinlock_lock(&live_.tx_lock[live_queue]);  // contended only when the live port has fewer
    while (sent < n) {
      std::uint32_t lengths[kBurst];
      const auto burst = std::min<std::uint16_t>(kBurst, static_cast<std::uint16_t>(n - sent));
      for (std::uint16_t i = 0; i < burst; ++i) lengths[i] = rte_pktmbuf_pkt_len(packets[sent + i]);
      const std::uint16_t done = rte_eth_tx_burst(live_.port, live_queue, packets + sent, burst);
      for (std::uint16_t i = 0; i < done; ++i) bytes += lengths[i];
      sent = static_cast<std::uint16_t>(sent + done);
      if (done < burst) break;
    }
    rte_spinlock_unlock(&live_.tx_lock[live_queue]);
  }
  queue.packets.add(sent);
  queue.bytes.add(bytes);
  return sent;
}

}  // namespace testnic
