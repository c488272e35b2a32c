// Against the real kernel, in a network namespace that each test makes for itself and that ends
// with its process: nothing of the machine's own network is touched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <functional>

#include "netlink/event_socket.h"
#include "netlink/query_socket.h"
#include "support/namespace.h"

#include <linux/neighbour.h>

namespace lifeline::netlink {
namespace {

using test::in_namespace;
using test::ip;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

// Two ends of a wire: n0 with 10.9.0.1/24, and n1, whose other side answers for nobody.
void make_wire() {
  ip("link set lo up");
  ip("link add n0 address 02:00:00:00:00:01 type veth peer name n1 address 02:00:00:00:00:02");
  ip("link set n0 up");
  ip("link set n1 up");
  ip("addr add 10.9.0.1/24 dev n0");
}

const Ipv4Address kGateway = Ipv4Address::of(10, 9, 0, 2);
const Ipv4Address kFar = Ipv4Address::of(192, 0, 2, 1);

// Reads until one of the events satisfies `wanted`; false after two seconds without.
template <class E>
bool wait_for(EventSocket& socket, const std::function<bool(const E&)>& wanted) {
  for (;;) {
    std::vector<Event> events;
    const auto more = socket.read(events);
    if (!more) return false;
    for (const Event& e : events)
      if (const E* found = std::get_if<E>(&e); found != nullptr && wanted(*found)) return true;
    if (*more) continue;
    pollfd p{socket.fd(), POLLIN, 0};
    if (poll(&p, 1, 2000) <= 0) return false;
  }
}

TEST(NetlinkKernel, LinksAndAddressesAsAsked) {
  in_namespace([] {
    make_wire();
    QuerySocket q = std::move(*QuerySocket::open());
    const auto link = q.link_by_name("n0");
    ASSERT_TRUE(link && *link);
    EXPECT_EQ((*link)->mac, MacAddress::from_u64(0x020000000001));
    EXPECT_TRUE((*link)->is_up());
    EXPECT_EQ((*link)->mtu_bytes, 1500u);
    const std::uint32_t index = (*link)->index;
    EXPECT_EQ((*q.link_by_index(index))->name, "n0");
    EXPECT_EQ(*q.link_by_name("absent"), std::nullopt);
    EXPECT_EQ(*q.link_by_name("a name that no device can have"), std::nullopt);
    EXPECT_EQ(*q.link_by_index(4711), std::nullopt);
    const auto all = q.addresses(index);
    ASSERT_TRUE(all);
    EXPECT_THAT(*all, testing::Contains(Address{index, Ipv4Address::of(10, 9, 0, 1), 24}));
    for (const Address& a : *all) EXPECT_EQ(a.ifindex, index);
  });
}

TEST(NetlinkKernel, RoutesAsTheKernelWouldSend) {
  in_namespace([] {
    make_wire();
    QuerySocket q = std::move(*QuerySocket::open());
    const std::uint32_t index = (*q.link_by_name("n0"))->index;
    const auto none = q.route_to(kFar);
    ASSERT_TRUE(none);
    EXPECT_EQ(none->type, Route::Type::kUnreachable);
    EXPECT_EQ(none->reason, "Network is unreachable");
    EXPECT_EQ(q.route_to(Ipv4Address::of(10, 9, 0, 1))->type, Route::Type::kLocal);
    EXPECT_EQ(q.route_to(Ipv4Address::of(127, 0, 0, 1))->type, Route::Type::kLocal);
    const auto near = q.route_to(kGateway);
    EXPECT_EQ(near->type, Route::Type::kUnicast);
    EXPECT_THAT(near->hops, ElementsAre(Hop{std::nullopt, index}));
    EXPECT_EQ(near->prefsrc, IpAddress{Ipv4Address::of(10, 9, 0, 1)});

    ip("route add default via 10.9.0.2");
    EXPECT_THAT(q.route_to(kFar)->hops, ElementsAre(Hop{IpAddress{kGateway}, index}));

    ip("route replace default nexthop via 10.9.0.2 nexthop via 10.9.0.3");
    EXPECT_THAT(q.route_to(kFar)->hops,
                UnorderedElementsAre(Hop{IpAddress{kGateway}, index},
                                     Hop{IpAddress{Ipv4Address::of(10, 9, 0, 3)}, index}));
    ip("route add blackhole 192.0.2.0/24");
    EXPECT_EQ(q.route_to(kFar)->type, Route::Type::kUnreachable);
    ip("route del blackhole 192.0.2.0/24");
    ip("rule add to 192.0.2.0/24 prohibit");
    EXPECT_EQ(q.route_to(kFar)->type, Route::Type::kUnreachable);
    EXPECT_EQ(q.route_to(kFar)->reason, "Permission denied");
  });
}

// A connection that is bound to no address gets its source from the first answer, and is then
// routed by it: with such rules a host of several networks answers each by the way it was asked.
TEST(NetlinkKernel, RulesAboutTheSourceAddressCount) {
  in_namespace([] {
    make_wire();
    QuerySocket q = std::move(*QuerySocket::open());
    const std::uint32_t index = (*q.link_by_name("n0"))->index;
    const IpAddress other = Ipv4Address::of(10, 9, 0, 3);
    ip("route add default via 10.9.0.2");
    ip("route add default table 200 via 10.9.0.3");
    ip("rule add from 10.9.0.1 lookup 200");
    EXPECT_THAT(q.route_to(kFar)->hops, ElementsAre(Hop{other, index}));
    EXPECT_EQ(q.route_to(kFar)->prefsrc, IpAddress{Ipv4Address::of(10, 9, 0, 1)});
    ip("route replace default table 200 nexthop via 10.9.0.3 nexthop via 10.9.0.4");
    EXPECT_THAT(q.route_to(kFar)->hops,
                UnorderedElementsAre(Hop{other, index},
                                     Hop{IpAddress{Ipv4Address::of(10, 9, 0, 4)}, index}));
    ip("rule add from 10.9.0.1 prohibit");
    EXPECT_EQ(q.route_to(kFar)->type, Route::Type::kUnreachable);
    EXPECT_EQ(q.route_to(kFar)->reason, "Permission denied");

    ip("addr add fd00::1/64 dev n0 nodad");
    ip("route add 2001:db8::/32 via fd00::2");
    ip("-6 route add 2001:db8::/32 table 200 via fd00::3");
    ip("-6 rule add from fd00::1 lookup 200");
    EXPECT_THAT(q.route_to(*IpAddress::parse("2001:db8::1"))->hops,
                ElementsAre(Hop{*IpAddress::parse("fd00::2"), index},
                            Hop{*IpAddress::parse("fd00::3"), index}));
  });
}

TEST(NetlinkKernel, EveryHopOfANextHopGroupCounts) {
  in_namespace([] {
    make_wire();
    QuerySocket q = std::move(*QuerySocket::open());
    const std::uint32_t index = (*q.link_by_name("n0"))->index;
    ip("nexthop add id 1 via 10.9.0.2 dev n0");
    ip("nexthop add id 2 via 10.9.0.3 dev n0");
    ip("nexthop add id 10 group 1/2");
    ip("route add 192.0.2.0/24 nhid 10");
    EXPECT_THAT(q.route_to(kFar)->hops,
                UnorderedElementsAre(Hop{IpAddress{kGateway}, index},
                                     Hop{IpAddress{Ipv4Address::of(10, 9, 0, 3)}, index}));
  });
}

TEST(NetlinkKernel, Ipv6RoutesAndNeighbours) {
  in_namespace([] {
    make_wire();
    QuerySocket q = std::move(*QuerySocket::open());
    const std::uint32_t index = (*q.link_by_name("n0"))->index;
    const IpAddress far = *IpAddress::parse("2001:db8::1");
    const IpAddress gateway = *IpAddress::parse("fd00::2");
    EXPECT_EQ(q.route_to(far)->type, Route::Type::kUnreachable);
    ip("addr add fd00::1/64 dev n0 nodad");
    ip("route add 2001:db8::/32 via fd00::2");
    EXPECT_THAT(q.route_to(far)->hops, ElementsAre(Hop{gateway, index}));
    EXPECT_EQ(q.route_to(*IpAddress::parse("fd00::1"))->type, Route::Type::kLocal);
    const IpAddress link_local = *IpAddress::parse("fe80::9");
    EXPECT_THAT(q.route_to(link_local, index)->hops, ElementsAre(Hop{std::nullopt, index}));
    EXPECT_EQ(q.route_to(link_local, index + 100)->type, Route::Type::kUnreachable);
    ip("neigh replace fd00::2 lladdr 02:00:00:00:00:02 nud reachable dev n0");
    EXPECT_EQ((*q.neighbour(gateway, index))->usable_mac(), MacAddress::from_u64(0x020000000002));
    ASSERT_TRUE(q.resolve(*IpAddress::parse("fd00::3"), index));
    EXPECT_EQ((*q.neighbour(*IpAddress::parse("fd00::3"), index))->state, NUD_INCOMPLETE);
  });
}

TEST(NetlinkKernel, NeighboursAreSeenResolvedAndProbed) {
  in_namespace([] {
    make_wire();
    QuerySocket q = std::move(*QuerySocket::open());
    const std::uint32_t index = (*q.link_by_name("n0"))->index;
    EXPECT_EQ(*q.neighbour(kGateway, index), std::nullopt);
    ASSERT_TRUE(q.resolve(kGateway, index));
    ASSERT_TRUE(*q.neighbour(kGateway, index));
    EXPECT_EQ((*q.neighbour(kGateway, index))->state, NUD_INCOMPLETE);

    ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 nud stale dev n0");
    EXPECT_EQ((*q.neighbour(kGateway, index))->usable_mac(), MacAddress::from_u64(0x020000000002));
    ASSERT_TRUE(q.probe(kGateway, index));
    EXPECT_EQ((*q.neighbour(kGateway, index))->state, NUD_PROBE);

    ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 nud permanent dev n0");
    ASSERT_TRUE(q.probe(kGateway, index));
    ASSERT_TRUE(q.resolve(kGateway, index));
    EXPECT_EQ((*q.neighbour(kGateway, index))->state, NUD_PERMANENT) << "the operator's own";
    EXPECT_FALSE(q.resolve(kGateway, 4711)) << "no such device";
    EXPECT_EQ(*q.neighbour(kGateway, 4711), std::nullopt);
  });
}

TEST(NetlinkKernel, EveryKindOfChangeIsAnnounced) {
  in_namespace([] {
    EventSocket events = std::move(*EventSocket::open());
    make_wire();
    EXPECT_TRUE(wait_for<LinkEvent>(
        events, [](const LinkEvent& e) { return e.link.name == "n0" && e.link.is_up(); }));
    ip("addr add 10.9.0.7/24 dev n0");
    EXPECT_TRUE(wait_for<AddressEvent>(events, [](const AddressEvent& e) {
      return e.address.ip == IpAddress{Ipv4Address::of(10, 9, 0, 7)} && !e.deleted;
    }));
    ip("route add 192.0.2.0/24 via 10.9.0.2");
    EXPECT_TRUE(wait_for<RouteEvent>(events, [](const RouteEvent& e) { return e.is_v4; }));
    ip("rule add to 192.0.2.0/24 table 100");
    EXPECT_TRUE(wait_for<RuleEvent>(events, [](const RuleEvent& e) { return !e.deleted; }));
    ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 nud stale dev n0");
    EXPECT_TRUE(wait_for<NeighbourEvent>(events, [](const NeighbourEvent& e) {
      return e.neighbour.ip == IpAddress{kGateway} && e.neighbour.state == NUD_STALE;
    }));
    ip("link set n0 address 02:00:00:00:00:99");
    EXPECT_TRUE(wait_for<LinkEvent>(events, [](const LinkEvent& e) {
      return e.link.mac == MacAddress::from_u64(0x020000000099);
    }));
    ip("link set n0 down");
    ip("link set n0 name other");
    EXPECT_TRUE(wait_for<LinkEvent>(
        events, [](const LinkEvent& e) { return e.link.name == "other" && !e.link.is_up(); }));
    ip("link del other");
    EXPECT_TRUE(wait_for<LinkEvent>(
        events, [](const LinkEvent& e) { return e.link.name == "other" && e.deleted; }));
    EXPECT_EQ(events.counters().parse.malformed, 0u);
  });
}

TEST(NetlinkKernel, AnOverrunIsToldAndTheNextChangeIsSeen) {
  in_namespace([] {
    make_wire();
    EventSocket events = std::move(*EventSocket::open());
    ASSERT_TRUE(events.set_receive_buffer(4096));
    const int fd = events.fd();
    for (int i = 0; i < 40; ++i) ip("addr add 10.8.0." + std::to_string(i + 1) + "/32 dev n0");
    EXPECT_TRUE(wait_for<OverrunEvent>(events, [](const OverrunEvent&) { return true; }));
    EXPECT_EQ(events.counters().overruns, 1u);
    EXPECT_EQ(events.fd(), fd);
    ip("link set n0 address 02:00:00:00:00:98");
    EXPECT_TRUE(wait_for<LinkEvent>(events, [](const LinkEvent& e) {
      return e.link.mac == MacAddress::from_u64(0x020000000098);
    }));
  });
}

TEST(NetlinkKernel, AnIdleSocketIsEmptyAndDoesNotBlock) {
  in_namespace([] {
    EventSocket events = std::move(*EventSocket::open());
    std::vector<Event> out;
    const auto more = events.read(out);
    ASSERT_TRUE(more);
    EXPECT_FALSE(*more);
    EXPECT_TRUE(out.empty());
  });
}

}  // namespace
}  // namespace lifeline::netlink
