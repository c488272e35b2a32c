// The worker: a loop on an lcore of its own that forwards what its rxqs bring.
//
// What. Each turn takes the table version, the port view and the guards once, polls every rxq of
// its slot for a burst, forwards it through the slot's Lane, sends the TX buffers, and says to QSBR
// that it holds nothing. One turn is the unit of everything: a change of the tables that is
// published acts at the latest with the next turn, and grace periods are a turn long.
//
// Why this way. Run to completion: a packet meets one lcore from rxq to txq, so no packet waits for
// another lcore and the exact-match table needs no sharing. Only what the control lcore must see
// (LOCAL, packet-ins, addresses to learn) goes through rings. Rejected: a pipeline of lcores (each
// hand-over costs more than the whole fast path here), and a global flow cache with locks or RCU
// (every hit would touch a line that others write).
//
// Where the cycles go (one core beside a busy sibling, 64-byte frames, pcap to null, cycles per
// packet): the devices alone 65, with us 119 for one flow and 117 for a thousand; of the
// difference the parser and the hash take half. What keeps it small: keys are written by the
// parser in the table's own layout, no flow key is made for a hit; each stage is a short loop over
// the burst (hashing inside the parser's loop cost 3 more: registers run out); runs of one rule
// are counted once; a burst that leaves by one port is handed to its txq as it came.
//
// Overrun. A full burst is normal; a queue that stays full is not: the NIC then drops whatever
// comes, the control connection's packets too. A queue is late when a run of full bursts comes with
// at least half of its descriptors waiting (rte_eth_rx_queue_count), or, where the driver does not
// count, after kLateBursts full ones in a row. Each late queue still gets its burst through
// everything in each turn, all queues alike, which is a port's fair share. What is left in it is
// the excess, and is taken out at once: the first bursts lose what the exact-match table does not
// know, the others all but control traffic (shed.cc), at a tenth of the price of forwarding. So
// control traffic gets through as long as the worker can receive and look at what comes. A queue
// that is not late loses nothing. Rejected: a share of packets that is adapted over time (it sheds
// too much or too late, and one more thing oscillates), and shedding by what was lost already
// (imissed: a driver call, and it knows only afterwards). Where there is no lag it costs a compare
// per burst.
//
// Idle. Empty turns are first polled through, then the worker sleeps in steps that double up to
// `max_idle_sleep_us`; 0 means that it never sleeps. It is offline for QSBR while it sleeps, so
// that nobody's grace period waits for it. One packet ends all that.
//
// Invariants: no lock, no heap, no log, and no system call but the sleep and, when the control
// lcore sleeps and has got something to do, one write to its wake-up. Misses per turn are bounded,
// so the time of a turn is too.
//
// Thread-safety: run() on one lcore; stop() from anywhere; stats() from anywhere (relaxed words).
// Failure modes: an exact-match table that could not be had is an error at the start, never later.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "datapath/lane.h"

namespace lifeline::datapath {

// How far behind the worker is with one of its queues.
class QueueLag {
 public:
  // After a burst that was not full.
  void keeps_up() { full_bursts_ = 0; }
  // After a full one: is the queue late?
  bool is_late(const port::RxQueue& queue);
  // After what was left has been taken out. `much`: more than a burst.
  void emptied(bool much) { full_bursts_ = much ? kNowLate : 0; }

 private:
  static constexpr std::uint32_t kNowLate = UINT32_MAX;
  std::uint32_t full_bursts_ = 0;  // in a row
};

// The lag of each queue of a worker, wherever it stands among them: queues come, go and move while
// the worker runs, and none may be taken for late because another was.
class QueueLags {
 public:
  // Call with each new list; `generation` names it. Costs nothing while the list is the same.
  void follow(const std::vector<port::RxQueue>& queues, std::uint64_t generation) {
    if (generation != generation_) [[unlikely]]
      take_over(queues, generation);
  }
  // Of the queue at that place; those beyond kMost share one.
  QueueLag& at(std::size_t place) { return lags_[place < kMost ? place : kMost - 1].lag; }

 private:
  static constexpr std::size_t kMost = 256;
  struct LagOf {
    std::uint16_t ethdev_id = port::kNoEthdev;
    std::uint16_t queue = 0;
    std::uint8_t index = port::kNoIndex;
    QueueLag lag;
  };
  void take_over(const std::vector<port::RxQueue>& queues, std::uint64_t generation);

  std::array<LagOf, kMost> lags_{};
  std::uint64_t generation_ = UINT64_MAX;
};

class Worker {
 public:
  Worker(Shared& shared, sync::SlotId slot);
  bool ok() const { return lane_.ok(); }

  // Until stop(). The thread is a QSBR reader of this slot meanwhile.
  void run();
  // One turn; returns how many packets it moved. For run() and for tests.
  std::uint32_t turn();
  void stop() { stop_.store(true, std::memory_order_release); }
  void reset() { stop_.store(false, std::memory_order_release); }

  sync::SlotId slot() const { return slot_; }
  const LaneStats& stats() const { return lane_.stats(); }

 private:
  void idle(std::uint32_t empty_turns);
  std::uint32_t shed(const port::RxQueue& queue, QueueLag& lag);

  Shared& shared_;
  sync::SlotId slot_;
  Lane lane_;
  std::uint64_t last_start_ = 0;  // of the turn before, in cycles
  bool last_moved_ = false;
  std::size_t first_queue_ = 0;
  QueueLags lags_;
  std::atomic<bool> stop_{false};
};

}  // namespace lifeline::datapath
