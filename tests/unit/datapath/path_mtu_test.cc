// Guard 3: what tells us about the path of our own control connection reaches LOCAL; nothing else.
#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

const Ipv6Address kLocal6 = *Ipv6Address::parse("2001:db8::1");
const Ipv6Address kController6 = *Ipv6Address::parse("2001:db8:1::1");
const Ipv6Address kRouter6 = *Ipv6Address::parse("2001:db8::fe");
const Ipv4Address kRouter = Ipv4Address::of(172, 16, 0, 1);  // any on the way may say it

// What a router says that could not forward one of our TCP packets; one test changes one value.
struct Message {
  MacAddress eth_dst = kLocalMac;
  std::uint16_t vlan = 0;
  std::uint16_t outer_vlan = 0;
  Ipv4Address to = kLocalIp;
  std::uint8_t type = 3;
  std::uint8_t code = 4;
  Ipv4Address quoted_src = kLocalIp;
  Ipv4Address quoted_dst = kController;
  std::uint16_t quoted_port = 6653;
  bool quotes_udp = false;
  bool is_fragment = false;

  Frame build() const {
    PacketBuilder quoted;
    quoted.eth(kLocalMac, kGatewayMac).ipv4(quoted_src, quoted_dst);
    if (quotes_udp)
      quoted.udp(40000, quoted_port);
    else
      quoted.tcp(40000, quoted_port);
    const Frame q = quoted.build();
    PacketBuilder b;
    b.eth(kGatewayMac, eth_dst);
    if (outer_vlan != 0) b.vlan(outer_vlan, 0, packet::kEthTypeQinQ);
    if (vlan != 0) b.vlan(vlan);
    b.ipv4(kRouter, to);
    if (is_fragment) b.fragment(0, true);
    return b.icmp(type, code, 1400).payload(std::span(q).subspan(14)).build(60);
  }
};

struct PathMtuGuard : testing::Test {
  void SetUp() override {
    guards({});
    s.add({}, 65535, {});
  }
  void guards(flow::ManagementVlan vlan, bool enabled = true) {
    s.datapath->set_guards({.enabled = enabled,
                            .local_mac = kLocalMac,
                            .remotes = {{kController, 6653}, {kController6, 6653}},
                            .vlan = vlan});
  }
  std::size_t delivered(const Frame& f, PortNo port = 1) {
    s.send(port, f);
    return s.take_local().size();
  }
  std::size_t delivered(const Message& m) { return delivered(m.build()); }
  TestSwitch s{{.path_mtu_per_s = 50}};
};

TEST_F(PathMtuGuard, DeliversWhatQuotesOurControlConnectionUnderADropAll) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(delivered(Message{}), 1u);
  EXPECT_EQ(s.count(2) + s.count(3), 0u) << "to LOCAL only";
  for (const PortNo p : {PortNo{1}, flow::kPortLocal})
    ASSERT_TRUE(s.datapath->set_port_flags(p, 0x7f, 0x7f));
  EXPECT_EQ(delivered(Message{}), 1u) << "whatever flags the ports carry";
}

TEST_F(PathMtuGuard, LeavesOutWhatIsAboutAnythingElse) {
  EXPECT_EQ(delivered(Message{.eth_dst = kHostA}), 0u) << "not to the local MAC";
  EXPECT_EQ(delivered(Message{.vlan = 7}), 0u);
  EXPECT_EQ(delivered(Message{.vlan = 7, .outer_vlan = 4095}), 0u) << "QinQ";
  EXPECT_EQ(delivered(Message{.to = kIpA}), 0u) << "quotes another's packet than its receiver's";
  EXPECT_EQ(delivered(Message{.type = 11}), 0u);
  EXPECT_EQ(delivered(Message{.code = 3}), 0u) << "port unreachable would end the connection";
  EXPECT_EQ(delivered(Message{.quoted_src = kIpA}), 0u);
  EXPECT_EQ(delivered(Message{.quoted_dst = Ipv4Address::of(192, 0, 2, 2)}), 0u) << "a neighbour";
  EXPECT_EQ(delivered(Message{.quoted_port = 6654}), 0u);
  EXPECT_EQ(delivered(Message{.quotes_udp = true}), 0u);
  EXPECT_EQ(delivered(Message{.is_fragment = true}), 0u);
  s.from_local(Message{}.build());
  EXPECT_EQ(s.take_local().size(), 0u);
  EXPECT_EQ(delivered(Message{}), 1u) << "and ours still comes";
  guards({}, false);
  EXPECT_EQ(delivered(Message{}), 0u) << "in-band is off";
}

TEST_F(PathMtuGuard, InManagementVlanMeansThatVlanOnly) {
  guards({flow::ManagementVlan::Kind::kVid, 7});
  EXPECT_EQ(delivered(Message{.vlan = 7}), 1u);
  EXPECT_EQ(delivered(Message{.vlan = 8}), 0u);
  EXPECT_EQ(delivered(Message{}), 0u);
}

TEST_F(PathMtuGuard, AnnouncesPacketTooBigOfIpv6Too) {
  const auto message = [](const Ipv6Address& to, std::uint16_t port, std::uint8_t type = 2) {
    const Frame q = PacketBuilder()
                        .eth(kLocalMac, kGatewayMac)
                        .ipv6(kLocal6, kController6)
                        .tcp(1, port)
                        .build();
    return PacketBuilder()
        .eth(kGatewayMac, kLocalMac)
        .ipv6(kRouter6, to)
        .icmpv6(type, 0, 1280)
        .payload(std::span(q).subspan(14))
        .build();
  };
  EXPECT_EQ(delivered(message(kLocal6, 6653)), 1u);
  EXPECT_EQ(delivered(message(kLocal6, 6654)), 0u);
  EXPECT_EQ(delivered(message(kRouter6, 6653)), 0u);
  EXPECT_EQ(delivered(message(kLocal6, 6653, 1)), 0u) << "unreachable";
}

TEST_F(PathMtuGuard, IsRateLimitedPerPortAndCountsWhatItHoldsBack) {
  std::size_t n = 0;
  for (int i = 0; i < 200; ++i) n += delivered(Message{});
  EXPECT_GE(n, 50u);
  EXPECT_LT(n, 200u);
  EXPECT_EQ(s.drops("path_mtu_metered"), 200 - n);
  EXPECT_EQ(delivered(Message{}.build(), 2), 1u) << "another port has a limit of its own";
}

TEST_F(PathMtuGuard, FragmentsOfControlTrafficAreCountedAndTakeTheOrdinaryWay) {
  const auto fragment = [](Ipv4Address src, std::uint16_t src_port, std::uint16_t offset) {
    PacketBuilder b;
    b.eth(kGatewayMac, kLocalMac).ipv4(src, kLocalIp).fragment(offset, offset == 0);
    if (offset == 0)
      b.tcp(src_port, 40000);
    else
      b.ip_proto(packet::kProtoTcp);
    return b.payload_bytes(64).build(60);
  };
  s.add_hidden(flow::Match()
                   .eth_type(packet::kEthTypeIpv4)
                   .ip_proto(6)
                   .ipv4_src(kController)
                   .tp_src(6653)
                   .ip_frag(0, packet::kFragAny),
               18181801);
  EXPECT_EQ(delivered(fragment(kController, 6653, 0)), 0u);
  EXPECT_EQ(delivered(fragment(kController, 6653, 64)), 0u);
  EXPECT_EQ(s.drops("control_fragment"), 2u);
  EXPECT_EQ(s.drops("rule_drop"), 2u) << "by the controller's rule";
  delivered(fragment(kController, 6654, 0));
  delivered(fragment(kIpA, 6653, 0));
  delivered(fragment(kIpA, 6653, 64));
  EXPECT_EQ(s.drops("control_fragment"), 2u) << "others' fragments are not control traffic";
}

}  // namespace
}  // namespace lifeline::datapath::test
