#include <gtest/gtest.h>

#include <algorithm>

#include "guarded.h"
#include "packet/arp_view.h"
#include "packet/dhcp_view.h"
#include "packet/nd_view.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "packet/path_mtu_view.h"

namespace lifeline::packet {
namespace {

using test::GuardedBytes;

const MacAddress kA = MacAddress::from_u64(0x02000000000a);
const MacAddress kB = MacAddress::from_u64(0x02000000000b);
const Ipv4Address kIp1 = Ipv4Address::of(10, 0, 0, 1);
const Ipv4Address kIp2 = Ipv4Address::of(10, 0, 0, 2);
const Ipv6Address k6 = *Ipv6Address::parse("fe80::2");

DhcpView ack() {
  DhcpView v;
  v.op = DhcpView::Op::kReply;
  v.type = DhcpView::Type::kAck;
  v.xid = 0xdeadbeef;
  v.chaddr = kA;
  v.yiaddr = kIp2;
  return v;
}

// The UDP datagram alone.
Frame dhcp_datagram(const DhcpView& view, std::span<const std::byte> options = {}) {
  return PacketBuilder().udp(67, 68).dhcp(view, options).build();
}

TEST(DhcpView, ReadsWhatTheGuardAsks) {
  EXPECT_EQ(parse_dhcp(dhcp_datagram(ack())), ack());
  EXPECT_TRUE(ack().is_reply());
}

TEST(DhcpView, EveryCutIsRefusedAndNothingBehindTheEndIsRead) {
  const Frame whole = dhcp_datagram(ack());
  GuardedBytes memory;
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(parse_dhcp(memory.hold(std::span(whole).first(n)))) << n;
  }
}

TEST(DhcpView, EthernetPaddingIsNotPartOfIt) {
  Frame frame = dhcp_datagram(ack());
  frame.resize(frame.size() + 20, std::byte{0x35});
  EXPECT_EQ(parse_dhcp(frame), ack());
}

TEST(DhcpView, RefusesWhatIsNotDhcpOfEthernet) {
  struct Change {
    std::size_t at;
    std::uint8_t value;
    const char* what;
  };
  for (const Change c :
       {Change{8, 0, "op 0"}, Change{8, 3, "op 3"}, Change{9, 6, "htype"}, Change{10, 0, "hlen 0"},
        Change{10, 16, "hlen 16"}, Change{8 + 236, 0, "magic cookie"},
        Change{8 + 239, 0x62, "magic cookie"}}) {
    Frame frame = dhcp_datagram(ack());
    frame[c.at] = std::byte{c.value};
    EXPECT_FALSE(parse_dhcp(frame)) << c.what;
  }
}

TEST(DhcpView, OptionsMustStayInBounds) {
  const auto with = [](std::initializer_list<int> bytes) {
    Frame f = dhcp_datagram(ack());
    f.pop_back();  // END
    for (int b : bytes) f.push_back(static_cast<std::byte>(b));
    f[4] = static_cast<std::byte>(f.size() >> 8);
    f[5] = static_cast<std::byte>(f.size() & 0xff);
    return parse_dhcp(f).has_value();
  };
  EXPECT_TRUE(with({255}));
  EXPECT_TRUE(with({0, 0, 1, 4, 255, 255, 255, 0, 255}));
  EXPECT_TRUE(with({}));             // no END: the message's end is
  EXPECT_FALSE(with({1}));           // no length
  EXPECT_FALSE(with({1, 4, 1, 2}));  // runs over
  EXPECT_FALSE(with({53, 0, 255}));  // a type of no bytes
  EXPECT_FALSE(with({53, 2, 1, 1, 255}));
}

TEST(DhcpView, UdpLengthBeyondTheDataIsRefused) {
  Frame frame = dhcp_datagram(ack());
  frame[4] = std::byte{0xff};
  EXPECT_FALSE(parse_dhcp(frame));
  frame[4] = std::byte{0};
  frame[5] = std::byte{8};
  EXPECT_FALSE(parse_dhcp(frame));
}

TEST(ArpView, ReadsAndChecks) {
  const Frame frame = PacketBuilder().arp(kArpReply, kA, kIp1, kB, kIp2).build();
  ASSERT_EQ(frame.size(), kArpBytes);
  const ArpView expected{kArpReply, kA, kIp1, kB, kIp2};
  EXPECT_EQ(parse_arp(frame), expected);
  EXPECT_FALSE(expected.is_gratuitous());
  EXPECT_TRUE((ArpView{kArpRequest, kA, kIp1, {}, kIp1}.is_gratuitous()));
  GuardedBytes memory;
  for (std::size_t n = 0; n < frame.size(); ++n) {
    EXPECT_FALSE(parse_arp(memory.hold(std::span(frame).first(n))));
  }
  for (const std::size_t at : {1u, 2u, 4u, 5u}) {
    Frame bad = frame;
    bad[at] = std::byte{0x7f};
    EXPECT_FALSE(parse_arp(bad)) << at;
  }
}

TEST(NdView, ReadsBothMessages) {
  const Frame ns = PacketBuilder().neighbor_solicitation(k6, kA).build();
  const auto s = parse_nd(ns);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->type, kNdNeighborSolicitation);
  EXPECT_EQ(s->target, k6);
  EXPECT_EQ(s->link_address, kA);
  const auto a = parse_nd(PacketBuilder().neighbor_advertisement(k6, std::nullopt).build());
  ASSERT_TRUE(a);
  EXPECT_TRUE(a->solicited);
  EXPECT_TRUE(a->override_);
  EXPECT_FALSE(a->router);
  EXPECT_FALSE(a->link_address);
}

TEST(NdView, RefusesEveryCutButOneBetweenOptions) {
  const Frame ns = PacketBuilder().neighbor_solicitation(k6, kA).build();
  GuardedBytes memory;
  for (std::size_t n = 0; n < ns.size(); ++n) {
    EXPECT_EQ(parse_nd(memory.hold(std::span(ns).first(n))).has_value(), n == 24) << n;
  }
}

TEST(NdView, RefusesOptionsThatLie) {
  Frame ns = PacketBuilder().neighbor_solicitation(k6, kA).build();
  for (const int length : {0, 2}) {
    ns[25] = static_cast<std::byte>(length);
    EXPECT_FALSE(parse_nd(ns)) << length;
  }
}

// An ICMP message alone, about a TCP packet of which it quotes the first `quoted` bytes.
Frame icmp_about(const Frame& packet, bool v6, std::size_t quoted = 48) {
  const std::span<const std::byte> quote =
      std::span(packet).subspan(14, std::min(quoted, packet.size() - 14));
  PacketBuilder b;
  if (v6)
    b.icmpv6(2, 0, 1280);
  else
    b.icmp(3, 4, 1400);
  return b.payload(quote).build();
}

Frame tcp4() { return PacketBuilder().eth(kA, kB).ipv4(kIp1, kIp2).tcp(40000, 6653).build(); }
Frame tcp6() { return PacketBuilder().eth(kA, kB).ipv6(k6, k6).tcp(40000, 6653).build(); }

TEST(PathMtuView, ReadsTheQuotedPacketOfBothFamilies) {
  const PathMtuView v4{.mtu = 1400, .src = kIp1, .dst = kIp2, .src_port = 40000, .dst_port = 6653};
  EXPECT_EQ(parse_fragmentation_needed(icmp_about(tcp4(), false)), v4);
  EXPECT_EQ(parse_fragmentation_needed(icmp_about(tcp4(), false, 28)), v4) << "RFC 792's 8 bytes";
  const PathMtuView v6{.mtu = 1280, .src = k6, .dst = k6, .src_port = 40000, .dst_port = 6653};
  EXPECT_EQ(parse_packet_too_big(icmp_about(tcp6(), true)), v6);
}

TEST(PathMtuView, EveryCutIsRefusedAndNothingBehindTheEndIsRead) {
  const Frame v4 = icmp_about(tcp4(), false);
  const Frame v6 = icmp_about(tcp6(), true);
  GuardedBytes memory;
  for (std::size_t n = 0; n < 8 + 20 + 4; ++n)
    EXPECT_FALSE(parse_fragmentation_needed(memory.hold(std::span(v4).first(n)))) << n;
  for (std::size_t n = 0; n < 8 + 40 + 4; ++n)
    EXPECT_FALSE(parse_packet_too_big(memory.hold(std::span(v6).first(n)))) << n;
}

TEST(PathMtuView, RefusesWhatDoesNotQuoteTcp) {
  const auto refused = [](std::size_t at, std::uint8_t value, bool v6) {
    Frame icmp = v6 ? icmp_about(tcp6(), true) : icmp_about(tcp4(), false);
    icmp[at] = std::byte{value};
    return !(v6 ? parse_packet_too_big(icmp) : parse_fragmentation_needed(icmp));
  };
  EXPECT_TRUE(refused(0, 11, false)) << "time exceeded";
  EXPECT_TRUE(refused(1, 3, false)) << "port unreachable";
  EXPECT_TRUE(refused(8, 0x65, false)) << "version 6 in IPv4's message";
  EXPECT_TRUE(refused(8, 0x44, false)) << "header of 16 bytes";
  EXPECT_TRUE(refused(8, 0x4f, false)) << "header longer than the quote";
  EXPECT_TRUE(refused(8 + 7, 1, false)) << "a later fragment";
  EXPECT_TRUE(refused(8 + 9, kProtoUdp, false));
  EXPECT_TRUE(refused(0, 1, true)) << "unreachable";
  EXPECT_TRUE(refused(1, 1, true));
  EXPECT_TRUE(refused(8, 0x45, true)) << "version 4 in IPv6's message";
  EXPECT_TRUE(refused(8 + 6, 0, true)) << "an extension header";
}

}  // namespace
}  // namespace lifeline::packet
