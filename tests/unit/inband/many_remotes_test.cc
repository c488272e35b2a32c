// Controllers and next hops of switches behind us, and a thousand of them.
#include <gmock/gmock.h>

#include "support/log_capture.h"
#include "support/random.h"
#include "unit/inband/agent_fixture.h"

namespace lifeline::inband {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Ipv4Address many(std::size_t n) {
  return Ipv4Address::of(198, 18, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n));
}
Remote also_reach(Ipv4Address ip, std::uint16_t port = 6653) {
  Remote r = remote(ip, port);
  r.role = Role::kAlsoReach;
  return r;
}
Remote next_hop(Ipv4Address ip) {
  return {"next-hop:" + ip.to_string(), ip, 0, Role::kNextHop, {}, Origin::kConfiguration};
}
Remote next_hop(MacAddress mac) {
  return {"next-hop:" + mac.to_string(), {}, 0, Role::kNextHop, mac, Origin::kConfiguration};
}

class ManyRemotes : public AgentTest {
 protected:
  void bring_up_thousand() {
    std::vector<Remote> all;
    for (std::size_t i = 0; i < 1000; ++i) {
      all.push_back(also_reach(many(i)));
      kernel.set_route(many(i), {{IpAddress{kGateway}, kLocalIndex}});
    }
    bring_up();
    ASSERT_TRUE(agent.set_others(all));
    settle();
    ASSERT_EQ(table.visible().size(), 3 + 2 + 4 * 1001u);
  }
};

TEST_F(ManyRemotes, AThousandThatComeOrWhoseGatewayMovesAreALineOfLogEach) {
  const auto lines = [](std::string_view part) {
    int n = 0;
    for (const std::string& line : test::log_lines()) n += line.find(part) != std::string::npos;
    return n;
  };
  bring_up_thousand();
  EXPECT_EQ(lines("198.18."), 0);
  pass(seconds{1});
  EXPECT_EQ(lines("inband: remotes: 1000 added, 1000 with another way, 1000 with other next hops, "
                  "1000 whose next hop has another MAC"),
            1);
  EXPECT_TRUE(in_log("1000 added"));
  EXPECT_EQ(agent.summary().remote_counts.all, 1001u);
  EXPECT_EQ(agent.summary().remote_counts.without_mac, 0u);
  EXPECT_EQ(agent.summary().rule_count, 3 + 2 + 4 * 1001u);

  agent.on_kernel_event(kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE));
  pass(seconds{2});
  EXPECT_EQ(lines("remotes: 1000 whose next hop has another MAC"), 1);
  // One of them is told in its own words; a controller of ours always is.
  ASSERT_TRUE(agent.remove_remote(also_reach(many(7)).id));
  pass(seconds{1});
  EXPECT_EQ(lines("remote " + also_reach(many(7)).id + " removed"), 1);
  EXPECT_GE(lines("remote " + remote(kController).id + ":"), 3);
}

TEST_F(ManyRemotes, AnotherSwitchesControllerHasEveryRuleOfItsOwn) {
  bring_up();
  const Ipv4Address other = Ipv4Address::of(203, 0, 113, 9);
  kernel.set_route(other, {{IpAddress{Ipv4Address::of(10, 0, 0, 2)}, kLocalIndex}});
  kernel.set_neighbour(Ipv4Address::of(10, 0, 0, 2), kOtherMac, NUD_REACHABLE);
  ASSERT_TRUE(agent.add_remote(also_reach(other, 6633)));
  settle();
  EXPECT_EQ(table.letters(), "abcddeeffgghhii");
  EXPECT_TRUE(table.has(Kind::kToRemoteTcp, "203.0.113.9"));
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
}

TEST_F(ManyRemotes, ANextHopGivenByAddressHasItsTwoRulesAndIsProtected) {
  bring_up();
  const Ipv4Address hop = Ipv4Address::of(10, 0, 0, 9);
  kernel.set_route(hop, {{std::nullopt, kLocalIndex}});
  kernel.set_neighbour(hop, kOtherMac, NUD_REACHABLE);
  ASSERT_TRUE(agent.add_remote(next_hop(hop)));
  settle();
  EXPECT_EQ(table.letters(), "abcddeefghi") << "no session is let through to it";
  EXPECT_THAT(guard_writer.guards.protected_macs, ElementsAre(kGatewayMac, kOtherMac));
  EXPECT_THAT(guard_writer.guards.next_hops, ElementsAre(kGateway, hop));
  // It follows the kernel as any other next hop does.
  const MacAddress third = MacAddress::from_u64(0x0200000000cc);
  event(kernel.set_neighbour(hop, third, NUD_REACHABLE));
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, third.to_string()));
  EXPECT_FALSE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
}

TEST_F(ManyRemotes, ANextHopBehindAGatewayGivesNoRuleOfTheGateways) {
  kernel.set_link(kLocalIndex, "l0", kLocalMac);
  kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE);
  const Ipv4Address far = Ipv4Address::of(172, 16, 0, 1);
  for (const Ipv4Address to : {kController, far})
    kernel.set_route(to, {{IpAddress{kGateway}, kLocalIndex}});
  agent.set_local_device("l0");
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  ASSERT_TRUE(agent.set_others({next_hop(far)}));
  test::ExpectLog("behind a gateway");
  agent.start();
  settle();
  EXPECT_EQ(table.letters(), "abcdefghi") << "(d) and (e) of the controller's";
  const auto status = agent.remote_status("next-hop:172.16.0.1");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->reach, Reach::kNoRoute);
  EXPECT_THAT(status->reach_reason, testing::HasSubstr("give its MAC"));
}

TEST_F(ManyRemotes, ANextHopGivenByMacStandsWithoutAskingTheKernel) {
  bring_up();
  const int asked = kernel.route_queries;
  ASSERT_TRUE(agent.add_remote(next_hop(kOtherMac)));
  settle();
  EXPECT_EQ(table.letters(), "abcddeefghirs");
  EXPECT_TRUE(table.has(Kind::kFromNextHopArp, kOtherMac.to_string()));
  EXPECT_EQ(kernel.route_queries, asked);
  EXPECT_THAT(guard_writer.guards.protected_macs, ElementsAre(kGatewayMac, kOtherMac));
  EXPECT_TRUE(agent.remove_remote("next-hop:" + kOtherMac.to_string()));
  settle();
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_THAT(guard_writer.guards.protected_macs, ElementsAre(kGatewayMac));
}

TEST_F(ManyRemotes, NextHopsAloneCallForNothing) {
  bring_up();
  ASSERT_TRUE(agent.set_remotes({}));
  ASSERT_TRUE(agent.set_others({next_hop(kOtherMac)}));
  settle();
  EXPECT_EQ(table.letters(), "");
  EXPECT_FALSE(guard_writer.guards.enabled);
  EXPECT_THAT(guard_writer.guards.protected_macs, IsEmpty());
  ASSERT_TRUE(agent.add_remote(remote(kController)));
  settle();
  EXPECT_EQ(table.letters(), "abcddeefghirs");
}

TEST_F(ManyRemotes, AMacThatIsNobodysOrEverybodysIsRefused) {
  EXPECT_FALSE(agent.add_remote(next_hop(MacAddress{})));
  EXPECT_FALSE(agent.add_remote(next_hop(MacAddress::broadcast())));
}

TEST_F(ManyRemotes, AReloadLeavesWhatTheOperatorAdded) {
  bring_up();
  kernel.set_route(many(1), {{IpAddress{kGateway}, kLocalIndex}});
  Remote mine = also_reach(many(1));
  mine.origin = Origin::kOperator;
  ASSERT_TRUE(agent.add_remote(mine));
  ASSERT_TRUE(agent.set_remotes({remote(kController, 6633)}));
  ASSERT_TRUE(agent.set_others({}));
  settle();
  EXPECT_THAT(agent.remote_ids(), ElementsAre("tcp:192.0.2.7:6633", mine.id));
  EXPECT_TRUE(table.has(Kind::kToRemoteTcp, many(1).to_string()));
  EXPECT_TRUE(table.has(Kind::kToRemoteTcp, "tp_dst=6633"));
  EXPECT_EQ(table.letters(), "abcdeffgghhii");
}

// What costs: questions to the kernel and writes to the table. The times are measured by the bench.
TEST_F(ManyRemotes, AChangeAmongAThousandIsWorkForOne) {
  bring_up_thousand();
  const std::size_t publishes = table.published.size();
  const flow::RuleId last = table.last_id;
  kernel.set_route(many(2000), {{IpAddress{kGateway}, kLocalIndex}});
  ASSERT_TRUE(agent.add_remote(also_reach(many(2000))));
  kernel.route_queries = 0;
  settle();
  EXPECT_LE(kernel.route_queries, 4);
  EXPECT_EQ(table.last_id, last + 4) << "rules of the others were written again";
  EXPECT_LE(table.published.size(), publishes + 2);
  EXPECT_TRUE(agent.remove_remote(also_reach(many(2000)).id));
  settle();
  EXPECT_EQ(table.last_id, last + 4);
  EXPECT_EQ(table.visible().size(), 3 + 2 + 4 * 1001u);
}

TEST_F(ManyRemotes, AnotherLongListIsTakenOverInSlicesNewOnesFirst) {
  bring_up_thousand();
  std::vector<Remote> wanted{also_reach(many(7))};
  for (std::size_t i = 3000; i < 3300; ++i) {
    wanted.push_back(also_reach(many(i)));
    kernel.set_route(many(i), {{IpAddress{kGateway}, kLocalIndex}});
  }
  const std::size_t before = table.published.size();
  ASSERT_TRUE(agent.set_others(wanted));
  EXPECT_EQ(agent.remote_ids().size(), 1001u) << "in one piece";
  std::size_t most = 1001;
  while (agent.next_deadline() <= clock.now()) {
    const std::size_t standing = table.visible().size();
    const std::size_t had = agent.remote_ids().size();
    agent.run(clock.now());
    const std::size_t has = agent.remote_ids().size();
    ASSERT_LE(has, had + 4);
    ASSERT_GE(has + 4, had);
    ASSERT_LE(table.visible().size(), standing + 8 * 4);
    ASSERT_GE(table.visible().size() + 4 * 4, standing);
    ASSERT_TRUE(table.has(Kind::kToRemoteTcp, kController.to_string()));
    most = std::max(most, has);
  }
  EXPECT_EQ(most, 1301u) << "all new ones before the first of the old goes";
  EXPECT_GT(table.published.size(), before + 200);
  EXPECT_EQ(table.visible().size(), 3 + 2 + 4 * 302u);
  const std::vector<std::string> ids = agent.remote_ids();
  ASSERT_EQ(ids.size(), 302u);
  EXPECT_EQ(ids.front(), remote(kController).id);
  for (std::size_t i = 0; i < wanted.size(); ++i) ASSERT_EQ(ids[i + 1], wanted[i].id);
}

TEST_F(ManyRemotes, AListThatComesWhileAnotherIsTakenOverReplacesIt) {
  bring_up();
  std::vector<Remote> first;
  for (std::size_t i = 0; i < 100; ++i) {
    first.push_back(also_reach(many(i)));
    kernel.set_route(many(i), {{IpAddress{kGateway}, kLocalIndex}});
  }
  ASSERT_TRUE(agent.set_others(first));
  for (int i = 0; i < 5; ++i) agent.run(clock.now());
  Remote mine = also_reach(many(500));
  kernel.set_route(many(500), {{IpAddress{kGateway}, kLocalIndex}});
  mine.origin = Origin::kOperator;
  ASSERT_TRUE(agent.add_remote(mine));
  ASSERT_TRUE(agent.set_others({also_reach(many(99)), also_reach(many(3))}));
  settle();
  EXPECT_THAT(agent.remote_ids(), ElementsAre(remote(kController).id, also_reach(many(99)).id,
                                              also_reach(many(3)).id, mine.id));
  EXPECT_EQ(table.visible().size(), 3 + 2 + 4 * 4u);
}

TEST_F(ManyRemotes, AControllersRulesStandAheadOfTheThousands) {
  bring_up_thousand();
  kernel.set_route(many(5000), {{IpAddress{kGateway}, kLocalIndex}});
  agent.set_vlan({flow::ManagementVlan::Kind::kVid, 7});
  agent.run(clock.now());
  ASSERT_TRUE(agent.set_remotes({remote(kController), remote(many(5000))}));
  agent.run(clock.now());
  EXPECT_TRUE(table.has(Kind::kToRemoteTcp, many(5000).to_string()));
}

TEST_F(ManyRemotes, ARemoteInTheWrongListIsRefused) {
  bring_up();
  EXPECT_FALSE(agent.set_others({remote(kController)}));
  EXPECT_FALSE(agent.set_remotes({also_reach(many(1))}));
  EXPECT_FALSE(agent.set_others({also_reach(many(1)), also_reach(many(1))}));
  settle();
  EXPECT_EQ(table.letters(), "abcdefghi");
}

TEST_F(ManyRemotes, TheGatewaysNewMacStandsAfterTheFirstRunOfMany) {
  bring_up_thousand();
  const int calls = guard_writer.calls;
  agent.on_kernel_event(kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE));
  clock.advance(milliseconds{5});
  agent.run(clock.now());
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kGatewayMac.to_string())) << "of the others, still";
  settle();
  EXPECT_FALSE(table.has(Kind::kToNextHopArp, kGatewayMac.to_string()));
  EXPECT_LE(guard_writer.calls, calls + 2) << "the workers' caches are touched at each";
}

TEST_F(ManyRemotes, WhatConcernsAllIsCutIntoRunsAndEachRemoteChangesAtOnce) {
  bring_up_thousand();
  const std::size_t before = table.published.size();
  agent.set_vlan({flow::ManagementVlan::Kind::kVid, 7});
  settle();
  EXPECT_GT(table.published.size(), before + 100) << "in one piece: too long for a slice";
  const auto sessions = [](const FakeRuleWriter::State& state) {
    return std::count_if(state.begin(), state.end(), [](const auto& entry) {
      return entry.second.priority == kind_priority(Kind::kToRemoteTcp);
    });
  };
  for (std::size_t i = before; i < table.published.size(); ++i)
    ASSERT_EQ(sessions(table.published[i]), 1001) << "of some remote neither stood, or both";
  for (const auto& [id, rule] : table.visible())
    ASSERT_NE(rule.match.to_string().find("vlan"), std::string::npos) << rule.match.to_string();
}

}  // namespace
}  // namespace lifeline::inband
