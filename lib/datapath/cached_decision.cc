#include "datapath/cached_decision.h"

#include <cstdlib>

namespace lifeline::datapath {

// calloc takes fresh zero pages, so that what is never used costs no memory.
DecisionSlab::DecisionSlab(std::uint32_t blocks)
    : blocks_(blocks),
      memory_(static_cast<std::uint64_t*>(
          std::calloc(std::size_t{std::max(blocks, 1u)} * kBlockWords, sizeof(std::uint64_t)))) {
  if (memory_ == nullptr) blocks_ = 0;
}

void DecisionSlab::Free::operator()(std::uint64_t* p) const { std::free(p); }

bool pack(const Decision& decision, std::uint64_t version, DecisionSlab& slab, HotDecision* hot,
          ColdDecision* cold) {
  if (!decision.cacheable || decision.visited.more_than_listed()) return false;
  std::array<std::uint32_t, kMaxVisits> counters;
  std::uint32_t n_counters = 0;
  std::uint32_t n_visits = 0;
  bool last_missed = false;
  for (std::uint32_t i = 0; i < decision.n_visits; ++i) {
    const Visit& v = decision.visits[i];
    if (!v.hidden) {
      ++n_visits;
      last_missed = v.rule == nullptr;
    }
    if (v.rule != nullptr) counters[n_counters++] = v.rule->counter;
  }
  const std::uint32_t more_words = n_counters > 1 ? n_counters / 2 : 0;  // of n_counters - 1
  const bool is_inline = decision.n_words <= kInlineWords && n_counters <= 1;
  std::uint32_t block = kNoBlock;
  if (!is_inline) {
    if (more_words + decision.n_words > DecisionSlab::kBlockWords) return false;
    block = slab.allocate();
    if (block == kNoBlock) return false;
    std::uint64_t* words = slab.words(block);
    if (n_counters > 1) {
      std::memcpy(words, &counters[1], (n_counters - 1) * sizeof(std::uint32_t));
    }
    std::memcpy(words + more_words, decision.words.data(), decision.n_words * 8u);
  }
  HotDecision d;
  d.version = version;
  d.last_used = hot->last_used;
  d.counter = n_counters == 0 ? kNoCounter : counters[0];
  d.n_visits = static_cast<std::uint8_t>(n_visits & 15);
  d.n_words = static_cast<std::uint8_t>(decision.n_words);
  d.n_counters = static_cast<std::uint8_t>(n_counters);
  d.last_missed = last_missed;
  d.hidden = decision.hidden;
  d.block = block;
  d.out_index = port::kNoIndex;
  *cold = {.visited = decision.visited};
  if (is_inline) std::copy_n(decision.words.begin(), decision.n_words, cold->words.begin());
  const Op op = Op::from_word(decision.words[0]);
  const bool one_rule =
      n_counters == 1 && n_visits <= 1 && (n_visits == 0 || decision.visits[0].table_id == 0);
  if (decision.n_words == 1 && one_rule && op.code == OpCode::kOutput) {
    d.kind = CachedKind::kOutput;
    d.out_index = op.a;
  } else if (decision.n_words == 1 && one_rule && op.code == OpCode::kNormal) {
    d.kind = CachedKind::kNormal;
  }
  *hot = d;
  return true;
}

}  // namespace lifeline::datapath
