// What reaches LOCAL although no rule says so: one packet just inside each guard, others just
// outside.
#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

constexpr std::uint32_t kXid = 0x12345678;

Frame dhcp(bool request, MacAddress chaddr, std::uint32_t xid, std::uint16_t vlan = 0) {
  PacketBuilder b;
  if (request) {
    b.eth(kLocalMac, MacAddress::broadcast());
    if (vlan != 0) b.vlan(vlan);
    b.ipv4({}, Ipv4Address::of(255, 255, 255, 255)).udp(68, 67);
  } else {
    b.eth(kGatewayMac, MacAddress::broadcast());
    if (vlan != 0) b.vlan(vlan);
    b.ipv4(kGatewayIp, Ipv4Address::of(255, 255, 255, 255)).udp(67, 68);
  }
  b.dhcp({.op = request ? packet::DhcpView::Op::kRequest : packet::DhcpView::Op::kReply,
          .type = request ? packet::DhcpView::Type::kDiscover : packet::DhcpView::Type::kOffer,
          .xid = xid,
          .chaddr = chaddr});
  return b.build();
}

struct DhcpGuard : testing::Test {
  void SetUp() override {
    s.guards();
    drop_all = s.add({}, 65535, {});
    s.from_local(dhcp(true, kLocalMac, kXid));
  }
  std::size_t delivered(const Frame& f, PortNo port = 1) {
    s.send(port, f);
    return s.take_local().size();
  }
  TestSwitch s;
  flow::RuleId drop_all = 0;
};

TEST_F(DhcpGuard, DeliversOurReplyUnderADropAllEachTimeAndOnce) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(delivered(dhcp(false, kLocalMac, kXid)), 1u);
  const auto stats = s.datapath->worker_stats()[1];
  EXPECT_EQ(stats.misses, 1u) << "cached, the guard runs per packet";
}

TEST_F(DhcpGuard, LeavesOutWhatIsNotOurReply) {
  EXPECT_EQ(delivered(dhcp(false, kHostA, kXid)), 0u) << "another client's";
  EXPECT_EQ(delivered(dhcp(false, kLocalMac, kXid + 1)), 0u) << "a request we never sent";
  EXPECT_EQ(delivered(dhcp(true, kHostA, kXid)), 0u);
  EXPECT_EQ(delivered(dhcp(false, kLocalMac, kXid, 5)), 0u) << "not our VLAN";
  Frame cut = dhcp(false, kLocalMac, kXid);
  cut.resize(14 + 20 + 8 + 239);
  EXPECT_EQ(delivered(cut), 0u) << "cut short";
  Frame cookie = dhcp(false, kLocalMac, kXid);
  cookie[14 + 20 + 8 + 236] = std::byte{0};
  EXPECT_EQ(delivered(cookie), 0u) << "no magic cookie";
  Frame hlen = dhcp(false, kLocalMac, kXid);
  hlen[14 + 20 + 8 + 2] = std::byte{5};
  EXPECT_EQ(delivered(hlen), 0u);
  Frame first_fragment = dhcp(false, kLocalMac, kXid);
  first_fragment[14 + 6] |= std::byte{0x20};
  EXPECT_EQ(delivered(first_fragment), 0u) << "not whole";
  EXPECT_EQ(delivered(dhcp(false, kLocalMac, kXid)), 1u) << "and ours still comes";
}

TEST_F(DhcpGuard, DeliversOnceWhenTheDecisionOutputsToLocalAnyway) {
  s.remove(drop_all);
  s.add(flow::Match().in_port(2), 65535, {flow::Output{flow::kPortLocal}, flow::Output{3}});
  EXPECT_EQ(delivered(dhcp(false, kLocalMac, kXid), 2), 1u);
  EXPECT_EQ(s.count(3), 1u);
}

TEST_F(DhcpGuard, WhatIsNotWellFormedTakesTheOrdinaryPath) {
  s.remove(drop_all);
  s.add(flow::Match().in_port(2), 65535, {flow::Output{3}});
  Frame cut = dhcp(false, kLocalMac, kXid);
  cut.resize(14 + 20 + 8 + 239);
  Frame cookie = dhcp(false, kLocalMac, kXid);
  cookie[14 + 20 + 8 + 236] = std::byte{0};
  Frame request = dhcp(false, kLocalMac, kXid);
  request[14 + 20 + 8] = std::byte{1};
  for (const Frame& f : {cut, cookie, request}) EXPECT_EQ(delivered(f, 2), 0u);
  EXPECT_EQ(s.count(3), 3u);
  EXPECT_EQ(delivered(dhcp(false, kLocalMac, kXid), 2), 1u) << "in addition";
  EXPECT_EQ(s.count(3), 1u);
}

TEST_F(DhcpGuard, WithoutALocalMacNothingMatches) {
  s.datapath->set_guards({.enabled = true});
  EXPECT_EQ(delivered(dhcp(false, kLocalMac, kXid)), 0u);
  EXPECT_EQ(delivered(dhcp(false, MacAddress{}, kXid)), 0u);
}

TEST_F(DhcpGuard, IgnoresEveryPortFlag) {
  for (const PortNo p : {PortNo{1}, flow::kPortLocal}) {
    ASSERT_TRUE(s.datapath->set_port_flags(p, 0x7f, 0x7f));
  }
  EXPECT_EQ(delivered(dhcp(false, kLocalMac, kXid)), 1u);
}

Frame announcement(Ipv4Address ip, std::uint16_t vlan = 0) {
  PacketBuilder b;
  b.eth(kHostB, MacAddress::broadcast());
  if (vlan != 0) b.vlan(vlan);
  return b.arp(1, kHostB, ip, {}, ip).build(60);
}

TEST(NextHopGuard, DeliversArpOfANextHopOnly) {
  TestSwitch s;
  s.guards({kGatewayIp, Ipv4Address::of(10, 0, 0, 253)});
  s.add({}, 65535, {});
  s.send(1, announcement(kGatewayIp));
  EXPECT_EQ(s.take_local().size(), 1u);
  s.send(1, announcement(kIpA));
  s.send(1, announcement(kGatewayIp, 7));
  s.from_local(announcement(kGatewayIp));
  EXPECT_EQ(s.take_local().size(), 0u);
}

TEST(NextHopGuard, IsRateLimitedAndCountsWhatItHoldsBack) {
  TestSwitch s({.next_hop_arps_per_s = 10});
  s.guards({kGatewayIp});
  s.add({}, 65535, {});
  for (int i = 0; i < 60; ++i) s.send(1, announcement(kGatewayIp));
  const std::size_t delivered = s.take_local().size();
  EXPECT_GE(delivered, 10u);
  EXPECT_LT(delivered, 40u);
  EXPECT_EQ(s.drops("next_hop_metered"), 60 - delivered);
}

TEST(NextHopGuard, LeavesItToAHiddenRuleThatDeliversAnyway) {
  TestSwitch s({.next_hop_arps_per_s = 1});
  s.guards({kGatewayIp});
  s.add({}, 65535, {});
  s.add_hidden(flow::Match().eth_type(packet::kEthTypeArp).arp_spa(kGatewayIp));
  for (int i = 0; i < 5; ++i) s.send(1, announcement(kGatewayIp));
  EXPECT_EQ(s.take_local().size(), 5u);
  EXPECT_EQ(s.drops("next_hop_metered"), 0u);
}

TEST(NextHopGuard, AFloodOnOnePortLeavesTheOthersAlone) {
  TestSwitch s({.next_hop_arps_per_s = 1});
  s.guards({kGatewayIp});
  s.add({}, 65535, {});
  for (int i = 0; i < 20; ++i) s.send(1, announcement(kGatewayIp));
  s.take_local();
  s.send(2, announcement(kGatewayIp));
  EXPECT_EQ(s.take_local().size(), 1u);
}

// What hidden rules bring to LOCAL, with one token a second and port.
struct InbandMeter : testing::Test {
  void SetUp() override {
    s.datapath->set_guards(
        {.enabled = true, .local_mac = kLocalMac, .protected_macs = {kGatewayMac}});
    s.add({}, 65535, {});
    s.add_hidden(flow::Match().eth_type(packet::kEthTypeIpv4).ip_proto(6).ipv4_src(kController));
  }
  static Frame from_controller(MacAddress src) {
    return PacketBuilder().eth(src, kLocalMac).ipv4(kController, kLocalIp).tcp(6653, 1).build(60);
  }
  std::size_t delivered(PortNo port, MacAddress src, int n = 1) {
    for (int i = 0; i < n; ++i) s.send(port, from_controller(src));
    return s.take_local().size();
  }
  TestSwitch s{{.inband_per_s = 1, .dhcp_replies_per_s = 1}};
};

TEST_F(InbandMeter, AFloodOnOnePortLeavesTheOthersAlone) {
  const std::size_t n = delivered(1, kHostA, 50);
  EXPECT_GE(n, 1u);
  EXPECT_LT(n, 50u);
  EXPECT_EQ(s.drops("inband_metered"), 50 - n);
  EXPECT_EQ(delivered(2, kHostB), 1u);
}

TEST_F(InbandMeter, ANextHopIsNotLimitedWhereItIsAndALiarIsElsewhere) {
  delivered(1, kGatewayMac);
  EXPECT_EQ(delivered(1, kGatewayMac, 50), 50u);
  EXPECT_EQ(s.drops("inband_metered"), 0u);
  EXPECT_LT(delivered(2, kGatewayMac, 50), 50u);
  EXPECT_EQ(delivered(1, kGatewayMac, 50), 50u);
}

TEST_F(InbandMeter, RepliesThatTheDhcpGuardLetsInHaveALimitOfTheirOwn) {
  s.from_local(dhcp(true, kLocalMac, kXid));
  delivered(1, kHostA, 50);
  for (int i = 0; i < 50; ++i) s.send(1, dhcp(false, kLocalMac, kXid));
  const std::size_t n = s.take_local().size();
  EXPECT_GE(n, 1u);
  EXPECT_LT(n, 50u);
  EXPECT_EQ(s.drops("dhcp_guard_metered"), 50 - n);
}

TEST(Guards, InManagementVlanMeansThatVlanOnly) {
  TestSwitch s;
  s.guards({kGatewayIp}, {flow::ManagementVlan::Kind::kVid, 7});
  s.add({}, 65535, {});
  s.send(1, announcement(kGatewayIp, 7));
  EXPECT_EQ(s.take_local().size(), 1u);
  s.send(1, announcement(kGatewayIp));
  s.send(1, announcement(kGatewayIp, 8));
  EXPECT_EQ(s.take_local().size(), 0u);
}

TEST(Guards, AFrameWithOurOwnMacFromADataPortIsDroppedAndCounted) {
  TestSwitch s;
  s.guards();
  s.add({}, 1, {flow::Output{flow::kPortNormal}});
  s.send(1, PacketBuilder().eth(kLocalMac, kHostB).ipv4(kIpA, kIpB).udp(1, 2).build(60));
  EXPECT_EQ(s.count(2) + s.count(3), 0u);
  EXPECT_EQ(s.drops("local_mac_spoofed"), 1u);
  EXPECT_EQ(s.fdb.lookup(0, kLocalMac), std::optional<PortNo>(flow::kPortLocal));
}

TEST(Guards, NothingElseFromADataPortReachesLocal) {
  TestSwitch s;
  s.guards({kGatewayIp});
  s.send(1, PacketBuilder().eth(kHostA, kLocalMac).ipv4(kIpA, kLocalIp).tcp(1, 22).build(60));
  s.send(1, PacketBuilder()
                .eth(kHostA, MacAddress::broadcast())
                .arp(1, kHostA, kIpA, {}, kLocalIp)
                .build(60));
  EXPECT_EQ(s.take_local().size(), 0u);
  EXPECT_EQ(s.drops("no_rule"), 2u);
}

}  // namespace
}  // namespace lifeline::datapath::test
