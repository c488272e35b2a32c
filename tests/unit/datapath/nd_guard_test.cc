// What of IPv6 reaches LOCAL although no rule says so, under a rule that drops everything: packets
// just inside each guard, others just outside.
#include <functional>

#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

Ipv6Address ip6(const char* text) { return *Ipv6Address::parse(text); }

const Ipv6Address kRouter6 = ip6("fe80::fe");
const Ipv6Address kLocal6 = ip6("fe80::1");
const Ipv6Address kAllNodes = ip6("ff02::1");
const Ipv6Address kSolicited = ip6("ff02::1:ff00:1");
const MacAddress kAllNodesMac = *MacAddress::parse("33:33:00:00:00:01");
const MacAddress kSolicitedMac = *MacAddress::parse("33:33:ff:00:00:01");
constexpr std::uint8_t kDuid = 7;

Frame dhcpv6(std::uint8_t type, std::uint8_t xid, std::uint8_t duid) {
  const bool request = type == 1;
  const std::array<std::uint8_t, 9> bytes = {type, 0, 0, xid, 0, 1, 0, 1, duid};
  PacketBuilder b;
  if (request) {
    b.eth(kLocalMac, *MacAddress::parse("33:33:00:01:00:02")).ipv6(kLocal6, ip6("ff02::1:2"));
  } else {
    b.eth(kHostA, kLocalMac).ipv6(kRouter6, kLocal6);
  }
  return b.udp(request ? 546 : 547, request ? 547 : 546)
      .payload(std::as_bytes(std::span(bytes)))
      .build();
}

Frame router(std::uint8_t type = 134, std::uint8_t hops = 255, MacAddress src = kGatewayMac,
             const Ipv6Address& from = kRouter6) {
  return PacketBuilder()
      .eth(src, kAllNodesMac)
      .ipv6(from, kAllNodes, hops)
      .icmpv6(type, 0)
      .payload_bytes(20)
      .build();
}

Frame solicitation(const Ipv6Address& target, const Ipv6Address& from = kRouter6,
                   std::uint8_t hops = 255) {
  return PacketBuilder()
      .eth(kHostA, kSolicitedMac)
      .ipv6(from, kSolicited, hops)
      .neighbor_solicitation(target, kHostA)
      .build();
}

struct NdGuards : testing::Test {
  void SetUp() override {
    s.add({}, 65535, {});
    set({});
  }
  void set(const std::function<void(flow::Guards&)>& change) {
    flow::Guards g{.enabled = true, .local_mac = kLocalMac, .ipv6 = true};
    g.next_hops_v6 = {ip6("2001:db8::5"), kRouter6};
    if (change) change(g);
    s.datapath->set_guards(g);
  }
  std::size_t delivered(const Frame& f, PortNo port = 1) {
    s.send(port, f);
    return s.take_local().size();
  }
  TestSwitch s;
};

TEST_F(NdGuards, ADhcpv6ReplyToOurExchange) {
  EXPECT_EQ(delivered(dhcpv6(2, 9, kDuid)), 0u) << "nothing was asked";
  s.from_local(dhcpv6(1, 9, kDuid));
  EXPECT_EQ(delivered(dhcpv6(2, 9, kDuid)), 1u);
  EXPECT_EQ(delivered(dhcpv6(7, 9, kDuid)), 1u);
  EXPECT_EQ(delivered(dhcpv6(7, 8, kDuid)), 0u) << "another exchange";
  EXPECT_EQ(delivered(dhcpv6(7, 9, kDuid + 1)), 0u) << "another client";
  EXPECT_EQ(delivered(dhcpv6(10, 9, kDuid)), 0u) << "answers nothing";
  Frame elsewhere = dhcpv6(7, 9, kDuid);
  elsewhere[5] = std::byte{0x55};
  EXPECT_EQ(delivered(elsewhere), 0u) << "another host's MAC";
  set([](flow::Guards& g) { g.ipv6 = false; });
  EXPECT_EQ(delivered(dhcpv6(7, 9, kDuid)), 0u) << "no IPv6 remote";
}

TEST_F(NdGuards, TheServerMayAskForTheAddressTheExchangeCameFrom) {
  EXPECT_EQ(delivered(solicitation(kLocal6, ip6("fe80::99"))), 0u) << "nothing was asked";
  s.from_local(dhcpv6(1, 9, kDuid));
  EXPECT_EQ(delivered(solicitation(kLocal6, ip6("fe80::99"))), 1u);
  EXPECT_EQ(delivered(solicitation(kLocal6, ip6("fe80::99"), 254)), 0u) << "forwarded";
  EXPECT_EQ(delivered(solicitation(ip6("fe80::2"), ip6("fe80::99"))), 0u) << "another address";
}

TEST_F(NdGuards, ARouterAdvertisementAndAnMldQueryGoToLocalOnly) {
  EXPECT_EQ(delivered(router()), 1u);
  EXPECT_EQ(delivered(router(130, 1)), 1u);
  EXPECT_EQ(s.count(2) + s.count(3), 0u) << "the hosts get none";
  EXPECT_EQ(delivered(router(134, 254)), 0u) << "forwarded";
  EXPECT_EQ(delivered(router(130, 2)), 0u) << "a query is never forwarded";
  EXPECT_EQ(delivered(router(133)), 0u) << "a solicitation";
  EXPECT_EQ(delivered(router(143, 1)), 0u) << "a report";
  EXPECT_EQ(delivered(router(134, 255, kGatewayMac, ip6("2001:db8::fe"))), 0u)
      << "a router speaks from its link-local address";
  Frame cut = router();
  cut.resize(14 + 40 + 12);
  cut[14 + 5] = std::byte{12};
  EXPECT_EQ(delivered(cut), 0u) << "cut short";
}

TEST_F(NdGuards, OnceTheNextHopIsKnownARouterElsewhereIsARogue) {
  set([](flow::Guards& g) { g.protected_macs = {kGatewayMac}; });
  EXPECT_EQ(delivered(router(134, 255, kHostB), 2), 1u) << "nobody knows yet where it is";
  ASSERT_EQ(s.fdb.learn(0, kGatewayMac, 1, 0), table::Fdb::Learned::kNew);
  EXPECT_EQ(delivered(router()), 1u);
  EXPECT_EQ(delivered(router(134, 255, kHostB), 2), 0u);
  EXPECT_EQ(s.drops("router_untrusted"), 1u);
}

TEST_F(NdGuards, TrustedPortsAreTheOnesThatAreNamed) {
  set([](flow::Guards& g) { g.trusted_ports = {2, 3}; });
  EXPECT_EQ(delivered(router(), 1), 0u);
  EXPECT_EQ(delivered(router(), 2), 1u);
  EXPECT_EQ(delivered(router(), 3), 1u);
  EXPECT_EQ(s.drops("router_untrusted"), 1u);
}

TEST_F(NdGuards, ANextHopAnnouncesItself) {
  const auto announced = [](const Ipv6Address& target, std::uint8_t hops = 255) {
    return PacketBuilder()
        .eth(kHostB, kAllNodesMac)
        .ipv6(target, kAllNodes, hops)
        .neighbor_advertisement(target, kHostB)
        .build();
  };
  EXPECT_EQ(delivered(announced(kRouter6)), 1u);
  EXPECT_EQ(delivered(announced(ip6("2001:db8::5"))), 1u);
  EXPECT_EQ(delivered(announced(ip6("2001:db8::6"))), 0u) << "no next hop";
  EXPECT_EQ(delivered(announced(kRouter6, 254)), 0u) << "forwarded";
  EXPECT_EQ(delivered(solicitation(ip6("2001:db8::77"), kRouter6)), 1u) << "it asks";
  EXPECT_EQ(delivered(solicitation(kRouter6, ip6("fe80::99"))), 0u) << "somebody asks for it";
}

TEST_F(NdGuards, OtherVlansAreOutside) {
  set([](flow::Guards& g) { g.vlan = {flow::ManagementVlan::Kind::kVid, 7}; });
  EXPECT_EQ(delivered(router()), 0u);
  s.from_local(dhcpv6(1, 9, kDuid));
  EXPECT_EQ(delivered(dhcpv6(7, 9, kDuid)), 0u);
  EXPECT_EQ(delivered(solicitation(kLocal6)), 0u);
}

TEST_F(NdGuards, AFloodOnOnePortLeavesTheOthersAlone) {
  TestSwitch limited({.next_hop_arps_per_s = 1});
  limited.add({}, 65535, {});
  limited.datapath->set_guards({.enabled = true, .local_mac = kLocalMac, .ipv6 = true});
  for (int i = 0; i < 50; ++i) limited.send(1, router());
  const std::size_t n = limited.take_local().size();
  EXPECT_GE(n, 1u);
  EXPECT_LT(n, 50u);
  EXPECT_EQ(limited.drops("next_hop_metered"), 50 - n);
  limited.send(2, router());
  EXPECT_EQ(limited.take_local().size(), 1u);
}

}  // namespace
}  // namespace lifeline::datapath::test
