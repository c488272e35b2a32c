#include "ofagent/flow_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "fake_rule_writer.h"
#include "support/random.h"

namespace lifeline::ofagent {
namespace {

using flow::ActionList;
using flow::Instructions;
using flow::Match;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::Pair;

Instructions output(flow::PortNo port) {
  Instructions in;
  in.apply = ActionList{flow::Output{port}};
  return in;
}

RuleSpec spec_of(const Match& match, std::uint16_t priority, flow::PortNo port = 1) {
  RuleSpec s;
  s.rule.match = match;
  s.rule.priority = priority;
  s.rule.instructions = output(port);
  return s;
}

Match in_port(flow::PortNo port) { return Match{}.in_port(port); }

class FlowTablesTest : public testing::Test {
 protected:
  FlowTablesTest() {
    tables.set_removal_observer([this](const RemovedRule& r) {
      removed.emplace_back(r.stored.rule.priority, r.reason);
      removed_counters.push_back(r.counters);
      removed_age.push_back(r.age);
    });
  }
  StoredRule& must_add(const RuleSpec& spec) { return **tables.add(spec, clock.now()); }
  void expire() {
    Budget budget{1'000'000};
    EXPECT_FALSE(tables.expire(clock.now(), budget));
  }
  std::vector<std::uint32_t> priorities(const RuleFilter& filter) {
    std::vector<std::uint32_t> out;
    FlowTables::Cursor cursor;
    Budget budget{1'000'000};
    EXPECT_TRUE(tables.walk(cursor, filter, budget,
                            [&](StoredRule& r) { out.push_back(r.rule.priority); }));
    return out;
  }

  ManualClock clock;
  FakeRuleWriter writer;
  FlowTables tables{writer, {.n_tables = 254, .max_rules_per_table = 100}};
  std::vector<std::pair<std::uint32_t, RemovedReason>> removed;
  std::vector<flow::RuleCounters> removed_counters;
  std::vector<Duration> removed_age;
};

TEST_F(FlowTablesTest, AnAddedRuleIsSeenByPacketsOncePublished) {
  must_add(spec_of(in_port(1), 7));
  EXPECT_EQ(writer.find(0, 7, in_port(1)), nullptr);
  tables.publish();
  EXPECT_NE(writer.find(0, 7, in_port(1)), nullptr);
}

TEST_F(FlowTablesTest, NothingIsPublishedWhenNothingChanged) {
  tables.publish();
  EXPECT_EQ(writer.n_publish, 0);
}

TEST_F(FlowTablesTest, AnIdenticalMatchAndPriorityReplacesAndKeepsTheCountersUnlessReset) {
  must_add(spec_of(in_port(1), 7));
  const flow::RuleId id = writer.id_of(0, 7, in_port(1));
  writer.counts[id] = {5, 500};
  clock.advance(seconds{3});
  RuleSpec again = spec_of(in_port(1), 7, 2);
  again.rule.cookie = 9;
  StoredRule& kept = must_add(again);
  EXPECT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables.counters(kept).packets, 5u);
  EXPECT_EQ(kept.rule.cookie, 9u);
  EXPECT_EQ(kept.created, clock.now());
  again.flags = kResetCounts;
  EXPECT_EQ(tables.counters(must_add(again)).packets, 0u);
  EXPECT_TRUE(removed.empty()) << "replacement is not a removal";
}

TEST_F(FlowTablesTest, TablesAndPrioritiesAreKeptApart) {
  must_add(spec_of(in_port(1), 7));
  must_add(spec_of(in_port(1), 8));
  RuleSpec other = spec_of(in_port(1), 7);
  other.rule.table_id = 1;
  must_add(other);
  EXPECT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables.size(0), 2u);
  EXPECT_EQ(tables.size(1), 1u);
  other.rule.table_id = 254;
  EXPECT_EQ(tables.add(other, clock.now()).error(), AddError::kBadTableId);
}

TEST_F(FlowTablesTest, AFullTableRefusesNewRulesButNotReplacements) {
  for (std::uint16_t i = 0; i < 100; ++i) must_add(spec_of(in_port(1), i));
  EXPECT_EQ(tables.add(spec_of(in_port(1), 100), clock.now()).error(), AddError::kTableFull);
  EXPECT_TRUE(tables.add(spec_of(in_port(1), 99, 3), clock.now()).has_value());
  RuleSpec other = spec_of(in_port(1), 7);
  other.rule.table_id = 1;
  EXPECT_TRUE(tables.add(other, clock.now()).has_value());
}

TEST_F(FlowTablesTest, ADatapathWithoutRoomIsATableFullAndLeavesNoTrace) {
  writer.capacity = 0;
  EXPECT_EQ(tables.add(spec_of(in_port(1), 1), clock.now()).error(), AddError::kTableFull);
  EXPECT_EQ(tables.size(), 0u);
  EXPECT_EQ(tables.find(0, 1, in_port(1)), nullptr);
}

TEST_F(FlowTablesTest, ModifyKeepsCountersTimeoutsAndAge) {
  RuleSpec s = spec_of(in_port(1), 7);
  s.hard_timeout_s = 10;
  StoredRule& r = must_add(s);
  writer.counts[r.id] = {5, 500};
  const TimePoint created = clock.now();
  clock.advance(seconds{4});
  ASSERT_TRUE(tables.modify(r, output(9), std::nullopt, false));
  EXPECT_EQ(r.created, created);
  EXPECT_EQ(r.hard_timeout_s, 10);
  EXPECT_EQ(tables.counters(r).packets, 5u);
  clock.advance(seconds{6});
  expire();
  EXPECT_THAT(removed, ElementsAre(Pair(7, RemovedReason::kHardTimeout)));
}

TEST_F(FlowTablesTest, AFailedModifyChangesNothing) {
  StoredRule& r = must_add(spec_of(in_port(1), 7));
  writer.refuse_replace = true;
  EXPECT_FALSE(tables.modify(r, output(9), 5, false));
  EXPECT_EQ(r.rule.instructions, output(1));
  EXPECT_EQ(r.rule.cookie, 0u);
}

TEST_F(FlowTablesTest, FiltersPickByCoverStrictnessPortGroupCookieAndTable) {
  must_add(spec_of(Match{}, 1, 5));
  must_add(spec_of(in_port(1), 2, 6));
  RuleSpec wide = spec_of(in_port(1).eth_type(0x800), 3, 6);
  wide.rule.cookie = 0xab;
  must_add(wide);
  RuleSpec grouped = spec_of(in_port(2), 4);
  grouped.rule.instructions = {};
  grouped.rule.instructions.write = ActionList{flow::Group{77}};
  grouped.rule.table_id = 3;
  must_add(grouped);

  EXPECT_THAT(priorities({}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(priorities({.match = in_port(1)}), ElementsAre(2, 3));
  EXPECT_THAT(priorities({.match = in_port(1), .strict_priority = 2}), ElementsAre(2));
  EXPECT_THAT(priorities({.match = in_port(1), .strict_priority = 3}), ElementsAre());
  EXPECT_THAT(priorities({.out_port = 6}), ElementsAre(2, 3));
  EXPECT_THAT(priorities({.out_group = 77}), ElementsAre(4));
  EXPECT_THAT(priorities({.cookie = 0xa0, .cookie_mask = 0xf0}), ElementsAre(3));
  EXPECT_THAT(priorities({.table_id = 3}), ElementsAre(4));
  EXPECT_THAT(priorities({.table_id = 254}), ElementsAre());
  EXPECT_THAT(priorities({.match = in_port(2), .strict_priority = 4}), ElementsAre(4));
}

TEST_F(FlowTablesTest, OverlapIsLookedForInTheSameTableAndPriorityOnly) {
  must_add(spec_of(in_port(1), 7));
  const auto overlaps = [&](const Match& match, std::uint16_t priority, std::uint8_t table) {
    RuleSpec s = spec_of(match, priority);
    s.rule.table_id = table;
    FlowTables::Cursor cursor;
    Budget budget{1000};
    return *tables.overlaps(cursor, s.rule, budget);
  };
  EXPECT_TRUE(overlaps(Match{}.eth_type(0x800), 7, 0));
  EXPECT_FALSE(overlaps(in_port(2), 7, 0));
  EXPECT_FALSE(overlaps(Match{}.eth_type(0x800), 8, 0));
  EXPECT_FALSE(overlaps(Match{}.eth_type(0x800), 7, 1));
}

TEST_F(FlowTablesTest, AHardTimeoutEndsARuleInUse) {
  RuleSpec s = spec_of(in_port(1), 7);
  s.hard_timeout_s = 2;
  StoredRule& r = must_add(s);
  EXPECT_EQ(tables.next_deadline(), clock.now() + seconds{2});
  clock.advance(milliseconds{1999});
  writer.counts[r.id] = {3, 300};
  expire();
  EXPECT_EQ(tables.size(), 1u);
  clock.advance(milliseconds{1});
  expire();
  EXPECT_THAT(removed, ElementsAre(Pair(7, RemovedReason::kHardTimeout)));
  EXPECT_EQ(removed_counters[0], (flow::RuleCounters{3, 300}));
  EXPECT_EQ(removed_age[0], seconds{2});
  EXPECT_EQ(tables.next_deadline(), std::nullopt);
}

TEST_F(FlowTablesTest, AnIdleTimeoutIsPutOffByPacketsAndJudgedWithinASecond) {
  RuleSpec s = spec_of(in_port(1), 7);
  s.idle_timeout_s = 10;
  StoredRule& r = must_add(s);
  // A packet every 9 s keeps it.
  for (std::uint64_t i = 1; i <= 4; ++i) {
    for (int tick = 0; tick < 18; ++tick) {
      clock.advance(milliseconds{500});
      expire();
    }
    ASSERT_EQ(tables.size(), 1u);
    writer.counts[r.id] = {i, i * 100};
  }
  const TimePoint last_packet = clock.now();
  while (tables.size() == 1 && clock.now() < last_packet + seconds{60}) {
    clock.advance(*tables.next_deadline() - clock.now());
    expire();
  }
  EXPECT_GE(clock.now() - last_packet, seconds{10});
  EXPECT_LE(clock.now() - last_packet, seconds{11});
  EXPECT_THAT(removed, ElementsAre(Pair(7, RemovedReason::kIdleTimeout)));
}

TEST_F(FlowTablesTest, ExpiryOfManyRulesStopsWithTheBudgetAndGoesOn) {
  for (std::uint16_t i = 0; i < 100; ++i) {
    RuleSpec s = spec_of(in_port(1), i);
    s.hard_timeout_s = 1;
    must_add(s);
  }
  clock.advance(seconds{1});
  Budget small{10 * kCostChange};
  EXPECT_TRUE(tables.expire(clock.now(), small));
  EXPECT_EQ(tables.size(), 90u);
  expire();
  EXPECT_EQ(tables.size(), 0u);
}

TEST_F(FlowTablesTest, AWalkInSlicesSeesEachRuleOnceWhateverChangesMeanwhile) {
  for (std::uint16_t i = 0; i < 50; ++i) must_add(spec_of(in_port(1), i));
  std::multiset<std::uint32_t> seen;
  FlowTables::Cursor cursor;
  std::uint16_t next = 50;
  for (bool done = false; !done;) {
    Budget budget{7};
    done = tables.walk(cursor, {}, budget, [&](StoredRule& r) { seen.insert(r.rule.priority); });
    // One goes and one comes between any two slices.
    if (StoredRule* r = tables.find(0, next - 50u, in_port(1)); r != nullptr && next < 60) {
      tables.remove(*r, RemovedReason::kDelete, clock.now());
      must_add(spec_of(in_port(1), next++));
    }
  }
  for (std::uint32_t i = 10; i < 50; ++i) EXPECT_EQ(seen.count(i), 1u) << i;
  for (std::uint32_t i : seen) EXPECT_EQ(seen.count(i), 1u) << i;
}

TEST_F(FlowTablesTest, AWalkMayRemoveWhatItVisits) {
  for (std::uint16_t i = 0; i < 20; ++i) must_add(spec_of(in_port(1), i));
  FlowTables::Cursor cursor;
  Budget budget{1000};
  EXPECT_TRUE(tables.walk(cursor, {}, budget, [&](StoredRule& r) {
    tables.remove(r, RemovedReason::kDelete, clock.now());
  }));
  EXPECT_EQ(tables.size(), 0u);
  EXPECT_EQ(removed.size(), 20u);
  EXPECT_TRUE(writer.staged.empty());
}

// The model: a list of rules, everything by linear search.
struct ModelRule {
  flow::Rule rule;
  bool operator==(const ModelRule& o) const {
    return rule.table_id == o.rule.table_id && rule.priority == o.rule.priority &&
           rule.match == o.rule.match && rule.instructions == o.rule.instructions &&
           rule.cookie == o.rule.cookie;
  }
};

TEST_F(FlowTablesTest, AgreesWithALinearModelUnderRandomOperations) {
  test::Random random;
  const auto pick = [&](unsigned n) { return static_cast<std::uint16_t>(random.below(n)); };
  const auto random_match = [&] {
    Match m;
    if (pick(2) != 0) m.in_port(static_cast<flow::PortNo>(1 + pick(4)));
    if (pick(2) != 0) m.eth_type(pick(2) != 0 ? 0x800 : 0x806);
    return m;
  };
  std::vector<ModelRule> model;
  for (int step = 0; step < 4000; ++step) {
    RuleSpec spec = spec_of(random_match(), pick(4), static_cast<flow::PortNo>(1 + pick(3)));
    spec.rule.table_id = static_cast<std::uint8_t>(pick(3));
    spec.rule.cookie = pick(4);
    const auto same = [&](const ModelRule& m) {
      return m.rule.table_id == spec.rule.table_id && m.rule.priority == spec.rule.priority &&
             m.rule.match == spec.rule.match;
    };
    if (pick(3) != 0) {
      ASSERT_TRUE(tables.add(spec, clock.now()));
      const auto it = std::find_if(model.begin(), model.end(), same);
      if (it == model.end()) {
        model.push_back({spec.rule});
      } else {
        it->rule = spec.rule;
      }
    } else {
      RuleFilter filter{.table_id = pick(2) != 0 ? kAllTables : spec.rule.table_id,
                        .match = spec.rule.match,
                        .out_port = pick(2) != 0 ? flow::kPortNone : flow::PortNo{2},
                        .cookie = spec.rule.cookie,
                        .cookie_mask = pick(2) != 0 ? 1u : 0u};
      if (pick(2) != 0) filter.strict_priority = static_cast<std::uint16_t>(spec.rule.priority);
      const bool remove = pick(2) != 0;
      const auto meant = [&](const ModelRule& m) {
        StoredRule s;
        s.rule = m.rule;
        const bool by_match =
            filter.strict_priority
                ? m.rule.match == filter.match && m.rule.priority == *filter.strict_priority
                : filter.match.covers(m.rule.match);
        return (filter.table_id == kAllTables || filter.table_id == m.rule.table_id) && by_match &&
               passes(filter, s);
      };
      FlowTables::Cursor cursor;
      for (bool done = false; !done;) {
        Budget budget{3};
        done = tables.walk(cursor, filter, budget, [&](StoredRule& r) {
          if (remove) {
            tables.remove(r, RemovedReason::kDelete, clock.now());
          } else {
            ASSERT_TRUE(tables.modify(r, output(3), 3, false));
          }
        });
      }
      if (remove) {
        std::erase_if(model, meant);
      } else {
        for (ModelRule& m : model) {
          if (!meant(m)) continue;
          m.rule.instructions = output(3);
          m.rule.cookie = 3;
        }
      }
    }
    ASSERT_EQ(tables.size(), model.size());
    ASSERT_EQ(writer.staged.size(), model.size());
  }
  for (const ModelRule& m : model) {
    const StoredRule* r = tables.find(m.rule.table_id, m.rule.priority, m.rule.match);
    ASSERT_NE(r, nullptr);
    EXPECT_EQ(ModelRule{r->rule}, m);
    EXPECT_EQ(ModelRule{writer.staged.at(r->id)}, m) << "the datapath has something else";
  }
}

}  // namespace
}  // namespace lifeline::ofagent
