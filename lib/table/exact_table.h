// The exact-match table of one worker: 64-byte key -> decision of twice 32 bytes.
//
// What. Every packet that was decided once is decided here the next time. Each worker has a table
// of its own: no sharing, no atomics, no grace periods. Changes of the rules never empty it; an
// entry carries the table version it was last proven at (Hot's business, see Tables::prove()).
//
// Layout. An entry is two cache lines side by side, so that the adjacent-line prefetcher helps: the
// head of the key with what a plain hit needs of the decision (Hot), and the tail with the rest
// (Cold). A key that is all head, as those of IPv4 are, is found and served by one line. The index
// over the entries is an array of one-line buckets with eight lanes of (16-bit signature, the
// hash's other 16 bits, entry number). A key lives in its home bucket or, if that was full when it
// came, in its alternate one. Most lookups touch two lines: bucket and entry.
//
// Growing. Linear hashing (Litwin 1980): the number of active buckets is any number, not a power of
// two; an insert adds at most one bucket by splitting one, an erase takes at most two away. So a
// few flows use a few lines of index, a million do not fall off a cliff, and there is no pause. As
// lanes hold the whole hash, a split touches two lines and no key. Linear hashing fills unevenly
// (what is not split yet has twice the load): at 4 per bucket on average some are full; two choices
// and one displacement take care of that (the test counts: none refused in a million).
// Rejected: rte_hash (its size is fixed at creation), doubling (a pause of milliseconds), one array
// of full size (a few flows spread over many TLB entries and cache lines).
//
// Measured with tests/bench/bench_table.cc (2.6 GHz, a machine busy with other work, median of
// bursts of 32 hits): 20 cycles per packet with a thousand keys, 38 with ten thousand, 100 with a
// hundred thousand, 126 with a million; std::unordered_map with the same hash 30, 184, 954, 975.
//
// Bursts. lookup_burst() runs in stages over the burst: hash and prefetch the buckets; compare
// signatures and prefetch the entries; compare keys. Each stage's misses overlap; a
// single lookup waits for one after the other.
//
// The hash multiplies pairs of seeded words (the folded 64x64 -> 128-bit product of wyhash); the
// seed is random, so a sender who picks addresses cannot aim at a bucket.
//
// Invariants. An entry stays at its address from insert() until it is erased, evicted or swept:
// lanes move, entries do not. A key is in the table once (insert() wants a key that was looked up).
// hash_of_ is 0 exactly for free entries.
//
// Memory. All of it is mapped at construction and touched where used: index 16 to 32 bytes and
// entry 128 bytes for each of max_entries, and 8 of bookkeeping. The first touch of a page is a
// page fault on the worker unless `prefault` is set.
//
// Failure modes. Full: insert() evicts the least recently used of a few entries.
#pragma once

#include <smmintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <random>
#include <type_traits>
#include <utility>

#include "table/exact_index.h"
#include "table/exact_key.h"
#include "table/lazy_memory.h"

namespace lifeline::table {

struct ExactTableConfig {
  std::uint32_t max_entries = 256 * 1024;  // 64..16 M; memory is touched only where used
  bool prefault = false;                   // touch it all at start: no page fault on the worker
  std::uint64_t seed = 0;                  // of the hash; 0: random
};

// The seeded hash of exact keys; the high half is never zero.
class ExactHash {
 public:
  explicit ExactHash(std::uint64_t seed) {
    std::mt19937_64 random{seed != 0 ? seed : std::random_device{}() * 0x9e3779b97f4a7c15ULL};
    for (std::uint64_t& s : seed_) s = random();
    zero_tail_ = fold(seed_[4], seed_[5]) ^ fold(seed_[6], seed_[7]);
  }
  std::uint32_t operator()(const ExactKey& key) const {
    const std::uint64_t* w = key.w;
    // Of four zero words half of the products is known.
    const std::uint64_t tail = key.is_head_only() ? zero_tail_
                                                  : fold(w[4] ^ seed_[4], w[5] ^ seed_[5]) ^
                                                        fold(w[6] ^ seed_[6], w[7] ^ seed_[7]);
    const std::uint64_t x =
        fold(w[0] ^ seed_[0], w[1] ^ seed_[1]) ^ fold(w[2] ^ seed_[2], w[3] ^ seed_[3]) ^ tail;
    const auto h = static_cast<std::uint32_t>(x ^ (x >> 32));
    return h | (h < 0x10000U ? 0x10000U : 0);
  }

 private:
  __extension__ typedef unsigned __int128 Wide;
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Wide p = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(p) ^ static_cast<std::uint64_t>(p >> 64);
  }
  std::uint64_t seed_[8];
  std::uint64_t zero_tail_ = 0;  // of four zero words
};

// Hot and Cold: trivially copyable, 32 bytes each. Hot has a member `std::uint32_t last_used` (any
// wrapping clock of the worker's; set by the caller on use, read by the table only to choose whom
// to evict).
//
// Not thread-safe: constructed by the control lcore, then used by its worker alone.
template <class Hot, class Cold>
class ExactTable {
  static_assert(sizeof(Hot) == 32 && std::is_trivially_copyable_v<Hot>);
  static_assert(sizeof(Cold) == 32 && std::is_trivially_copyable_v<Cold>);
  static_assert(std::is_same_v<decltype(Hot::last_used), std::uint32_t>);

 public:
  struct alignas(128) Entry {
    std::uint64_t head[4];
    Hot hot;
    std::uint64_t tail[4];
    Cold cold;

    bool has(const ExactKey& key) const {
      return same(head, key.w) && (key.is_head_only() || same(tail, key.w + 4));
    }

   private:
    static bool same(const std::uint64_t* mine, const std::uint64_t* its) {
      const auto* x = reinterpret_cast<const __m128i*>(mine);
      const auto* y = reinterpret_cast<const __m128i*>(its);
      const __m128i d0 = _mm_xor_si128(_mm_load_si128(x), _mm_load_si128(y));
      const __m128i d1 = _mm_xor_si128(_mm_load_si128(x + 1), _mm_load_si128(y + 1));
      const __m128i d = _mm_or_si128(d0, d1);
      return _mm_testz_si128(d, d) != 0;
    }
  };
  static_assert(sizeof(Entry) == 128);
  static constexpr std::uint32_t kMaxBurst = 64;

  explicit ExactTable(const ExactTableConfig& config)
      : capacity_(clamp(config.max_entries)),
        hash_(config.seed),
        index_(std::bit_ceil(capacity_ / kPerBucket), config.prefault),
        entry_memory_(std::size_t{capacity_} * sizeof(Entry), config.prefault),
        hash_memory_(std::size_t{capacity_} * sizeof(std::uint32_t), config.prefault),
        free_memory_(std::size_t{capacity_} * sizeof(std::uint32_t), config.prefault),
        entries_(static_cast<Entry*>(entry_memory_.data())),
        hash_of_(static_cast<std::uint32_t*>(hash_memory_.data())),
        free_(static_cast<std::uint32_t*>(free_memory_.data())) {}
  ExactTable(const ExactTable&) = delete;
  ExactTable& operator=(const ExactTable&) = delete;

  // False: the memory could not be had; use nothing else then.
  bool ok() const {
    return index_.ok() && entries_ != nullptr && hash_of_ != nullptr && free_ != nullptr;
  }

  std::uint32_t hash(const ExactKey& key) const { return hash_(key); }

  // Looks up `n` <= kMaxBurst keys. out[i] is the entry or null; hashes[i] is filled for insert().
  // Returns a bit mask of hits. Touches no decision: last_used is the caller's to set.
  std::uint64_t lookup_burst(const ExactKey* keys, std::uint32_t n, Entry** out,
                             std::uint32_t* hashes) {
    for (std::uint32_t i = 0; i < n; ++i) {
      hashes[i] = hash_(keys[i]);
      __builtin_prefetch(&index_.bucket(index_.home(hashes[i])));
    }
    return find_burst(keys, n, out, hashes);
  }

  // The same for keys whose hashes are known and whose home buckets are on their way to the cache:
  // for callers that hash while they parse (hash(), then prefetch()).
  std::uint64_t find_burst(const ExactKey* keys, std::uint32_t n, Entry** out,
                           const std::uint32_t* hashes) {
    std::uint8_t late[kMaxBurst];
    std::uint32_t n_late = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      const ExactBucket& b = index_.bucket(index_.home(hashes[i]));
      const unsigned lanes = b.lanes_like(hashes[i]);
      // Branch-free: without a candidate, lane 0's entry number is read and not used.
      Entry* e = entries_ + b.entry[std::countr_zero(lanes | 0x100U) & 7];
      __builtin_prefetch(e->head);
      if (!keys[i].is_head_only()) __builtin_prefetch(e->tail);
      out[i] = e;
      late[n_late] = static_cast<std::uint8_t>(i);
      n_late += lanes == 0;
    }
    for (std::uint32_t k = 0; k < n_late; ++k)
      __builtin_prefetch(&index_.bucket(index_.alternate(hashes[late[k]])));
    for (std::uint32_t k = 0; k < n_late; ++k) {
      const std::uint32_t i = late[k];
      const ExactBucket& b = index_.bucket(index_.alternate(hashes[i]));
      const unsigned lanes = b.lanes_like(hashes[i]);
      out[i] = lanes == 0 ? nullptr : entries_ + b.entry[std::countr_zero(lanes)];
      if (lanes != 0) __builtin_prefetch(out[i]->head);
    }
    std::uint64_t hits = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (out[i] == nullptr) continue;
      if (!out[i]->has(keys[i])) [[unlikely]] {
        out[i] = lookup(keys[i], hashes[i]);  // another key with the same signature
        if (out[i] == nullptr) continue;
      }
      hits |= std::uint64_t{1} << i;
    }
    return hits;
  }

  void prefetch(std::uint32_t hash_value) const {
    __builtin_prefetch(&index_.bucket(index_.home(hash_value)));
  }

  Entry* lookup(const ExactKey& key, std::uint32_t hash_value) {
    const std::uint32_t first = index_.home(hash_value);
    if (Entry* e = find_in(first, key, hash_value)) return e;
    const std::uint32_t second = index_.alternate(hash_value);
    return second == first ? nullptr : find_in(second, key, hash_value);
  }

  // A new entry for a key that is not in the table (look it up first; mind two packets of one new
  // flow in a burst); its decision is value-initialised, last_used = now. Full: evicts the least
  // recently used of a few others, calling on_evict(Hot&) first. Invalidates no other entry.
  template <class OnEvict>
  Entry* insert(const ExactKey& key, std::uint32_t hash_value, std::uint32_t now,
                OnEvict&& on_evict) {
    if (size_ == capacity_) evict_next(now, on_evict);
    const std::uint32_t number = n_free_ > 0 ? free_[--n_free_] : high_water_++;
    for (int splits = 0; !index_.insert(hash_value, number);) {
      // Neither bucket has room. Growing helps if one of them is the next to be split; else one of
      // those that crowd them goes. Not seen in tests of millions.
      if (splits++ < 4 && index_.split()) continue;
      evict_crowd(hash_value, now, on_evict);
    }
    Entry& e = entries_[number];
    std::copy_n(key.w, 4, e.head);
    std::copy_n(key.w + 4, 4, e.tail);
    e.hot = Hot{};
    e.hot.last_used = now;
    e.cold = Cold{};
    hash_of_[number] = hash_value;
    if (++size_ > index_.active() * kPerBucket) index_.split();
    return &e;
  }
  Entry* insert(const ExactKey& key, std::uint32_t hash_value, std::uint32_t now) {
    return insert(key, hash_value, now, [](Hot&) {});
  }

  void erase(Entry* entry) { erase_number(static_cast<std::uint32_t>(entry - entries_)); }

  // Visits the next `budget` entry places, calls idle(Hot&) for those in use and erases the entry
  // if it says true; returns how many were erased.
  template <class Idle>
  std::uint32_t sweep(std::uint32_t budget, Idle&& idle) {
    std::uint32_t erased = 0;
    budget = budget < high_water_ ? budget : high_water_;
    for (; budget > 0; --budget) {
      const std::uint32_t number = sweep_hand_ < high_water_ ? sweep_hand_ : 0;
      sweep_hand_ = number + 1;
      const std::uint32_t ahead = number + 4;
      if (ahead < high_water_) __builtin_prefetch(&entries_[ahead].hot);
      if (hash_of_[number] == 0 || !idle(entries_[number].hot)) continue;
      erase_number(number);
      ++erased;
    }
    return erased;
  }

  // Forgets everything; on no account call it for a rule change.
  void clear() {
    index_.clear();
    for (std::uint32_t i = 0; i < high_water_; ++i) hash_of_[i] = 0;
    size_ = n_free_ = high_water_ = sweep_hand_ = evict_hand_ = 0;
  }

  std::uint32_t size() const { return size_; }
  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t active_buckets() const { return index_.active(); }
  std::uint64_t evictions() const { return evictions_; }  // in total

 private:
  static constexpr std::uint32_t kPerBucket = 4;   // on average, when growing
  static constexpr std::uint32_t kCandidates = 8;  // for eviction

  static std::uint32_t clamp(std::uint32_t entries) {
    constexpr std::uint32_t kLeast = ExactIndex::kMinBuckets * kPerBucket;
    constexpr std::uint32_t kMost = 1U << 24;
    return entries < kLeast ? kLeast : entries > kMost ? kMost : entries;
  }

  Entry* find_in(std::uint32_t bucket, const ExactKey& key, std::uint32_t hash_value) {
    const ExactBucket& b = index_.bucket(bucket);
    for (unsigned lanes = b.lanes_like(hash_value); lanes != 0; lanes &= lanes - 1) {
      Entry& e = entries_[b.entry[std::countr_zero(lanes)]];
      if (e.has(key)) return &e;
    }
    return nullptr;
  }

  void erase_number(std::uint32_t number) {
    index_.erase(hash_of_[number], number);
    hash_of_[number] = 0;
    free_[n_free_++] = number;
    --size_;
    // Far from the threshold of growing, so that a table at the edge does not swing. Two at most: a
    // pair of buckets that is too full to become one now must not leave the index too large for
    // good.
    if (size_ < index_.active() + index_.active() / 2) index_.merge();
    if (size_ < index_.active()) index_.merge();
  }

  template <class OnEvict>
  void evict(std::uint32_t number, OnEvict&& on_evict) {
    on_evict(entries_[number].hot);
    erase_number(number);
    ++evictions_;
  }

  std::uint32_t idle_time(std::uint32_t number, std::uint32_t now) const {
    return now - entries_[number].hot.last_used;
  }

  template <class OnEvict>
  void evict_next(std::uint32_t now, OnEvict&& on_evict) {
    std::uint32_t oldest = 0;
    std::uint32_t longest = 0;
    for (std::uint32_t k = 0; k < kCandidates; ++k) {
      if (evict_hand_ >= high_water_) evict_hand_ = 0;
      const std::uint32_t number = evict_hand_++;
      if (k == 0 || idle_time(number, now) > longest) {
        oldest = number;
        longest = idle_time(number, now);
      }
    }
    evict(oldest, on_evict);
  }

  template <class OnEvict>
  void evict_crowd(std::uint32_t hash_value, std::uint32_t now, OnEvict&& on_evict) {
    const ExactBucket& b = index_.bucket(index_.home(hash_value));
    std::uint32_t oldest = b.entry[0];
    for (std::uint32_t number : b.entry)
      if (idle_time(number, now) > idle_time(oldest, now)) oldest = number;
    evict(oldest, on_evict);
  }

  std::uint32_t capacity_;
  ExactHash hash_;
  ExactIndex index_;
  LazyMemory entry_memory_;
  LazyMemory hash_memory_;
  LazyMemory free_memory_;
  Entry* entries_;
  std::uint32_t* hash_of_;  // by entry number; 0: free
  std::uint32_t* free_;     // a stack of entry numbers
  std::uint32_t n_free_ = 0;
  std::uint32_t high_water_ = 0;  // the lowest number never used
  std::uint32_t size_ = 0;
  std::uint32_t sweep_hand_ = 0;
  std::uint32_t evict_hand_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace lifeline::table
