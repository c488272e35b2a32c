// An IPv6 remote behind a router that is known by its link-local address.
#include "unit/inband/agent_fixture.h"

namespace lifeline::inband {
namespace {

const IpAddress kRemote6{*Ipv6Address::parse("2001:db8::7")};
const IpAddress kRouter6{*Ipv6Address::parse("fe80::1")};
constexpr const char* kAll = "abclmnnopqrstuvw";

class AgentV6 : public AgentTest {
 protected:
  void bring_up_v6(bool with_route) {
    kernel.set_link(kLocalIndex, "l0", kLocalMac);
    if (with_route) route_appears();
    agent.set_local_device("l0");
    ASSERT_TRUE(agent.set_remotes({{"tcp:[2001:db8::7]:6653", kRemote6, 6653}}));
    agent.start();
    settle();
  }
  netlink::Event route_appears() {
    kernel.set_neighbour(kRouter6, kGatewayMac, NUD_STALE);
    return kernel.set_route(kRemote6, {{kRouter6, kLocalIndex}});
  }
};

TEST_F(AgentV6, ALinkLocalNextHopIsAskedForOnItsDevice) {
  bring_up_v6(true);
  EXPECT_EQ(table.letters(), kAll);
  EXPECT_TRUE(table.has(Kind::kFromNextHopNs, "dl_src=02:00:00:00:00:aa"));
  EXPECT_THAT(guard_writer.guards.next_hops_v6, testing::ElementsAre(kRouter6.v6()));
  EXPECT_TRUE(guard_writer.guards.ipv6);
}

TEST_F(AgentV6, ALinkLocalRemoteIsItsOwnNextHopOnTheLocalPort) {
  kernel.set_route(kRouter6, {{std::nullopt, kLocalIndex}});
  kernel.set_neighbour(kRouter6, kGatewayMac, NUD_STALE);
  agent.set_local_device("l0");
  ASSERT_TRUE(agent.set_remotes({{"tcp:[fe80::1%l0]:6653", kRouter6, 6653}}));
  test::ExpectLog("no route: the local port is not there");
  agent.start();
  settle();
  EXPECT_EQ(kernel.route_queries, 0) << "by which device?";
  EXPECT_EQ(table.letters(), "tuvw") << "its session's stand before the local port does";
  EXPECT_EQ(agent.local_ifindex(), 0u);
  EXPECT_EQ(agent.status().remotes.at(0).reach_reason, "the local port is not there");

  event(kernel.set_link(kLocalIndex, "l0", kLocalMac));
  EXPECT_EQ(kernel.asked_by, kLocalIndex);
  EXPECT_EQ(agent.local_ifindex(), kLocalIndex);
  EXPECT_EQ(table.letters(), kAll);
  EXPECT_TRUE(table.has(Kind::kFromNextHopNs, "dl_src=02:00:00:00:00:aa"));
}

TEST_F(AgentV6, TheRouteOfARouterAdvertisementIsActedOnAtOnce) {
  test::ExpectLog("no route");
  bring_up_v6(false);
  EXPECT_EQ(table.letters(), "abclmnnopqtuvw") << "what a host needs to find its router stands";
  event(route_appears());
  EXPECT_EQ(table.letters(), kAll);
}

TEST_F(AgentV6, TheNextHopsNewMacReplacesTheOldWithNoMomentBetween) {
  bring_up_v6(true);
  const std::size_t before = table.published.size();
  event(kernel.set_neighbour(kRouter6, kOtherMac, NUD_STALE));
  ASSERT_EQ(table.published.size(), before + 1);
  EXPECT_TRUE(table.has(Kind::kFromNextHopNs, kOtherMac.to_string()));
  EXPECT_FALSE(table.has(Kind::kFromNextHopNs, kGatewayMac.to_string()));
}

TEST_F(AgentV6, TrustedPortsReachTheGuards) {
  agent.set_trusted_ports({2});
  bring_up_v6(true);
  EXPECT_THAT(guard_writer.guards.trusted_ports, testing::ElementsAre(2));
}

TEST_F(AgentV6, OffRemovesEveryRuleAndGuard) {
  bring_up_v6(true);
  agent.set_enabled(false);
  settle();
  EXPECT_EQ(table.letters(), "");
  EXPECT_FALSE(guard_writer.guards.enabled);
  EXPECT_FALSE(guard_writer.guards.ipv6);
}

}  // namespace
}  // namespace lifeline::inband
