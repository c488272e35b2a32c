// Packet and byte counters of rules, one cell per rule and lcore slot.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "flow/rule_writer.h"
#include "sync/retire_list.h"
#include "sync/slot.h"
#include "table/lazy_memory.h"

namespace lifeline::table {

using CounterIndex = std::uint32_t;

// Every slot counts in memory of its own, with plain stores; a reader adds the slots up. Cells are
// never written by anybody but their slot, not even to reset them: a reset remembers the sum of
// that moment as the new zero.
//
// Memory comes in chunks of 64 k counters (1 MiB per slot, touched only where used), is allocated
// by the control lcore and never given back.
class CounterBlocks {
 public:
  static constexpr std::uint32_t kChunkBits = 16;
  static constexpr std::uint32_t kChunkSize = 1U << kChunkBits;
  static constexpr std::uint32_t kMaxChunks = 256;  // 16 M counters

  // `n_slots`: 1..sync::kMaxSlots; slots below it may count.
  CounterBlocks(sync::RetireList& retired, sync::SlotId n_slots);
  ~CounterBlocks();
  CounterBlocks(const CounterBlocks&) = delete;
  CounterBlocks& operator=(const CounterBlocks&) = delete;

  // By the owner of `slot` only. `index` must be reachable by a rule that the caller may still use.
  void add(sync::SlotId slot, CounterIndex index, std::uint64_t packets, std::uint64_t bytes) {
    Cell* chunk = slots_[slot].chunks[index >> kChunkBits].load(std::memory_order_relaxed);
    Cell& cell = chunk[index & (kChunkSize - 1)];
    cell.packets.store(cell.packets.load(std::memory_order_relaxed) + packets,
                       std::memory_order_relaxed);
    cell.bytes.store(cell.bytes.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  }

  // Brings the cell into the cache, for callers that are about to add() to many.
  void prefetch(sync::SlotId slot, CounterIndex index) const {
    const Cell* chunk = slots_[slot].chunks[index >> kChunkBits].load(std::memory_order_relaxed);
    __builtin_prefetch(chunk + (index & (kChunkSize - 1)), 1);
  }

  // The rest: control lcore only.

  // A counter that reads zero; nullopt if all 16 M are taken or memory is short.
  std::optional<CounterIndex> allocate();
  // Its number is used again only after a grace period: until then workers may still count into it.
  void release(CounterIndex index);
  flow::RuleCounters read(CounterIndex index) const;
  void reset(CounterIndex index);
  std::uint32_t in_use() const { return in_use_; }

 private:
  struct Cell {
    std::atomic<std::uint64_t> packets;
    std::atomic<std::uint64_t> bytes;
  };
  struct alignas(64) Slot {
    std::array<std::atomic<Cell*>, kMaxChunks> chunks{};
  };
  bool add_chunk();
  flow::RuleCounters raw_sum(CounterIndex index) const;

  sync::RetireList& retired_;
  sync::SlotId n_slots_;
  std::unique_ptr<Slot[]> slots_;
  std::vector<LazyMemory> memory_;
  std::vector<std::unique_ptr<flow::RuleCounters[]>> zero_;  // per chunk: what reads as zero
  std::vector<CounterIndex> free_;
  std::uint32_t next_ = 0;  // the lowest number never used
  std::uint32_t in_use_ = 0;
};

}  // namespace lifeline::table
