// What the exact-match table keeps of a decision: 64 bytes, and a block of a slab where that is not
// enough.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "datapath/translate.h"
#include "table/exact_table.h"

namespace lifeline::datapath {

inline constexpr std::uint32_t kNoCounter = 0xffffffff;
inline constexpr std::uint32_t kNoBlock = 0xffffffff;
inline constexpr std::uint8_t kInlineWords = 3;

// kOutput and kNormal are what nearly all packets are: one rule (of table 0, or a hidden one), one
// output or NORMAL, nothing rewritten.
enum class CachedKind : std::uint8_t { kOutput, kNormal, kGeneral };

// Of kNormal, words[0] is the operation; words[kNormalStamp] says when and for which state of the
// FDB words[kNormalPort] (an index in the port view) was looked up, 0: never. Within that second
// and state the answer is the same.
inline constexpr std::size_t kNormalStamp = 1;
inline constexpr std::size_t kNormalPort = 2;

// What a plain hit needs.
struct HotDecision {
  std::uint64_t version = 0;           // table version at which it was last proven right
  std::uint32_t last_used = 0;         // seconds
  std::uint32_t counter = kNoCounter;  // of the first rule
  table::ChangeHint hint;
  std::uint32_t block = kNoBlock;
  CachedKind kind : 2 = CachedKind::kGeneral;
  bool last_missed : 1 = false;  // the last table visited had no match
  bool hidden : 1 = false;
  std::uint8_t n_visits : 4 = 0;  // of `visited`
  std::uint8_t out_index = 0;     // kOutput: index in the port view; else kNoIndex
  std::uint8_t n_words = 0;
  std::uint8_t n_counters = 0;  // more than one: the rest in the block
};
struct ColdDecision {
  table::VisitedTables visited;  // the pipeline's
  std::array<std::uint64_t, kInlineWords> words{};
};
static_assert(sizeof(HotDecision) == 32 && sizeof(ColdDecision) == 32);
static_assert(table::VisitedTables::kMax < 16);

using DecisionTable = table::ExactTable<HotDecision, ColdDecision>;

// Blocks of a fixed number of words for decisions that do not fit inline: counters first (two to a
// word), then operations. All memory is reserved at the start.
class DecisionSlab {
 public:
  static constexpr std::uint32_t kBlockWords = 32;

  explicit DecisionSlab(std::uint32_t blocks);

  std::uint32_t allocate() {
    if (free_ == kNoBlock) return next_ < blocks_ ? next_++ : kNoBlock;
    const std::uint32_t block = free_;
    free_ = static_cast<std::uint32_t>(words(block)[0]);
    return block;
  }
  void release(std::uint32_t block) {
    if (block == kNoBlock) return;
    words(block)[0] = free_;
    free_ = block;
  }
  std::uint64_t* words(std::uint32_t block) { return &memory_[std::size_t{block} * kBlockWords]; }

 private:
  std::uint32_t blocks_;
  std::uint32_t next_ = 0;
  std::uint32_t free_ = kNoBlock;
  struct Free {
    void operator()(std::uint64_t* p) const;
  };
  std::unique_ptr<std::uint64_t[], Free> memory_;
};

// Fills both but for last_used; takes a block if it needs one. False, and nothing done, if the
// decision must not or cannot be kept.
bool pack(const Decision& decision, std::uint64_t version, DecisionSlab& slab, HotDecision* hot,
          ColdDecision* cold);

}  // namespace lifeline::datapath
