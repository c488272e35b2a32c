#include "netlink/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "support/random.h"

namespace lifeline::netlink {
namespace {

using testing::ElementsAre;
using Bytes = std::vector<std::byte>;

const Ipv4Address kIp = Ipv4Address::of(10, 0, 0, 1);
const MacAddress kMac = MacAddress::from_u64(0x020000000001);

// A message built with libmnl: the parser under test does not use it.
class Message {
 public:
  explicit Message(int type) : header_(mnl_nlmsg_put_header(buffer_)) {
    header_->nlmsg_type = static_cast<std::uint16_t>(type);
  }
  template <class T>
  Message& extra(const T& value) {
    *static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T))) = value;
    return *this;
  }
  Message& put(std::uint16_t type, const void* data, std::size_t bytes) {
    mnl_attr_put(header_, type, bytes, data);
    return *this;
  }
  Message& put(std::uint16_t type, std::uint32_t value) { return put(type, &value, 4); }
  Message& put(std::uint16_t type, Ipv4Address ip) { return put(type, &ip, 4); }
  Message& put(std::uint16_t type, MacAddress mac) { return put(type, mac.bytes.data(), 6); }
  Message& put(std::uint16_t type, const char* text) {
    mnl_attr_put_strz(header_, type, text);
    return *this;
  }
  Message& nest(std::uint16_t type, const Bytes& bytes) {
    return put(type, bytes.data(), bytes.size());
  }
  Bytes bytes() const {
    const auto* p = reinterpret_cast<const std::byte*>(buffer_);
    return Bytes(p, p + header_->nlmsg_len);
  }

 private:
  alignas(nlmsghdr) char buffer_[1024] = {};
  nlmsghdr* header_;
};

Message link_message(int type = RTM_NEWLINK) {
  ifinfomsg info{};
  info.ifi_index = 7;
  info.ifi_flags = 1;
  Message m(type);
  m.extra(info).put(IFLA_IFNAME, "eth7").put(IFLA_ADDRESS, kMac).put(IFLA_MTU, 1400u);
  return m;
}

Message neighbour_message(std::uint16_t state, std::uint8_t family = AF_INET) {
  ndmsg info{};
  info.ndm_family = family;
  info.ndm_ifindex = 7;
  info.ndm_state = state;
  Message m(RTM_NEWNEIGH);
  m.extra(info);
  return m;
}

Message route_message(unsigned char type = RTN_UNICAST, std::uint8_t family = AF_INET) {
  rtmsg info{};
  info.rtm_family = family;
  info.rtm_type = type;
  Message m(RTM_NEWROUTE);
  m.extra(info);
  return m;
}

Bytes next_hop(int ifindex, std::optional<Ipv4Address> gateway, std::uint8_t flags = 0) {
  struct {
    rtnexthop hop;
    rtattr attribute;
    Ipv4Address gateway;
  } record{};
  record.hop.rtnh_len = gateway ? sizeof record : sizeof(rtnexthop);
  record.hop.rtnh_ifindex = ifindex;
  record.hop.rtnh_flags = flags;
  record.attribute = {sizeof(rtattr) + 4, RTA_GATEWAY};
  if (gateway) record.gateway = *gateway;
  const auto* p = reinterpret_cast<const std::byte*>(&record);
  return Bytes(p, p + record.hop.rtnh_len);
}

std::vector<Event> events_of(const Bytes& bytes, ParseCounters* counters = nullptr) {
  std::vector<Event> out;
  ParseCounters local;
  parse_events(bytes, out, counters != nullptr ? *counters : local);
  return out;
}

TEST(NetlinkParser, LinkAsTheKernelSaysIt) {
  const auto events = events_of(link_message().bytes());
  ASSERT_EQ(events.size(), 1u);
  const auto& e = std::get<LinkEvent>(events[0]);
  EXPECT_FALSE(e.deleted);
  EXPECT_EQ(e.link, (Link{7, "eth7", kMac, 1, 1400, 0}));
  EXPECT_TRUE(e.link.is_up());
  EXPECT_TRUE(std::get<LinkEvent>(events_of(link_message(RTM_DELLINK).bytes())[0]).deleted);
}

TEST(NetlinkParser, ALinkWithoutAnEthernetAddressHasNoMac) {
  ifinfomsg info{};
  info.ifi_index = 3;
  const std::uint32_t ip = 0x0a000001;
  EXPECT_EQ(parse_link(Message(RTM_NEWLINK).extra(info).put(IFLA_IFNAME, "tun").bytes())->mac,
            std::nullopt);
  EXPECT_EQ(
      parse_link(
          Message(RTM_NEWLINK).extra(info).put(IFLA_IFNAME, "gre").put(IFLA_ADDRESS, ip).bytes())
          ->mac,
      std::nullopt);
  EXPECT_EQ(parse_link(Message(RTM_NEWLINK)
                           .extra(info)
                           .put(IFLA_IFNAME, "zero")
                           .put(IFLA_ADDRESS, MacAddress{})
                           .bytes())
                ->mac,
            std::nullopt);
}

TEST(NetlinkParser, LeavingABridgeIsNotADeletedLink) {
  ifinfomsg info{};
  info.ifi_family = AF_BRIDGE;
  info.ifi_index = 7;
  ParseCounters counters;
  EXPECT_TRUE(
      events_of(Message(RTM_DELLINK).extra(info).put(IFLA_IFNAME, "eth7").bytes(), &counters)
          .empty());
  EXPECT_EQ(counters.ignored, 1u);
}

TEST(NetlinkParser, NeighbourMacIsUsableByStateOnly) {
  const auto parse = [](std::uint16_t state) {
    return *parse_neighbour(
        neighbour_message(state).put(NDA_DST, kIp).put(NDA_LLADDR, kMac).bytes());
  };
  for (const int s : {NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT, NUD_NOARP})
    EXPECT_EQ(parse(static_cast<std::uint16_t>(s)).usable_mac(), kMac) << s;
  for (const int s : {NUD_NONE, NUD_INCOMPLETE, NUD_FAILED})
    EXPECT_EQ(parse(static_cast<std::uint16_t>(s)).usable_mac(), std::nullopt) << s;
  EXPECT_EQ(nud_state_name(parse(NUD_FAILED).state), "FAILED");
}

TEST(NetlinkParser, ABridgesForwardingEntryIsNoNeighbour) {
  EXPECT_TRUE(
      events_of(neighbour_message(NUD_REACHABLE, AF_BRIDGE).put(NDA_LLADDR, kMac).bytes()).empty());
}

TEST(NetlinkParser, AddressOfAPointToPointLinkIsTheLocalOne) {
  ifaddrmsg info{};
  info.ifa_family = AF_INET;
  info.ifa_index = 4;
  info.ifa_prefixlen = 32;
  const auto a = parse_address(Message(RTM_NEWADDR)
                                   .extra(info)
                                   .put(IFA_ADDRESS, Ipv4Address::of(10, 0, 0, 2))
                                   .put(IFA_LOCAL, kIp)
                                   .bytes());
  ASSERT_TRUE(a);
  EXPECT_EQ(*a, (Address{4, kIp, 32}));
}

TEST(NetlinkParser, RouteWithGatewayAndWithout) {
  const auto by_gateway = parse_route(
      route_message().put(RTA_OIF, 7u).put(RTA_GATEWAY, kIp).put(RTA_PREFSRC, kIp).bytes());
  ASSERT_TRUE(by_gateway);
  EXPECT_EQ(by_gateway->type, Route::Type::kUnicast);
  EXPECT_THAT(by_gateway->hops, ElementsAre(Hop{IpAddress{kIp}, 7}));
  EXPECT_EQ(by_gateway->prefsrc, IpAddress{kIp});
  const auto on_link = parse_route(route_message().put(RTA_OIF, 7u).bytes());
  EXPECT_THAT(on_link->hops, ElementsAre(Hop{std::nullopt, 7}));
}

TEST(NetlinkParser, EcmpHopsButTheDeadOnes) {
  Bytes hops = next_hop(3, kIp);
  for (const Bytes& b : {next_hop(4, std::nullopt), next_hop(5, kIp, RTNH_F_DEAD),
                         next_hop(6, kIp, RTNH_F_LINKDOWN), next_hop(3, kIp)})
    hops.insert(hops.end(), b.begin(), b.end());
  const auto route = parse_route(route_message().nest(RTA_MULTIPATH, hops).bytes());
  ASSERT_TRUE(route);
  EXPECT_THAT(route->hops, ElementsAre(Hop{IpAddress{kIp}, 3}, Hop{std::nullopt, 4}));
}

TEST(NetlinkParser, AGatewayOfTheOtherFamily) {
  std::array<std::uint8_t, 18> via{};
  const std::uint16_t family = AF_INET6;
  std::memcpy(via.data(), &family, 2);
  via[2] = 0xfe;
  via[3] = 0x80;
  via[17] = 1;
  const auto route =
      parse_route(route_message().put(RTA_OIF, 7u).put(RTA_VIA, via.data(), via.size()).bytes());
  ASSERT_TRUE(route);
  EXPECT_EQ(route->hops[0].gateway, IpAddress::parse("fe80::1"));
}

TEST(NetlinkParser, RoutesThatRefuseSayWhy) {
  const auto route = parse_route(route_message(RTN_BLACKHOLE).bytes());
  EXPECT_EQ(route->type, Route::Type::kUnreachable);
  EXPECT_EQ(route->reason, "blackhole route");
  EXPECT_EQ(parse_route(route_message(RTN_LOCAL).bytes())->type, Route::Type::kLocal);
}

TEST(NetlinkParser, RoutesAndRulesAreReportedByFamily) {
  EXPECT_FALSE(
      std::get<RouteEvent>(events_of(route_message(RTN_UNICAST, AF_INET6).bytes())[0]).is_v4);
  EXPECT_TRUE(events_of(route_message(RTN_UNICAST, AF_MPLS).bytes()).empty());
  fib_rule_hdr rule{};
  rule.family = AF_INET;
  const auto events = events_of(Message(RTM_DELRULE).extra(rule).bytes());
  EXPECT_TRUE(std::get<RuleEvent>(events[0]).is_v4);
  EXPECT_TRUE(std::get<RuleEvent>(events[0]).deleted);
}

TEST(NetlinkParser, SeveralMessagesInOneDatagram) {
  Bytes both = link_message().bytes();
  const Bytes second = neighbour_message(NUD_STALE).put(NDA_DST, kIp).bytes();
  both.insert(both.end(), second.begin(), second.end());
  EXPECT_EQ(events_of(both).size(), 2u);
}

TEST(NetlinkParser, WrongLengthsAreCountedAndNeverTrusted) {
  ParseCounters counters;
  const auto malformed = [&](const Bytes& b) {
    const std::uint64_t before = counters.malformed;
    EXPECT_TRUE(events_of(b, &counters).empty());
    return counters.malformed == before + 1;
  };
  EXPECT_TRUE(malformed(neighbour_message(NUD_STALE).bytes())) << "no address";
  EXPECT_TRUE(malformed(neighbour_message(NUD_STALE).put(NDA_DST, kMac).bytes()));
  ifinfomsg info{};
  info.ifi_index = 7;
  EXPECT_TRUE(malformed(Message(RTM_NEWLINK).extra(info).bytes())) << "no name";
  EXPECT_TRUE(malformed(
      Message(RTM_NEWLINK).extra(info).put(IFLA_IFNAME, "x").put(IFLA_MTU, kMac).bytes()));
  EXPECT_TRUE(malformed(Message(RTM_NEWLINK).bytes())) << "no family header";
  Bytes lying = link_message().bytes();
  lying[0] = std::byte{0xff};
  lying[1] = std::byte{0xff};
  EXPECT_TRUE(malformed(lying));
  EXPECT_TRUE(malformed(Bytes(5)));
}

TEST(NetlinkParser, EveryTruncationAndRandomDamageIsSurvived) {
  test::Random random;
  Bytes hops = next_hop(3, kIp);
  const std::vector<Bytes> seeds = {
      link_message().bytes(),
      neighbour_message(NUD_STALE).put(NDA_DST, kIp).put(NDA_LLADDR, kMac).bytes(),
      route_message().nest(RTA_MULTIPATH, hops).put(RTA_OIF, 7u).bytes()};
  ParseCounters counters;
  for (const Bytes& seed : seeds) {
    for (std::size_t n = 0; n < seed.size(); ++n)
      (void)events_of(Bytes(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(n)),
                      &counters);
    for (int i = 0; i < 5000; ++i) {
      Bytes damaged = seed;
      for (std::size_t k = 1 + random.below(3); k > 0; --k)
        damaged[random.below(damaged.size())] = std::byte{random.u8()};
      (void)events_of(damaged, &counters);
      (void)parse_route(damaged);
      (void)parse_address(damaged);
    }
  }
  EXPECT_GT(counters.malformed, 0u);
}

}  // namespace
}  // namespace lifeline::netlink
