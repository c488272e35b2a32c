#include "datapath/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

#include <algorithm>
#include <ctime>

namespace lifeline::datapath {
namespace {

// Empty turns before the first sleep, and turns per step: a gap of a few microseconds between two
// bursts is not idleness.
constexpr std::uint32_t kPatience = 256;

}  // namespace

Worker::Worker(Shared& shared, sync::SlotId slot)
    : shared_(shared), slot_(slot), lane_(shared, slot, shared.config.exact_entries) {}

std::uint32_t Worker::turn() {
  const std::uint64_t start = rte_rdtsc();
  lane_.begin(start);
  std::uint32_t moved = 0;
  rte_mbuf* burst[kBurst];
  const std::vector<port::RxQueue>& queues = lane_.world().view->rx[slot_];
  // Where the misses of a turn do not suffice for a burst of every queue, another queue is the
  // first each time: the last ones find least left.
  if (queues.size() * kBurst <= shared_.config.misses_per_loop || ++first_queue_ >= queues.size()) {
    first_queue_ = 0;
  }
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const std::size_t at = first_queue_ + i;
    const port::RxQueue& q = queues[at < queues.size() ? at : at - queues.size()];
    const std::uint16_t n = rte_eth_rx_burst(q.ethdev_id, q.queue, burst, kBurst);
    if (n == 0) continue;
    moved += n;
    lane_.process(burst, n, q.port_no);
  }
  moved += lane_.process_excess();
  moved += lane_.end();
  LaneStats& stats = lane_.stats();
  // The turn before this one ends where this one starts: one reading of the clock per turn.
  if (last_start_ != 0) {
    (last_moved_ ? stats.busy_cycles : stats.idle_cycles).add(start - last_start_);
  }
  last_start_ = start;
  last_moved_ = moved != 0;
  return moved;
}

void Worker::run() {
  shared_.qsbr.register_reader(slot_);
  shared_.qsbr.online(slot_);
  std::uint32_t empty_turns = 0;
  while (!stop_.load(std::memory_order_acquire)) {
    const bool moved = turn() != 0;
    shared_.qsbr.quiescent(slot_);
    empty_turns = moved ? 0 : empty_turns + 1;
    if (empty_turns > kPatience && shared_.config.max_idle_sleep_us != 0) {
      idle(empty_turns - kPatience);
    }
  }
  shared_.qsbr.offline(slot_);
  shared_.qsbr.unregister_reader(slot_);
}

void Worker::idle(std::uint32_t empty_turns) {
  const std::uint32_t step = std::min(empty_turns / 8, 20u);
  const std::uint64_t us =
      std::min<std::uint64_t>(std::uint64_t{1} << step, shared_.config.max_idle_sleep_us);
  const timespec pause{static_cast<time_t>(us / 1'000'000),
                       static_cast<long>(us % 1'000'000 * 1000)};
  shared_.qsbr.offline(slot_);
  nanosleep(&pause, nullptr);
  shared_.qsbr.online(slot_);
}

}  // namespace lifeline::datapath
