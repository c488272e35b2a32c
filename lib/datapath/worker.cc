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

// Of full bursts in a row. The count may cost a driver a look at every fourth descriptor: not each
// time. 32 bursts are what most queues hold.
constexpr std::uint32_t kCountEvery = 8;
constexpr std::uint32_t kLateBursts = 32;
// Most bursts taken out of a late queue per turn, about 20 us that the worker's other queues have
// to wait; and of how many of them hits are forwarded: what may wait in a queue that just keeps up.
constexpr std::uint32_t kShedBursts = 16;
constexpr std::uint32_t kShedBurstsWithHits = 8;

}  // namespace

bool QueueLag::is_late(const port::RxQueue& queue) {
  if (queue.lag_sign == port::LagSign::kNone) return false;
  if (full_bursts_ == kNowLate) return true;
  ++full_bursts_;
  if (queue.lag_sign == port::LagSign::kFullBursts) return full_bursts_ >= kLateBursts;
  if (full_bursts_ < kCountEvery) return false;
  full_bursts_ = 0;
  return rte_eth_rx_queue_count(queue.ethdev_id, queue.queue) >= queue.descriptors / 2;
}

void QueueLags::take_over(const std::vector<port::RxQueue>& queues, std::uint64_t generation) {
  const std::array<LagOf, kMost> before = lags_;
  generation_ = generation;
  for (std::size_t place = 0; place < kMost; ++place) {
    LagOf& now = lags_[place];
    now = {};
    if (place >= queues.size()) continue;
    const port::RxQueue& q = queues[place];
    now = {.ethdev_id = q.ethdev_id, .queue = q.queue, .index = q.index, .lag = {}};
    const auto same = [&now](const LagOf& one) {
      return one.ethdev_id == now.ethdev_id && one.queue == now.queue && one.index == now.index;
    };
    // Most stay where they are.
    const auto* was =
        same(before[place]) ? &before[place] : std::find_if(before.begin(), before.end(), same);
    if (was != before.end()) now.lag = was->lag;
  }
}

Worker::Worker(Shared& shared, sync::SlotId slot)
    : shared_(shared), slot_(slot), lane_(shared, slot, shared.config.exact_entries) {}

std::uint32_t Worker::turn() {
  const std::uint64_t start = rte_rdtsc();
  lane_.begin(start);
  std::uint32_t moved = 0;
  rte_mbuf* burst[kBurst];
  const std::vector<port::RxQueue>& queues = lane_.world().view->rx[slot_];
  lags_.follow(queues, lane_.world().view->generation);
  // Where the misses of a turn do not suffice for a burst of every queue, another queue is the
  // first each time: the last ones find least left.
  if (queues.size() * kBurst <= shared_.config.misses_per_loop || ++first_queue_ >= queues.size()) {
    first_queue_ = 0;
  }
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const std::size_t at = first_queue_ + i;
    const std::size_t place = at < queues.size() ? at : at - queues.size();
    const port::RxQueue& q = queues[place];
    const std::uint16_t n = rte_eth_rx_burst(q.ethdev_id, q.queue, burst, kBurst);
    QueueLag& lag = lags_.at(place);
    if (n < kBurst) lag.keeps_up();
    if (n == 0) continue;
    moved += n;
    lane_.process(burst, n, q.port_no);
    if (n == kBurst && lag.is_late(q)) [[unlikely]]
      moved += shed(q, lag);
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

// Takes out of a late queue what is beyond its turn.
std::uint32_t Worker::shed(const port::RxQueue& queue, QueueLag& lag) {
  std::uint32_t total = 0;
  rte_mbuf* burst[kBurst];
  for (std::uint32_t i = 0; i < kShedBursts; ++i) {
    const std::uint16_t n = rte_eth_rx_burst(queue.ethdev_id, queue.queue, burst, kBurst);
    if (n == 0) break;
    total += n;
    lane_.shed(burst, n, queue.port_no, i < kShedBurstsWithHits);
    if (n < kBurst) break;
  }
  lag.emptied(total > kBurst);
  return total;
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
