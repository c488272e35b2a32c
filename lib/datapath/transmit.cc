// From TX buffers to ethdevs: own queue, or the ring to the slot that owns it.
#include <rte_ethdev.h>

#include "datapath/lane.h"

namespace lifeline::datapath {

void Lane::transmit(std::uint8_t index, rte_mbuf* m) {
  TxBuffer& b = tx_[index];
  if (b.n == kTxBuffer) flush(index);
  b.m[b.n++] = m;
  tx_pending_ |= std::uint64_t{1} << index;
}

// The common case, one output for the whole burst: nothing is copied, unless older frames wait.
void Lane::transmit_burst(std::uint8_t index, rte_mbuf** m, std::uint32_t n) {
  if (tx_[index].n != 0) flush(index);
  send(index, m, n);
}

void Lane::flush(std::uint8_t index) {
  TxBuffer& b = tx_[index];
  const std::uint32_t n = b.n;
  b.n = 0;
  tx_pending_ &= ~(std::uint64_t{1} << index);
  send(index, b.m.data(), n);
}

void Lane::send(std::uint8_t index, rte_mbuf** m, std::uint32_t n) {
  const port::PortEntry& entry = world_.view->entries[index];
  std::uint32_t sent = 0;
  DropReason reason = DropReason::kTxFull;
  if (!entry.exists() || !entry.usable || entry.ethdev_id == port::kNoEthdev) [[unlikely]] {
    reason = DropReason::kTxPortGone;
  } else {
    const port::TxPath path = entry.tx[slot_];
    if (path.owner_slot == slot_) [[likely]] {
      if (capture_ != nullptr) [[unlikely]]
        capture_->see(slot_, true, entry.port_no, m, n);
      sent = rte_eth_tx_burst(entry.ethdev_id, path.queue, m, static_cast<std::uint16_t>(n));
      stats_.tx_packets.add(sent);
    } else {
      reason = DropReason::kHandoffFull;
      for (std::uint32_t i = 0; i < n; ++i) {
        auto* note = port::mbuf_private<MbufNote>(m[i]);
        note->out_index = index;
        note->out_port = entry.port_no;
      }
      auto& ring = shared_.handoff[slot_ * shared_.n_slots + path.owner_slot];
      sent = ring->enqueue_burst(m, n);
    }
  }
  if (sent < n) [[unlikely]] {
    for (std::uint32_t i = sent; i < n; ++i) count_drop(reason, m[i]);
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
      transmit(index, m[i]);
    }
  }
  for (std::uint64_t pending = total != 0 ? tx_pending_ : 0; pending != 0; pending &= pending - 1) {
    flush(static_cast<std::uint8_t>(std::countr_zero(pending)));
  }
  return total;
}

}  // namespace lifeline::datapath
