#include "packet/parse.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "guarded.h"
#include "key_text.h"
#include "packet/packet_builder.h"
#include "support/frames.h"
#include "support/random.h"

namespace lifeline::packet {
namespace {

using lifeline::test::from_hex;
using lifeline::test::Random;
using test::GuardedBytes;
using test::key_text;

const MacAddress kA = MacAddress::from_u64(0x02000000000a);
const MacAddress kB = MacAddress::from_u64(0x02000000000b);
const Ipv4Address kIp1 = Ipv4Address::of(10, 0, 0, 1);
const Ipv4Address kIp2 = Ipv4Address::of(10, 0, 0, 2);
const Ipv6Address k6a = *Ipv6Address::parse("2001:db8::1");
const Ipv6Address k6b = *Ipv6Address::parse("2001:db8::2");

struct Oracle {
  const char* name;
  const char* hex;
  const char* key;
};
const Oracle kScapy[] = {
#include "scapy_frames.inc"
};

PacketBuilder eth() { return PacketBuilder().eth(kA, kB); }

FlowKey key_of(const PacketBuilder& b) { return parse(b.build(), 0); }

class ScapyFrame : public testing::TestWithParam<Oracle> {};

TEST_P(ScapyFrame, HasTheKeyThatScapyGivesIt) {
  EXPECT_EQ(key_text(parse(from_hex(GetParam().hex), 0)), GetParam().key);
}

// Of every shorter frame each field is either as in the whole frame, or zero as if the frame ended
// before it; and no byte behind the end is read.
TEST_P(ScapyFrame, CutAnywhereLosesFieldsButInventsNone) {
  const auto frame = from_hex(GetParam().hex);
  const FlowKey whole = parse(frame, 9);
  GuardedBytes memory;
  for (std::size_t n = 0; n < frame.size(); ++n) {
    Layers layers;
    FlowKey cut = parse(memory.hold(std::span(frame).first(n)), 9, &layers);
    EXPECT_EQ(cut.in_port, 9u);
    EXPECT_LT(layers.l2_5, n + 1);
    EXPECT_LT(layers.l3, n + 1);
    EXPECT_LT(layers.l4, n + 1);
    // A tag or SNAP header that is cut short leaves its own announcement as the type.
    if (cut.eth_type != whole.eth_type) {
      const std::uint16_t type = cut.eth_type.host();
      EXPECT_TRUE(type == 0 || type == kEthTypeVlan || type == kEthTypeQinQ || type == kEthTypeNone)
          << n;
      cut.eth_type = be16{};
    }
    const FlowKey common = masked(cut, whole);
    EXPECT_EQ(key_text(cut), key_text(common)) << "cut to " << n;
    if (whole.is_ipv4() || whole.is_ipv6()) {
      EXPECT_TRUE(cut == whole || cut.ip_proto == 0) << n;
    }
  }
}

TEST_P(ScapyFrame, PaddingChangesNothing) {
  auto frame = from_hex(GetParam().hex);
  const FlowKey key = parse(frame, 1);
  // Only an IP length, or a fixed size, tells where the packet ends.
  for (int i = 0; i < 64; ++i) frame.push_back(std::byte{0xff});
  EXPECT_EQ(key_text(parse(frame, 1)), key_text(key));
}

INSTANTIATE_TEST_SUITE_P(Parse, ScapyFrame, testing::ValuesIn(kScapy),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Parse, EmptyFrameHasOnlyItsPort) {
  FlowKey key;
  key.in_port = 0xfffe;
  EXPECT_EQ(parse({}, 0xfffe), key);
}

TEST(Parse, LayersSayWhereHeadersBegin) {
  Layers layers;
  parse(eth().vlan(5).ipv4(kIp1, kIp2).udp(1, 2).build(), 0, &layers);
  EXPECT_EQ(layers.l3, 18);
  EXPECT_EQ(layers.l4, 38);
  EXPECT_EQ(layers.l2_5, 0);
  parse(eth().mpls(16).mpls(17).ipv4(kIp1, kIp2).build(), 0, &layers);
  EXPECT_EQ(layers.l2_5, 14);
  EXPECT_EQ(layers.l3, 0);
  parse(eth().arp(1, kA, kIp1, {}, kIp2).build(), 0, &layers);
  EXPECT_EQ(layers.l3, 14);
  EXPECT_EQ(layers.l4, 0);
  parse(eth().ipv6(k6a, k6b).ext_header(0).ext_header(60).tcp(1, 2).build(), 0, &layers);
  EXPECT_EQ(layers.l4, 14 + 40 + 16);
}

TEST(Parse, VlanTciHasPriorityPresenceAndIdButNotDei) {
  auto frame = eth().vlan(0xabc, 6).ipv4(kIp1, kIp2).build();
  frame[14] |= std::byte{0x10};  // DEI
  EXPECT_EQ(parse(frame, 0).vlan_tci.host(), 6 << 13 | kVlanPresent | 0xabc);
}

TEST(Parse, PbbGivesServiceIdAndBackboneAddresses) {
  const FlowKey key =
      key_of(PacketBuilder().eth(kA, kB).pbb(0x123456).eth(kB, kA).ipv4(kIp1, kIp2));
  EXPECT_EQ(key.eth_type.host(), kEthTypePbb);
  EXPECT_EQ(key.pbb_isid.host(), 0x123456u);
  EXPECT_EQ(key.eth_src, kA);
  EXPECT_TRUE(key.ipv4_src.is_zero());
}

TEST(Parse, ArpOfOtherHardwareHasNoFields) {
  auto frame = eth().arp(1, kA, kIp1, {}, kIp2).build();
  frame[15] = std::byte{6};
  const FlowKey key = parse(frame, 0);
  EXPECT_TRUE(key.is_arp());
  EXPECT_EQ(key.arp_op.host(), 0);
  EXPECT_TRUE(key.ipv4_src.is_zero());
}

TEST(Parse, ArpOperationIsSixteenBits) {
  EXPECT_EQ(key_of(eth().arp(0x1234, kA, kIp1, kB, kIp2)).arp_op.host(), 0x1234);
}

// Each is a lie that must end the parse before the IP header.
TEST(Parse, Ipv4HeaderThatLiesIsNone) {
  const Frame good = eth().ipv4(kIp1, kIp2).udp(1, 2).payload("abcd").build();
  struct Lie {
    std::size_t at;
    std::uint8_t value;
  };
  for (const Lie lie :
       {Lie{14, 0x55}, Lie{14, 0x44}, Lie{14, 0x4f}, Lie{17, 19}, Lie{17, 33}, Lie{16, 1}}) {
    Frame bad = good;
    bad[lie.at] = std::byte{lie.value};
    Layers layers;
    const FlowKey key = parse(bad, 0, &layers);
    EXPECT_EQ(layers.l3, 0) << lie.at << " " << int{lie.value};
    EXPECT_TRUE(key.ipv4_src.is_zero());
    EXPECT_EQ(key.ip_proto, 0);
  }
}

TEST(Parse, TotalLengthEndsTheDatagram) {
  // Twenty bytes of UDP are in the frame, but the datagram has room for four.
  Frame frame = eth().ipv4(kIp1, kIp2).udp(1, 2).payload("abcdefgh").build();
  frame[17] = std::byte{24};
  const FlowKey key = parse(frame, 0);
  EXPECT_EQ(key.ip_proto, kProtoUdp);
  EXPECT_EQ(key.tp_dst.host(), 0);
}

TEST(Parse, Ipv4OptionsAreSkipped) {
  for (std::size_t n = 4; n <= 40; n += 4) {
    const std::vector<std::byte> options(n, std::byte{1});
    EXPECT_EQ(key_of(eth().ipv4(kIp1, kIp2).ip_options(options).tcp(7, 8)).tp_dst.host(), 8);
  }
}

TEST(Parse, FragmentBits) {
  const auto frag = [](std::uint16_t offset, bool more) {
    return key_of(eth().ipv4(kIp1, kIp2).fragment(offset, more).udp(5, 6));
  };
  EXPECT_EQ(frag(0, false).ip_frag, 0);
  EXPECT_EQ(frag(0, true).ip_frag, kFragAny);
  EXPECT_EQ(frag(0, true).tp_src.host(), 5);
  EXPECT_EQ(frag(8, true).ip_frag, kFragAny | kFragLater);
  EXPECT_EQ(frag(8, false).ip_frag, kFragAny | kFragLater);
  EXPECT_EQ(frag(8, false).tp_src.host(), 0);
  EXPECT_EQ(frag(8, false).ip_proto, kProtoUdp);
}

TEST(Parse, Ipv6PayloadLengthThatLiesIsNoHeader) {
  Frame frame = eth().ipv6(k6a, k6b).udp(1, 2).build();
  frame[19] = std::byte{9};
  EXPECT_TRUE(parse(frame, 0).ipv6_src.is_zero());
  frame[19] = std::byte{7};
  EXPECT_EQ(parse(frame, 0).ip_proto, kProtoUdp);
  EXPECT_EQ(parse(frame, 0).tp_src.host(), 0);
}

struct Chain {
  std::vector<std::uint8_t> headers;
  std::uint16_t bits;
};

TEST(Parse, ExtensionHeaderBits) {
  constexpr std::uint16_t kAll =
      kExthdrHop | kExthdrDest | kExthdrRouter | kExthdrFrag | kExthdrAuth;
  const Chain chains[] = {
      {{}, 0},
      {{0}, kExthdrHop},
      {{60}, kExthdrDest},
      {{0, 60, 43, 44, 51, 60}, kAll},
      {{60, 60}, kExthdrDest},
      {{60, 43, 60}, kExthdrDest | kExthdrRouter},
      {{43, 60, 44}, kExthdrDest | kExthdrRouter | kExthdrFrag | kExthdrUnseq},
      {{60, 0}, kExthdrDest | kExthdrHop | kExthdrUnseq},
      {{51, 44}, kExthdrAuth | kExthdrFrag | kExthdrUnseq},
      {{43, 43}, kExthdrRouter | kExthdrUnrep},
      {{60, 60, 60}, kExthdrDest | kExthdrUnrep},
      {{0, 0}, kExthdrHop | kExthdrUnrep},
  };
  for (const Chain& chain : chains) {
    PacketBuilder b = eth().ipv6(k6a, k6b);
    std::string name;
    for (const std::uint8_t h : chain.headers) {
      name += std::to_string(h) + " ";
      h == 44 ? b.fragment(0, false) : b.ext_header(h);
    }
    const FlowKey key = key_of(b.udp(3, 4));
    EXPECT_EQ(key.ipv6_exthdr.host(), chain.bits) << name;
    EXPECT_EQ(key.ip_proto, kProtoUdp) << name;
    EXPECT_EQ(key.tp_dst.host(), 4) << name;
  }
}

TEST(Parse, EspAndNoNextEndTheWalk) {
  const FlowKey esp = key_of(eth().ipv6(k6a, k6b).ext_header(0).ip_proto(50).payload_bytes(16));
  EXPECT_EQ(esp.ipv6_exthdr.host(), kExthdrHop | kExthdrEsp);
  EXPECT_EQ(esp.ip_proto, 50);
  const FlowKey none = key_of(eth().ipv6(k6a, k6b).ip_proto(59).payload_bytes(8));
  EXPECT_EQ(none.ipv6_exthdr.host(), kExthdrNoNext);
  EXPECT_EQ(none.ip_proto, 59);
}

TEST(Parse, EndlessExtensionHeadersAreGivenUp) {
  PacketBuilder b = eth().ipv6(k6a, k6b);
  for (int i = 0; i < 100; ++i) b.ext_header(60);
  const FlowKey key = key_of(b.udp(3, 4));
  EXPECT_EQ(key.ip_proto, 60);
  EXPECT_EQ(key.tp_dst.host(), 0);
}

TEST(Parse, ExtensionHeaderThatLiesEndsTheWalk) {
  Frame frame = eth().ipv6(k6a, k6b).ext_header(0).udp(3, 4).build();
  frame[14 + 41] = std::byte{200};
  const FlowKey key = parse(frame, 0);
  EXPECT_EQ(key.ip_proto, 0);
  EXPECT_EQ(key.ipv6_exthdr.host(), 0);
  EXPECT_EQ(key.ipv6_src, k6a);
}

TEST(Parse, NeighborDiscoveryOptionsThatLieEndTheParse) {
  Frame frame = eth().ipv6(k6a, k6b, 255).neighbor_solicitation(k6b, kA).build();
  EXPECT_EQ(parse(frame, 0).nd_sll, kA);
  for (const int length : {0, 2, 255}) {
    frame[14 + 40 + 25] = static_cast<std::byte>(length);
    EXPECT_TRUE(parse(frame, 0).nd_sll.is_zero()) << length;
    EXPECT_EQ(parse(frame, 0).nd_target, k6b);
  }
}

TEST(Parse, NeighborDiscoveryNeedsCodeZero) {
  Frame frame = eth().ipv6(k6a, k6b, 255).neighbor_advertisement(k6b, kA).build();
  EXPECT_EQ(parse(frame, 0).nd_tll, kA);
  EXPECT_TRUE(parse(frame, 0).nd_sll.is_zero());
  frame[14 + 40 + 1] = std::byte{1};
  EXPECT_TRUE(parse(frame, 0).nd_target.is_zero());
}

TEST(Parse, IcmpOfTheOtherFamilyHasNoTypeOrCode) {
  EXPECT_EQ(key_of(eth().ipv4(kIp1, kIp2).icmpv6(135, 0)).tp_src.host(), 0);
  EXPECT_EQ(key_of(eth().ipv6(k6a, k6b).icmp(8, 0)).tp_src.host(), 0);
}

TEST(Parse, JumboFramesAreParsed) {
  EXPECT_EQ(key_of(eth().ipv4(kIp1, kIp2).udp(1, 2).payload_bytes(9000)).tp_dst.host(), 2);
}

TEST(Parse, RandomBytesNeverReadOutsideAndZeroFieldsStayZero) {
  Random random;
  GuardedBytes memory;
  std::vector<std::byte> frame;
  for (int i = 0; i < 100'000; ++i) {
    // A good frame with a few wild bytes goes deeper than noise.
    if (random.one_in(4)) {
      frame.resize(random.below(120));
      for (auto& b : frame) b = std::byte{random.u8()};
    } else {
      frame = from_hex(kScapy[random.below(std::size(kScapy))].hex);
      for (std::size_t n = random.below(5); n > 0; --n) {
        frame[random.below(frame.size())] = std::byte{random.u8()};
      }
      frame.resize(random.below(frame.size()) + 1);
    }
    Layers layers;
    const FlowKey key = parse(memory.hold(frame), 3, &layers);
    ASSERT_LE(key.inner_vlan, 1);
    ASSERT_EQ(key.zero1.host(), 0);
    ASSERT_EQ(key.zero2, 0);
    ASSERT_TRUE(layers.l4 == 0 || layers.l4 > layers.l3);
    ASSERT_EQ(key, parse(frame, 3)) << "the same bytes elsewhere";
  }
}

}  // namespace
}  // namespace lifeline::packet
