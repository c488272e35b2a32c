// When rules of a subtable changed, by the hash of their match: the change marks (classifier.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace lifeline::table {

// Each mark is of all keys whose hash falls to it. It has the version and a tag of its latest
// change, and when before that a key of another tag changed: so that two keys of one mark seldom
// take each other's changes for their own. A flow that is seen every 10 ms, while 20 000 rules a
// second change, finds 200 marks renewed; of 16 384 with tags, one such look in 10 000 is a false
// alarm, which costs a lookup, about 1 us.
//
// One writer, which marks before the version that it names is published. Readers may see marks of
// later versions, half of them even, and then say "changed" once too often, never once too seldom:
// the earlier change is stored before the later one, and read after it.
class ChangeMarks {
 public:
  // `n`: a power of two, at most 16 384; more need no more. With what `old` knew.
  explicit ChangeMarks(std::uint32_t n, const ChangeMarks* old = nullptr)
      : mask_(n - 1), marks_(std::make_unique<Mark[]>(n)) {
    if (old == nullptr) return;
    for (std::uint32_t i = 0; i < n; ++i) {
      const Mark& from = old->marks_[i & old->mask_];
      marks_[i].latest.store(from.latest.load(std::memory_order_relaxed),
                             std::memory_order_relaxed);
      marks_[i].other.store(from.other.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
  }
  static constexpr std::uint32_t kMost = 16384;  // 256 KiB: a part of a core's L2 cache

  std::uint32_t size() const { return mask_ + 1; }

  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&marks_[hash & mask_]); }
  // True if a rule of this hash may have changed after version `since`.
  bool changed(std::uint32_t hash, std::uint64_t since) const {
    const Mark& mark = marks_[hash & mask_];
    const std::uint64_t latest = mark.latest.load(std::memory_order_acquire);
    if (latest >> kTagBits <= since) [[likely]]
      return false;
    return (latest & kTagMask) == tag(hash) || mark.other.load(std::memory_order_relaxed) > since;
  }

  // `version`: below 2^48 (a million a second for nine years), never falling.
  void set(std::uint32_t hash, std::uint64_t version) {
    Mark& mark = marks_[hash & mask_];
    const std::uint64_t before = mark.latest.load(std::memory_order_relaxed);
    if ((before & kTagMask) != tag(hash))
      mark.other.store(before >> kTagBits, std::memory_order_relaxed);
    mark.latest.store(version << kTagBits | tag(hash), std::memory_order_release);
  }

 private:
  static constexpr unsigned kTagBits = 16;
  static constexpr std::uint64_t kTagMask = (1u << kTagBits) - 1;
  static std::uint64_t tag(std::uint32_t hash) { return hash >> (32 - kTagBits); }

  struct Mark {
    std::atomic<std::uint64_t> latest{0};  // version(48) tag(16)
    std::atomic<std::uint64_t> other{0};   // version of the latest change of another tag
  };
  std::uint32_t mask_;
  std::unique_ptr<Mark[]> marks_;
};

}  // namespace lifeline::table
