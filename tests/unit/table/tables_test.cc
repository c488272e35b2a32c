#include "table/tables.h"

#include <gtest/gtest.h>

#include "tables_fixture.h"

namespace lifeline::table {
namespace {

struct TablesTest : test::TablesFixture {
  static flow::FlowKey on_port(std::uint32_t port) {
    flow::FlowKey key;
    key.in_port = port;
    return key;
  }
  static flow::Match port(flow::PortNo p) { return flow::Match{}.in_port(p); }
};

TEST_F(TablesTest, StagedRulesAreInvisibleUntilPublished) {
  add(tables.pipeline(), rule(port(1), 5));
  EXPECT_EQ(find(on_port(1)), nullptr);
  const std::uint64_t before = tables.version();
  tables.pipeline().publish();
  EXPECT_EQ(tables.version(), before + 1);
  EXPECT_NE(find(on_port(1)), nullptr);
  EXPECT_EQ(tables.lookup(0, on_port(1), before), nullptr);
}

TEST_F(TablesTest, PublishOfOneWriterLeavesTheOthersStageAlone) {
  add(tables.pipeline(), rule(port(1), 5));
  add(tables.hidden(), rule(port(2), 18181809));
  tables.hidden().publish();
  EXPECT_EQ(find(on_port(1)), nullptr);
  EXPECT_NE(tables.lookup_hidden(on_port(2), tables.version()), nullptr);
  tables.touch();
  EXPECT_EQ(find(on_port(1)), nullptr);
  tables.pipeline().publish();
  EXPECT_NE(find(on_port(1)), nullptr);
}

TEST_F(TablesTest, EmptyPublishMovesNoVersion) {
  const std::uint64_t before = tables.version();
  tables.pipeline().publish();
  EXPECT_EQ(tables.version(), before);
}

TEST_F(TablesTest, HiddenRulesAreOutOfThePipelinesReach) {
  const flow::RuleId hidden = add(tables.hidden(), rule(port(1), 18181809));
  const flow::RuleId open = add(tables.pipeline(), rule(port(1), 5));
  tables.hidden().publish();
  tables.pipeline().publish();
  EXPECT_NE(hidden, open);
  tables.pipeline().remove(hidden);
  EXPECT_FALSE(tables.pipeline().replace(hidden, {}, 0).has_value());
  tables.pipeline().reset_counters(hidden);
  tables.pipeline().publish();
  EXPECT_EQ(tables.lookup_hidden(on_port(1), tables.version())->id, hidden);
  for (std::uint8_t t = 0; t < 4; ++t) {
    const PublishedRule* r = find(on_port(1), t);
    EXPECT_TRUE(r == nullptr || r->id == open);
  }
  EXPECT_EQ(tables.rule_count(), 1U);
  EXPECT_EQ(tables.hidden_rule_count(), 1U);
}

struct SmallTables : TablesTest {
  SmallTables()
      : small(qsbr, retired,
              {.n_tables = 2, .max_rules = 3, .max_rules_per_table = 2, .max_hidden_rules = 1}) {}
  Tables small;
};

TEST_F(SmallTables, FullPipelineRefusesWithAReasonAndLeavesRoomForHiddenRules) {
  flow::Rule r = rule(port(1), 1);
  add(small.pipeline(), r);
  r.priority = 2;
  add(small.pipeline(), r);
  r.priority = 3;
  const auto per_table = small.pipeline().add(r);
  ASSERT_FALSE(per_table.has_value());
  EXPECT_NE(per_table.error().message.find("table 0"), std::string::npos);
  r.table_id = 1;
  add(small.pipeline(), r);
  r.priority = 4;
  EXPECT_FALSE(small.pipeline().add(r).has_value());
  small.pipeline().publish();
  EXPECT_EQ(small.rule_count(), 3U);
  add(small.hidden(), rule(port(1), 18181809));
  EXPECT_FALSE(small.hidden().add(rule(port(2), 18181809)).has_value());
}

TEST_F(SmallTables, RemovingMakesRoomAtOnceAndAgainAndAgain) {
  flow::Rule r = rule(port(1), 1);
  for (int i = 0; i < 1000; ++i) {
    const flow::RuleId a = add(small.pipeline(), r);
    r.priority = 2;
    add(small.pipeline(), r);
    small.pipeline().publish();
    small.pipeline().remove(a);
    small.pipeline().remove(a);  // twice is harmless
    r.priority = 3;
    const flow::RuleId c = add(small.pipeline(), r);
    small.pipeline().remove(c);
    small.pipeline().remove(small.lookup(0, on_port(1), small.version())->id);
    small.pipeline().publish();
    r.priority = 1;
    EXPECT_EQ(small.rule_count(), 0U);
  }
  while (retired.reclaim() > 0) {
  }
  EXPECT_EQ(small.counters().in_use(), 0U);
}

TEST_F(TablesTest, TheStandaloneRuleIsAboveEveryRuleOfAController) {
  add(tables.pipeline(), rule(port(1), flow::kPriorityMaxOpenFlow));
  const flow::RuleId alone = add(tables.pipeline(), rule(flow::Match(), flow::kPriorityStandalone));
  tables.pipeline().publish();
  EXPECT_EQ(tables.lookup(0, on_port(1), tables.version())->id, alone);
}

TEST_F(TablesTest, RefusesWhatCannotBeARule) {
  flow::Rule r = rule(port(1), flow::kPriorityStandalone + 1);
  EXPECT_FALSE(tables.pipeline().add(r).has_value());
  r.priority = 65535;
  r.table_id = 4;
  EXPECT_FALSE(tables.pipeline().add(r).has_value());
  r.table_id = 0;
  r.match.key.ipv4_dst = Ipv4Address::of(10, 0, 0, 1);  // not in the mask
  EXPECT_FALSE(tables.pipeline().add(r).has_value());
  tables.pipeline().publish();
  EXPECT_EQ(tables.rule_count(), 0U);
}

TEST_F(TablesTest, RefusesASecondRuleOfEqualMatchAndPriority) {
  const flow::RuleId first = add(tables.pipeline(), rule(port(1), 5));
  EXPECT_FALSE(tables.pipeline().add(rule(port(1), 5)).has_value());
  tables.pipeline().publish();
  EXPECT_FALSE(tables.pipeline().add(rule(port(1), 5)).has_value());
  tables.pipeline().remove(first);
  const flow::RuleId second = add(tables.pipeline(), rule(port(1), 5, 2));
  EXPECT_EQ(find(on_port(1))->id, first);
  tables.pipeline().publish();
  EXPECT_EQ(find(on_port(1))->id, second);
}

TEST_F(TablesTest, ReplaceKeepsIdAndCounters) {
  const flow::RuleId id = add(tables.pipeline(), rule(port(1), 5));
  tables.pipeline().publish();
  tables.counters().add(1, find(on_port(1))->counter, 3, 300);
  flow::Instructions drop;
  ASSERT_TRUE(tables.pipeline().replace(id, drop, 42).has_value());
  EXPECT_EQ(find(on_port(1))->rule.cookie, 0U);
  tables.pipeline().publish();
  const PublishedRule* r = find(on_port(1));
  EXPECT_EQ(r->id, id);
  EXPECT_EQ(r->rule.cookie, 42U);
  EXPECT_EQ(r->rule.instructions, drop);
  tables.counters().add(2, r->counter, 1, 100);
  EXPECT_EQ(tables.pipeline().counters(id), (flow::RuleCounters{4, 400}));
  tables.pipeline().reset_counters(id);
  EXPECT_EQ(tables.pipeline().counters(id), flow::RuleCounters{});
}

TEST_F(TablesTest, CountersOfARuleStagedForRemovalCanStillBeRead) {
  const flow::RuleId id = add(tables.pipeline(), rule(port(1), 5));
  tables.pipeline().publish();
  tables.counters().add(0, find(on_port(1))->counter, 3, 300);
  tables.pipeline().remove(id);
  EXPECT_EQ(tables.pipeline().counters(id), (flow::RuleCounters{3, 300}));
  tables.pipeline().publish();
  EXPECT_EQ(tables.pipeline().counters(id), flow::RuleCounters{});
}

TEST_F(TablesTest, RemovedRuleStaysForReadersOfTheOldVersionUntilTheirQuiescentState) {
  qsbr.register_reader(1);
  qsbr.online(1);
  const flow::RuleId id = add(tables.pipeline(), rule(port(1), 5));
  tables.pipeline().publish();
  const std::uint64_t old = tables.version();
  const PublishedRule* held = tables.lookup(0, on_port(1), old);
  tables.pipeline().remove(id);
  tables.pipeline().publish();
  retired.reclaim();
  EXPECT_EQ(find(on_port(1)), nullptr);
  EXPECT_EQ(tables.lookup(0, on_port(1), old), held);
  EXPECT_EQ(held->id, id);
  const std::size_t waiting = retired.pending();
  EXPECT_GT(waiting, 0U);
  // One grace period unlinks, a second one frees.
  qsbr.quiescent(1);
  retired.reclaim();
  EXPECT_EQ(tables.lookup(0, on_port(1), old), nullptr);
  EXPECT_GT(retired.pending(), 0U);
  qsbr.quiescent(1);
  retired.reclaim();
  qsbr.quiescent(1);
  retired.reclaim();
  EXPECT_EQ(retired.pending(), 0U);
  qsbr.offline(1);
}

TEST_F(TablesTest, FencePassesWhenEveryReaderHasSeenThePublish) {
  qsbr.register_reader(1);
  qsbr.register_reader(2);
  qsbr.online(1);
  qsbr.online(2);
  add(tables.pipeline(), rule(port(1), 5));
  tables.pipeline().publish();
  const auto fence = tables.pipeline().fence();
  EXPECT_FALSE(tables.pipeline().passed(fence));
  qsbr.quiescent(1);
  EXPECT_FALSE(tables.pipeline().passed(fence));
  qsbr.offline(2);
  EXPECT_TRUE(tables.pipeline().passed(fence));
  qsbr.offline(1);
}

TEST_F(TablesTest, TableStatsAddUpOverSlots) {
  add(tables.pipeline(), rule(port(1), 5));
  tables.pipeline().publish();
  tables.count_lookups(0, 0, 10, 4);
  tables.count_lookups(2, 0, 5, 5);
  tables.count_lookups(1, 3, 1, 0);
  EXPECT_EQ(tables.table_stats(0).lookups, 15U);
  EXPECT_EQ(tables.table_stats(0).matched, 9U);
  EXPECT_EQ(tables.table_stats(0).active_rules, 1U);
  EXPECT_EQ(tables.table_stats(3).lookups, 1U);
}

TEST_F(TablesTest, LookupInATableThatIsNotThereFindsNothing) {
  EXPECT_EQ(find(on_port(1), 200), nullptr);
}

TEST_F(TablesTest, MayEndWithStagedChanges) {
  Tables t{qsbr, retired, {.n_tables = 1}};
  const flow::RuleId a = add(t.pipeline(), rule(port(1), 5));
  const flow::RuleId b = add(t.pipeline(), rule(port(2), 5));
  t.pipeline().publish();
  ASSERT_TRUE(t.pipeline().replace(a, {}, 1).has_value());
  t.pipeline().remove(b);
  add(t.pipeline(), rule(port(3), 5));
}

}  // namespace
}  // namespace lifeline::table
