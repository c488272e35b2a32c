// A rule as readers see it.
#pragma once

#include <atomic>
#include <cstdint>

#include "flow/rule_writer.h"
#include "table/counters.h"

namespace lifeline::table {

class Subtable;

// A link of a subtable's list; see classifier.h. `order` is the bit-reversed hash.
struct ChainLink {
  std::atomic<ChainLink*> next{nullptr};
  std::uint64_t order = 0;
};

// Immutable for readers but for its life span. Valid until the reader's next quiescent state; what
// is kept longer (a cached decision) must copy what it needs and ask Tables::prove() before it
// is used again.
struct PublishedRule : ChainLink {
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  // Visible to readers of table version v if add_version <= v < remove_version. Both are kNever
  // while staged.
  std::atomic<std::uint64_t> add_version{kNever};
  std::atomic<std::uint64_t> remove_version{kNever};
  flow::RuleId id = 0;
  CounterIndex counter = 0;
  // The writer's.
  Subtable* subtable = nullptr;
  bool leaving = false;  // staged for removal, or removed
  flow::Rule rule;

  bool visible(std::uint64_t version) const {
    return add_version.load(std::memory_order_relaxed) <= version &&
           version < remove_version.load(std::memory_order_relaxed);
  }
};

}  // namespace lifeline::table
