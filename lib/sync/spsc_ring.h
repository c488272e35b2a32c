// A ring of T* between two lcores: one produces, one consumes.
#pragma once

#include <rte_ring.h>

#include <cstdint>
#include <memory>

namespace lifeline::sync {

// Memory for a ring of exactly `capacity` pointers; null if it is out of range (1..2^30).
struct RingFree {
  void operator()(rte_ring* ring) const;
};
std::unique_ptr<rte_ring, RingFree> make_spsc_ring(std::uint32_t capacity);

// A typed wrapper of rte_ring in its single-producer, single-consumer mode, in heap memory: it
// needs no EAL. Full is not an error: the caller drops and counts by name. Does not own the
// pointees.
template <class T>
class SpscRing {
 public:
  // `capacity` >= 1: how many pointers fit, exactly.
  explicit SpscRing(std::uint32_t capacity) : ring_(make_spsc_ring(capacity)) {}

  // Producer: returns how many of `n` fitted (the first ones).
  std::uint32_t enqueue_burst(T* const* items, std::uint32_t n) {
    return rte_ring_sp_enqueue_burst(ring_.get(), reinterpret_cast<void* const*>(items), n,
                                     nullptr);
  }
  bool enqueue(T* item) { return enqueue_burst(&item, 1) == 1; }
  std::uint32_t room() const { return rte_ring_free_count(ring_.get()); }

  // Consumer: returns how many were taken, oldest first, at most `n`.
  std::uint32_t dequeue_burst(T** items, std::uint32_t n) {
    return rte_ring_sc_dequeue_burst(ring_.get(), reinterpret_cast<void**>(items), n, nullptr);
  }

  // Either side: a snapshot.
  std::uint32_t count() const { return rte_ring_count(ring_.get()); }
  bool empty() const { return rte_ring_empty(ring_.get()) != 0; }
  std::uint32_t capacity() const { return rte_ring_get_capacity(ring_.get()); }

 private:
  std::unique_ptr<rte_ring, RingFree> ring_;
};

}  // namespace lifeline::sync
