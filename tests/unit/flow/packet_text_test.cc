#include "flow/packet_text.h"

#include <gtest/gtest.h>

#include "packet/checksum.h"
#include "packet/parse.h"

namespace lifeline::flow {
namespace {

packet::FlowKey key_of(std::string_view text) {
  const auto made = parse_packet_text(text);
  EXPECT_TRUE(made) << text << ": " << made.error().message;
  return made ? packet::parse(made->frame, 1) : packet::FlowKey{};
}

std::string error_of(std::string_view text) {
  const auto made = parse_packet_text(text);
  EXPECT_FALSE(made) << text;
  return made ? "" : made.error().message;
}

TEST(PacketText, AnExpressionBecomesAPacketWithTheseFields) {
  const auto made = parse_packet_text(
      "in_port=2,tcp,dl_src=02:00:00:00:00:0a,dl_dst=02:00:00:00:00:0b,nw_src=10.0.0.1,"
      "nw_dst=10.0.0.2,tp_src=1000,tp_dst=0x50,nw_ttl=9,dl_vlan=7,dl_vlan_pcp=3");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->in_port, PortNo{2});
  EXPECT_TRUE(packet::checksums_ok(made->frame));
  const auto key = packet::parse(made->frame, 2);
  EXPECT_EQ(key.eth_src, MacAddress::parse("02:00:00:00:00:0a"));
  EXPECT_EQ(key.vlan_vid(), 7);
  EXPECT_EQ(key.ipv4_dst, Ipv4Address::of(10, 0, 0, 2));
  EXPECT_EQ(key.ip_proto, 6);
  EXPECT_EQ(key.tp_src.host(), 1000);
  EXPECT_EQ(key.tp_dst.host(), 80);
}

TEST(PacketText, ArpAndIpv6AndPlainEtherTypes) {
  const auto arp = key_of("arp,arp_op=2,arp_spa=10.0.0.9,arp_sha=02:00:00:00:00:09");
  EXPECT_EQ(arp.arp_op.host(), 2);
  EXPECT_EQ(arp.ipv4_src, Ipv4Address::of(10, 0, 0, 9));
  const auto v6 = key_of("udp6,ipv6_src=2001:db8::1,udp_dst=53");
  EXPECT_TRUE(v6.is_ipv6());
  EXPECT_EQ(v6.tp_dst.host(), 53);
  EXPECT_EQ(key_of("dl_type=0x88cc").eth_type.host(), 0x88cc);
  EXPECT_EQ(parse_packet_text("in_port=LOCAL,arp")->in_port, kPortLocal);
}

TEST(PacketText, HexadecimalBytesAreTakenAsTheyAre) {
  const auto made = parse_packet_text("ff:ff:ff:ff:ff:ff 020000000001 88cc 0102");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->frame.size(), 16u);
  EXPECT_EQ(made->frame.back(), std::byte{2});
}

TEST(PacketText, ErrorsNameTheWord) {
  EXPECT_NE(error_of("tpc,nw_src=10.0.0.1").find("'tpc'"), std::string::npos);
  EXPECT_NE(error_of("tcp,nw_scr=10.0.0.1").find("nw_scr"), std::string::npos);
  EXPECT_NE(error_of("tcp,nw_src=10.0.0").find("10.0.0"), std::string::npos);
  EXPECT_NE(error_of("tcp,nw_src=10.0.0.0/8").find("10.0.0.0/8"), std::string::npos);
  EXPECT_NE(error_of("tcp,tp_dst=65536").find("65536"), std::string::npos);
  EXPECT_NE(error_of("tp_dst=80").find("tp_dst"), std::string::npos);
  EXPECT_NE(error_of("tcp,udp").find("tcp"), std::string::npos);
  EXPECT_NE(error_of("tcp,tp_dst=1,tcp_dst=2").find("twice"), std::string::npos);
  EXPECT_NE(error_of("icmp,icmp_type=256").find("255"), std::string::npos);
  EXPECT_NE(error_of("abc").find("odd"), std::string::npos);
  EXPECT_NE(error_of("abcd").find("2 bytes"), std::string::npos);
  EXPECT_FALSE(parse_packet_text(""));
}

}  // namespace
}  // namespace lifeline::flow
