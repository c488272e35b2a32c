// The index of the exact-match table: 32-bit hash -> entry number, in cache lines of eight. See the
// essay in exact_table.h.
#pragma once

#include <emmintrin.h>

#include <bit>
#include <cstdint>

#include "table/lazy_memory.h"

namespace lifeline::table {

// One cache line: eight lanes. A lane holds the whole hash (sig = high half, low = low half), so
// that a bucket is split, merged or rearranged without a look at any key.
struct alignas(64) ExactBucket {
  std::uint16_t sig[8];  // 0: empty
  std::uint16_t low[8];
  std::uint32_t entry[8];

  std::uint32_t hash(unsigned lane) const { return std::uint32_t{sig[lane]} << 16 | low[lane]; }
  // One bit per lane whose signature is that of `hash`.
  unsigned lanes_like(std::uint32_t hash_value) const { return lanes_equal(hash_value >> 16); }
  unsigned empty_lanes() const { return lanes_equal(0); }

 private:
  unsigned lanes_equal(std::uint32_t sig_value) const {
    const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(sig));
    const __m128i eq = _mm_cmpeq_epi16(all, _mm_set1_epi16(static_cast<short>(sig_value)));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(eq, _mm_setzero_si128())));
  }
};
static_assert(sizeof(ExactBucket) == 64);

// Not thread-safe. Hash values have a high half other than zero.
class ExactIndex {
 public:
  static constexpr std::uint32_t kMinBuckets = 16;

  // `max_buckets`: a power of two, at least kMinBuckets.
  ExactIndex(std::uint32_t max_buckets, bool prefault);

  bool ok() const { return buckets_ != nullptr; }
  std::uint32_t active() const { return active_; }

  const ExactBucket& bucket(std::uint32_t number) const { return buckets_[number]; }
  // The bucket a hash belongs to first, and the one it may be in when that was full.
  std::uint32_t home(std::uint32_t hash) const { return place(hash); }
  std::uint32_t alternate(std::uint32_t hash) const { return place(second_hash(hash)); }

  // False if neither bucket has room, nor can be given any by moving one lane: split() then.
  bool insert(std::uint32_t hash, std::uint32_t entry);
  void erase(std::uint32_t hash, std::uint32_t entry);

  // One more bucket, one fewer: touches two cache lines. False if not possible (now).
  bool split();
  bool merge();
  void clear();

 private:
  static std::uint32_t second_hash(std::uint32_t hash) {
    return __builtin_bswap32(hash * 0x9e3779b1U);
  }
  std::uint32_t place(std::uint32_t hash) const {
    const std::uint32_t b = hash & mask_;
    return b < active_ ? b : b & (mask_ >> 1);
  }
  bool put(ExactBucket& b, std::uint32_t hash, std::uint32_t entry);
  bool displace(std::uint32_t number, std::uint32_t hash, std::uint32_t entry);
  bool erase_in(ExactBucket& b, std::uint32_t hash, std::uint32_t entry);

  LazyMemory memory_;
  ExactBucket* buckets_;
  std::uint32_t max_;
  std::uint32_t active_ = kMinBuckets;
  std::uint32_t mask_ = kMinBuckets - 1;  // active_ <= mask_ + 1 < 2 * active_
};

}  // namespace lifeline::table
