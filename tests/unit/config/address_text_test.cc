#include "config/address_text.h"

#include <gtest/gtest.h>

namespace lifeline::config {
namespace {

TEST(ControllerText, IsReadAndWrittenInOpenVSwitchsForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"tcp:10.0.0.1", "tcp:10.0.0.1:6653"},
      {"tcp:10.0.0.1:6633", "tcp:10.0.0.1:6633"},
      {"tcp:[2001:db8::1]", "tcp:[2001:db8::1]:6653"},
      {"tcp:[2001:db8::1]:7", "tcp:[2001:db8::1]:7"},
      {"tcp:[fe80::1%br0]", "tcp:[fe80::1%br0]:6653"},
      {"ssl:[FE80::1%br0.7]:7", "ssl:[fe80::1%br0.7]:7"},
      {"tcp:127.0.0.1:65535", "tcp:127.0.0.1:65535"},
      {"ssl:10.0.0.1", "ssl:10.0.0.1:6653"},
      {"ssl:[2001:db8::1]:7", "ssl:[2001:db8::1]:7"},
      {"tcp:controller.example", "tcp:controller.example:6653"},
      {"ssl:Controller.Example.:7", "ssl:controller.example:7"},
  };
  for (const auto& [text, again] : cases) {
    const auto parsed = parse_controller(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->to_string(), again);
    EXPECT_EQ(parse_controller(again), *parsed);
  }
}

TEST(ControllerText, ErrorsSayWhatWouldBeRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"tls:10.0.0.1:6653",
       "'tls:10.0.0.1:6653': TLS is written ssl:10.0.0.1:6653, as Open vSwitch does"},
      {"10.0.0.1", "'10.0.0.1' has no protocol; did you mean 'tcp:10.0.0.1'?"},
      {"fe80::1", "'fe80::1' has no protocol; did you mean 'tcp:[fe80::1]'?"},
      {"", "'' is no controller; it is written tcp:HOST, tcp:HOST:port or ssl:HOST:port"},
      {"tcp", "'tcp' is no controller; it is written tcp:HOST, tcp:HOST:port or ssl:HOST:port"},
      {"udp:10.0.0.1",
       "'udp:10.0.0.1' is no controller; it is written tcp:HOST, tcp:HOST:port or ssl:HOST:port"},
      {"tcp:", "'tcp:': '' is neither an IP address nor a host's name: the name is empty"},
      {"tcp:ctl_1.example:6653",
       "'tcp:ctl_1.example:6653': 'ctl_1.example' is neither an IP address nor a host's name: a "
       "host "
       "name has letters, digits, hyphens and dots only"},
      {"tcp:010.0.0.1",
       "'tcp:010.0.0.1': '010.0.0.1' is neither an IP address nor a host's name: a name whose last "
       "part is a number would be an address"},
      {"tcp:[ctl.example]:6653", "'tcp:[ctl.example]:6653': a name is written without brackets"},
      {"tcp:fe80::1",
       "'tcp:fe80::1': an IPv6 address is written in brackets: "
       "tcp:[2001:db8::1]:6653"},
      {"tcp:[fe80::1]:7",
       "'tcp:[fe80::1]:7': a link-local address needs its zone, the local port's name: "
       "tcp:[fe80::1%br0]:7"},
      {"tcp:[2001:db8::1%br0]",
       "'tcp:[2001:db8::1%br0]': only a link-local address has a zone: tcp:[fe80::1%br0]:6653"},
      {"tcp:[fe80::1%]",
       "'tcp:[fe80::1%]': only a link-local address has a zone: tcp:[fe80::1%br0]:6653"},
      {"tcp:10.0.0.1%br0",
       "'tcp:10.0.0.1%br0': only a link-local address has a zone: tcp:[fe80::1%br0]:6653"},
      {"tcp:[fe80::1", "'tcp:[fe80::1': expected tcp:[IPv6] or tcp:[IPv6]:port"},
      {"tcp:[fe80::1]x", "'tcp:[fe80::1]x': expected tcp:[IPv6] or tcp:[IPv6]:port"},
      {"tcp:10.0.0.1:0", "'tcp:10.0.0.1:0': '0' is no TCP port, 1..65535"},
      {"tcp:10.0.0.1:65536", "'tcp:10.0.0.1:65536': '65536' is no TCP port, 1..65535"},
      {"tcp:10.0.0.1:+1", "'tcp:10.0.0.1:+1': '+1' is no TCP port, 1..65535"},
      {"tcp:10.0.0.1:", "'tcp:10.0.0.1:': '' is no TCP port, 1..65535"},
      {"tcp:0.0.0.0", "'tcp:0.0.0.0': 0.0.0.0 is not the address of a host"},
      {"tcp:224.0.0.1", "'tcp:224.0.0.1': 224.0.0.1 is not the address of a host"},
      {"tcp:[ff02::1]", "'tcp:[ff02::1]': ff02::1 is not the address of a host"},
  };
  for (const auto& [text, message] : cases) {
    const auto parsed = parse_controller(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message);
  }
}

TEST(AlsoReachText, IsReadAndWritten) {
  const std::pair<const char*, const char*> cases[] = {
      {"10.0.0.1", "10.0.0.1:6653"},
      {"10.0.0.1:7", "10.0.0.1:7"},
      {"[2001:db8::1]", "[2001:db8::1]:6653"},
      {"[2001:db8::1]:7", "[2001:db8::1]:7"},
      {"Controller.Example.", "controller.example:6653"},
      {"ctl.example:7", "ctl.example:7"},
  };
  for (const auto& [text, again] : cases) {
    const auto parsed = parse_also_reach(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->to_string(), again);
    EXPECT_EQ(parse_also_reach(again), *parsed);
  }
}

TEST(AlsoReachText, ErrorsSayWhatWouldBeRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"ssl:10.0.0.1", "'ssl:10.0.0.1': an address without protocol is meant: 10.0.0.1"},
      {"2001:db8::1", "'2001:db8::1': an IPv6 address is written in brackets: [2001:db8::1]:6653"},
      {"10.0.0.1:0",
       "'10.0.0.1:0' is no address; it is written HOST, HOST:port or [IPv6]:port, port 1..65535"},
      {"[fe80::1%br0]",
       "'[fe80::1%br0]': without a zone; the local port's is meant: [fe80::1]:6653"},
      {"", "'' is no address; it is written HOST, HOST:port or [IPv6]:port, port 1..65535"},
      {"[::1", "'[::1' is no address; it is written HOST, HOST:port or [IPv6]:port, port 1..65535"},
      {"224.0.0.1:1", "'224.0.0.1:1': 224.0.0.1 is not the address of a host"},
  };
  for (const auto& [text, message] : cases) {
    const auto parsed = parse_also_reach(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message);
  }
}

TEST(AlsoNextHopText, IsAnIpOrAMacAddress) {
  EXPECT_EQ(parse_also_next_hop("10.0.0.1")->to_string(), "10.0.0.1");
  EXPECT_EQ(parse_also_next_hop("fe80::1")->to_string(), "fe80::1");
  EXPECT_EQ(parse_also_next_hop("[fe80::1]")->to_string(), "fe80::1");
  const auto mac = parse_also_next_hop("02:11:22:33:44:55");
  ASSERT_TRUE(mac && mac->mac);
  EXPECT_EQ(mac->to_string(), "02:11:22:33:44:55");
  for (const char* wrong : {"", "10.0.0", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "255.1.2.3",
                            "10.0.0.1/24", "ff02::1", "gateway"})
    EXPECT_FALSE(parse_also_next_hop(wrong)) << wrong;
}

TEST(ListenerText, IsReadAndWritten) {
  const std::pair<const char*, const char*> cases[] = {
      {"unix:/run/x.mgmt", "unix:/run/x.mgmt"},   {"ptcp:6654", "ptcp:6654:127.0.0.1"},
      {"ptcp:6654:0.0.0.0", "ptcp:6654:0.0.0.0"}, {"ptcp:6654:[::1]", "ptcp:6654:[::1]"},
      {"ptcp:6654:::1", "ptcp:6654:[::1]"},       {"pssl:6654", "pssl:6654:127.0.0.1"},
  };
  for (const auto& [text, again] : cases) {
    const auto parsed = parse_listener(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->to_string(), again);
    EXPECT_EQ(parse_listener(again), *parsed);
  }
}

TEST(ListenerText, ErrorsSayWhatWouldBeRight) {
  const std::pair<std::string, std::string> cases[] = {
      {"unix:x", "'unix:x': the path of a socket is absolute: unix:/run/lifeline/br0.mgmt"},
      {"tcp:6654",
       "'tcp:6654' is no listener; it is written unix:/path, ptcp:port[:ip] or pssl:port[:ip]"},
      {"ptcp:", "'ptcp:': '' is no TCP port, 1..65535"},
      {"ptcp:1:host", "'ptcp:1:host': 'host' is no IP address"},
      {"unix:/" + std::string(107, 'x'),
       "'unix:/" + std::string(107, 'x') + "': the path has 108 bytes, the kernel takes 107"},
  };
  for (const auto& [text, message] : cases) {
    const auto parsed = parse_listener(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message);
  }
}

}  // namespace
}  // namespace lifeline::config
