// What is published in pieces is seen all at once, whatever others publish meanwhile.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tables_fixture.h"

namespace lifeline::table {
namespace {

constexpr std::uint32_t kRules = 100;

struct PublishPiecesTest : test::TablesFixture {
  static flow::PortNo port(std::uint32_t i) { return static_cast<flow::PortNo>(i); }
  static flow::Match match_of(std::uint32_t i) {
    // Of four masks and two tables: more than one subtable is marked.
    flow::Match m = flow::Match{}.in_port(port(i));
    if (i % 4 == 1) m.eth_type(0x800);
    if (i % 4 == 2) m.eth_type(0x800).ip_proto(6);
    if (i % 4 == 3) m.eth_type(0x800).ip_proto(6).tp_dst(80);
    return m;
  }
  static std::uint8_t table_of(std::uint32_t i) { return i % 3 == 0 ? 1 : 0; }
  static flow::Rule rule_of(std::uint32_t i) {
    flow::Rule r = rule(match_of(i), 5, port(i + 1));
    r.table_id = table_of(i);
    return r;
  }
  const PublishedRule* of(std::uint32_t i) {
    flow::FlowKey key = flow::Match{}.in_port(port(i)).eth_type(0x800).ip_proto(6).tp_dst(80).key;
    return tables.lookup(table_of(i), key, tables.version());
  }
  std::uint32_t seen() {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < kRules; ++i) n += of(i) != nullptr;
    return n;
  }
  std::vector<flow::RuleId> stage_all() {
    std::vector<flow::RuleId> ids;
    for (std::uint32_t i = 0; i < kRules; ++i) ids.push_back(add(writer, rule_of(i)));
    return ids;
  }
  // The pieces that it took before `seen` jumped from `before` to `after`.
  template <class Seen>
  int publish(Seen what, std::uint32_t before, std::uint32_t after) {
    int pieces = 1;
    while (!writer.publish_some(7)) {
      ++pieces;
      EXPECT_TRUE(what() == before || what() == after) << what() << " of " << kRules;
      if (meanwhile) meanwhile();
      EXPECT_TRUE(what() == before || what() == after) << what() << " of " << kRules;
    }
    EXPECT_EQ(what(), after);
    return pieces;
  }

  flow::RuleWriter& writer = tables.pipeline();
  std::function<void()> meanwhile;
};

TEST_F(PublishPiecesTest, AdditionsComeAllAtOnce) {
  stage_all();
  EXPECT_GE(publish([&] { return seen(); }, 0, kRules), 14);
}

TEST_F(PublishPiecesTest, RemovalsGoAllAtOnceAndLeaveNothing) {
  const auto ids = stage_all();
  writer.publish();
  for (const flow::RuleId id : ids) writer.remove(id);
  EXPECT_GE(publish([&] { return seen(); }, kRules, 0), 14);
  EXPECT_EQ(tables.rule_count(), 0u);
  retired.drain();
  EXPECT_EQ(tables.counters().in_use(), 0u);
}

TEST_F(PublishPiecesTest, ReplacementsAreTheOldOrTheNewOnesAndKeepTheirCounters) {
  const auto ids = stage_all();
  writer.publish();
  for (const flow::RuleId id : ids) {
    ASSERT_TRUE(writer.replace(id, {}, 77));
    tables.counters().add(0, of(static_cast<std::uint32_t>(id - ids[0]))->counter, 1, 64);
  }
  publish(
      [&] {
        std::uint32_t n = 0;
        for (std::uint32_t i = 0; i < kRules; ++i)
          n += of(i) != nullptr && of(i)->rule.cookie == 77;
        return n;
      },
      0, kRules);
  retired.drain();
  for (const flow::RuleId id : ids) EXPECT_EQ(writer.counters(id), (flow::RuleCounters{1, 64}));
}

TEST_F(PublishPiecesTest, OthersThatPublishMeanwhileShowNoneOfIt) {
  const auto ids = stage_all();
  std::uint32_t hidden = 0;
  meanwhile = [&] {
    const std::uint64_t before = tables.version();
    add(tables.hidden(), rule(flow::Match{}.in_port(port(1000 + hidden++)), 70000));
    tables.hidden().publish();
    EXPECT_GT(tables.version(), before);
    flow::FlowKey key;
    key.in_port = port(1000 + hidden - 1);
    EXPECT_NE(tables.lookup_hidden(key, tables.version()), nullptr) << "at once";
    tables.touch();
  };
  publish([&] { return seen(); }, 0, kRules);
  EXPECT_EQ(tables.hidden_rule_count(), hidden);
  for (const flow::RuleId id : ids) writer.remove(id);
  publish([&] { return seen(); }, kRules, 0);
}

TEST_F(PublishPiecesTest, OthersThatCatchUpHaveItDoneFirst) {
  stage_all();
  meanwhile = [&] {
    for (int i = 0; i < 500; ++i) tables.touch();
  };
  publish([&] { return seen(); }, 0, kRules);
}

TEST_F(PublishPiecesTest, TwoWritersInPiecesShowNoneOfEachOther) {
  stage_all();
  for (std::uint32_t i = 0; i < kRules; ++i)
    add(tables.hidden(), rule(flow::Match{}.in_port(port(2000 + i)), 70000));
  const auto hidden_seen = [&] {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < kRules; ++i) {
      flow::FlowKey key;
      key.in_port = port(2000 + i);
      n += tables.lookup_hidden(key, tables.version()) != nullptr;
    }
    return n;
  };
  bool hidden_done = false;
  meanwhile = [&] {
    hidden_done = hidden_done || tables.hidden().publish_some(3);
    EXPECT_TRUE(hidden_seen() == 0 || hidden_seen() == kRules);
  };
  publish([&] { return seen(); }, 0, kRules);
  EXPECT_TRUE(hidden_done);
  EXPECT_EQ(hidden_seen(), kRules);
}

TEST_F(PublishPiecesTest, ADecisionOfBeforeIsProvenNoMoreOnceItCame) {
  VisitedTables visited;
  visited.add(0, true);
  const flow::FlowKey key =
      flow::Match{}.in_port(port(1)).eth_type(0x800).ip_proto(6).tp_dst(80).key;
  const std::uint64_t before = tables.version();
  stage_all();
  std::uint64_t during = before;
  while (!writer.publish_some(7)) {
    tables.touch();
    if (seen() == 0) during = tables.version();
  }
  ChangeHint hint;
  EXPECT_GT(during, before);
  EXPECT_EQ(tables.prove(during, tables.version(), key, key, visited, &hint), Proof::kChanged);
}

TEST_F(PublishPiecesTest, MayBeLeftInTheMiddle) {
  const auto ids = stage_all();
  writer.publish();
  for (const flow::RuleId id : ids) ASSERT_TRUE(writer.replace(id, {}, 1));
  for (std::uint32_t i = 0; i < 30; ++i) EXPECT_FALSE(writer.publish_some(1));
}  // the tables go: a leak, or a rule freed twice, is for the sanitizer to find

}  // namespace
}  // namespace lifeline::table
