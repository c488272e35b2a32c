#include "packet/dhcpv6_view.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "guarded.h"
#include "packet/packet_builder.h"

namespace lifeline::packet {
namespace {

using test::GuardedBytes;

// A datagram with these bytes behind its UDP header.
Frame datagram(std::initializer_list<int> bytes) {
  std::vector<std::byte> payload;
  for (const int b : bytes) payload.push_back(static_cast<std::byte>(b));
  return PacketBuilder().udp(546, 547).payload(payload).build();
}

TEST(Dhcpv6View, ReadsTypeXidAndClient) {
  const Frame frame = datagram({1, 0x12, 0x34, 0x56, 0, 8, 0, 2, 0, 0, 0, 1, 0, 3, 7, 8, 9});
  const auto view = parse_dhcpv6(frame);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->type, 1);
  EXPECT_EQ(view->xid, 0x123456u);
  ASSERT_EQ(view->client_id.size(), 3u);
  EXPECT_EQ(view->client_id[2], std::byte{9});
  EXPECT_TRUE(view->is_request());
  EXPECT_FALSE(view->is_reply());
}

TEST(Dhcpv6View, ARequestIsNoReplyAndARelaysMessageIsNeither) {
  for (int type = 0; type < 256; ++type) {
    const auto view = parse_dhcpv6(datagram({type, 0, 0, 1}));
    EXPECT_EQ(view.has_value(), type >= 1 && type <= 11) << type;
    if (!view) continue;
    EXPECT_EQ(view->is_reply(), type == 2 || type == 7) << type;
    EXPECT_EQ(view->is_request(), type != 2 && type != 7 && type != 10) << type;
  }
}

TEST(Dhcpv6View, AnExchangeIsTheXidAndTheClient) {
  const auto exchange = [](std::initializer_list<int> bytes) {
    return parse_dhcpv6(datagram(bytes))->exchange();
  };
  const auto ours = exchange({1, 1, 2, 3, 0, 1, 0, 2, 5, 6});
  EXPECT_EQ(exchange({2, 1, 2, 3, 0, 2, 0, 1, 9, 0, 1, 0, 2, 5, 6}), ours);
  EXPECT_NE(exchange({2, 1, 2, 4, 0, 1, 0, 2, 5, 6}), ours);
  EXPECT_NE(exchange({2, 1, 2, 3, 0, 1, 0, 2, 5, 7}), ours);
  EXPECT_NE(exchange({2, 1, 2, 3}), ours);
}

TEST(Dhcpv6View, WhatIsMalformedIsRefused) {
  EXPECT_FALSE(parse_dhcpv6(datagram({1, 0, 0})));
  EXPECT_FALSE(parse_dhcpv6(datagram({1, 0, 0, 1, 0, 1, 0})));
  EXPECT_FALSE(parse_dhcpv6(datagram({1, 0, 0, 1, 0, 1, 0, 3, 5, 6})));
  EXPECT_FALSE(parse_dhcpv6(datagram({1, 0, 0, 1, 0, 1, 0, 0}))) << "a DUID of no bytes";
  EXPECT_FALSE(parse_dhcpv6(datagram({1, 0, 0, 1, 0, 1, 0, 1, 5, 0, 1, 0, 1, 5}))) << "two clients";
  const Frame frame = datagram({1, 0x12, 0x34, 0x56, 0, 1, 0, 3, 7, 8, 9});
  GuardedBytes memory;
  for (std::size_t n = 0; n < frame.size(); ++n)
    EXPECT_FALSE(parse_dhcpv6(memory.hold(std::span(frame).first(n)))) << n;
}

}  // namespace
}  // namespace lifeline::packet
