#include "inband/inband_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "support/random.h"
#include "unit/inband/fakes.h"

namespace lifeline::inband {
namespace {

using flow::ManagementVlan;
using testing::ElementsAre;
using testing::IsEmpty;

Facts typical() {
  Facts f;
  f.enabled = true;
  f.local_mac = kLocalMac;
  f.remotes = {{remote(kController), Reach::kRouted, {{kGateway, kGatewayMac, kLocalIndex, "l0"}}}};
  return f;
}

std::vector<std::string> texts(const std::vector<HiddenRule>& rules) {
  std::vector<std::string> out;
  for (const HiddenRule& r : rules) out.push_back(r.to_string());
  return out;
}

std::string letters(const std::vector<HiddenRule>& rules) {
  std::string out;
  for (const HiddenRule& r : rules) out += kind_letter(r.kind);
  return out;
}

TEST(InbandRules, TypicalFactsGiveTheNineKinds) {
  const std::string vlan = "vlan_tci=0x0000/0x0fff";
  EXPECT_THAT(
      texts(hidden_rules(typical())),
      ElementsAre(testing::AllOf(testing::StartsWith("(a) from-local-dhcp priority=18181809,"),
                                 testing::HasSubstr("in_port=LOCAL"),
                                 testing::HasSubstr("dl_src=02:00:00:00:00:01"),
                                 testing::HasSubstr("tp_src=68"), testing::HasSubstr("tp_dst=67"),
                                 testing::HasSubstr(vlan)),
                  testing::AllOf(testing::StartsWith("(b) to-local-arp priority=18181808,"),
                                 testing::HasSubstr("dl_dst=02:00:00:00:00:01"),
                                 testing::HasSubstr("arp_op=2"), testing::HasSubstr(vlan)),
                  testing::AllOf(testing::StartsWith("(c) from-local-arp priority=18181807,"),
                                 testing::HasSubstr("dl_src=02:00:00:00:00:01"),
                                 testing::HasSubstr("arp_op=1"), testing::HasSubstr(vlan)),
                  testing::AllOf(testing::StartsWith("(d) to-next-hop-arp priority=18181806,"),
                                 testing::HasSubstr("dl_dst=02:00:00:00:00:aa"),
                                 testing::HasSubstr("arp_op=2"), testing::HasSubstr(vlan)),
                  testing::AllOf(testing::StartsWith("(e) from-next-hop-arp priority=18181805,"),
                                 testing::HasSubstr("dl_src=02:00:00:00:00:aa"),
                                 testing::HasSubstr("arp_op=1"), testing::HasSubstr(vlan)),
                  testing::AllOf(testing::StartsWith("(f) to-remote-arp priority=18181804,"),
                                 testing::HasSubstr("arp_tpa=192.0.2.7"),
                                 testing::HasSubstr("arp_op=2"), testing::HasSubstr(vlan)),
                  testing::AllOf(testing::StartsWith("(g) from-remote-arp priority=18181803,"),
                                 testing::HasSubstr("arp_spa=192.0.2.7"),
                                 testing::HasSubstr("arp_op=1"), testing::HasSubstr(vlan)),
                  testing::AllOf(testing::StartsWith("(h) to-remote-tcp priority=18181802,"),
                                 testing::HasSubstr("nw_dst=192.0.2.7"),
                                 testing::HasSubstr("tp_dst=6653"), testing::HasSubstr(vlan)),
                  testing::AllOf(testing::StartsWith("(i) from-remote-tcp priority=18181801,"),
                                 testing::HasSubstr("nw_src=192.0.2.7"),
                                 testing::HasSubstr("tp_src=6653"), testing::HasSubstr(vlan))));
}

TEST(InbandRules, EveryRuleIsAboveOpenFlowAndDoesNormalAlone) {
  for (const HiddenRule& r : hidden_rules(typical()))
    EXPECT_GT(r.priority, flow::kPriorityMaxOpenFlow);
  EXPECT_EQ(hidden_instructions(),
            flow::Instructions::apply_only({flow::Output{flow::kPortNormal}}));
}

TEST(InbandRules, AMissingFactTakesItsRulesAlone) {
  EXPECT_EQ(letters(hidden_rules(typical())), "abcdefghi");
  Facts f = typical();
  f.local_mac.reset();
  EXPECT_EQ(letters(hidden_rules(f)), "defghi");
  f.remotes[0].next_hops[0].mac.reset();
  EXPECT_EQ(letters(hidden_rules(f)), "fghi");
  f.remotes[0].next_hops.clear();
  f.remotes[0].reach = Reach::kNoRoute;
  EXPECT_EQ(letters(hidden_rules(f)), "fghi") << "(f) to (i) need no route";
  f.remotes[0].reach = Reach::kOwnAddress;
  EXPECT_EQ(letters(hidden_rules(f)), "fghi") << "switches behind us need them";
}

TEST(InbandRules, NoRuleWhenOffWithoutRemotesOrForLoopbackAlone) {
  Facts f = typical();
  f.enabled = false;
  EXPECT_THAT(hidden_rules(f), IsEmpty());
  f = typical();
  f.remotes.clear();
  EXPECT_THAT(hidden_rules(f), IsEmpty());
  f = typical();
  f.remotes[0] = {remote(Ipv4Address::of(127, 0, 0, 1)), Reach::kLoopback, {}};
  EXPECT_THAT(hidden_rules(f), IsEmpty());
}

TEST(InbandRules, ALoopbackRemoteBesideAnotherHasNoRules) {
  Facts f = typical();
  const auto alone = hidden_rules(f);
  f.remotes.push_back({remote(Ipv4Address::of(127, 0, 0, 1)), Reach::kLoopback, {}});
  EXPECT_EQ(hidden_rules(f), alone);
}

TEST(InbandRules, SharedFactsGiveOneRuleWithEveryReason) {
  Facts f = typical();
  RemoteFacts second = f.remotes[0];
  second.remote = remote(kController, 6633);
  f.remotes.push_back(second);
  RemoteFacts third = f.remotes[0];
  third.remote = remote(Ipv4Address::of(192, 0, 2, 8));
  f.remotes.push_back(third);
  const auto rules = hidden_rules(f);
  // One next-hop MAC; two addresses; three (address, port) pairs.
  EXPECT_EQ(letters(rules), "abcdeffgghhhiii");
  EXPECT_THAT(rules[3].why, ElementsAre("next hop 10.0.0.1 of tcp:192.0.2.7:6653",
                                        "next hop 10.0.0.1 of tcp:192.0.2.7:6633",
                                        "next hop 10.0.0.1 of tcp:192.0.2.8:6653"));
  EXPECT_THAT(rules[5].why, ElementsAre("remote tcp:192.0.2.7:6653", "remote tcp:192.0.2.7:6633"));
}

TEST(InbandRules, EveryHopOfAnEcmpRouteCounts) {
  Facts f = typical();
  f.remotes[0].next_hops.push_back({Ipv4Address::of(10, 0, 0, 2), kOtherMac, kLocalIndex, "l0"});
  EXPECT_EQ(letters(hidden_rules(f)), "abcddeefghi");
  f.remotes[0].next_hops[1].mac = kGatewayMac;  // two addresses of one router
  EXPECT_EQ(letters(hidden_rules(f)), "abcdefghi");
}

TEST(InbandRules, ANullOrGroupMacIsNoMac) {
  for (const MacAddress mac :
       {MacAddress{}, MacAddress::broadcast(), MacAddress::from_u64(0x01005e000001)}) {
    Facts f = typical();
    f.local_mac = mac;
    f.remotes[0].next_hops[0].mac = mac;
    EXPECT_EQ(letters(hidden_rules(f)), "fghi") << mac.to_string();
    EXPECT_EQ(guards(f).local_mac, std::nullopt) << mac.to_string();
  }
}

TEST(InbandRules, AnIpv6RemoteHasNoIpv4RulesOfItsOwn) {
  Facts f = typical();
  f.remotes[0].remote.ip = *Ipv6Address::parse("2001:db8::1");
  f.remotes[0].next_hops[0].ip = *Ipv6Address::parse("fe80::1");
  EXPECT_EQ(letters(hidden_rules(f)), "abclmnnopqrstuvw");
}

TEST(InbandRules, EveryNextHopOfEveryRemoteIsProtectedOnce) {
  Facts f = typical();
  f.remotes[0].next_hops.push_back({Ipv4Address::of(10, 0, 0, 2), kOtherMac, kLocalIndex, "l0"});
  f.remotes.push_back(f.remotes[0]);
  f.remotes[1].next_hops.push_back(
      {Ipv4Address::of(10, 0, 0, 3), MacAddress::broadcast(), kLocalIndex, "l0"});
  f.remotes[1].next_hops.push_back({Ipv4Address::of(10, 0, 0, 4), kLocalMac, kLocalIndex, "l0"});
  EXPECT_THAT(guards(f).protected_macs, ElementsAre(kGatewayMac, kOtherMac));
  f.remotes[0].reach = f.remotes[1].reach = Reach::kLoopback;
  EXPECT_THAT(guards(f).protected_macs, IsEmpty());
}

TEST(InbandRules, GuardsFollowTheFacts) {
  const Facts f = typical();
  const flow::Guards g = guards(f);
  EXPECT_TRUE(g.enabled);
  EXPECT_EQ(g.local_mac, kLocalMac);
  EXPECT_THAT(g.next_hops, ElementsAre(kGateway));
  EXPECT_THAT(g.protected_macs, ElementsAre(kGatewayMac));
  Facts unknown_mac = f;
  unknown_mac.remotes[0].next_hops[0].mac.reset();
  EXPECT_THAT(guards(unknown_mac).protected_macs, IsEmpty());
  EXPECT_THAT(guards(unknown_mac).next_hops, ElementsAre(kGateway))
      << "its announcement is how its MAC becomes known";
  Facts off = f;
  off.enabled = false;
  EXPECT_THAT(guards(off).protected_macs, IsEmpty());
  EXPECT_FALSE(guards(off).enabled);
  EXPECT_THAT(guards(off).next_hops, IsEmpty());
  EXPECT_EQ(guards(off).local_mac, kLocalMac) << "static in the FDB also with in-band off";
}

// ---- names

// A resolver alone, reached by the gateway.
RemoteFacts resolver() {
  RemoteFacts r;
  r.remote = {.id = "resolver:192.0.2.53",
              .ip = Ipv4Address::of(192, 0, 2, 53),
              .port = 0,
              .role = Role::kResolver};
  r.reach = Reach::kRouted;
  r.next_hops = {{kGateway, kGatewayMac, kLocalIndex, "l0"}};
  return r;
}

TEST(InbandRules, AResolverCallsForDnsAndItsNextHopAlone) {
  Facts f = typical();
  f.remotes = {resolver()};
  EXPECT_EQ(letters(hidden_rules(f)), "abcdejjkk");
  EXPECT_THAT(guards(f).remotes, IsEmpty()) << "there is no session with it";
  EXPECT_THAT(guards(f).next_hops, ElementsAre(kGateway));
  EXPECT_THAT(guards(f).protected_macs, ElementsAre(kGatewayMac));
  f.remotes[0].next_hops.clear();
  EXPECT_EQ(letters(hidden_rules(f)), "abcjjkk") << "(j) and (k) need no route";
  f.local_mac.reset();
  EXPECT_EQ(letters(hidden_rules(f)), "") << "they name the local MAC";
  f = typical();
  f.remotes = {resolver()};
  f.remotes[0].reach = Reach::kLoopback;
  EXPECT_EQ(letters(hidden_rules(f)), "");
}

TEST(InbandRules, ANameWithoutAnAnswerHasTheWayToItOpen) {
  Facts f = typical();
  f.remotes.clear();
  EXPECT_EQ(letters(hidden_rules(f)), "");
  f.awaits_names = true;
  EXPECT_EQ(letters(hidden_rules(f)), "abclmnnopq") << "either family may be the answer";
  EXPECT_TRUE(guards(f).enabled);
  EXPECT_TRUE(guards(f).ipv6);
  f.local_mac.reset();
  EXPECT_EQ(letters(hidden_rules(f)), "");
  f = typical();
  f.awaits_names = true;
  f.enabled = false;
  EXPECT_EQ(letters(hidden_rules(f)), "");
  EXPECT_FALSE(guards(f).enabled);
}

// ---- narrowness: for each kind packets just inside and just outside

class Narrow : public testing::Test {
 protected:
  using B = packet::PacketBuilder;

  // Letters of the rules that match the frame.
  std::string hit(const packet::Frame& frame, std::uint32_t in_port = 1) const {
    const packet::FlowKey key = packet::parse(frame, in_port);
    std::string out;
    for (const HiddenRule& r : rules)
      if (r.match.matches(key)) out += kind_letter(r.kind);
    return out;
  }
  packet::Frame arp(std::uint16_t op, MacAddress src, MacAddress dst, Ipv4Address spa,
                    Ipv4Address tpa) const {
    return B().eth(src, dst).arp(op, src, spa, dst, tpa).build();
  }
  packet::Frame tcp(Ipv4Address src, std::uint16_t sport, Ipv4Address dst,
                    std::uint16_t dport) const {
    return B().eth(kHost, kPeer).ipv4(src, dst).tcp(sport, dport).build();
  }

  static inline const MacAddress kHost = MacAddress::from_u64(0x020000001001);
  static inline const MacAddress kPeer = MacAddress::from_u64(0x020000001002);
  static inline const Ipv4Address kA = Ipv4Address::of(10, 0, 0, 50);
  static inline const Ipv4Address kB = Ipv4Address::of(10, 0, 0, 51);
  static inline const Ipv4Address kNear = Ipv4Address::of(192, 0, 2, 6);

  std::vector<HiddenRule> rules = hidden_rules(typical());
};

TEST_F(Narrow, ADhcpOfTheLocalPortOnly) {
  const auto dhcp = [](MacAddress src, std::uint16_t sport, std::uint16_t dport) {
    return B()
        .eth(src, MacAddress::broadcast())
        .ipv4({}, Ipv4Address::of(255, 255, 255, 255))
        .udp(sport, dport)
        .payload_bytes(240)
        .build();
  };
  EXPECT_EQ(hit(dhcp(kLocalMac, 68, 67), flow::kPortLocal), "a");
  EXPECT_EQ(hit(dhcp(kLocalMac, 68, 67), 1), "") << "from a wire";
  EXPECT_EQ(hit(dhcp(kHost, 68, 67), flow::kPortLocal), "") << "of another";
  EXPECT_EQ(hit(dhcp(kLocalMac, 67, 68), flow::kPortLocal), "") << "a reply";
  EXPECT_EQ(hit(dhcp(kLocalMac, 68, 68), flow::kPortLocal), "");
  EXPECT_EQ(hit(B().eth(kLocalMac, kPeer).ipv4(kA, kB).tcp(68, 67).build(), flow::kPortLocal), "");
}

TEST_F(Narrow, BReplyToTheLocalMac) {
  EXPECT_EQ(hit(arp(2, kHost, kLocalMac, kA, kB)), "b");
  EXPECT_EQ(hit(arp(1, kHost, kLocalMac, kA, kB)), "") << "a request";
  EXPECT_EQ(hit(arp(2, kHost, kPeer, kA, kB)), "") << "to another";
  EXPECT_EQ(hit(arp(3, kHost, kLocalMac, kA, kB)), "") << "RARP's opcode";
}

TEST_F(Narrow, CRequestOfTheLocalMac) {
  EXPECT_EQ(hit(arp(1, kLocalMac, MacAddress::broadcast(), kA, kB)), "c");
  EXPECT_EQ(hit(arp(2, kLocalMac, kPeer, kA, kB)), "") << "a reply";
  EXPECT_EQ(hit(arp(1, kHost, MacAddress::broadcast(), kA, kB)), "") << "of another";
}

TEST_F(Narrow, DReplyToTheNextHop) {
  EXPECT_EQ(hit(arp(2, kHost, kGatewayMac, kA, kB)), "d");
  EXPECT_EQ(hit(arp(1, kHost, kGatewayMac, kA, kB)), "");
  EXPECT_EQ(hit(arp(2, kHost, kOtherMac, kA, kB)), "");
}

TEST_F(Narrow, ERequestOfTheNextHop) {
  EXPECT_EQ(hit(arp(1, kGatewayMac, MacAddress::broadcast(), kA, kB)), "e");
  EXPECT_EQ(hit(arp(2, kGatewayMac, kPeer, kA, kB)), "");
  EXPECT_EQ(hit(arp(1, kOtherMac, MacAddress::broadcast(), kA, kB)), "");
}

TEST_F(Narrow, WithRelayArpAnybodyResolvesTheNextHopAndNobodyElse) {
  const packet::Frame question = arp(1, kHost, MacAddress::broadcast(), kA, kGateway);
  const packet::Frame answer = arp(2, kGatewayMac, kHost, kGateway, kA);
  EXPECT_EQ(hit(question), "");
  EXPECT_EQ(hit(answer), "");
  Facts f = typical();
  f.relay_arp = true;
  rules = hidden_rules(f);
  EXPECT_EQ(letters(rules), "abcddeefghi");
  EXPECT_EQ(hit(question), "d");
  EXPECT_EQ(hit(answer), "e");
  EXPECT_EQ(hit(arp(1, kHost, MacAddress::broadcast(), kA, kNear)), "") << "for another";
  EXPECT_EQ(hit(arp(2, kHost, kPeer, kGateway, kA)), "") << "who is not the next hop answers";
  EXPECT_EQ(hit(arp(2, kGatewayMac, kPeer, kNear, kA)), "") << "it answers for another";
  f.remotes[0].next_hops[0].mac.reset();
  EXPECT_EQ(letters(hidden_rules(f)), "abcfghi");
}

TEST_F(Narrow, FReplyToTheRemote) {
  EXPECT_EQ(hit(arp(2, kHost, kPeer, kA, kController)), "f");
  EXPECT_EQ(hit(arp(1, kHost, kPeer, kA, kController)), "") << "a request";
  EXPECT_EQ(hit(arp(2, kHost, kPeer, kController, kA)), "") << "from it";
  EXPECT_EQ(hit(arp(2, kHost, kPeer, kA, kNear)), "") << "the address beside";
}

TEST_F(Narrow, GRequestOfTheRemote) {
  EXPECT_EQ(hit(arp(1, kHost, kPeer, kController, kA)), "g");
  EXPECT_EQ(hit(arp(2, kHost, kPeer, kController, kA)), "") << "a reply";
  EXPECT_EQ(hit(arp(1, kHost, kPeer, kA, kController)), "") << "for it";
  EXPECT_EQ(hit(arp(1, kHost, kPeer, kNear, kA)), "") << "the address beside";
}

TEST_F(Narrow, HTcpToTheRemote) {
  EXPECT_EQ(hit(tcp(kA, 40000, kController, 6653)), "h");
  EXPECT_EQ(hit(tcp(kA, 40000, kController, 6654)), "") << "the port beside";
  EXPECT_EQ(hit(tcp(kA, 40000, kNear, 6653)), "") << "the address beside";
  EXPECT_EQ(hit(tcp(kA, 6653, kController, 40000)), "") << "the port of the other end";
  EXPECT_EQ(hit(B().eth(kHost, kPeer).ipv4(kA, kController).udp(1, 6653).build()), "");
}

TEST_F(Narrow, ITcpFromTheRemote) {
  EXPECT_EQ(hit(tcp(kController, 6653, kA, 40000)), "i");
  EXPECT_EQ(hit(tcp(kController, 6652, kA, 40000)), "");
  EXPECT_EQ(hit(tcp(kNear, 6653, kA, 40000)), "");
  EXPECT_EQ(hit(tcp(kController, 40000, kA, 6653)), "");
}

class NarrowDns : public Narrow {
 protected:
  NarrowDns() {
    Facts f = typical();
    for (const auto& [id, ip] : {std::pair<const char*, IpAddress>{"resolver:10.0.0.53", kResolver},
                                 {"resolver:2001:db8::53", kResolver6}}) {
      RemoteFacts& r = f.remotes.emplace_back();
      r.remote = {.id = id, .ip = ip, .port = 0, .role = Role::kResolver};
      r.reach = Reach::kRouted;
    }
    rules = hidden_rules(f);
  }
  static B to(std::uint8_t last, MacAddress src = kLocalMac, MacAddress dst = kPeer) {
    return std::move(B().eth(src, dst).ipv4(kA, Ipv4Address::of(10, 0, 0, last)));
  }
  static B from(std::uint8_t last, MacAddress dst = kLocalMac) {
    return std::move(B().eth(kHost, dst).ipv4(Ipv4Address::of(10, 0, 0, last), kA));
  }
  static B to6(const char* ip, MacAddress src = kLocalMac) {
    return std::move(B().eth(src, kPeer).ipv6(kOurs6, *Ipv6Address::parse(ip)));
  }
  static B from6(const char* ip, MacAddress dst = kLocalMac) {
    return std::move(B().eth(kHost, dst).ipv6(*Ipv6Address::parse(ip), kOurs6));
  }
  static inline const IpAddress kResolver = Ipv4Address::of(10, 0, 0, 53);
  static inline const IpAddress kResolver6 = *Ipv6Address::parse("2001:db8::53");
  static inline const Ipv6Address kOurs6 = *Ipv6Address::parse("2001:db8::2");
};

TEST_F(NarrowDns, JQuestionsOfTheLocalPortToTheResolver) {
  EXPECT_EQ(kind_priority(Kind::kToResolverDns), 18181800u);
  EXPECT_EQ(hit(to(53).udp(40000, 53).build(), flow::kPortLocal), "j");
  EXPECT_EQ(hit(to(53).tcp(40000, 53).build(), flow::kPortLocal), "j");
  EXPECT_EQ(hit(to6("2001:db8::53").udp(40000, 53).build(), flow::kPortLocal), "j");
  EXPECT_EQ(hit(to6("2001:db8::53").tcp(40000, 53).build(), flow::kPortLocal), "j");
  EXPECT_EQ(hit(to(53).udp(40000, 53).build(), 1), "") << "from a wire";
  EXPECT_EQ(hit(to(53, kHost).udp(40000, 53).build(), flow::kPortLocal), "") << "of another MAC";
  EXPECT_EQ(hit(to(54).udp(40000, 53).build(), flow::kPortLocal), "") << "to another resolver";
  EXPECT_EQ(hit(to(54).tcp(40000, 53).build(), flow::kPortLocal), "") << "to another resolver";
  EXPECT_EQ(hit(to6("2001:db8::54").udp(40000, 53).build(), flow::kPortLocal), "");
  EXPECT_EQ(hit(to(53).udp(40000, 54).build(), flow::kPortLocal), "") << "to another port";
  EXPECT_EQ(hit(to(53).udp(53, 40000).build(), flow::kPortLocal), "") << "the ports swapped";
  EXPECT_EQ(hit(to(53).tcp(40000, 853).build(), flow::kPortLocal), "") << "DNS over TLS";
  EXPECT_EQ(hit(to(53).sctp(40000, 53).build(), flow::kPortLocal), "") << "another protocol";
}

TEST_F(NarrowDns, KAnswersOfTheResolverToTheLocalMac) {
  EXPECT_EQ(kind_priority(Kind::kFromResolverDns), 18181799u);
  EXPECT_EQ(hit(from(53).udp(53, 40000).build()), "k");
  EXPECT_EQ(hit(from(53).tcp(53, 40000).build()), "k");
  EXPECT_EQ(hit(from6("2001:db8::53").udp(53, 40000).build()), "k");
  EXPECT_EQ(hit(from6("2001:db8::53").tcp(53, 40000).build()), "k");
  EXPECT_EQ(hit(from(53, kPeer).udp(53, 40000).build()), "") << "to another MAC";
  EXPECT_EQ(hit(from(53, MacAddress::broadcast()).udp(53, 40000).build()), "") << "to everybody";
  EXPECT_EQ(hit(from6("2001:db8::53", kPeer).udp(53, 40000).build()), "");
  EXPECT_EQ(hit(from(52).udp(53, 40000).build()), "") << "of another resolver";
  EXPECT_EQ(hit(from6("2001:db8::52").tcp(53, 40000).build()), "");
  EXPECT_EQ(hit(from(53).udp(54, 40000).build()), "") << "from another port";
  EXPECT_EQ(hit(from(53).tcp(40000, 53).build()), "") << "a question to us";
}

TEST_F(NarrowDns, FragmentsOfDnsAreOutside) {
  EXPECT_EQ(hit(to(53).fragment(0, true).udp(40000, 53).build(), flow::kPortLocal), "");
  EXPECT_EQ(hit(from(53).fragment(0, true).udp(53, 40000).build()), "");
}

TEST_F(Narrow, FragmentsAreOutside) {
  const auto part = [](std::uint16_t offset, bool more) {
    return B().eth(kHost, kPeer).ipv4(kA, kController).fragment(offset, more).tcp(9, 6653).build();
  };
  EXPECT_EQ(hit(part(0, false)), "h");
  EXPECT_EQ(hit(part(0, true)), "") << "the first";
  EXPECT_EQ(hit(part(8, false)), "") << "the last";
}

// One frame of each kind, with tags put between Ethernet and the rest.
class VlanOf : public Narrow {
 protected:
  std::string hits(const std::function<void(B&)>& tags) const {
    std::string out;
    const auto arp_frame = [&](std::uint16_t op, MacAddress src, MacAddress dst, Ipv4Address spa,
                               Ipv4Address tpa) {
      B b;
      b.eth(src, dst);
      tags(b);
      out += hit(b.arp(op, src, spa, dst, tpa).build());
    };
    const auto ip_frame = [&](Ipv4Address src, Ipv4Address dst, std::uint16_t sport,
                              std::uint16_t dport) {
      B b;
      b.eth(kHost, kPeer);
      tags(b);
      out += hit(b.ipv4(src, dst).tcp(sport, dport).build());
    };
    B dhcp;
    dhcp.eth(kLocalMac, MacAddress::broadcast());
    tags(dhcp);
    out += hit(dhcp.ipv4(kA, kB).udp(68, 67).payload_bytes(240).build(), flow::kPortLocal);
    arp_frame(2, kHost, kLocalMac, kA, kB);
    arp_frame(1, kLocalMac, kPeer, kA, kB);
    arp_frame(2, kHost, kGatewayMac, kA, kB);
    arp_frame(1, kGatewayMac, kPeer, kA, kB);
    arp_frame(2, kHost, kPeer, kA, kController);
    arp_frame(1, kHost, kPeer, kController, kA);
    ip_frame(kA, kController, 40000, 6653);
    ip_frame(kController, kA, 6653, 40000);
    return out;
  }
  void use(ManagementVlan vlan) {
    Facts f = typical();
    f.vlan = vlan;
    rules = hidden_rules(f);
  }
  static constexpr const char* kAll = "abcdefghi";
};

TEST_F(VlanOf, UntaggedByDefaultAndVidZero) {
  EXPECT_EQ(hits([](B&) {}), kAll);
  EXPECT_EQ(hits([](B& b) { b.vlan(0); }), kAll);
  EXPECT_EQ(hits([](B& b) { b.vlan(0, 7); }), kAll) << "priority tags are untagged traffic";
  EXPECT_EQ(hits([](B& b) { b.vlan(1); }), "");
  EXPECT_EQ(hits([](B& b) { b.vlan(4095); }), "");
  EXPECT_EQ(hits([](B& b) { b.vlan(100, 0, packet::kEthTypeQinQ).vlan(0); }), "");
  EXPECT_EQ(hits([](B& b) { b.vlan(0).vlan(100); }), "") << "a tenant behind a priority tag";
  EXPECT_EQ(hits([](B& b) { b.vlan(0).vlan(0); }), "");
  EXPECT_EQ(hits([](B& b) { b.mpls(16); }), "");
}

TEST_F(VlanOf, OneVidWhereSet) {
  use({ManagementVlan::Kind::kVid, 10});
  EXPECT_EQ(hits([](B& b) { b.vlan(10); }), kAll);
  EXPECT_EQ(hits([](B& b) { b.vlan(10, 5); }), kAll);
  EXPECT_EQ(hits([](B&) {}), "");
  EXPECT_EQ(hits([](B& b) { b.vlan(0); }), "");
  EXPECT_EQ(hits([](B& b) { b.vlan(11); }), "");
  EXPECT_EQ(hits([](B& b) { b.vlan(10).vlan(20); }), "") << "QinQ inside the management VLAN";
}

TEST_F(VlanOf, AnyIsTheOldBehaviour) {
  use({ManagementVlan::Kind::kAny, 0});
  EXPECT_EQ(hits([](B&) {}), kAll);
  EXPECT_EQ(hits([](B& b) { b.vlan(77); }), kAll);
  EXPECT_EQ(hits([](B& b) { b.vlan(77).vlan(5); }), kAll);
}

// ---- random facts

Facts random_facts(test::Random& random) {
  Facts f;
  f.enabled = !random.one_in(10);
  if (!random.one_in(4)) f.local_mac = MacAddress::from_u64(0x020000000000 + random.below(3));
  const std::size_t vlan = random.below(8);
  if (vlan == 0) f.vlan = {ManagementVlan::Kind::kVid, 10};
  if (vlan == 1) f.vlan = {ManagementVlan::Kind::kAny, 0};
  const std::size_t remotes = random.below(4);
  for (std::size_t i = 0; i < remotes; ++i) {
    RemoteFacts r;
    r.remote = remote(Ipv4Address::of(192, 0, 2, static_cast<std::uint8_t>(random.below(3))),
                      random.one_in(2) ? kDefaultRemotePort : kOldRemotePort);
    r.reach = static_cast<Reach>(random.below(6));
    const std::size_t hops = r.reach == Reach::kRouted ? random.below(3) : 0;
    for (std::size_t h = 0; h < hops; ++h) {
      NextHop hop{Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(random.below(3))),
                  std::nullopt, kLocalIndex, "l0"};
      if (!random.one_in(3)) hop.mac = MacAddress::from_u64(0x0200000000a0 + random.below(3));
      r.next_hops.push_back(hop);
    }
    f.remotes.push_back(r);
  }
  return f;
}

TEST(InbandRules, NoTwoRulesOfASetAgreeInMatchAndPriority) {
  test::Random random;
  for (int step = 0; step < 2000; ++step) {
    std::set<std::string> names;
    for (const HiddenRule& r : hidden_rules(random_facts(random))) {
      ASSERT_TRUE(names.insert(r.to_string()).second) << r.to_string();
      ASSERT_EQ(packet::masked(r.match.key, r.match.mask), r.match.key)
          << "a key bit outside its mask: " << r.to_string();
    }
  }
}

TEST(Guards, KnowEachRemoteOnceForPathMtuMessages) {
  Facts f;
  f.enabled = true;
  const Ipv4Address other = Ipv4Address::of(1, 2, 3, 4);
  f.remotes = {{remote(kController), Reach::kRouted, {}},
               {remote(other, 6633), Reach::kNoRoute, {}},
               {{"again", kController, 6653}, Reach::kRouted, {}},
               {remote(Ipv4Address::of(127, 0, 0, 1)), Reach::kLoopback, {}}};
  EXPECT_THAT(guards(f).remotes, ElementsAre(flow::GuardedRemote{other, 6633, {}},
                                             flow::GuardedRemote{kController, 6653, {}}));
  f.enabled = false;
  EXPECT_THAT(guards(f).remotes, IsEmpty());
}

TEST(Strict, ToTheRemoteOnlyByAKnownNextHop) {
  Facts f = typical();
  f.strict = true;
  const auto h = [&f] {
    std::vector<std::string> out;
    for (const HiddenRule& r : hidden_rules(f))
      if (r.kind == Kind::kToRemoteTcp) out.push_back(r.match.to_string());
    return out;
  };
  EXPECT_THAT(h(), ElementsAre(testing::HasSubstr("dl_dst=" + kGatewayMac.to_string())));
  EXPECT_THAT(guards(f).remotes,
              ElementsAre(flow::GuardedRemote{kController, 6653, {kGatewayMac}}));
  f.remotes[0].next_hops[0].mac.reset();
  EXPECT_THAT(h(), IsEmpty());
  f.remotes[0] = {remote(kController), Reach::kOwnAddress, {}};
  EXPECT_THAT(h(), ElementsAre(testing::HasSubstr("dl_dst=" + kLocalMac.to_string())));
}

}  // namespace
}  // namespace lifeline::inband
