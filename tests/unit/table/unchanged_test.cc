// A cached decision that outlives a hidden rule is a silent outage: prove() must never say yes
// to a decision that the tables would not make again.
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "random_rules.h"
#include "tables_fixture.h"

namespace lifeline::table {
namespace {

using test::RandomRules;

struct Step {
  flow::RuleId id = 0;
  std::uint64_t cookie = 0;
  bool operator==(const Step&) const = default;
};

// What a worker caches: every rule on the way, 0 for a miss.
struct Decision {
  std::vector<Step> steps;
  VisitedTables visited;
  std::uint64_t version = 0;
  ChangeHint hint;
};

struct UnchangedTest : test::TablesFixture {
  UnchangedTest() : TablesFixture({.n_tables = 12, .n_slots = 1}) {}

  Decision decide(const flow::FlowKey& packet) {
    Decision d;
    d.version = tables.version();
    if (const PublishedRule* r = tables.lookup_hidden(packet, d.version)) {
      d.steps.push_back({r->id, r->rule.cookie});
      return d;
    }
    flow::FlowKey key = packet;
    bool original = true;
    for (std::optional<std::uint8_t> t = std::uint8_t{0}; t;) {
      d.visited.add(*t, original);
      const PublishedRule* r = tables.lookup(*t, key, d.version);
      d.steps.push_back(r == nullptr ? Step{} : Step{r->id, r->rule.cookie});
      if (r == nullptr) break;
      if (r->rule.instructions.metadata) {
        key.metadata = r->rule.instructions.metadata->value;
        key.in_port = 1;  // stands for any set-field
        original = false;
      }
      t = r->rule.instructions.goto_table;
    }
    return d;
  }

  // By the key. Where the hint tells, and where the recent changes tell, they say the same.
  bool unchanged(const Decision& d, const flow::FlowKey& key, ChangeHint* hint) {
    const Recent recent = tables.recent();
    const bool told = recent.tells(*hint, d.version);
    const bool by_recent = told && !recent.marks->changed(hint->hash, d.version);
    const Proof by_hint = tables.prove(d.version, tables.version(), d.visited, *hint);
    const Proof by_key = tables.prove(d.version, tables.version(), key, key, d.visited, hint);
    EXPECT_NE(by_key, Proof::kUnknown);
    if (by_hint != Proof::kUnknown) {
      EXPECT_EQ(by_hint, by_key);
      ++told_by_hint;
    }
    if (told) {
      EXPECT_EQ(by_recent, by_key == Proof::kUnchanged);
      ++told_by_recent;
    }
    return by_key == Proof::kUnchanged;
  }
  bool unchanged(const Decision& d, const flow::FlowKey& key) {
    ChangeHint none;
    return unchanged(d, key, &none);
  }

  std::size_t told_by_hint = 0;
  std::size_t told_by_recent = 0;
  std::uint32_t next_priority = 1;
};

TEST_F(UnchangedTest, NewHiddenRuleEndsADecisionOfThePipeline) {
  flow::FlowKey key;
  key.in_port = 3;
  add(tables.pipeline(), rule(flow::Match{}, 0));
  tables.pipeline().publish();
  const Decision d = decide(key);
  EXPECT_TRUE(unchanged(d, key));
  add(tables.hidden(), rule(flow::Match{}.in_port(3), 18181808));
  tables.hidden().publish();
  EXPECT_FALSE(unchanged(d, key));
}

TEST_F(UnchangedTest, RemovedHiddenRuleEndsItsDecision) {
  flow::FlowKey key;
  key.in_port = 3;
  const flow::RuleId id = add(tables.hidden(), rule(flow::Match{}.in_port(3), 18181808));
  tables.hidden().publish();
  const Decision d = decide(key);
  tables.hidden().remove(id);
  tables.hidden().publish();
  EXPECT_FALSE(unchanged(d, key));
  // Also once the rule is unlinked and its subtable, with the marks, is gone.
  while (retired.reclaim() > 0) {
  }
  EXPECT_FALSE(unchanged(d, key));
  // ... and when a new subtable of the same mask stands in its place.
  add(tables.hidden(), rule(flow::Match{}.in_port(4), 18181808));
  tables.hidden().publish();
  EXPECT_FALSE(unchanged(d, key));
}

TEST_F(UnchangedTest, HiddenDecisionSurvivesAnyChangeOfThePipeline) {
  flow::FlowKey key;
  key.in_port = 3;
  add(tables.hidden(), rule(flow::Match{}.in_port(3), 18181808));
  tables.hidden().publish();
  const Decision d = decide(key);
  for (std::uint32_t p = 0; p < 100; ++p) {
    add(tables.pipeline(), rule(flow::Match{}, p));
    tables.pipeline().publish();
  }
  EXPECT_TRUE(unchanged(d, key));
}

TEST_F(UnchangedTest, TouchEndsEveryOlderDecision) {
  flow::FlowKey key;
  const Decision old = decide(key);
  tables.touch();
  EXPECT_FALSE(unchanged(old, key));
  EXPECT_TRUE(unchanged(decide(key), key));
}

TEST_F(UnchangedTest, ManyForeignChangesDoNotEndADecision) {
  add(tables.pipeline(), rule(flow::Match{}.ipv4_dst(Ipv4Address::of(10, 0, 0, 1)), 5));
  tables.pipeline().publish();
  flow::FlowKey key;
  key.ipv4_dst = Ipv4Address::of(10, 0, 0, 1);
  // Each time far more changes than a log would hold, of one other packet: it shares a mark with
  // ours one time in 256.
  flow::Match other;
  int kept = 0;
  for (int i = 0; i < 20; ++i) {
    const Decision d = decide(key);
    other.ipv4_dst(Ipv4Address::of(10, 0, 1, static_cast<std::uint8_t>(i)));
    for (int k = 0; k < 1000; ++k) {
      const flow::RuleId id = add(tables.pipeline(), rule(other, 6));
      tables.pipeline().publish();
      tables.pipeline().remove(id);
      tables.pipeline().publish();
      retired.reclaim();
    }
    kept += unchanged(d, key) ? 1 : 0;
  }
  EXPECT_GE(kept, 15);
}

TEST_F(UnchangedTest, RewrittenKeyTrustsNoLaterTableThatChanged) {
  flow::Rule first = rule(flow::Match{}, 5);
  first.instructions.metadata = flow::WriteMetadata{be64{7}, be64{7}};
  first.instructions.goto_table = std::uint8_t{1};
  add(tables.pipeline(), first);
  tables.pipeline().publish();
  flow::FlowKey key;
  key.in_port = 3;
  const Decision d = decide(key);
  ASSERT_EQ(d.visited.count(), 2);
  flow::Rule second = rule(flow::Match{}, 5);
  second.match.key.metadata = second.match.mask.metadata = be64{7};
  second.table_id = 2;  // another table: no matter
  add(tables.pipeline(), second);
  tables.pipeline().publish();
  EXPECT_TRUE(unchanged(d, key));
  second.table_id = 1;
  add(tables.pipeline(), second);
  tables.pipeline().publish();
  EXPECT_FALSE(unchanged(d, key));
}

TEST_F(UnchangedTest, MoreTablesThanListedTrustNoChangeAtAll) {
  for (std::uint8_t t = 0; t < 11; ++t) {
    flow::Rule r = rule(flow::Match{}, 5);
    r.table_id = t;
    r.instructions.goto_table = static_cast<std::uint8_t>(t + 1);
    add(tables.pipeline(), r);
  }
  tables.pipeline().publish();
  flow::FlowKey key;
  const Decision d = decide(key);
  EXPECT_TRUE(d.visited.more_than_listed());
  EXPECT_TRUE(unchanged(d, key));
  flow::Rule last = rule(flow::Match{}, 1);
  last.table_id = 11;
  add(tables.pipeline(), last);
  tables.pipeline().publish();
  EXPECT_FALSE(unchanged(d, key));
}

// The property, over random tables, pipelines, packets and histories.
TEST_F(UnchangedTest, NeverProvesADecisionThatTheTablesWouldNotMakeAgain) {
  RandomRules random;
  SCOPED_TRACE(random.seed());
  struct Cached {
    flow::FlowKey key;
    Decision decision;
  };
  std::vector<Cached> cache;
  std::vector<flow::RuleId> open;
  std::vector<flow::RuleId> hidden;
  std::uint64_t proven = 0;
  std::uint64_t tried = 0;

  const auto take = [&](std::vector<flow::RuleId>& ids) {
    const std::uint32_t i = random.below(static_cast<std::uint32_t>(ids.size()));
    const flow::RuleId id = ids[i];
    ids[i] = ids.back();
    ids.pop_back();
    return id;
  };
  const auto change = [&](flow::RuleWriter& writer, std::vector<flow::RuleId>& ids,
                          std::size_t size) {
    const std::uint32_t what = random.below(10);
    if (ids.size() < size / 2 || (what < 5 && ids.size() < size)) {
      // Priorities differ: OpenFlow does not say which of two equal ones wins.
      flow::Rule r = random.rule(1, 4);
      r.priority = next_priority++ % 60000;
      if (r.table_id < 3 && random.below(2) == 0)
        r.instructions.goto_table = static_cast<std::uint8_t>(r.table_id + 1 + random.below(2));
      if (random.below(4) == 0) r.instructions.metadata = flow::WriteMetadata{be64{1}, be64{1}};
      if (const auto id = writer.add(r)) ids.push_back(*id);
    } else if (what < 8 && !ids.empty()) {
      writer.remove(take(ids));
    } else if (!ids.empty()) {
      const flow::RuleId id = take(ids);
      ASSERT_TRUE(writer.replace(id, {}, next_priority).has_value());
      ids.push_back(id);
    }
  };

  for (int step = 0; step < 20'000; ++step) {
    const std::uint32_t what = random.below(20);
    if (what < 8) change(tables.pipeline(), open, 60);
    if (what == 8) change(tables.hidden(), hidden, 3);
    if (what >= 9 && what < 13) tables.pipeline().publish();
    if (what == 13) tables.hidden().publish();
    if (what == 14) retired.reclaim(random.below(50));
    if (what == 15 && random.below(50) == 0) tables.touch();
    if (what == 16) {
      const flow::FlowKey key = random.packet();
      if (cache.size() < 100)
        cache.push_back({key, decide(key)});
      else
        cache[random.below(100)] = {key, decide(key)};
    }
    for (int i = 0; i < 4 && !cache.empty(); ++i) {
      Cached& c = cache[random.below(static_cast<std::uint32_t>(cache.size()))];
      const Decision now = decide(c.key);
      ++tried;
      if (!unchanged(c.decision, c.key, &c.decision.hint)) {
        if (random.below(4) == 0) c.decision = now;
        continue;
      }
      ++proven;
      ASSERT_EQ(c.decision.steps, now.steps);
      if (random.below(2) == 0) c.decision.version = now.version;  // as a worker re-stamps
    }
  }
  // Of use only if it often says yes.
  EXPECT_GT(proven, tried / 10);
  EXPECT_GT(told_by_hint, tried / 4);
  EXPECT_GT(told_by_recent, 100u);
}

TEST_F(UnchangedTest, HintTellsWhileOnlyItsSubtableChanges) {
  flow::FlowKey key;
  key.ipv4_dst = Ipv4Address::of(10, 0, 0, 1);
  const auto change = [&](const flow::Match& match) {
    add(tables.pipeline(), rule(match, next_priority++));
    tables.pipeline().publish();
  };
  const auto by_hint = [&](const Decision& d) {
    return tables.prove(d.version, tables.version(), d.visited, d.hint);
  };
  change(flow::Match{}.ipv4_dst(Ipv4Address::of(10, 0, 0, 2)));
  Decision d = decide(key);
  change(flow::Match{}.ipv4_dst(Ipv4Address::of(10, 0, 0, 3)));
  EXPECT_EQ(by_hint(d), Proof::kUnknown);
  ASSERT_TRUE(unchanged(d, key, &d.hint));
  EXPECT_EQ(by_hint(d), Proof::kUnchanged);
  change(flow::Match{}.in_port(9));  // of another subtable
  EXPECT_EQ(by_hint(d), Proof::kUnknown);
  EXPECT_FALSE(tables.recent().tells(d.hint, d.version));
  d.version = tables.version();
  change(flow::Match{}.ipv4_dst(Ipv4Address::of(10, 0, 0, 4)));
  EXPECT_TRUE(tables.recent().tells(d.hint, d.version));
  change(flow::Match{}.ipv4_dst(Ipv4Address::of(10, 0, 0, 1)));
  EXPECT_EQ(by_hint(d), Proof::kChanged);
  ASSERT_TRUE(tables.recent().tells(d.hint, d.version));
  EXPECT_TRUE(tables.recent().marks->changed(d.hint.hash, d.version));
  tables.touch();
  EXPECT_FALSE(tables.recent().tells(d.hint, d.version));
}

// While the table grows, its marks become finer and keep what they knew.
TEST_F(UnchangedTest, GrowthOfATableForgetsNoChangeAndInventsFew) {
  const auto host = [](std::uint32_t n) { return Ipv4Address::of(10, 1, n >> 8 & 255, n & 255); };
  constexpr std::uint32_t kHosts = 4096;
  std::vector<std::pair<flow::FlowKey, Decision>> cache(kHosts);
  for (std::uint32_t n = 0; n < kHosts; ++n) {
    cache[n].first.ipv4_dst = host(n);
    cache[n].second = decide(cache[n].first);
  }
  std::uint32_t alarms = 0;
  for (std::uint32_t n = 0; n < kHosts / 2; ++n) {
    add(tables.pipeline(), rule(flow::Match{}.ipv4_dst(host(n)), 5));
    tables.pipeline().publish();
    auto& [mine, decision] = cache[n];
    EXPECT_FALSE(unchanged(decision, mine, &decision.hint)) << n;
    for (std::uint32_t other = kHosts - 8; other < kHosts; ++other) {
      auto& [key, d] = cache[other];
      if (!unchanged(d, key, &d.hint)) ++alarms;
      d.version = tables.version();
    }
  }
  for (std::uint32_t n = 0; n < kHosts / 2; ++n) {
    EXPECT_FALSE(unchanged(cache[n].second, cache[n].first, &cache[n].second.hint)) << n;
  }
  EXPECT_LT(alarms, 8 * (kHosts / 2) / 50);
}

}  // namespace
}  // namespace lifeline::table
