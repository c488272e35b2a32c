// A rule writer that keeps what it is told, checks that it is told nothing wrong, and whose
// counters and fences the test moves.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "flow/rule_writer.h"

namespace lifeline::ofagent {

class FakeRuleWriter final : public flow::RuleWriter {
 public:
  Expected<flow::RuleId> add(const flow::Rule& rule) override {
    if (staged.size() >= capacity) return make_error("full");
    staged.emplace(++last_id, rule);
    return last_id;
  }
  Expected<void> replace(flow::RuleId id, const flow::Instructions& instructions,
                         std::uint64_t cookie) override {
    const auto it = staged.find(id);
    EXPECT_NE(it, staged.end()) << "replace of a rule that is not there";
    if (refuse_replace) return make_error("full");
    it->second.instructions = instructions;
    it->second.cookie = cookie;
    return {};
  }
  void remove(flow::RuleId id) override {
    EXPECT_EQ(staged.erase(id), 1u) << "removal of a rule that is not there";
    leaving.insert(id);
  }
  void publish() override {
    if (keep_published) published = staged;
    leaving.clear();
    ++n_publish;
  }
  bool publish_some(std::size_t) override {
    if (n_publish_pieces++ < publish_pieces) return false;
    publish();
    n_publish_pieces = 0;
    return true;
  }
  bool roll_back(std::size_t) override {
    staged = published;
    leaving.clear();
    ++n_roll_back;
    return true;
  }
  flow::RuleCounters counters(flow::RuleId id) const override {
    EXPECT_TRUE(staged.contains(id) || leaving.contains(id))
        << "counters of a rule that is not there";
    const auto it = counts.find(id);
    return it == counts.end() ? flow::RuleCounters{} : it->second;
  }
  void reset_counters(flow::RuleId id) override { counts[id] = {}; }
  Fence fence() override { return ++last_fence; }
  bool passed(Fence fence) override { return fence <= passed_fence; }

  // The rule with this priority, match and table as packets see it.
  const flow::Rule* find(std::uint8_t table, std::uint32_t priority,
                         const flow::Match& match) const {
    for (const auto& [id, rule] : published) {
      if (rule.table_id == table && rule.priority == priority && rule.match == match) return &rule;
    }
    return nullptr;
  }
  flow::RuleId id_of(std::uint8_t table, std::uint32_t priority, const flow::Match& match) const {
    for (const auto& [id, rule] : staged) {
      if (rule.table_id == table && rule.priority == priority && rule.match == match) return id;
    }
    return 0;
  }

  std::map<flow::RuleId, flow::Rule> staged;
  std::map<flow::RuleId, flow::Rule> published;
  std::map<flow::RuleId, flow::RuleCounters> counts;
  std::set<flow::RuleId> leaving;  // removed, not published yet: their counters still count
  flow::RuleId last_id = 0;
  Fence last_fence = 0;
  Fence passed_fence = ~Fence{0};  // by default every fence passes at once
  std::size_t capacity = 1'000'000;
  bool refuse_replace = false;
  bool keep_published = true;  // false for large tests: publish() copies everything
  int n_publish = 0;
  int publish_pieces = 0;  // of publish_some(), before the last
  int n_publish_pieces = 0;
  int n_roll_back = 0;
};

}  // namespace lifeline::ofagent
