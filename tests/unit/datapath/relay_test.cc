// What passes for switches behind this one under a rule that drops everything: their DHCP and the
// routers' advertisements, each with packets just inside and others just outside.
#include <functional>

#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

Ipv6Address ip6(const char* text) { return *Ipv6Address::parse(text); }

const MacAddress kBehind = *MacAddress::parse("52:54:00:00:00:01");
const MacAddress kOther = *MacAddress::parse("52:54:01:00:00:01");
const MacAddress kServer = *MacAddress::parse("02:00:00:00:00:5e");
const MacAddress kDhcpv6Group = *MacAddress::parse("33:33:00:01:00:02");
const Ipv4Address kEverybody = Ipv4Address::of(255, 255, 255, 255);

struct Dhcp {
  bool request = true;
  MacAddress src = kBehind;  // of a request; a reply comes from the server
  MacAddress chaddr = kBehind;
  std::uint16_t vlan = 0;
  std::uint16_t client_port = 68;
  MacAddress dst = MacAddress::broadcast();
};

Frame dhcp(const Dhcp& d) {
  PacketBuilder b;
  b.eth(d.request ? d.src : kServer, d.dst);
  if (d.vlan != 0) b.vlan(d.vlan);
  b.ipv4(d.request ? Ipv4Address{} : kGatewayIp, kEverybody);
  b.udp(d.request ? d.client_port : 67, d.request ? 67 : d.client_port);
  b.dhcp({.op = d.request ? packet::DhcpView::Op::kRequest : packet::DhcpView::Op::kReply,
          .type = d.request ? packet::DhcpView::Type::kDiscover : packet::DhcpView::Type::kOffer,
          .xid = 7,
          .chaddr = d.chaddr});
  return b.build();
}

Frame dhcpv6(std::uint8_t type, MacAddress src, MacAddress dst) {
  const std::array<std::uint8_t, 9> bytes = {type, 0, 0, 3, 0, 1, 0, 1, 9};
  const bool request = type == 1;
  return PacketBuilder()
      .eth(src, dst)
      .ipv6(ip6("fe80::5"), request ? ip6("ff02::1:2") : ip6("fe80::6"))
      .udp(request ? 546 : 547, request ? 547 : 546)
      .payload(std::as_bytes(std::span(bytes)))
      .build();
}

Frame advertisement(std::uint8_t hops = 255) {
  return PacketBuilder()
      .eth(kGatewayMac, *MacAddress::parse("33:33:00:00:00:01"))
      .ipv6(ip6("fe80::fe"), ip6("ff02::1"), hops)
      .icmpv6(134, 0)
      .payload_bytes(20)
      .build();
}

// The server behind port 1, a switch behind port 2.
struct RelayTest : testing::Test {
  void SetUp() override {
    drop_all = s.add({}, 65535, {});
    set([](flow::Guards& g) { g.relay_dhcp = {*MacPrefix::parse("52:54:00")}; });
  }
  void set(const std::function<void(flow::Guards&)>& change) {
    flow::Guards g{.enabled = true, .local_mac = kLocalMac, .ipv6 = true};
    change(g);
    s.datapath->set_guards(g);
  }
  // "1", "3", "L": where copies of the frame came out, in this order.
  std::string out(PortNo in_port, const Frame& frame) {
    if (in_port == flow::kPortLocal)
      s.from_local(frame);
    else
      s.send(in_port, frame);
    std::string where;
    for (const PortNo p : {PortNo{1}, PortNo{2}, PortNo{3}})
      for (std::size_t n = s.count(p); n != 0; --n) where += static_cast<char>('0' + p);
    for (std::size_t n = s.take_local().size(); n != 0; --n) where += 'L';
    return where;
  }
  std::uint64_t counted() { return s.tables.pipeline().counters(drop_all).packets; }

  TestSwitch s;
  flow::RuleId drop_all = 0;
};

TEST_F(RelayTest, DhcpOfANamedStationPassesBothWaysAndNoRuleCountsIt) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(out(2, dhcp({})), "13L");
  EXPECT_EQ(out(1, dhcp({.request = false})), "23L") << "to everybody";
  EXPECT_EQ(out(1, dhcp({.request = false, .dst = kBehind})), "2") << "its place was learned";
  EXPECT_EQ(counted(), 0u);
  EXPECT_EQ(s.events("relayed"), 5u);
  EXPECT_EQ(s.drops("rule_drop"), 0u);
}

TEST_F(RelayTest, DhcpOfOthersStaysUnderTheControllersPolicy) {
  const std::vector<std::pair<const char*, Frame>> outside = {
      {"another maker's", dhcp({.src = kOther, .chaddr = kOther})},
      {"asks for another", dhcp({.chaddr = kOther})},
      {"asks for another of the same maker",
       dhcp({.chaddr = MacAddress::from_u64(kBehind.to_u64() + 1)})},
      {"another VLAN", dhcp({.vlan = 5})},
      {"not from the client's port", dhcp({.client_port = 69})},
      {"a reply to another", dhcp({.request = false, .chaddr = kOther})},
      {"a reply in another VLAN", dhcp({.request = false, .vlan = 5})},
      {"a reply to nobody", dhcp({.request = false, .chaddr = MacAddress{}})},
  };
  std::uint64_t n = 0;
  for (const auto& [what, frame] : outside) {
    EXPECT_EQ(out(2, frame), "") << what;
    EXPECT_EQ(counted(), ++n) << what;
  }
  EXPECT_EQ(s.events("relayed"), 0u);
}

TEST_F(RelayTest, TheCachedDecisionIsNoWiderThanTheStation) {
  // All of these have one flow key, so one cached decision.
  EXPECT_EQ(out(1, dhcp({.request = false})), "23L");
  EXPECT_EQ(out(1, dhcp({.request = false, .chaddr = kOther})), "");
  Frame wrong_op = dhcp({.request = false});
  wrong_op[14 + 20 + 8] = std::byte{1};
  EXPECT_EQ(out(1, wrong_op), "") << "no reply";
  EXPECT_EQ(out(1, dhcp({.request = false})), "23L");
  EXPECT_EQ(s.datapath->worker_stats()[1].misses, 1u);
  Frame cut = dhcp({.request = false});
  cut.resize(14 + 20 + 8 + 239);
  EXPECT_EQ(out(1, cut), "") << "cut short";
}

TEST_F(RelayTest, OurOwnDhcpIsNotTheirs) {
  set([](flow::Guards& g) { g.relay_dhcp = {MacPrefix{}}; });
  EXPECT_EQ(out(2, dhcp({.src = kOther, .chaddr = kOther})), "13L") << "everybody is named";
  EXPECT_EQ(out(flow::kPortLocal, dhcp({.src = kLocalMac, .chaddr = kLocalMac})), "")
      << "that is rule (a)'s affair";
  EXPECT_EQ(out(1, dhcp({.request = false, .chaddr = kLocalMac})), "L") << "the guard's";
}

TEST_F(RelayTest, AServerBehindLocalAnswersToo) {
  EXPECT_EQ(out(flow::kPortLocal, dhcp({.request = false})), "123");
}

TEST_F(RelayTest, IsOffUnlessSomebodyIsNamedAndInBandIsOn) {
  set([](flow::Guards&) {});
  EXPECT_EQ(out(2, dhcp({})), "");
  set([](flow::Guards& g) {
    g.relay_dhcp = {MacPrefix{}};
    g.enabled = false;
  });
  EXPECT_EQ(out(2, dhcp({})), "");
}

TEST_F(RelayTest, PassesWhateverFlagsThePortsCarry) {
  for (const PortNo p : {PortNo{1}, PortNo{2}})
    ASSERT_TRUE(s.datapath->set_port_flags(p, 0x7f, 0x7f));
  EXPECT_EQ(out(2, dhcp({})), "13L");
}

TEST(RelayMeter, LimitsEachPortAndCountsWhatIsBeyond) {
  TestSwitch s({.relays_per_s = 10});
  s.add({}, 65535, {});
  s.datapath->set_guards({.enabled = true, .local_mac = kLocalMac, .relay_dhcp = {MacPrefix{}}});
  for (int i = 0; i < 40; ++i) s.send(2, dhcp({}));
  const std::uint64_t passed = s.events("relayed");
  EXPECT_EQ(s.count(1), passed);
  EXPECT_GE(passed, 1u);
  EXPECT_LT(passed, 30u);
  EXPECT_EQ(s.drops("relay_metered"), 40 - passed);
  (void)s.count(3);
  s.send(1, dhcp({.request = false}));
  EXPECT_EQ(s.count(2), 1u) << "another port's share is its own";
}

TEST(RelayMeter, AFloodForSwitchesBehindTakesNothingOfTheGuardsShare) {
  TestSwitch s({.relays_per_s = 10});
  s.add({}, 65535, {});
  s.datapath->set_guards({.enabled = true, .local_mac = kLocalMac, .relay_dhcp = {MacPrefix{}}});
  s.from_local(dhcp({.src = kLocalMac, .chaddr = kLocalMac}));
  for (int i = 0; i < 40; ++i) s.send(1, dhcp({.request = false, .chaddr = kOther}));
  EXPECT_GT(s.drops("relay_metered"), 0u);
  (void)s.take_local();
  s.send(1, dhcp({.request = false, .chaddr = kLocalMac}));
  EXPECT_EQ(s.take_local().size(), 1u) << "the offer for the switch itself";
  EXPECT_EQ(s.drops("dhcp_guard_metered"), 0u);
}

TEST_F(RelayTest, Dhcpv6OfANamedStationPassesByItsMacAddress) {
  EXPECT_EQ(out(2, dhcpv6(1, kBehind, kDhcpv6Group)), "13L");
  EXPECT_EQ(out(1, dhcpv6(2, kServer, kBehind)), "2");
  EXPECT_EQ(out(2, dhcpv6(1, kOther, kDhcpv6Group)), "");
  EXPECT_EQ(out(2, dhcpv6(1, kBehind, MacAddress::broadcast())), "") << "not to the servers";
  EXPECT_EQ(out(1, dhcpv6(2, kServer, kOther)), "");
  EXPECT_EQ(out(1, dhcpv6(10, kServer, kBehind)), "") << "a Reconfigure answers nobody";
}

TEST_F(RelayTest, ARoutersAdvertisementPassesFromTrustedPortsOnly) {
  EXPECT_EQ(out(1, advertisement()), "L") << "without relay_arp by the guard alone";
  set([](flow::Guards& g) {
    g.relay_routers = true;
    g.trusted_ports = {1};
  });
  EXPECT_EQ(out(1, advertisement()), "23L") << "once each";
  EXPECT_EQ(out(2, advertisement()), "");
  EXPECT_EQ(s.drops("router_untrusted"), 1u);
  EXPECT_EQ(out(1, advertisement(64)), "") << "forwarded by somebody";
}

TEST_F(RelayTest, TheOperatorIsToldWhy) {
  const auto traced = [&](const Frame& frame) {
    const auto trace = s.datapath->explain(frame, 2);
    EXPECT_TRUE(trace);
    return trace->outcome;
  };
  const auto inside = traced(dhcp({}));
  ASSERT_EQ(inside.size(), 1u);
  EXPECT_EQ(inside[0].text, "relay: NORMAL for DHCP of a switch behind");
  EXPECT_EQ(inside[0].ports.size(), 3u);
  const auto outside = traced(dhcp({.chaddr = kOther}));
  ASSERT_EQ(outside.size(), 2u);
  EXPECT_TRUE(outside[0].ports.empty());
  EXPECT_EQ(s.events("relayed"), 0u);
}

}  // namespace
}  // namespace lifeline::datapath::test
