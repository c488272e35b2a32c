// What is rolled back leaves no trace: not in lookups, not in counters, not in what may be added.
#include <gtest/gtest.h>

#include <map>

#include "tables_fixture.h"

namespace lifeline::table {
namespace {

struct RollBackTest : test::TablesFixture {
  static flow::Match port(flow::PortNo p) { return flow::Match{}.in_port(p); }
  const PublishedRule* on_port(flow::PortNo p) {
    flow::FlowKey key;
    key.in_port = p;
    return find(key);
  }
  flow::RuleWriter& writer = tables.pipeline();

  // The rules before the test; returns their ids by port.
  std::map<flow::PortNo, flow::RuleId> publish_four() {
    std::map<flow::PortNo, flow::RuleId> ids;
    for (flow::PortNo p = 1; p <= 4; ++p) ids[p] = add(writer, rule(port(p), 5, p));
    writer.publish();
    for (const auto& [p, id] : ids) tables.counters().add(0, on_port(p)->counter, p, p * 100u);
    return ids;
  }
  void expect_four(const std::map<flow::PortNo, flow::RuleId>& ids) {
    EXPECT_EQ(tables.rule_count(), 4u);
    EXPECT_EQ(tables.rule_count(0), 4u);
    for (const auto& [p, id] : ids) {
      const PublishedRule* r = on_port(p);
      ASSERT_NE(r, nullptr);
      EXPECT_EQ(r->id, id);
      EXPECT_EQ(r->rule.instructions, rule(port(p), 5, p).instructions);
      EXPECT_EQ(writer.counters(id), (flow::RuleCounters{p, p * 100u}));
    }
  }
  // Every kind of change, and changes of changes.
  void stage_much(const std::map<flow::PortNo, flow::RuleId>& ids) {
    const auto other = [](flow::PortNo p) { return rule(port(1), 5, p).instructions; };
    ASSERT_TRUE(writer.replace(ids.at(1), other(11), 1));
    writer.remove(ids.at(2));
    ASSERT_TRUE(writer.replace(ids.at(3), other(13), 1));
    ASSERT_TRUE(writer.replace(ids.at(3), other(14), 2));
    writer.remove(ids.at(3));
    add(writer, rule(port(3), 5, 15));
    const flow::RuleId fresh = add(writer, rule(port(7), 9, 17));
    ASSERT_TRUE(writer.replace(fresh, other(18), 1));
    const flow::RuleId brief = add(writer, rule(port(8), 9, 19));
    writer.remove(brief);
    add(writer, rule(flow::Match{}.eth_type(0x800), 9, 20));  // of a mask that is new
  }
};

TEST_F(RollBackTest, RestoresWhatWasPublished) {
  const auto ids = publish_four();
  const std::uint64_t version = tables.version();
  const std::uint32_t counters = tables.counters().in_use();
  stage_much(ids);
  EXPECT_TRUE(writer.roll_back(1000));
  EXPECT_EQ(tables.version(), version);
  retired.drain();
  EXPECT_EQ(tables.counters().in_use(), counters);
  expect_four(ids);
  EXPECT_EQ(on_port(7), nullptr);
  EXPECT_EQ(on_port(8), nullptr);
}

TEST_F(RollBackTest, GoesInPieces) {
  const auto ids = publish_four();
  stage_much(ids);
  int pieces = 1;
  while (!writer.roll_back(1)) ++pieces;
  EXPECT_GT(pieces, 8);
  expect_four(ids);
}

TEST_F(RollBackTest, NothingStagedIsNothingToDo) {
  const auto ids = publish_four();
  EXPECT_TRUE(writer.roll_back(1));
  expect_four(ids);
}

TEST_F(RollBackTest, WhatFollowsIsPublishedAsEver) {
  const auto ids = publish_four();
  stage_much(ids);
  ASSERT_TRUE(writer.roll_back(1000));
  add(writer, rule(port(7), 9, 30));
  writer.remove(ids.at(2));
  ASSERT_TRUE(writer.replace(ids.at(1), rule(port(1), 5, 31).instructions, 0));
  writer.publish();
  EXPECT_EQ(on_port(2), nullptr);
  EXPECT_EQ(on_port(7)->rule.instructions, rule(port(7), 9, 30).instructions);
  EXPECT_EQ(on_port(1)->rule.instructions, rule(port(1), 5, 31).instructions);
  EXPECT_EQ(writer.counters(ids.at(1)), (flow::RuleCounters{1, 100}));
  EXPECT_EQ(tables.rule_count(), 4u);
  retired.drain();
  EXPECT_EQ(on_port(3)->id, ids.at(3));
}

TEST_F(RollBackTest, TheHiddenTableIsNotTouched) {
  const flow::RuleId hidden = add(tables.hidden(), rule(port(1), 18181809));
  add(writer, rule(port(2), 5));
  ASSERT_TRUE(writer.roll_back(1000));
  tables.hidden().publish();
  flow::FlowKey key;
  key.in_port = 1;
  ASSERT_NE(tables.lookup_hidden(key, tables.version()), nullptr);
  EXPECT_EQ(tables.lookup_hidden(key, tables.version())->id, hidden);
}

}  // namespace
}  // namespace lifeline::table
