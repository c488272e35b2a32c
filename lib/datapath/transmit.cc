// From TX buffers to ethdevs: own queue, or the ring to the slot that owns it.
//
// Frames of hidden rules have a buffer of their own for each port. It is sent before the data that
// goes the same way, and what a full TX queue does not take stays there for the next turn, up to
// tx_hold_us, while data is dropped: when a port is asked for more than it can send, the
// descriptors that become free are control's first.
#include <rte_ethdev.h>

#include <algorithm>

#include "datapath/lane.h"

namespace lifeline::datapath {

void Lane::transmit(std::uint8_t index, rte_mbuf* m) {
  TxBuffer& b = tx_[index];
  if (b.n == kTxBuffer) flush(index);
  b.m[b.n++] = m;
  tx_pending_ |= std::uint64_t{1} << index;
}

void Lane::transmit_urgent(std::uint8_t index, rte_mbuf* m) {
  Urgent& u = urgent_[index];
  const PortNo port_no = world_.view->entries[index].port_no;
  if (u.n == kUrgent || (u.n != 0 && u.port_no != port_no)) flush_urgent(index);
  if (u.n == kUrgent) {
    drop(m, DropReason::kTxFull);
    return;
  }
  u.port_no = port_no;
  u.m[u.n++] = m;
  urgent_pending_ |= std::uint64_t{1} << index;
}

// The common case, one output for the whole burst: nothing is copied, unless older frames wait.
void Lane::transmit_burst(std::uint8_t index, rte_mbuf** m, std::uint32_t n) {
  if (((tx_pending_ | urgent_pending_) >> index & 1) != 0) flush(index);
  send(index, m, n);
}

void Lane::flush(std::uint8_t index) {
  if ((urgent_pending_ >> index & 1) != 0) flush_urgent(index);
  TxBuffer& b = tx_[index];
  const std::uint32_t n = b.n;
  if (n == 0) return;
  b.n = 0;
  tx_pending_ &= ~(std::uint64_t{1} << index);
  send(index, b.m.data(), n);
}

void Lane::flush_urgent(std::uint8_t index) {
  Urgent& u = urgent_[index];
  DropReason why_not = DropReason::kTxPortGone;
  const bool same_port = world_.view->entries[index].port_no == u.port_no;
  const std::uint32_t sent =
      same_port ? offer(index, {u.m.data(), u.n}, u.n_captured, true, &why_not) : 0;
  std::copy(u.m.begin() + sent, u.m.begin() + u.n, u.m.begin());
  u.n -= sent;
  u.n_captured = u.n;
  if (sent != 0) u.since_tsc = 0;
  if (u.n != 0 && u.since_tsc == 0) u.since_tsc = now_tsc_;
  const bool waits = u.n != 0 && why_not != DropReason::kTxPortGone &&
                     now_tsc_ - u.since_tsc <= shared_.tx_hold_tsc;
  if (waits) return;
  for (std::uint32_t i = 0; i < u.n; ++i) drop(u.m[i], why_not);
  u.n = u.n_captured = 0;
  u.since_tsc = 0;
  urgent_pending_ &= ~(std::uint64_t{1} << index);
}

// Returns how many were taken; the others remain the caller's. A capture has had the first
// `n_captured`.
std::uint32_t Lane::offer(std::uint8_t index, std::span<rte_mbuf*> m, std::uint32_t n_captured,
                          bool urgent, DropReason* why_not) {
  const port::PortEntry& entry = world_.view->entries[index];
  if (!entry.exists() || !entry.usable || entry.ethdev_id == port::kNoEthdev) [[unlikely]] {
    *why_not = DropReason::kTxPortGone;
    return 0;
  }
  const port::TxPath path = entry.tx[slot_];
  if (path.owner_slot == slot_) [[likely]] {
    *why_not = DropReason::kTxFull;
    if (capture_ != nullptr) [[unlikely]]
      capture_->see(slot_, true, entry.port_no, m.data() + n_captured,
                    static_cast<std::uint32_t>(m.size()) - n_captured);
    const std::uint16_t sent = rte_eth_tx_burst(entry.ethdev_id, path.queue, m.data(),
                                                static_cast<std::uint16_t>(m.size()));
    stats_.tx_packets.add(sent);
    return sent;
  }
  *why_not = DropReason::kHandoffFull;
  for (rte_mbuf* frame : m) {
    auto* note = port::mbuf_private<MbufNote>(frame);
    note->out_index = index;
    note->out_port = entry.port_no;
    note->urgent = urgent;
  }
  auto& ring = shared_.handoff[slot_ * shared_.n_slots + path.owner_slot];
  return ring->enqueue_burst(m.data(), static_cast<std::uint32_t>(m.size()));
}

void Lane::send(std::uint8_t index, rte_mbuf** m, std::uint32_t n) {
  DropReason why_not = DropReason::kTxFull;
  const std::uint32_t sent = offer(index, {m, n}, 0, false, &why_not);
  if (sent < n) [[unlikely]] {
    for (std::uint32_t i = sent; i < n; ++i) count_drop(why_not, m[i]);
    rte_pktmbuf_free_bulk(m + sent, n - sent);
  }
}

std::uint32_t Lane::send_handed_over() {
  std::uint32_t total = 0;
  for (std::uint32_t from = 0; from < shared_.n_slots; ++from) {
    if (from == slot_) continue;
    auto& ring = *shared_.handoff[from * shared_.n_slots + slot_];
    if (ring.empty()) continue;
    std::array<rte_mbuf*, kBurst> m;
    const std::uint32_t n = ring.dequeue_burst(m.data(), kBurst);
    total += n;
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto* note = port::mbuf_private<MbufNote>(m[i]);
      const std::uint8_t index = note->out_index;
      const port::PortEntry& entry = world_.view->entries[index];
      // Another port has the index now, or the queues were dealt anew: do not send frames round in
      // circles.
      if (entry.port_no != note->out_port || entry.tx[slot_].owner_slot != slot_) {
        drop(m[i], DropReason::kTxPortGone);
        continue;
      }
      transmit(index, m[i], note->urgent);
    }
  }
  for (std::uint64_t pending = total != 0 ? tx_pending_ | urgent_pending_ : 0; pending != 0;
       pending &= pending - 1) {
    flush(static_cast<std::uint8_t>(std::countr_zero(pending)));
  }
  return total;
}

}  // namespace lifeline::datapath
