// Ways in which in-band control has been got wrong before, each with its test. Those of the data
// path (cached decisions, OpenFlow's number for LOCAL, table statistics) have theirs where that
// code is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/inband/agent_fixture.h"

namespace lifeline::inband {
namespace {

using KnownMistakes = AgentTest;

TEST_F(KnownMistakes, AReaderOfStatusDoesNotPushBackTheRefreshTimer) {
  bring_up();
  const TimePoint due = agent.next_deadline();
  kernel.set_link(kLocalIndex, "l0", kOtherMac);
  for (int i = 0; i < 100; ++i) {
    (void)agent.status();
    EXPECT_EQ(agent.next_deadline(), due);
    pass(milliseconds{10});
  }
  EXPECT_TRUE(table.has(Kind::kToLocalArp, kOtherMac.to_string()));
}

TEST_F(KnownMistakes, ALocalChangeDoesNotSkipTheRemoteRefresh) {
  bring_up();
  // Both change, only the local one is announced; the remote's poll is seconds away.
  kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE);
  kernel.set_link(kLocalIndex, "l0", MacAddress::from_u64(0x020000000077));
  pass(seconds{1});
  EXPECT_TRUE(table.has(Kind::kToLocalArp, "02:00:00:00:00:77"));
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
}

TEST_F(KnownMistakes, RuleAIsNotForgottenWhenTheLocalMacIsLost) {
  bring_up();
  test::ExpectLog("went away");
  event(kernel.delete_link(kLocalIndex));
  EXPECT_FALSE(table.has(Kind::kFromLocalDhcp));
  EXPECT_FALSE(table.has(Kind::kToLocalArp));
  EXPECT_FALSE(table.has(Kind::kFromLocalArp));
}

TEST_F(KnownMistakes, ANullLocalMacMatchesNoNullChaddr) {
  bring_up();
  event(kernel.set_link(kLocalIndex, "l0", MacAddress{}));
  EXPECT_EQ(guard_writer.guards.local_mac, std::nullopt);
  EXPECT_EQ(table.letters(), "defghi");
}

TEST_F(KnownMistakes, RulesStandInEveryStateOfTheConnection) {
  bring_up();
  const std::size_t publishes = table.published.size();
  for (const ConnectionState s :
       {ConnectionState::kConnecting, ConnectionState::kConnected, ConnectionState::kBackOff,
        ConnectionState::kConnecting, ConnectionState::kIdle}) {
    agent.set_remote_state(remote(kController).id, s, "test");
    pass(seconds{20});
    EXPECT_EQ(table.letters(), "abcdefghi") << connection_state_name(s);
  }
  EXPECT_EQ(table.published.size(), publishes);
}

TEST_F(KnownMistakes, AFailedRouteLookupDropsNoRuleThatNeedsNoRoute) {
  bring_up();
  test::ExpectLog("no route");
  event(kernel.delete_route(kController));
  EXPECT_EQ(table.letters(), "abcfghi");
}

TEST_F(KnownMistakes, TheLocalPortIsTheDatapathsNumber) {
  bring_up();
  bool found = false;
  for (const auto& [id, rule] : table.visible()) {
    if (rule.priority != kind_priority(Kind::kFromLocalDhcp)) continue;
    found = true;
    EXPECT_EQ(rule.match.key.in_port, 0xfffeu);
    EXPECT_EQ(rule.match.mask.in_port, 0xffffffffu);
  }
  EXPECT_TRUE(found);
}

TEST_F(KnownMistakes, ALocalPortThatAppearsLateIsRenamedAndReturns) {
  kernel.set_route(kController, {{IpAddress{kGateway}, kLocalIndex}});
  kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE);
  agent.set_local_device("l0");
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  agent.start();
  EXPECT_EQ(table.letters(), "defghi");
  kernel.set_link(kLocalIndex, "l0", kLocalMac);  // unannounced: the poll must find it
  pass(seconds{1});
  EXPECT_EQ(table.letters(), "abcdefghi");
  kernel.set_link(kLocalIndex, "renamed", kLocalMac);
  pass(seconds{2});
  EXPECT_EQ(table.letters(), "abcdefghi");
  test::ExpectLog("went away");
  (void)kernel.delete_link(kLocalIndex);
  pass(seconds{1});
  EXPECT_EQ(table.letters(), "defghi");
  kernel.set_link(kLocalIndex + 9, "l0", kLocalMac);
  pass(seconds{1});
  EXPECT_EQ(table.letters(), "abcdefghi");
}

TEST_F(KnownMistakes, ANoRouteWarningIsNotRepeatedPerPoll) {
  test::ExpectLog("no route");
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  agent.start();
  pass(seconds{60});
  std::size_t warnings = 0;
  for (const std::string& line : test::log_lines()) warnings += line.starts_with("WARN");
  EXPECT_EQ(warnings, 1u);
}

TEST_F(KnownMistakes, StatusTellsEverything) {
  bring_up();
  agent.set_remote_state(remote(kController).id, ConnectionState::kConnected, "hello");
  const TimePoint then = clock.now();
  pass(seconds{1});
  event(kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE));
  const Status s = agent.status();
  EXPECT_TRUE(s.enabled);
  EXPECT_EQ(s.local_device, "l0");
  EXPECT_EQ(s.local_mac, kLocalMac);
  ASSERT_EQ(s.remotes.size(), 1u);
  const RemoteStatus& r = s.remotes[0];
  EXPECT_EQ(r.connection, ConnectionState::kConnected);
  EXPECT_EQ(r.connection_changed.when, then);
  EXPECT_EQ(r.connection_changed.why, "hello");
  EXPECT_EQ(r.reach, Reach::kRouted);
  ASSERT_EQ(r.next_hops.size(), 1u);
  EXPECT_EQ(r.next_hops[0].ip, IpAddress{kGateway});
  EXPECT_EQ(r.next_hops[0].mac, kOtherMac);
  EXPECT_EQ(r.next_hops[0].device, "l0");
  EXPECT_EQ(r.next_hops[0].neighbour_state, "REACHABLE");
  EXPECT_EQ(r.next_hops[0].changed.why, "neighbour changed");
  EXPECT_GT(r.next_hops[0].changed.when, then);
  ASSERT_EQ(s.rules.size(), 9u);
  for (std::size_t i = 0; i < s.rules.size(); ++i) {
    EXPECT_EQ(s.rules[i].rule.kind, kAllKinds[i]) << "in the order of the letters";
    EXPECT_FALSE(s.rules[i].rule.why.empty());
    EXPECT_EQ(s.rules[i].counters.packets, s.rules[i].id) << "asked of the table";
  }
  EXPECT_TRUE(in_log("MAC 02:00:00:00:00:aa -> 02:00:00:00:00:bb"));
}

}  // namespace
}  // namespace lifeline::inband
