#include "inband/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/random.h"
#include "unit/inband/agent_fixture.h"

namespace lifeline::inband {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(AgentTest, BringUpPutsEveryRuleInPlaceWithOnePublish) {
  bring_up();
  EXPECT_THAT(table.published, SizeIs(1));
  EXPECT_TRUE(guard_writer.guards.enabled);
  EXPECT_EQ(guard_writer.guards.local_mac, kLocalMac);
  EXPECT_THAT(guard_writer.guards.next_hops, ElementsAre(kGateway));
  for (const auto& [id, rule] : table.visible())
    EXPECT_EQ(rule.instructions, hidden_instructions());
}

TEST_F(AgentTest, RemoteRulesStandBeforeAnythingElseIsKnown) {
  agent.set_local_device("l0");
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  EXPECT_EQ(agent.next_deadline(), TimePoint::max()) << "not started";
  test::ExpectLog("no route");
  agent.start();
  EXPECT_EQ(table.letters(), "fghi");
  event(kernel.set_link(kLocalIndex, "l0", kLocalMac));
  EXPECT_EQ(table.letters(), "abcfghi");
  event(kernel.set_route(kController, {{IpAddress{kGateway}, kLocalIndex}}));
  EXPECT_EQ(table.letters(), "abcfghi");
  EXPECT_THAT(kernel.resolved, ElementsAre(FakeKernel::HopKey{kGateway, kLocalIndex}));
  event(kernel.set_neighbour(kGateway, std::nullopt, NUD_INCOMPLETE));
  EXPECT_EQ(table.letters(), "abcfghi");
  event(kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE));
  EXPECT_EQ(table.letters(), "abcdefghi");
}

TEST_F(AgentTest, ARemoteOnTheLinkIsItsOwnNextHop) {
  kernel.set_link(kLocalIndex, "l0", kLocalMac);
  kernel.set_route(kController, {{std::nullopt, kLocalIndex}});
  kernel.set_neighbour(kController, kOtherMac, NUD_STALE);
  agent.set_local_device("l0");
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  agent.start();
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
  EXPECT_THAT(guard_writer.guards.next_hops, ElementsAre(kController));
}

TEST_F(AgentTest, ALostLocalMacTakesABAndCAtOnceAndGivesThemBack) {
  bring_up();
  test::ExpectLog("went away");
  event(kernel.delete_link(kLocalIndex));
  EXPECT_EQ(table.letters(), "defghi");
  EXPECT_EQ(guard_writer.guards.local_mac, std::nullopt);
  event(kernel.set_link(kLocalIndex + 1, "l0", kOtherMac));  // comes back as another device
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_TRUE(table.has(Kind::kToLocalArp, kOtherMac.to_string()));
}

TEST_F(AgentTest, ALinkWithoutAMacGivesNoLocalRules) {
  bring_up();
  event(kernel.set_link(kLocalIndex, "l0", std::nullopt));
  EXPECT_EQ(table.letters(), "defghi");
}

TEST_F(AgentTest, AChangedLocalMacReplacesOldByNewInOnePublish) {
  bring_up();
  const std::size_t before = table.published.size();
  event(kernel.set_link(kLocalIndex, "l0", kOtherMac));
  EXPECT_EQ(table.published.size(), before + 1);
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_TRUE(table.has(Kind::kFromLocalDhcp, kOtherMac.to_string()));
  EXPECT_FALSE(table.has(Kind::kFromLocalDhcp, kLocalMac.to_string()));
}

TEST_F(AgentTest, AChangedNextHopMacReplacesOldByNewInOnePublish) {
  bring_up();
  const std::size_t before = table.published.size();
  event(kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE));
  EXPECT_EQ(table.published.size(), before + 1);
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
  EXPECT_FALSE(table.has(Kind::kToNextHopArp, kGatewayMac.to_string()));
}

TEST_F(AgentTest, TheWayChangesWithTheNextHopsMacAndNotWithItsLoss) {
  bring_up();
  const std::string id = agent.status().remotes[0].remote.id;
  pass(seconds{1});
  const TimePoint then = clock.now();
  event(kernel.set_neighbour(kGateway, std::nullopt, NUD_FAILED));
  EXPECT_LT(agent.way_changed_at(id), then);
  pass(seconds{1});
  event(kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE));
  EXPECT_GT(agent.way_changed_at(id), then);
  EXPECT_EQ(agent.way_changed_at("tcp:nobody"), TimePoint{});
}

TEST_F(AgentTest, AnotherGatewayBringsItsOwnRules) {
  bring_up();
  const Ipv4Address second = Ipv4Address::of(10, 0, 0, 2);
  kernel.set_neighbour(second, kOtherMac, NUD_STALE);
  event(kernel.set_route(kController, {{IpAddress{second}, kLocalIndex}}));
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
  EXPECT_THAT(guard_writer.guards.next_hops, ElementsAre(second));
  event(kernel.set_route(kController,
                         {{IpAddress{second}, kLocalIndex}, {IpAddress{kGateway}, kLocalIndex}}));
  EXPECT_EQ(table.letters(), "abcddeefghi") << "ECMP: every hop counts";
}

TEST_F(AgentTest, ARenamedLocalPortIsFollowed) {
  bring_up();
  event(kernel.set_link(kLocalIndex, "mgmt0", kLocalMac));
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_EQ(agent.status().local_device, "mgmt0");
  EXPECT_TRUE(in_log("renamed to mgmt0"));
  event(kernel.set_link(kLocalIndex + 3, "l0", kOtherMac));  // a stranger takes the old name
  EXPECT_TRUE(table.has(Kind::kToLocalArp, kLocalMac.to_string()));
}

TEST_F(AgentTest, ABriefFailureOfTheNextHopHoldsItsRules) {
  bring_up();
  event(kernel.set_neighbour(kGateway, std::nullopt, NUD_FAILED));
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_TRUE(agent.status().remotes[0].next_hops[0].held);
  EXPECT_FALSE(kernel.resolved.empty()) << "the kernel is made to ask again";
  pass(milliseconds{4900});
  EXPECT_EQ(table.letters(), "abcdefghi");
  event(kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE));
  pass(seconds{20});
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_FALSE(agent.status().remotes[0].next_hops[0].held);
}

TEST_F(AgentTest, ALongFailureOfTheNextHopEndsItsRules) {
  bring_up();
  event(kernel.set_neighbour(kGateway, std::nullopt, NUD_FAILED));
  pass(milliseconds{4990});
  EXPECT_EQ(table.letters(), "abcdefghi");
  pass(milliseconds{20});
  EXPECT_EQ(table.letters(), "abcfghi");
  EXPECT_THAT(guard_writer.guards.next_hops, ElementsAre(kGateway)) << "still listened for";
}

TEST_F(AgentTest, AFailedNextHopThatReturnsWithAnotherMacIsReplacedAtOnce) {
  bring_up();
  event(kernel.set_neighbour(kGateway, std::nullopt, NUD_FAILED));
  event(kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE));
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
  EXPECT_FALSE(table.has(Kind::kToNextHopArp, kGatewayMac.to_string()));
}

TEST_F(AgentTest, AnUnknownNextHopIsResolvedEverySecondAndNoMoreOften) {
  bring_up();
  kernel.resolved.clear();
  kernel.neighbours.clear();
  event(netlink::NeighbourEvent{{kLocalIndex, kGateway, std::nullopt, NUD_FAILED}, true});
  pass(milliseconds{10'100});
  EXPECT_THAT(kernel.resolved, testing::SizeIs(testing::AllOf(testing::Ge(10u), testing::Le(11u))));
  // What resolving causes in the kernel must not cause resolving.
  kernel.resolved.clear();
  for (int i = 0; i < 100; ++i)
    event(kernel.set_neighbour(kGateway, std::nullopt, i % 2 ? NUD_FAILED : NUD_INCOMPLETE));
  EXPECT_LE(kernel.resolved.size(), 1u);
}

TEST_F(AgentTest, AMissedEchoProbesTheNextHops) {
  bring_up();
  agent.on_missed_echo(remote(kController).id);
  EXPECT_THAT(kernel.probed, ElementsAre(FakeKernel::HopKey{kGateway, kLocalIndex}));
  EXPECT_EQ(table.letters(), "abcdefghi");
  agent.on_missed_echo("no such remote");
  EXPECT_THAT(kernel.probed, SizeIs(1));
}

TEST_F(AgentTest, NoRouteIsWarnedOfOncePerChangeAndAskedForEverySecond) {
  bring_up();
  test::ExpectLog("no route: Network is unreachable");
  event(kernel.delete_route(kController));
  EXPECT_EQ(table.letters(), "abcfghi");
  const int asked = kernel.route_queries;
  pass(seconds{30});
  EXPECT_EQ(kernel.route_queries, asked + 30);
  const auto warnings = [] {
    const auto lines = test::log_lines();
    return std::count_if(lines.begin(), lines.end(), [](const std::string& l) {
      return l.starts_with("WARN") && l.find("no route") != std::string::npos;
    });
  };
  EXPECT_EQ(warnings(), 1);
  kernel.set_route(kController, {{IpAddress{kGateway}, kLocalIndex}});
  pass(seconds{1});
  EXPECT_EQ(table.letters(), "abcdefghi") << "the poll alone repairs it";
  event(kernel.delete_route(kController));
  EXPECT_EQ(warnings(), 2);
}

TEST_F(AgentTest, ALoopbackRemoteHasNoRuleNoQuestionAndNoWarning) {
  kernel.set_link(kLocalIndex, "l0", kLocalMac);
  agent.set_local_device("l0");
  ASSERT_TRUE(agent.set_remotes({remote(Ipv4Address::of(127, 0, 0, 1))}));
  agent.start();
  pass(seconds{30});
  EXPECT_EQ(table.letters(), "");
  EXPECT_EQ(kernel.route_queries, 0);
  EXPECT_FALSE(guard_writer.guards.enabled);
}

TEST_F(AgentTest, ARemoteOnAnOwnAddressKeepsItsRules) {
  bring_up();
  kernel.routes[IpAddress{kController}].type = netlink::Route::Type::kLocal;
  event(netlink::RouteEvent{true, false});
  EXPECT_EQ(table.letters(), "abcfghi");
  EXPECT_EQ(agent.status().remotes[0].reach, Reach::kOwnAddress);
}

TEST_F(AgentTest, SwitchingOffOrRemovingTheLastRemoteRemovesEverything) {
  bring_up();
  agent.set_enabled(false);
  settle();
  EXPECT_EQ(table.letters(), "");
  EXPECT_FALSE(guard_writer.guards.enabled);
  const int asked = kernel.route_queries;
  pass(seconds{30});
  EXPECT_EQ(kernel.route_queries, asked) << "nothing to keep";
  agent.set_enabled(true);
  settle();
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_TRUE(agent.remove_remote(remote(kController).id));
  EXPECT_FALSE(agent.remove_remote(remote(kController).id));
  settle();
  EXPECT_EQ(table.letters(), "");
  ASSERT_TRUE(agent.add_remote(remote(kController, 6633)));
  settle();
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_TRUE(table.has(Kind::kToRemoteTcp, "tp_dst=6633"));
}

TEST_F(AgentTest, RemotesAreCheckedAndReplacedAsAList) {
  bring_up();
  EXPECT_FALSE(agent.set_remotes({remote(kController), remote(kController)}));
  EXPECT_FALSE(agent.set_remotes({remote(kController, 0)}));
  EXPECT_FALSE(agent.add_remote({"", kController, 6653}));
  for (const char* ip : {"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"})
    EXPECT_FALSE(agent.add_remote({"x", *IpAddress::parse(ip), 6653})) << ip;
  EXPECT_EQ(table.letters(), "abcdefghi");
  const std::size_t publishes = table.published.size();
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  settle();
  EXPECT_EQ(table.published.size(), publishes) << "the same list is no change";
  const Ipv4Address other = Ipv4Address::of(192, 0, 2, 9);
  kernel.set_route(other, {{IpAddress{kGateway}, kLocalIndex}});
  ASSERT_TRUE(agent.set_remotes({remote(other), remote(kController)}));
  settle();
  EXPECT_EQ(table.letters(), "abcdeffgghhii");
}

TEST_F(AgentTest, ChangesOfTheManagementVlanReplaceEveryRuleInOnePublish) {
  bring_up();
  const std::size_t before = table.published.size();
  agent.set_vlan({flow::ManagementVlan::Kind::kVid, 10});
  settle();
  EXPECT_EQ(table.published.size(), before + 1);
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_TRUE(table.has(Kind::kToRemoteTcp, "dl_vlan=10"));
  EXPECT_EQ(guard_writer.guards.vlan.vid, 10);
}

TEST_F(AgentTest, AChangedConfigurationIsDueEvenForATimeTakenBeforeIt) {
  bring_up();
  const TimePoint taken = clock.now();
  clock.advance(std::chrono::nanoseconds{1});
  agent.set_enabled(false);
  EXPECT_LE(agent.next_deadline(), taken);
}

// The route changes without a word about itself: what is announced is something else.
TEST_F(AgentTest, EveryKindOfNotificationHasTheRemotesAskedAboutAgain) {
  bring_up();
  const Ipv4Address other = Ipv4Address::of(10, 0, 0, 254);
  kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE);
  kernel.set_neighbour(other, kOtherMac, NUD_REACHABLE);
  const netlink::Event kinds[] = {netlink::RuleEvent{true, false},
                                  netlink::RuleEvent{true, true},
                                  netlink::AddressEvent{{kLocalIndex, kGateway, 24}, false},
                                  netlink::AddressEvent{{kLocalIndex, kGateway, 24}, true},
                                  netlink::RouteEvent{true, true},
                                  netlink::LinkEvent{{.index = 99, .name = "x"}, false}};
  bool by_other = false;
  for (const netlink::Event& kind : kinds) {
    by_other = !by_other;
    kernel.set_route(kController, {{IpAddress{by_other ? other : kGateway}, kLocalIndex}});
    event(kind);
    EXPECT_EQ(table.has(Kind::kToNextHopArp, kOtherMac.to_string()), by_other) << kind.index();
    EXPECT_EQ(table.has(Kind::kToNextHopArp, kGatewayMac.to_string()), !by_other) << kind.index();
  }
}

TEST_F(AgentTest, AStormOfNotificationsIsCoalesced) {
  bring_up();
  const int asked = kernel.route_queries;
  for (int i = 0; i < 1000; ++i) {  // one second of a routing daemon at work
    agent.on_kernel_event(netlink::RouteEvent{true, false});
    pass(milliseconds{1});
  }
  EXPECT_LE(kernel.route_queries - asked, 1000 / 5 + 1);
  EXPECT_GE(kernel.route_queries - asked, 150);
}

TEST_F(AgentTest, AFirstNotificationIsActedOnAtOnce) {
  bring_up();
  pass(seconds{3});
  kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE);
  agent.on_kernel_event(
      netlink::NeighbourEvent{{kLocalIndex, kGateway, kOtherMac, NUD_REACHABLE}, false});
  EXPECT_LE(agent.next_deadline(), clock.now());
  settle();
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
}

TEST_F(AgentTest, ManyRemotesAreAskedAboutInPortionsAndNoneStarves) {
  kernel.set_link(kLocalIndex, "l0", kLocalMac);
  kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE);
  std::vector<Remote> remotes;
  for (std::uint8_t i = 0; i < 100; ++i) {
    remotes.push_back(remote(Ipv4Address::of(192, 0, 2, i)));
    kernel.set_route(remotes.back().ip.v4(), {{IpAddress{kGateway}, kLocalIndex}});
  }
  agent.set_local_device("l0");
  ASSERT_TRUE(agent.set_remotes(remotes));
  agent.start();
  EXPECT_LE(kernel.route_queries, 8);
  EXPECT_EQ(table.visible().size(), 3 + 2 + 4 * 100) << "(f) to (i) do not wait";
  agent.on_kernel_event(netlink::RouteEvent{true, false});
  for (int i = 0; i < 40; ++i) {  // notifications that never stop
    agent.run(clock.now());
    clock.advance(milliseconds{5});
    agent.on_kernel_event(netlink::RouteEvent{true, false});
  }
  for (const RemoteStatus& r : agent.status().remotes) EXPECT_EQ(r.reach, Reach::kRouted);
}

TEST_F(AgentTest, AnOverrunHasEverythingAskedAgain) {
  bring_up();
  kernel.set_link(kLocalIndex, "l0", kOtherMac);  // no notification of any of this
  kernel.set_neighbour(kGateway, kLocalMac, NUD_REACHABLE);
  event(netlink::OverrunEvent{});
  EXPECT_TRUE(table.has(Kind::kToLocalArp, kOtherMac.to_string()));
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kLocalMac.to_string()));
  EXPECT_EQ(agent.status().counters.overruns, 1u);
}

TEST_F(AgentTest, WithAllNotificationsLostThePollsRepairInTheirTime) {
  bring_up();
  kernel.set_link(kLocalIndex, "l0", kOtherMac);
  pass(seconds{1});
  EXPECT_TRUE(table.has(Kind::kToLocalArp, kOtherMac.to_string()));
  kernel.set_neighbour(kGateway, kLocalMac, NUD_REACHABLE);
  pass(seconds{10});
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kLocalMac.to_string()));
}

TEST_F(AgentTest, AKernelThatDoesNotAnswerChangesNothing) {
  bring_up();
  const auto before = table.texts();
  test::ExpectLog("keeping what is known");
  kernel.broken = true;
  event(netlink::OverrunEvent{});
  pass(seconds{30});
  EXPECT_EQ(table.texts(), before);
  kernel.broken = false;
  event(kernel.set_neighbour(kGateway, kOtherMac, NUD_REACHABLE));
  EXPECT_TRUE(table.has(Kind::kToNextHopArp, kOtherMac.to_string()));
}

TEST_F(AgentTest, RulesThatFindNoRoomAreTriedAgain) {
  table.capacity = 7;
  test::ExpectLog("find no room");
  kernel.set_link(kLocalIndex, "l0", kLocalMac);
  kernel.set_route(kController, {{IpAddress{kGateway}, kLocalIndex}});
  kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE);
  agent.set_local_device("l0");
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  agent.start();
  EXPECT_EQ(table.visible().size(), 7u);
  table.capacity = 100;
  pass(seconds{1});
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_GE(agent.status().counters.writer_errors, 2u);
}

TEST_F(AgentTest, AFullTableStillTakesAReplacement) {
  bring_up();
  table.capacity = table.visible().size();
  event(kernel.set_link(kLocalIndex, "l0", kOtherMac));
  EXPECT_EQ(table.letters(), "abcdefghi");
  EXPECT_TRUE(table.has(Kind::kToLocalArp, kOtherMac.to_string()));
}

// Random changes of everything: what packets see is always exactly the rules of the facts, it
// changes at most once per run, and a rule wanted before and after was never away.
TEST_F(AgentTest, PacketsAlwaysSeeTheRulesOfTheFacts) {
  test::AllowLog("no route");
  test::AllowLog("went away");
  test::Random random;
  agent.set_local_device("l0");
  agent.start();
  const auto mac = [&] { return MacAddress::from_u64(0x020000000010 + random.below(3)); };
  const auto host = [&](std::uint8_t net) {
    return Ipv4Address::of(10, 0, net, static_cast<std::uint8_t>(1 + random.below(3)));
  };
  for (int step = 0; step < 3000; ++step) {
    switch (random.below(10)) {
      case 0: agent.on_kernel_event(kernel.set_link(kLocalIndex, "l0", mac())); break;
      case 1:
        if (kernel.links.contains(kLocalIndex))
          agent.on_kernel_event(kernel.delete_link(kLocalIndex));
        break;
      case 2:
      case 3:
        agent.on_kernel_event(kernel.set_route(host(1), {{IpAddress{host(0)}, kLocalIndex}}));
        break;
      case 4: agent.on_kernel_event(kernel.delete_route(host(1))); break;
      case 5:
      case 6: agent.on_kernel_event(kernel.set_neighbour(host(0), mac(), NUD_STALE)); break;
      case 7: agent.on_kernel_event(kernel.set_neighbour(host(0), {}, NUD_FAILED)); break;
      case 8: (void)agent.add_remote(remote(host(1))); break;
      case 9:
        if (random.one_in(2)) agent.remove_remote(remote(host(1)).id);
        if (random.one_in(8)) agent.set_enabled(!agent.enabled());
        break;
    }
    const std::size_t publishes = table.published.size();
    const FakeRuleWriter::State before = table.visible();
    agent.run(clock.now());
    ASSERT_LE(table.published.size(), publishes + 1);
    std::vector<std::pair<std::uint32_t, std::string>> wanted;
    for (const HiddenRule& r : hidden_rules(agent.facts()))
      wanted.emplace_back(r.priority, r.match.to_string());
    std::sort(wanted.begin(), wanted.end());
    ASSERT_EQ(table.texts(), wanted) << "step " << step;
    for (const auto& [id, rule] : before) {
      const bool still =
          std::any_of(table.visible().begin(), table.visible().end(), [&was = rule](const auto& e) {
            return e.second.match == was.match && e.second.priority == was.priority;
          });
      if (!still) continue;
      ASSERT_TRUE(table.visible().contains(id)) << "its counters would start again";
    }
    if (random.one_in(3)) clock.advance(milliseconds{random.below(3000)});
  }
}

TEST_F(AgentTest, AClaimToANextHopsMacHasTheKernelAskThatNextHopOnce) {
  bring_up();
  ASSERT_TRUE(agent.add_remote(remote(kController, 6633)));
  settle();
  EXPECT_TRUE(agent.probe_next_hop(kGatewayMac));
  EXPECT_THAT(kernel.probed, testing::ElementsAre(std::pair{IpAddress{kGateway}, kLocalIndex}));
  EXPECT_FALSE(agent.probe_next_hop(kOtherMac)) << "nobody's";
  agent.set_enabled(false);
  EXPECT_FALSE(agent.probe_next_hop(kGatewayMac));
  EXPECT_EQ(kernel.probed.size(), 1u);
}

TEST_F(AgentTest, StrictTakesEffectAtOnce) {
  bring_up();
  agent.set_strict(true);
  settle();
  EXPECT_TRUE(guard_writer.guards.strict);
  EXPECT_TRUE(table.has(Kind::kToRemoteTcp, "dl_dst=" + kGatewayMac.to_string()));
  EXPECT_EQ(table.letters(), "abcdefghi");
}

TEST_F(AgentTest, WhileANameHasNoAnswerTheRulesOfTheLocalPortStandAndThenTheRemotes) {
  kernel.set_link(kLocalIndex, "l0", kLocalMac);
  kernel.set_route(kController, {{IpAddress{kGateway}, kLocalIndex}});
  kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE);
  agent.set_local_device("l0");
  agent.await_names(true);
  agent.start();
  settle();
  EXPECT_EQ(table.letters(), "abclmnnopq");
  EXPECT_TRUE(guard_writer.guards.enabled);
  const std::size_t before = table.published.size();
  agent.await_names(false);
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  settle();
  EXPECT_EQ(table.letters(), "abcdefghi");
  for (std::size_t i = before; i < table.published.size(); ++i)
    EXPECT_GE(table.published[i].size(), 3u) << "(a) to (c) never went";
  agent.await_names(true);
  agent.await_names(true);
  settle();
  EXPECT_EQ(table.letters(), "abcdefghilmnnopq");
  ASSERT_TRUE(agent.set_remotes({}));
  agent.await_names(false);
  settle();
  EXPECT_EQ(table.letters(), "");
  EXPECT_FALSE(guard_writer.guards.enabled);
}

TEST_F(AgentTest, AResolverFollowsItsNextHopAndGoesWithTheNames) {
  bring_up();
  const Ipv4Address ip = Ipv4Address::of(192, 0, 2, 53);
  kernel.set_route(ip, {{IpAddress{kGateway}, kLocalIndex}});
  const Remote resolver{.id = "resolver:192.0.2.53", .ip = ip, .port = 0, .role = Role::kResolver};
  ASSERT_TRUE(agent.set_remotes({remote(kController), resolver}));
  settle();
  EXPECT_EQ(table.letters(), "abcdefghijjkk");
  ASSERT_TRUE(agent.set_remotes({remote(kController)}));
  settle();
  EXPECT_EQ(table.letters(), "abcdefghi");
}

}  // namespace
}  // namespace lifeline::inband
