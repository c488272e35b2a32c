#include "table/counters.h"

#include <algorithm>

namespace lifeline::table {

CounterBlocks::CounterBlocks(sync::RetireList& retired, sync::SlotId n_slots)
    : retired_(retired),
      n_slots_(std::clamp<sync::SlotId>(n_slots, 1, sync::kMaxSlots)),
      slots_(std::make_unique<Slot[]>(n_slots_)) {}

CounterBlocks::~CounterBlocks() {
  retired_.drain();  // numbers on their way back to free_
}

bool CounterBlocks::add_chunk() {
  const std::size_t chunk = zero_.size();
  if (chunk == kMaxChunks) return false;
  std::vector<LazyMemory> cells;
  for (sync::SlotId s = 0; s < n_slots_; ++s) {
    cells.emplace_back(kChunkSize * sizeof(Cell), false);
    if (cells.back().data() == nullptr) return false;
  }
  // Relaxed: a worker learns an index from a rule that is published after this.
  for (sync::SlotId s = 0; s < n_slots_; ++s) {
    slots_[s].chunks[chunk].store(static_cast<Cell*>(cells[s].data()), std::memory_order_relaxed);
    memory_.push_back(std::move(cells[s]));
  }
  zero_.push_back(std::make_unique<flow::RuleCounters[]>(kChunkSize));
  return true;
}

std::optional<CounterIndex> CounterBlocks::allocate() {
  if (!free_.empty()) {
    const CounterIndex index = free_.back();
    free_.pop_back();
    reset(index);
    ++in_use_;
    return index;
  }
  if (next_ >> kChunkBits == zero_.size() && !add_chunk()) return std::nullopt;
  ++in_use_;
  return next_++;
}

void CounterBlocks::release(CounterIndex index) {
  --in_use_;
  retired_.retire(
      [](void* self, void* number) {
        static_cast<CounterBlocks*>(self)->free_.push_back(
            static_cast<CounterIndex>(reinterpret_cast<std::uintptr_t>(number)));
      },
      this, reinterpret_cast<void*>(std::uintptr_t{index}));
}

flow::RuleCounters CounterBlocks::raw_sum(CounterIndex index) const {
  flow::RuleCounters sum;
  for (sync::SlotId s = 0; s < n_slots_; ++s) {
    const Cell& cell = slots_[s].chunks[index >> kChunkBits].load(
        std::memory_order_relaxed)[index & (kChunkSize - 1)];
    sum.packets += cell.packets.load(std::memory_order_relaxed);
    sum.bytes += cell.bytes.load(std::memory_order_relaxed);
  }
  return sum;
}

flow::RuleCounters CounterBlocks::read(CounterIndex index) const {
  const flow::RuleCounters sum = raw_sum(index);
  const flow::RuleCounters& zero = zero_[index >> kChunkBits][index & (kChunkSize - 1)];
  return {sum.packets - zero.packets, sum.bytes - zero.bytes};
}

void CounterBlocks::reset(CounterIndex index) {
  zero_[index >> kChunkBits][index & (kChunkSize - 1)] = raw_sum(index);
}

}  // namespace lifeline::table
