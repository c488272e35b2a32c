// The kinds of IPv6: for each a packet just inside and others just outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inband/inband_rules.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "unit/inband/fakes.h"

namespace lifeline::inband {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using B = packet::PacketBuilder;

Ipv6Address ip6(const char* text) { return *Ipv6Address::parse(text); }

const Ipv6Address kRemote6 = ip6("2001:db8::7");
const Ipv6Address kNear6 = ip6("2001:db8::8");
const Ipv6Address kRouter6 = ip6("fe80::1");
const Ipv6Address kLocal6 = ip6("fe80::2");
const Ipv6Address kA6 = ip6("2001:db8::50");
const Ipv6Address kAsked = ip6("ff02::1:ff00:2");
const MacAddress kHost = MacAddress::from_u64(0x020000001001);
const MacAddress kPeer = MacAddress::from_u64(0x020000001002);
const MacAddress kGroup = MacAddress::from_u64(0x3333ff000002);

Facts typical() {
  Facts f;
  f.enabled = true;
  f.local_mac = kLocalMac;
  // Not initialiser lists: gcc 12 takes their backing arrays for uninitialised (-O3).
  RemoteFacts& r = f.remotes.emplace_back();
  r.remote.id = "tcp:[2001:db8::7]:6653";
  r.remote.ip = kRemote6;
  r.reach = Reach::kRouted;
  NextHop& hop = r.next_hops.emplace_back();
  hop.ip = kRouter6;
  hop.mac = kGatewayMac;
  hop.ifindex = kLocalIndex;
  return f;
}

struct Rules6 : testing::Test {
  // Letters of the IPv6 rules that match the frame; (a) to (i) never do.
  std::string hit(const packet::Frame& frame, std::uint32_t in_port = 1) const {
    const packet::FlowKey key = packet::parse(frame, in_port);
    std::string out;
    for (const HiddenRule& r : rules)
      if (r.match.matches(key)) out += kind_letter(r.kind);
    return out;
  }
  static packet::Frame ns(MacAddress src, MacAddress dst, const Ipv6Address& from,
                          std::uint8_t hops = 255) {
    return B().eth(src, dst).ipv6(from, kAsked, hops).neighbor_solicitation(kA6, src).build();
  }
  static packet::Frame na(MacAddress src, MacAddress dst, const Ipv6Address& to,
                          std::uint8_t hops = 255) {
    return B().eth(src, dst).ipv6(kA6, to, hops).neighbor_advertisement(kA6, src).build();
  }
  static packet::Frame tcp(const Ipv6Address& src, std::uint16_t sport, const Ipv6Address& dst,
                           std::uint16_t dport) {
    return B().eth(kHost, kPeer).ipv6(src, dst).tcp(sport, dport).build();
  }
  static packet::Frame icmp(MacAddress src, std::uint8_t type, std::uint8_t hops,
                            std::uint8_t code = 0) {
    return B().eth(src, kGroup).ipv6(kLocal6, kAsked, hops).icmpv6(type, code).build();
  }
  std::vector<HiddenRule> rules = hidden_rules(typical());
};

TEST_F(Rules6, PrioritiesGoOnBelowDnsOneToAKind) {
  EXPECT_EQ(kind_priority(Kind::kFromRemoteTcp), 18181801u);
  EXPECT_EQ(kind_priority(Kind::kFromLocalDhcpv6), 18181798u);
  EXPECT_EQ(kind_priority(Kind::kFromRemoteTcp6), 18181787u);
  for (const HiddenRule& r : rules) {
    EXPECT_EQ(r.priority, kind_priority(r.kind));
    EXPECT_EQ(18181809u - r.priority, static_cast<std::uint32_t>(kind_letter(r.kind) - 'a'));
    EXPECT_FALSE(kind_name(r.kind).empty());
    EXPECT_EQ(packet::masked(r.match.key, r.match.mask), r.match.key) << r.to_string();
  }
}

TEST_F(Rules6, AMissingFactTakesItsRulesAlone) {
  const auto letters = [](const Facts& f) {
    std::string out;
    for (const HiddenRule& r : hidden_rules(f)) out += kind_letter(r.kind);
    return out;
  };
  Facts f = typical();
  EXPECT_EQ(letters(f), "abclmnnopqrstuvw");
  f.remotes[0].next_hops[0].mac.reset();
  EXPECT_EQ(letters(f), "abclmnnopqtuvw");
  f.local_mac.reset();
  f.remotes[0].reach = Reach::kNoRoute;
  f.remotes[0].next_hops.clear();
  EXPECT_EQ(letters(f), "tuvw") << "(t) to (w) need no route";
  f.remotes[0].reach = Reach::kLoopback;
  EXPECT_EQ(letters(f), "");
}

TEST_F(Rules6, AnIpv4RemoteAloneHasNone) {
  Facts f = typical();
  f.remotes[0].remote = remote(kController);
  f.remotes[0].next_hops[0].ip = kGateway;
  rules = hidden_rules(f);
  EXPECT_EQ(rules.size(), 9u);
  EXPECT_EQ(hit(ns(kLocalMac, kGroup, kLocal6), flow::kPortLocal), "");
  EXPECT_FALSE(guards(f).ipv6);
  EXPECT_THAT(guards(f).next_hops_v6, IsEmpty());
}

TEST_F(Rules6, GuardsKnowTheNextHops) {
  Facts f = typical();
  f.trusted_ports = {2};
  const flow::Guards g = guards(f);
  EXPECT_TRUE(g.ipv6);
  EXPECT_THAT(g.next_hops_v6, ElementsAre(kRouter6));
  EXPECT_THAT(g.next_hops, IsEmpty());
  EXPECT_THAT(g.protected_macs, ElementsAre(kGatewayMac));
  EXPECT_THAT(g.trusted_ports, ElementsAre(2));
}

TEST_F(Rules6, LDhcpv6OfTheLocalPortOnly) {
  const auto dhcp = [](MacAddress src, std::uint16_t sport, std::uint16_t dport) {
    return B().eth(src, kGroup).ipv6(kLocal6, ip6("ff02::1:2")).udp(sport, dport).build();
  };
  EXPECT_EQ(hit(dhcp(kLocalMac, 546, 547), flow::kPortLocal), "l");
  EXPECT_EQ(hit(dhcp(kLocalMac, 546, 547)), "") << "from a wire";
  EXPECT_EQ(hit(dhcp(kHost, 546, 547), flow::kPortLocal), "") << "of another";
  EXPECT_EQ(hit(dhcp(kLocalMac, 547, 546), flow::kPortLocal), "") << "a reply";
  EXPECT_EQ(hit(dhcp(kLocalMac, 68, 67), flow::kPortLocal), "") << "DHCP's ports over IPv6";
}

TEST_F(Rules6, MRouterSolicitationOfTheLocalPortOnly) {
  EXPECT_EQ(hit(icmp(kLocalMac, 133, 255), flow::kPortLocal), "m");
  EXPECT_EQ(hit(icmp(kLocalMac, 133, 254), flow::kPortLocal), "") << "forwarded";
  EXPECT_EQ(hit(icmp(kLocalMac, 133, 255, 1), flow::kPortLocal), "") << "another code";
  EXPECT_EQ(hit(icmp(kLocalMac, 133, 255)), "") << "from a wire";
  EXPECT_EQ(hit(icmp(kHost, 133, 255), flow::kPortLocal), "") << "of another";
  EXPECT_EQ(hit(icmp(kLocalMac, 134, 255), flow::kPortLocal), "") << "an advertisement";
}

TEST_F(Rules6, NMldReportsOfTheLocalPortOnly) {
  EXPECT_EQ(hit(icmp(kLocalMac, 143, 1), flow::kPortLocal), "n");
  EXPECT_EQ(hit(icmp(kLocalMac, 131, 1), flow::kPortLocal), "n");
  EXPECT_EQ(hit(icmp(kLocalMac, 130, 1), flow::kPortLocal), "") << "a query";
  EXPECT_EQ(hit(icmp(kLocalMac, 143, 1)), "") << "from a wire";
  EXPECT_EQ(hit(icmp(kHost, 143, 1), flow::kPortLocal), "") << "of another";
}

TEST_F(Rules6, OAdvertisementOfTheLocalPortOnly) {
  EXPECT_EQ(hit(na(kLocalMac, kPeer, kA6), flow::kPortLocal), "o");
  EXPECT_EQ(hit(na(kLocalMac, kPeer, kA6)), "") << "from a wire";
  EXPECT_EQ(hit(na(kHost, kPeer, kA6), flow::kPortLocal), "") << "of another";
  EXPECT_EQ(hit(na(kLocalMac, kPeer, kA6, 64), flow::kPortLocal), "") << "forwarded";
}

TEST_F(Rules6, PAdvertisementToTheLocalMac) {
  EXPECT_EQ(hit(na(kHost, kLocalMac, kLocal6)), "p");
  EXPECT_EQ(hit(na(kHost, kLocalMac, kLocal6, 254)), "") << "forwarded";
  EXPECT_EQ(hit(na(kHost, kPeer, kLocal6)), "") << "to another";
  EXPECT_EQ(hit(ns(kHost, kLocalMac, kA6)), "") << "a solicitation";
}

TEST_F(Rules6, QSolicitationOfTheLocalMac) {
  EXPECT_EQ(hit(ns(kLocalMac, kGroup, kLocal6)), "q");
  EXPECT_EQ(hit(ns(kLocalMac, kGroup, Ipv6Address{})), "q") << "duplicate address detection";
  EXPECT_EQ(hit(ns(kLocalMac, kGroup, kLocal6, 254)), "") << "forwarded";
  EXPECT_EQ(hit(ns(kHost, kGroup, kLocal6)), "") << "of another";
}

TEST_F(Rules6, RAdvertisementToTheNextHop) {
  EXPECT_EQ(hit(na(kHost, kGatewayMac, kA6)), "r");
  EXPECT_EQ(hit(na(kHost, kGatewayMac, kA6, 254)), "");
  EXPECT_EQ(hit(na(kHost, kOtherMac, kA6)), "");
}

TEST_F(Rules6, SSolicitationOfTheNextHop) {
  EXPECT_EQ(hit(ns(kGatewayMac, kGroup, kA6)), "s");
  EXPECT_EQ(hit(ns(kGatewayMac, kLocalMac, kA6)), "s") << "unicast, to probe us";
  EXPECT_EQ(hit(ns(kGatewayMac, kGroup, kA6, 254)), "");
  EXPECT_EQ(hit(ns(kOtherMac, kGroup, kA6)), "");
}

TEST_F(Rules6, RelayArpLetsOthersResolveTheNextHopAndFindRouters) {
  const auto asks = [](const Ipv6Address& target, std::uint8_t hops = 255) {
    return B()
        .eth(kHost, kGroup)
        .ipv6(kLocal6, kAsked, hops)
        .neighbor_solicitation(target, kHost)
        .build();
  };
  const auto answers = [](MacAddress src, const Ipv6Address& target, std::uint8_t hops = 255) {
    return B().eth(src, kPeer).ipv6(target, kA6, hops).neighbor_advertisement(target, src).build();
  };
  EXPECT_EQ(hit(asks(kRouter6)), "") << "off unless it is switched on";
  EXPECT_EQ(hit(answers(kGatewayMac, kRouter6)), "");
  EXPECT_EQ(hit(icmp(kHost, 133, 255)), "");
  Facts f = typical();
  f.relay_arp = true;
  rules = hidden_rules(f);
  EXPECT_TRUE(guards(f).relay_routers);
  EXPECT_EQ(hit(asks(kRouter6)), "r");
  EXPECT_EQ(hit(asks(kRouter6, 254)), "") << "forwarded";
  EXPECT_EQ(hit(asks(kNear6)), "") << "for another's address";
  EXPECT_EQ(hit(answers(kGatewayMac, kRouter6)), "s");
  EXPECT_EQ(hit(answers(kOtherMac, kRouter6)), "") << "another speaks for it";
  EXPECT_EQ(hit(answers(kGatewayMac, kNear6)), "") << "it speaks for another";
  EXPECT_EQ(hit(answers(kGatewayMac, kRouter6, 254)), "");
  EXPECT_EQ(hit(icmp(kHost, 133, 255)), "r") << "router solicitation";
  EXPECT_EQ(hit(icmp(kHost, 133, 254)), "");
  EXPECT_EQ(hit(icmp(kHost, 134, 255)), "") << "an advertisement";
}

TEST_F(Rules6, TAdvertisementToTheRemote) {
  EXPECT_EQ(hit(na(kHost, kPeer, kRemote6)), "t");
  EXPECT_EQ(hit(na(kHost, kPeer, kRemote6, 254)), "");
  EXPECT_EQ(hit(na(kHost, kPeer, kNear6)), "") << "the address beside";
}

TEST_F(Rules6, USolicitationOfTheRemote) {
  EXPECT_EQ(hit(ns(kHost, kGroup, kRemote6)), "u");
  EXPECT_EQ(hit(ns(kHost, kGroup, kRemote6, 254)), "");
  EXPECT_EQ(hit(ns(kHost, kGroup, kNear6)), "") << "the address beside";
}

TEST_F(Rules6, VAndWAreTheConnection) {
  EXPECT_EQ(hit(tcp(kA6, 40000, kRemote6, 6653)), "v");
  EXPECT_EQ(hit(tcp(kA6, 40000, kRemote6, 6654)), "") << "the port beside";
  EXPECT_EQ(hit(tcp(kA6, 40000, kNear6, 6653)), "") << "the address beside";
  EXPECT_EQ(hit(tcp(kRemote6, 6653, kA6, 40000)), "w");
  EXPECT_EQ(hit(tcp(kRemote6, 6652, kA6, 40000)), "");
  EXPECT_EQ(hit(tcp(kNear6, 6653, kA6, 40000)), "");
  EXPECT_EQ(hit(B().eth(kHost, kPeer).ipv6(kA6, kRemote6).udp(1, 6653).build()), "");
  EXPECT_EQ(hit(B().eth(kHost, kPeer).ipv6(kA6, kRemote6).fragment(0, true).tcp(9, 6653).build()),
            "")
      << "the first fragment";
}

TEST_F(Rules6, OtherVlansAreOutside) {
  const auto tagged = [](std::uint16_t vid) {
    return B().eth(kHost, kPeer).vlan(vid).ipv6(kA6, kRemote6).tcp(9, 6653).build();
  };
  EXPECT_EQ(hit(tagged(0)), "v");
  EXPECT_EQ(hit(tagged(5)), "");
  EXPECT_EQ(hit(B().eth(kHost, kPeer).vlan(0).vlan(5).ipv6(kA6, kRemote6).tcp(9, 6653).build()),
            "");
}

}  // namespace
}  // namespace lifeline::inband
