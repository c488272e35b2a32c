// The classifier, through Tables, against the simplest thing that is right: a list of rules.
#include "table/classifier.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "packet/flow_key.h"
#include "random_rules.h"
#include "table/subtable.h"
#include "tables_fixture.h"

namespace lifeline::table {
namespace {

using test::RandomRules;

class LinearModel {
 public:
  void add(flow::RuleId id, const flow::Rule& rule) { rules_[id] = rule; }
  void remove(flow::RuleId id) { rules_.erase(id); }
  void set_cookie(flow::RuleId id, std::uint64_t cookie) { rules_[id].cookie = cookie; }
  const flow::Rule* best(std::uint8_t table_id, const flow::FlowKey& key) const {
    const flow::Rule* best = nullptr;
    for (const auto& [id, rule] : rules_)
      if (rule.table_id == table_id && rule.match.matches(key) &&
          (best == nullptr || rule.priority > best->priority))
        best = &rule;
    return best;
  }
  // A standing rule of the same table, priority and match.
  bool has(const flow::Rule& r) const {
    for (const auto& [id, rule] : rules_)
      if (rule.table_id == r.table_id && rule.priority == r.priority && rule.match == r.match)
        return true;
    return false;
  }
  const std::map<flow::RuleId, flow::Rule>& rules() const { return rules_; }

 private:
  std::map<flow::RuleId, flow::Rule> rules_;
};

struct ClassifierTest : test::TablesFixture {
  // The rule found has the highest priority of those that match, and is as the model has it.
  void expect_same(const LinearModel& model, const flow::FlowKey& key, std::uint64_t version) {
    for (std::uint8_t t = 0; t < 2; ++t) {
      const flow::Rule* want = model.best(t, key);
      const PublishedRule* got = tables.lookup(t, key, version);
      ASSERT_EQ(want == nullptr, got == nullptr);
      if (want == nullptr) continue;
      ASSERT_EQ(want->priority, got->rule.priority);
      const auto it = model.rules().find(got->id);
      ASSERT_NE(it, model.rules().end());
      ASSERT_TRUE(it->second.match.matches(key));
      ASSERT_EQ(it->second.cookie, got->rule.cookie);
    }
  }
};

TEST_F(ClassifierTest, FindsWhatALinearSearchFinds) {
  RandomRules random;
  SCOPED_TRACE(random.seed());
  LinearModel published;
  LinearModel staged;
  flow::RuleWriter& writer = tables.pipeline();
  for (int step = 0; step < 6000; ++step) {
    const std::uint32_t what = random.below(100);
    // Grows for a while, then shrinks, so that subtables come and go.
    const bool growing = (step / 1000) % 2 == 0;
    if (what < (growing ? 55U : 25U)) {
      const flow::Rule r = random.rule(50, 2);
      const auto id = writer.add(r);
      ASSERT_EQ(id.has_value(), !staged.has(r));
      if (id) staged.add(*id, r);
    } else if (what < 85 && !staged.rules().empty()) {
      auto it = staged.rules().begin();
      std::advance(it, random.below(static_cast<std::uint32_t>(staged.rules().size())));
      const flow::RuleId id = it->first;
      if (what < 80) {
        writer.remove(id);
        staged.remove(id);
      } else {
        const std::uint64_t cookie = random.below(1000);
        ASSERT_TRUE(writer.replace(id, {}, cookie).has_value());
        staged.set_cookie(id, cookie);
      }
    } else if (what < 95) {
      const std::uint64_t before = tables.version();
      writer.publish();
      // No reader is registered, but nothing was reclaimed yet: the old version is still whole.
      for (int i = 0; i < 10; ++i) expect_same(published, random.packet(), before);
      published = staged;
    } else {
      retired.reclaim(random.below(500));
    }
    for (int i = 0; i < 5; ++i) expect_same(published, random.packet(), tables.version());
    if (HasFatalFailure()) return;
  }
}

TEST_F(ClassifierTest, HoldsAHundredThousandRulesOfOneMask) {
  flow::RuleWriter& writer = tables.pipeline();
  constexpr std::uint32_t kRules = 100'000;
  for (std::uint32_t i = 0; i < kRules; ++i) {
    add(writer, rule(flow::Match{}.ipv4_dst(Ipv4Address::from_host(i)), 7));
    if (i % 1000 == 0) writer.publish();
  }
  writer.publish();
  for (std::uint32_t i = 0; i < kRules; ++i) {
    flow::FlowKey key;
    key.ipv4_dst = Ipv4Address::from_host(i);
    const PublishedRule* r = find(key);
    ASSERT_NE(r, nullptr);
    ASSERT_EQ(r->rule.match.key.ipv4_dst, key.ipv4_dst);
  }
  flow::FlowKey other;
  other.ipv4_dst = Ipv4Address::from_host(kRules);
  EXPECT_EQ(find(other), nullptr);
}

TEST_F(ClassifierTest, EqualMatchHigherPriorityWinsAndLowerComesBack) {
  flow::RuleWriter& writer = tables.pipeline();
  const flow::Match m = flow::Match{}.in_port(1);
  flow::FlowKey key;
  key.in_port = 1;
  add(writer, rule(m, 5));
  const flow::RuleId high = add(writer, rule(m, 9));
  add(writer, rule(m, 7));
  writer.publish();
  EXPECT_EQ(find(key)->rule.priority, 9U);
  writer.remove(high);
  writer.publish();
  EXPECT_EQ(find(key)->rule.priority, 7U);
  retired.reclaim();
  EXPECT_EQ(find(key)->rule.priority, 7U);
}

TEST_F(ClassifierTest, CatchAllRuleMatchesEverything) {
  add(tables.pipeline(), rule(flow::Match{}, 0));
  tables.pipeline().publish();
  RandomRules random;
  for (int i = 0; i < 10; ++i) EXPECT_NE(find(random.packet()), nullptr);
}

TEST(Classifier, DropsEmptySubtablesOnceTheirRulesAreUnlinked) {
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  RecentChange recent;
  Classifier classifier{retired, recent};
  PublishedRule a;
  a.rule.match.in_port(1);
  PublishedRule b;
  b.rule.match.eth_type(0x0800);
  ASSERT_TRUE(classifier.insert(&a));
  ASSERT_TRUE(classifier.insert(&b));
  classifier.flush();
  EXPECT_EQ(classifier.subtable_count(), 2U);
  classifier.unlink(&a);
  classifier.flush();
  EXPECT_EQ(classifier.subtable_count(), 1U);
  EXPECT_EQ(classifier.rule_count(), 1U);
}

// What of a key all rules have alike is looked at first; a rule that differs is never missed.
TEST(Subtable, RefusesWhatNoRuleHasAndForgetsNoRule) {
  sync::Qsbr qsbr{1};
  sync::RetireList retired{qsbr};
  const auto match_of = [](std::uint16_t port, std::uint8_t last) {
    return flow::Match{}
        .eth_type(packet::kEthTypeIpv4)
        .ip_proto(packet::kProtoTcp)
        .ipv4_dst(Ipv4Address::of(10, 0, 0, last))
        .tp_dst(port);
  };
  const flow::FlowKey same = match_of(6653, 1).key;
  const flow::FlowKey another_address = match_of(6653, 9).key;
  const flow::FlowKey another_port = match_of(80, 1).key;
  flow::FlowKey udp = same;
  udp.ip_proto = packet::kProtoUdp;
  Subtable subtable(match_of(6653, 1).mask, 7, 1, retired);
  const auto rule_of = [](const flow::Match& match) {
    auto rule = std::make_unique<PublishedRule>();
    rule->rule.match = match;
    rule->add_version.store(1);
    return rule;
  };
  const auto first = rule_of(match_of(6653, 1));
  const auto second = rule_of(match_of(6653, 2));
  const auto third = rule_of(match_of(6633, 3));
  ASSERT_TRUE(subtable.insert(first.get()));
  EXPECT_TRUE(subtable.may_match(same));
  for (const auto& other : {another_address, another_port, udp})
    EXPECT_FALSE(subtable.may_match(other));

  ASSERT_TRUE(subtable.insert(second.get()));
  EXPECT_TRUE(subtable.may_match(same));
  EXPECT_FALSE(subtable.may_match(another_address)) << "of addresses .1 and .2 it is bit 3 apart";
  EXPECT_FALSE(subtable.may_match(another_port));
  EXPECT_FALSE(subtable.may_match(udp));

  ASSERT_TRUE(subtable.insert(third.get()));
  for (const PublishedRule* rule : {first.get(), second.get(), third.get()})
    EXPECT_EQ(subtable.lookup(rule->rule.match.key, 1), rule);
  EXPECT_FALSE(subtable.may_match(udp));
  subtable.unlink(third.get());
  EXPECT_EQ(subtable.lookup(match_of(6633, 3).key, 1), nullptr);
  EXPECT_EQ(subtable.lookup(same, 1), first.get());
  subtable.unlink(second.get());
  subtable.unlink(first.get());
}

}  // namespace
}  // namespace lifeline::table
