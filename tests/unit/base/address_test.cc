#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/mac_prefix.h"
#include "support/random.h"

namespace lifeline {
namespace {

using namespace std::string_view_literals;

TEST(MacAddress, TextRoundTrips) {
  const auto mac = MacAddress::parse("0A:1b:2C:3d:4e:5f");
  ASSERT_TRUE(mac);
  EXPECT_EQ(mac->to_string(), "0a:1b:2c:3d:4e:5f");
  EXPECT_EQ(mac->to_u64(), 0x0a1b2c3d4e5fULL);
  EXPECT_EQ(MacAddress::from_u64(0x0a1b2c3d4e5fULL), *mac);
}

TEST(MacAddress, RefusesAllOtherText) {
  for (const auto text : {""sv, "0a:1b:2c:3d:4e"sv, "0a:1b:2c:3d:4e:5f:"sv, "0a-1b-2c-3d-4e-5f"sv,
                          "0a:1b:2c:3d:4e:5g"sv, "a:1b:2c:3d:4e:5f"sv, " 0a:1b:2c:3d:4e:5f"sv,
                          "0a:1b:2c:3d:4e:5f\0"sv, "0a1b2c3d4e5f"sv}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(MacPrefix, CoversTheAddressesThatBeginWithIt) {
  const auto maker = MacPrefix::parse("52:54:0A");
  ASSERT_TRUE(maker);
  EXPECT_EQ(maker->to_string(), "52:54:0a");
  EXPECT_TRUE(maker->covers(*MacAddress::parse("52:54:0a:00:00:00")));
  EXPECT_TRUE(maker->covers(*MacAddress::parse("52:54:0a:ff:ff:ff")));
  EXPECT_FALSE(maker->covers(*MacAddress::parse("52:54:0b:00:00:00")));
  EXPECT_FALSE(maker->covers(*MacAddress::parse("52:54:09:ff:ff:ff")));
  const auto one = MacPrefix::parse("02:00:00:00:00:05");
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->covers(*MacAddress::parse("02:00:00:00:00:05")));
  EXPECT_FALSE(one->covers(*MacAddress::parse("02:00:00:00:00:04")));
  EXPECT_TRUE(MacPrefix{}.covers(MacAddress::broadcast()));
  for (const char* text : {"", "5", "52:", "52:5", "525400", "52:54:00:", "52:54:00:12:34:56:78",
                           "52-54-00", "xx:54:00"}) {
    EXPECT_FALSE(MacPrefix::parse(text)) << text;
  }
}

TEST(MacAddress, KnowsWhatABridgeNeverForwards) {
  EXPECT_TRUE(MacAddress::parse("01:80:c2:00:00:00")->is_link_local_reserved());
  EXPECT_TRUE(MacAddress::parse("01:80:c2:00:00:0f")->is_link_local_reserved());
  EXPECT_FALSE(MacAddress::parse("01:80:c2:00:00:10")->is_link_local_reserved());
  EXPECT_FALSE(MacAddress::broadcast().is_link_local_reserved());
}

TEST(MacAddress, GroupBitMakesMulticast) {
  EXPECT_TRUE(MacAddress::broadcast().is_multicast());
  EXPECT_TRUE(MacAddress::broadcast().is_broadcast());
  EXPECT_TRUE(MacAddress::parse("33:33:00:00:00:01")->is_multicast());
  EXPECT_FALSE(MacAddress::parse("02:00:00:00:00:01")->is_multicast());
  EXPECT_TRUE(MacAddress{}.is_zero());
}

TEST(Ipv4Address, TextRoundTrips) {
  test::Random random;
  for (int i = 0; i < 1000; ++i) {
    const auto a = Ipv4Address::from_host(static_cast<std::uint32_t>(random.u64()));
    EXPECT_EQ(Ipv4Address::parse(a.to_string()), a);
  }
  EXPECT_EQ(Ipv4Address::of(192, 0, 2, 1).to_string(), "192.0.2.1");
}

TEST(Ipv4Address, RefusesOctalShortFormsAndTrailingText) {
  for (const auto text : {""sv, "10.1"sv, "010.0.0.1"sv, "1.2.3.256"sv, "1.2.3.4 "sv, "1.2.3.4/8"sv,
                          "1.2.3.4.5"sv, "0x1.2.3.4"sv, "1.2.3.4\0garbage"sv}) {
    EXPECT_FALSE(Ipv4Address::parse(text)) << text;
  }
}

TEST(Ipv4Address, LoopbackIsTheWholeNetwork) {
  EXPECT_TRUE(Ipv4Address::of(127, 0, 0, 1).is_loopback());
  EXPECT_TRUE(Ipv4Address::of(127, 255, 0, 9).is_loopback());
  EXPECT_FALSE(Ipv4Address::of(128, 0, 0, 1).is_loopback());
}

TEST(Ipv6Address, TextIsRfc5952) {
  EXPECT_EQ(Ipv6Address::parse("2001:DB8:0:0:0:0:0:1")->to_string(), "2001:db8::1");
  EXPECT_EQ(Ipv6Address{}.to_string(), "::");
  EXPECT_TRUE(Ipv6Address::parse("::1")->is_loopback());
  EXPECT_TRUE(Ipv6Address::parse("fe80::1")->is_link_local());
  EXPECT_TRUE(Ipv6Address::parse("febf::1")->is_link_local());
  EXPECT_FALSE(Ipv6Address::parse("fec0::1")->is_link_local());
  EXPECT_TRUE(Ipv6Address::parse("ff02::1")->is_multicast());
}

TEST(Ipv6Address, RefusesScopesAndGarbage) {
  for (const auto text : {""sv, "fe80::1%eth0"sv, "1::2::3"sv, "12345::"sv, "::1\0x"sv}) {
    EXPECT_FALSE(Ipv6Address::parse(text)) << text;
  }
}

TEST(IpAddress, TellsTheFamily) {
  EXPECT_TRUE(IpAddress::parse("10.0.0.1")->is_v4());
  EXPECT_TRUE(IpAddress::parse("2001:db8::1")->is_v6());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress{}.is_zero());
  EXPECT_FALSE(IpAddress::parse("controller.example"));
}

}  // namespace
}  // namespace lifeline
