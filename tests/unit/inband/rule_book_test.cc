#include "inband/rule_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "support/random.h"
#include "unit/inband/fakes.h"

namespace lifeline::inband {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

// A rule that differs from others by its address.
HiddenRule rule(std::uint8_t n, std::string why = "somebody") {
  HiddenRule r;
  r.kind = Kind::kFromRemoteTcp;
  r.match.eth_type(0x0800).ipv4_src(Ipv4Address::of(192, 0, 2, n));
  r.priority = kind_priority(r.kind);
  r.why = {std::move(why)};
  return r;
}

class RuleBookTest : public testing::Test {
 protected:
  FakeRuleWriter table;
  RuleBook book{table, [](const HiddenRule&, bool) {}};
  TimePoint now{};
};

TEST_F(RuleBookTest, ARuleStandsAsLongAsAnybodyWantsIt) {
  book.set(1, {rule(1), rule(2)});
  book.set(2, {rule(2)});
  EXPECT_TRUE(book.commit(now).published);
  EXPECT_EQ(table.visible().size(), 2u);
  book.drop(1);
  book.commit(now);
  ASSERT_EQ(book.ids().size(), 1u);
  EXPECT_TRUE(book.find(book.ids()[0])->rule.same_rule(rule(2)));
  book.drop(2);
  book.commit(now);
  EXPECT_TRUE(table.visible().empty());
  EXPECT_TRUE(book.ids().empty());
}

TEST_F(RuleBookTest, WhatOneLetsGoOfAndAnotherTakesUpIsNotTouched) {
  book.set(1, {rule(1, "the first")});
  book.commit(now);
  const auto id = book.ids();
  book.drop(1);
  book.set(2, {rule(1, "the second")});
  EXPECT_FALSE(book.commit(now).published);
  EXPECT_EQ(book.ids(), id) << "its counters would start again";
  EXPECT_THAT(book.find(id[0])->rule.why, ElementsAre("the second"));
}

TEST_F(RuleBookTest, OldIsReplacedByNewInOnePublish) {
  book.set(1, {rule(1)});
  book.commit(now);
  book.set(1, {rule(2)});
  book.commit(now);
  ASSERT_EQ(table.published.size(), 2u);
  EXPECT_EQ(table.published[0].size(), 1u);
  EXPECT_EQ(table.published[1].size(), 1u);
}

TEST_F(RuleBookTest, ARuleThatFindsNoRoomIsPlacedWhenThereIsSome) {
  table.capacity = 2;
  book.set(1, {rule(1), rule(2), rule(3)});
  EXPECT_EQ(book.commit(now).refused, 1u);
  EXPECT_EQ(book.missing(), 1u);
  EXPECT_FALSE(book.commit(now).published) << "not without need";
  EXPECT_EQ(book.commit(now, /*retry=*/true).refused, 1u);
  table.capacity = 3;
  EXPECT_TRUE(book.commit(now, /*retry=*/true).published);
  EXPECT_EQ(book.missing(), 0u);
  // One that leaves makes room for one that comes at the same time.
  book.set(1, {rule(1), rule(2), rule(4)});
  EXPECT_EQ(book.commit(now).refused, 0u);
}

TEST_F(RuleBookTest, ARuleThatWasNeverPlacedIsForgottenWithItsOwner) {
  table.capacity = 0;
  book.set(1, {rule(1)});
  book.commit(now);
  book.drop(1);
  book.commit(now);
  EXPECT_EQ(book.missing(), 0u);
  table.capacity = 9;
  EXPECT_FALSE(book.commit(now, /*retry=*/true).published);
}

TEST_F(RuleBookTest, OfManyReasonsTheFirstAreShown) {
  for (RuleBook::Owner owner = 1; owner <= 20; ++owner)
    book.set(owner, {rule(1, fmt::format("remote {}", owner))});
  book.commit(now);
  const auto standing = book.find(book.ids()[0]);
  ASSERT_EQ(standing->rule.why.size(), 9u);
  EXPECT_EQ(standing->rule.why[0], "remote 1");
  EXPECT_EQ(standing->rule.why[8], "and 12 more");
}

TEST_F(RuleBookTest, WhatStandsIsTheUnionOfWhatIsWanted) {
  test::Random random;
  std::map<RuleBook::Owner, std::set<std::uint8_t>> wanted;
  std::map<std::string, flow::RuleId> before;
  for (int step = 0; step < 3000; ++step) {
    const RuleBook::Owner owner = random.below(5);
    std::vector<HiddenRule> rules;
    wanted[owner].clear();
    for (std::size_t i = random.below(4); i > 0; --i)
      wanted[owner].insert(static_cast<std::uint8_t>(random.below(6)));
    for (const std::uint8_t n : wanted[owner]) rules.push_back(rule(n));
    book.set(owner, rules);
    if (random.one_in(3)) continue;
    const std::size_t publishes = table.published.size();
    book.commit(now);
    ASSERT_LE(table.published.size(), publishes + 1);
    std::set<std::string> all;
    for (const auto& [o, list] : wanted)
      for (const std::uint8_t n : list) all.insert(rule(n).to_string());
    std::map<std::string, flow::RuleId> standing;
    for (const flow::RuleId id : book.ids()) standing[book.find(id)->rule.to_string()] = id;
    std::set<std::string> names;
    for (const auto& [name, id] : standing) {
      names.insert(name);
      ASSERT_TRUE(table.visible().contains(id));
      if (before.contains(name)) {
        ASSERT_EQ(before[name], id) << "placed again without need";
      }
    }
    ASSERT_THAT(names, UnorderedElementsAreArray(all)) << "step " << step;
    ASSERT_EQ(table.visible().size(), all.size());
    before = standing;
  }
}

}  // namespace
}  // namespace lifeline::inband
