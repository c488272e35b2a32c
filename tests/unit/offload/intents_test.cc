// Which packets are steered: every kind of hidden rule and guard, and what needs none.
#include <gtest/gtest.h>

#include "inband/inband_rules.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "unit/offload/facts_fixture.h"

namespace lifeline::offload::test {
namespace {

using inband::steering_intents;
using packet::PacketBuilder;

TEST(Intents, WhatComesFromAWireInTheOrderOfItsValue) {
  EXPECT_EQ(names(steering_intents(facts4())), "i h b dhcp-reply d e next-hop-arp f g");
}

TEST(Intents, OfIpv6TheTwins) {
  EXPECT_EQ(names(steering_intents(facts6())),
            "w v b p dhcp-reply dhcpv6-reply router-advertisement r s next-hop-ns next-hop-na t u");
}

TEST(Intents, WhatOnlyTheLocalPortSendsNeedsNone) {
  for (const inband::Facts& facts : {facts4(), facts6()})
    for (const auto& i : steering_intents(facts)) {
      EXPECT_EQ(std::string("aclmnoq").find(i.letter == 0 ? '-' : i.letter), std::string::npos);
      EXPECT_EQ(i.match.mask.in_port, 0u) << i.name;
    }
}

TEST(Intents, NoneWhileInBandIsOffOrServesNobody) {
  inband::Facts off = facts4();
  off.enabled = false;
  EXPECT_TRUE(steering_intents(off).empty());
  inband::Facts nobody = facts4();
  nobody.remotes.clear();
  EXPECT_TRUE(steering_intents(nobody).empty());
}

TEST(Intents, NoDhcpWithoutALocalMac) {
  inband::Facts facts = facts4();
  facts.local_mac.reset();
  EXPECT_EQ(names(steering_intents(facts)), "i h d e next-hop-arp f g");
}

TEST(Intents, RemotesThatShareANextHopShareItsIntents) {
  inband::Facts facts = facts4();
  add_remote(facts, Ipv4Address::of(192, 0, 2, 2), 6653, kGatewayIp, kGatewayMac);
  EXPECT_EQ(names(steering_intents(facts)), "i i h h b dhcp-reply d e next-hop-arp f f g g");
}

TEST(Intents, CarryTheManagementVlan) {
  inband::Facts facts = facts4();
  facts.vlan = {.kind = flow::ManagementVlan::Kind::kVid, .vid = 7};
  const auto build = [](bool tagged) {
    PacketBuilder b;
    b.eth(kGatewayMac, kLocalMac);
    if (tagged) b.vlan(7);
    return packet::parse(
        b.ipv4(Ipv4Address::of(10, 0, 0, 254), Ipv4Address::of(10, 0, 0, 1)).udp(67, 68).build(60),
        1);
  };
  const auto intents = steering_intents(facts);
  const auto& dhcp = intent(intents, "dhcp-reply");
  EXPECT_TRUE(dhcp.match.matches(build(true)));
  EXPECT_FALSE(dhcp.match.matches(build(false)));
}

TEST(Intents, ADhcpReplyIsSteeredThoughNoRuleMatchesIt) {
  const auto intents = steering_intents(facts4());
  const auto key = packet::parse(PacketBuilder()
                                     .eth(kGatewayMac, MacAddress::broadcast())
                                     .ipv4(kGatewayIp, Ipv4Address::of(255, 255, 255, 255))
                                     .udp(67, 68)
                                     .build(300),
                                 1);
  EXPECT_TRUE(intent(intents, "dhcp-reply").match.matches(key));
  for (const auto& rule : inband::hidden_rules(facts4()))
    EXPECT_FALSE(rule.match.matches(key)) << rule.to_string();
}

}  // namespace
}  // namespace lifeline::offload::test
