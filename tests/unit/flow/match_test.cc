#include "flow/match.h"

#include <gtest/gtest.h>

#include <array>

#include "flow/field.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "support/random.h"

namespace lifeline::flow {
namespace {

using test::Random;

// The bits that the property test plays with: one each in words far apart, two in one word.
constexpr std::array<std::pair<std::size_t, unsigned>, 6> kBits = {
    {{0, 63}, {2, 5}, {2, 40}, {7, 0}, {12, 17}, {17, 33}}};

// The word pattern of a six-bit number.
FlowKey spread(unsigned bits) {
  FlowKey key;
  for (std::size_t i = 0; i < kBits.size(); ++i) {
    if ((bits >> i & 1) != 0) key.words()[kBits[i].first] |= std::uint64_t{1} << kBits[i].second;
  }
  return key;
}

Match small_match(unsigned key, unsigned mask) { return Match{spread(key & mask), spread(mask)}; }

// Among all 64 packets of the six bits.
TEST(Match, CoversAndOverlapsAgreeWithTryingEveryPacket) {
  Random random;
  for (int i = 0; i < 3000; ++i) {
    const auto pick = [&random] { return static_cast<unsigned>(random.below(64)); };
    const Match a = small_match(pick(), pick());
    const Match b =
        random.one_in(3) ? small_match(pick(), pick() & pick()) : small_match(pick(), pick());
    bool covers = true;
    bool overlaps = false;
    for (unsigned p = 0; p < 64; ++p) {
      const FlowKey key = spread(p);
      if (b.matches(key) && !a.matches(key)) covers = false;
      if (a.matches(key) && b.matches(key)) overlaps = true;
    }
    EXPECT_EQ(a.covers(b), covers);
    EXPECT_EQ(a.overlaps(b), overlaps);
    EXPECT_EQ(b.overlaps(a), overlaps);
    EXPECT_TRUE(a.covers(a));
  }
}

TEST(Match, CatchAllCoversEverything) {
  EXPECT_TRUE(Match{}.is_catch_all());
  EXPECT_TRUE(Match{}.covers(Match{}.in_port(7).eth_type(0x0800)));
  EXPECT_FALSE(Match{}.in_port(7).covers(Match{}));
}

TEST(Match, SettersMatchThePacketAndNoneWithAnotherValue) {
  using packet::PacketBuilder;
  const auto a = MacAddress::from_u64(0x020000000001);
  const auto b = MacAddress::from_u64(0x020000000002);
  const auto ip1 = Ipv4Address::of(10, 0, 0, 1);
  const auto ip2 = Ipv4Address::of(10, 0, 0, 2);
  const auto six1 = *Ipv6Address::parse("2001:db8::1");
  const auto six2 = *Ipv6Address::parse("2001:db8::2");
  const FlowKey tcp =
      packet::parse(PacketBuilder().eth(a, b).vlan(5).ipv4(ip1, ip2).tcp(10, 20).build(), 3);
  const FlowKey arp = packet::parse(PacketBuilder().eth(a, b).arp(1, a, ip1, {}, ip2).build(), 3);
  const FlowKey tcp6 =
      packet::parse(PacketBuilder().eth(a, b).ipv6(six1, six2).tcp(10, 20).build(), 3);
  struct Case {
    Match match;
    bool tcp, arp, tcp6;
  };
  const Case cases[] = {
      {Match{}.in_port(3), true, true, true},
      {Match{}.in_port(4), false, false, false},
      {Match{}.eth_src(a), true, true, true},
      {Match{}.eth_dst(a), false, false, false},
      {Match{}.eth_type(0x0800), true, false, false},
      {Match{}.vlan_none(), false, true, true},
      {Match{}.vlan_none_or_priority(), false, true, true},
      {Match{}.vlan_vid(5), true, false, false},
      {Match{}.vlan_vid(0), false, false, false},
      {Match{}.inner_vlan(false), true, true, true},
      {Match{}.ip_proto(6), true, false, true},
      {Match{}.ipv4_src(ip1), true, true, false},
      {Match{}.ipv4_dst(ip1), false, false, false},
      {Match{}.arp_spa(ip1), true, true, false},
      {Match{}.arp_tpa(ip2), true, true, false},
      {Match{}.arp_op(1), false, true, false},
      {Match{}.ipv6_src(six1), false, false, true},
      {Match{}.ipv6_dst(six2), false, false, true},
      {Match{}.tp_src(10), true, false, true},
      {Match{}.tp_dst(10), false, false, false},
      {Match{}.ip_frag(0, packet::kFragLater), true, true, true},
      {Match{}.ip_frag(packet::kFragAny, packet::kFragAny), false, false, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(c.match.matches(tcp), c.tcp) << c.match.to_string();
    EXPECT_EQ(c.match.matches(arp), c.arp) << c.match.to_string();
    EXPECT_EQ(c.match.matches(tcp6), c.tcp6) << c.match.to_string();
  }
}

TEST(Match, PriorityTagIsUntaggedOnlyForTheOneWhoSaysSo) {
  using packet::PacketBuilder;
  const FlowKey tagged = packet::parse(PacketBuilder().eth({}, {}).vlan(0, 5).build(), 1);
  EXPECT_TRUE(Match{}.vlan_none_or_priority().matches(tagged));
  EXPECT_FALSE(Match{}.vlan_none().matches(tagged));
  EXPECT_TRUE(Match{}.vlan_vid(0).matches(tagged));
}

TEST(Match, ExactSettersEqualTheCodecsFields) {
  Match by_field;
  for (const auto& [id, v] : {std::pair{FieldId::kVlanVid, std::uint64_t{0x1007}},
                              std::pair{FieldId::kEthType, std::uint64_t{0x0800}},
                              std::pair{FieldId::kInPort, std::uint64_t{9}}}) {
    set_field(by_field.key, id, FieldValue::from_u64(id, v));
    set_field(by_field.mask, id, full_mask(id));
  }
  EXPECT_EQ(by_field, Match{}.vlan_vid(7).eth_type(0x0800).in_port(9));
  Match none;
  set_field(none.mask, FieldId::kVlanVid, full_mask(FieldId::kVlanVid));
  EXPECT_EQ(none, Match{}.vlan_none());
}

Match field(FieldId id, std::uint64_t v, std::uint64_t mask = ~std::uint64_t{0}) {
  Match m;
  set_field(m.key, id, FieldValue::from_u64(id, v & mask));
  set_field(m.mask, id, FieldValue::from_u64(id, mask));
  return m;
}

TEST(MatchText, IsThatOfOvsOfctl) {
  const auto mac = MacAddress::from_u64(0x020000000001);
  const auto ip = Ipv4Address::of(10, 0, 0, 1);
  EXPECT_EQ(Match{}.to_string(), "");
  EXPECT_EQ(Match{}.in_port(1).to_string(), "in_port=1");
  EXPECT_EQ(Match{}.in_port(kPortLocal).to_string(), "in_port=LOCAL");
  EXPECT_EQ(Match{}.eth_type(0x0800).ip_proto(6).tp_dst(6653).ipv4_dst(ip).to_string(),
            "tcp,nw_dst=10.0.0.1,tp_dst=6653");
  EXPECT_EQ(Match{}.eth_type(0x0806).arp_op(2).eth_dst(mac).arp_tpa(ip).to_string(),
            "arp,dl_dst=02:00:00:00:00:01,arp_tpa=10.0.0.1,arp_op=2");
  EXPECT_EQ(Match{}.eth_type(0x0800).ip_proto(47).to_string(), "ip,nw_proto=47");
  EXPECT_EQ(Match{}.eth_type(0x88cc).to_string(), "dl_type=0x88cc");
  EXPECT_EQ(Match{}.eth_type(0x86dd).ip_proto(58).tp_src(135).to_string(), "icmp6,icmp_type=135");
  EXPECT_EQ(Match{}.vlan_vid(7).to_string(), "dl_vlan=7");
  EXPECT_EQ(Match{}.vlan_none().to_string(), "vlan_tci=0x0000/0x1fff");
  EXPECT_EQ(Match{}.ip_frag(0, 3).to_string(), "nw_frag=no");
  EXPECT_EQ(Match{}.ip_frag(0, packet::kFragLater).to_string(), "nw_frag=not_later");
  EXPECT_EQ(field(FieldId::kMetadata, 0x12, 0xff).to_string(), "metadata=0x12/0xff");
  EXPECT_EQ(field(FieldId::kIpv4Src, 0x0a000000, 0xff000000).to_string(), "nw_src=10.0.0.0/8");
  EXPECT_EQ(field(FieldId::kIpv4Src, 0x0a000001, 0xff0000ff).to_string(),
            "nw_src=10.0.0.1/255.0.0.255");
  EXPECT_EQ(field(FieldId::kEthDst, 0x010000000000, 0x010000000000).to_string(),
            "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00");
  EXPECT_EQ(field(FieldId::kIpDscp, 46).to_string(), "nw_tos=184");
}

TEST(MatchText, EveryFieldIsPrinted) {
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    Match m;
    set_field(m.mask, static_cast<FieldId>(i), full_mask(static_cast<FieldId>(i)));
    EXPECT_NE(m.to_string(), "") << field_info(static_cast<FieldId>(i)).name;
  }
}

TEST(MatchText, RandomMatchesPrintWithoutAccident) {
  Random random;
  for (int i = 0; i < 2000; ++i) {
    Match m;
    for (std::size_t w = 0; w < FlowKey::kWords; ++w) {
      m.mask.words()[w] = random.u64() & random.u64();
      m.key.words()[w] = random.u64() & m.mask.words()[w];
    }
    EXPECT_FALSE(m.to_string().empty());
  }
}

}  // namespace
}  // namespace lifeline::flow
