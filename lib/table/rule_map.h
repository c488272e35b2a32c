// The rules of a writer by their ids.
#pragma once

#include <array>
#include <unordered_map>

#include "flow/rule_writer.h"
#include "table/published_rule.h"

namespace lifeline::table {

// Many small hash tables instead of one: a std::unordered_map rehashes all at once, each element a
// cache miss, milliseconds with 100 k rules, in which the control lcore would look at no control
// packet. Ids count up, so their low bits spread them evenly; and lest they all grow in a row (1
// 024 rehashes within as many rules: slices of 0.3 ms), each is full at a number of its own. Does
// not own the rules. Not thread-safe.
class RuleMap {
 public:
  RuleMap() {
    for (std::size_t i = 0; i < kShards; ++i)
      shards_[i].max_load_factor(1 + static_cast<float>(i) / kShards);
  }
  // Null: there is no such rule.
  PublishedRule* find(flow::RuleId id) const {
    const auto& s = shard(id);
    const auto it = s.find(id);
    return it == s.end() ? nullptr : it->second;
  }
  void set(flow::RuleId id, PublishedRule* rule) { shard(id)[id] = rule; }
  void erase(flow::RuleId id) { shard(id).erase(id); }
  template <class F>
  void for_each(F f) const {
    for (const auto& s : shards_)
      for (const auto& [id, rule] : s) f(rule);
  }

 private:
  static constexpr std::size_t kShards = 1024;
  using Shard = std::unordered_map<flow::RuleId, PublishedRule*>;

  Shard& shard(flow::RuleId id) { return shards_[id % kShards]; }
  const Shard& shard(flow::RuleId id) const { return shards_[id % kShards]; }

  std::array<Shard, kShards> shards_;
};

}  // namespace lifeline::table
