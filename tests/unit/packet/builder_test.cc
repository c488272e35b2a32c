#include "packet/packet_builder.h"

#include <gtest/gtest.h>

#include "packet/checksum.h"
#include "packet/parse.h"
#include "support/frames.h"

namespace lifeline::packet {
namespace {

using lifeline::test::to_hex;

const MacAddress kA = MacAddress::from_u64(0x02000000000a);
const MacAddress kB = MacAddress::from_u64(0x02000000000b);
const Ipv4Address kIp1 = Ipv4Address::of(192, 0, 2, 1);
const Ipv4Address kIp2 = Ipv4Address::of(198, 51, 100, 7);
const Ipv6Address k6a = *Ipv6Address::parse("2001:db8::1");
const Ipv6Address k6b = *Ipv6Address::parse("2001:db8::2");

struct Named {
  const char* name;
  const char* hex;
  const char* key;
};
const Named kScapy[] = {
#include "scapy_frames.inc"
};

std::string scapy(std::string_view name) {
  for (const Named& n : kScapy) {
    if (name == n.name) return n.hex;
  }
  return "no such frame";
}

PacketBuilder eth() { return PacketBuilder().eth(kA, kB); }

TEST(PacketBuilder, MakesTheBytesThatScapyMakes) {
  EXPECT_EQ(to_hex(eth().ipv4(kIp1, kIp2).ip_id(1).udp(53, 1234).payload("xxxxxxxxxxx").build()),
            scapy("Udp"));
  EXPECT_EQ(to_hex(eth().ipv4(kIp1, kIp2).ip_id(1).icmp(8, 0, 1 << 16 | 2).payload("ping").build()),
            scapy("Icmp"));
  EXPECT_EQ(to_hex(eth().ipv4(kIp1, kIp2).ip_id(1).sctp(2905, 2906).payload("chunk---").build()),
            scapy("Sctp"));
  EXPECT_EQ(to_hex(eth().ipv6(k6a, k6b).udp(546, 547).payload("dhcpv6").build()), scapy("Udp6"));
  EXPECT_EQ(to_hex(eth().vlan(7, 5).ipv4(kIp1, kIp2).ip_id(1).udp(1, 2).build()), scapy("Vlan"));
  EXPECT_EQ(to_hex(eth().ipv6(k6a, k6b).icmpv6(128, 0, 1 << 16 | 2).build()), scapy("Icmp6Echo"));
  EXPECT_EQ(to_hex(PacketBuilder()
                       .eth(kA, MacAddress::broadcast())
                       .arp(1, kA, Ipv4Address::of(10, 0, 0, 1), {}, Ipv4Address::of(10, 0, 0, 2))
                       .build()),
            scapy("ArpRequest"));
}

TEST(PacketBuilder, PadsToTheMinimumBehindAllLengths) {
  const Frame frame = eth().ipv4(kIp1, kIp2).udp(1, 2).build(60);
  EXPECT_EQ(frame.size(), 60u);
  EXPECT_TRUE(checksums_ok(frame));
  EXPECT_EQ(parse(frame, 0), parse(eth().ipv4(kIp1, kIp2).udp(1, 2).build(), 0));
}

TEST(PacketBuilder, ChecksumsAreRightUnderEveryHeader) {
  EXPECT_TRUE(
      checksums_ok(eth().vlan(1, 0, kEthTypeQinQ).vlan(2).ipv4(kIp1, kIp2).tcp(1, 2).build()));
  EXPECT_TRUE(checksums_ok(
      eth().ipv6(k6a, k6b).ext_header(0).fragment(0, false).tcp(1, 2).payload("odd").build()));
  const std::byte option[] = {std::byte{1}};
  EXPECT_TRUE(checksums_ok(eth().ipv4(kIp1, kIp2).ip_options(option).tcp(1, 2).build()));
}

TEST(PacketBuilder, InnermostStackEntryIsTheBottom) {
  const Frame frame = eth().mpls(16).mpls(17).ipv4(kIp1, kIp2).build();
  EXPECT_EQ(std::to_integer<int>(frame[16]) & 1, 0);
  EXPECT_EQ(std::to_integer<int>(frame[20]) & 1, 1);
}

TEST(PacketBuilder, LengthFieldCountsWhatFollows) {
  const Frame frame = eth().length_field().llc(0x42, 0x42, 3).payload_bytes(35).build(60);
  EXPECT_EQ(to_hex(std::span(frame).subspan(12, 2)), "0026");
  EXPECT_EQ(parse(frame, 0).eth_type.host(), kEthTypeNone);
  const Frame snap = eth().length_field().snap(kEthTypeArp).arp(1, kA, kIp1, kB, kIp2).build();
  EXPECT_EQ(parse(snap, 0).arp_op.host(), 1);
}

TEST(PacketBuilder, TosGoesIntoEitherVersion) {
  EXPECT_EQ(parse(eth().ipv4(kIp1, kIp2).tos(0xb9).udp(1, 2).build(), 0).ip_tos, 0xb9);
  const FlowKey six = parse(eth().ipv6(k6a, k6b, 64, 0xabcde).tos(0xb9).udp(1, 2).build(), 0);
  EXPECT_EQ(six.ip_tos, 0xb9);
  EXPECT_EQ(six.ipv6_label.host(), 0xabcdeu);
}

}  // namespace
}  // namespace lifeline::packet
