#include <gtest/gtest.h>

#include "guarded.h"
#include "packet/arp_view.h"
#include "packet/dhcp_view.h"
#include "packet/nd_view.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"

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

}  // namespace
}  // namespace lifeline::packet
