// The pure half of EthdevPort: how many queues, and who uses which.
#include <algorithm>

#include "port/ethdev_port.h"

namespace lifeline::port {
namespace {

enum class RxKind {
  kAllOrNothing,  // the device fills every queue it has, whatever we set up
  kEqualToTx,     // as many RX as TX queues, and the kernel fills all of them
  kMatched,       // a queue of ours is one of the peer's, of the other direction
  kFree,
};

RxKind kind_of(const std::string& driver) {
  if (driver == "net_tap") return RxKind::kEqualToTx;
  // It could have 255. Rings are made for as many as both ends have, and a queue without a ring
  // would lose what it is given.
  if (driver == "net_memif") return RxKind::kMatched;
  // af_packet: one socket per queue in one fanout group. pcap and ring: one file or ring per queue.
  for (const char* name : {"net_af_packet", "net_pcap", "net_ring"})
    if (driver == name) return RxKind::kAllOrNothing;
  return RxKind::kFree;
}

}  // namespace

Expected<QueueCounts> choose_queues(const DeviceLimits& limits,
                                    std::optional<std::uint16_t> rx_queues, std::uint32_t n_slots,
                                    std::optional<std::uint32_t> n_pollers) {
  const std::uint32_t n_workers = std::max(n_slots, 2u) - 1;
  const auto capped = [](std::uint32_t want, std::uint16_t limit) {
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(want, limit));
  };
  if (rx_queues && *rx_queues > limits.max_rxq)
    return make_error("rx_queues: {}, but {} has at most {}", *rx_queues, limits.driver,
                      limits.max_rxq);
  QueueCounts counts;
  // Not enough for all: the workers share what there is, the control lcore goes through a worker.
  counts.tx = limits.max_txq >= n_slots ? static_cast<std::uint16_t>(n_slots)
                                        : capped(n_workers, limits.max_txq);
  switch (kind_of(limits.driver)) {
    case RxKind::kAllOrNothing:
      if (rx_queues && *rx_queues != limits.max_rxq)
        return make_error(
            "rx_queues: {}, but {} receives on all of its {} queues, and those not polled would "
            "lose their frames: leave rx_queues out, or give the device fewer (for net_af_packet "
            "qpairs={})",
            *rx_queues, limits.driver, limits.max_rxq, *rx_queues);
      counts.rx = limits.max_rxq;
      break;
    case RxKind::kEqualToTx: {
      const auto most = std::min(limits.max_rxq, limits.max_txq);
      counts.rx = counts.tx = capped(std::max<std::uint32_t>(rx_queues.value_or(1), n_slots), most);
      break;
    }
    case RxKind::kMatched:
      counts.rx = rx_queues.value_or(1);
      counts.tx = capped(n_workers, counts.rx);
      break;
    case RxKind::kFree:
      counts.rx = rx_queues
                      ? *rx_queues
                      : capped(limits.has_rss ? n_pollers.value_or(n_workers) : 1u, limits.max_rxq);
      break;
  }
  return counts;
}

std::array<TxPath, kMaxSlots> choose_tx_paths(std::uint16_t n_txq, std::uint32_t n_slots) {
  std::array<TxPath, kMaxSlots> paths{};
  if (n_txq == 0) return paths;
  for (std::uint32_t slot = 0; slot < n_slots && slot < kMaxSlots; ++slot) {
    TxPath& path = paths[slot];
    if (n_txq >= n_slots) {
      path = {static_cast<std::uint16_t>(slot), static_cast<std::uint8_t>(slot)};
      continue;
    }
    // Queue q belongs to worker q + 1. Slot 0 goes by worker 1, which polls and so sends at once.
    const auto queue = static_cast<std::uint16_t>(slot == 0 ? 0 : (slot - 1) % n_txq);
    path = {queue, static_cast<std::uint8_t>(queue + 1)};
  }
  return paths;
}

}  // namespace lifeline::port
