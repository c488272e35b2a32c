// A ring of small records by value between two lcores, for what does not fit into a pointer.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace lifeline::datapath {

// One producer, one consumer. Positions only grow; each side writes its own and reads the other's.
template <class T>
class RecordRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit RecordRing(std::uint32_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), records_(std::make_unique<T[]>(mask_ + 1u)) {}

  // False: full, nothing stored.
  bool push(const T& record) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) > mask_) return false;
    records_[tail & mask_] = record;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  bool pop(T* record) {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    *record = records_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  bool empty() const {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }

 private:
  std::uint32_t mask_;
  std::unique_ptr<T[]> records_;
  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
};

}  // namespace lifeline::datapath
