#include "netlink/parser.h"

#include <algorithm>
#include <cerrno>

#include "netlink/wire.h"

#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>

namespace lifeline::netlink {
namespace {

using wire::Bytes;

// A message of type `type` (or `other`) split into its family header and its attributes.
template <class FamilyHeader>
struct Opened {
  FamilyHeader header;
  Bytes attributes;
};

template <class FamilyHeader>
std::optional<Opened<FamilyHeader>> open(Bytes message, int type, int other) {
  const auto h = wire::load<nlmsghdr>(message);
  if (!h || h->nlmsg_len > message.size() || h->nlmsg_len < NLMSG_HDRLEN) return std::nullopt;
  if (h->nlmsg_type != type && h->nlmsg_type != other) return std::nullopt;
  const Bytes body = message.first(h->nlmsg_len).subspan(NLMSG_HDRLEN);
  const auto header = wire::load<FamilyHeader>(body);
  if (!header) return std::nullopt;
  return Opened<FamilyHeader>{
      *header, body.subspan(std::min(wire::align4(sizeof(FamilyHeader)), body.size()))};
}

std::optional<MacAddress> as_mac(Bytes v) {
  if (v.size() != 6) return std::nullopt;
  const MacAddress mac = MacAddress::from_bytes(v.data());
  if (mac.is_zero()) return std::nullopt;
  return mac;
}

std::optional<IpAddress> as_via(Bytes v) {
  const auto family = wire::load<std::uint16_t>(v);
  if (!family) return std::nullopt;
  return wire::as_ip(v.subspan(2), *family);
}

// A gateway of a route or of one of its hops. False: malformed. Attributes that are no gateway
// change nothing.
bool take_gateway(const wire::AttributeWalk& a, int family, std::optional<IpAddress>& gateway) {
  switch (wire::attribute_type(a.header())) {
    case RTA_GATEWAY: gateway = wire::as_ip(a.payload(), family); return gateway.has_value();
    case RTA_VIA: gateway = as_via(a.payload()); return gateway.has_value();
    default: return true;
  }
}

bool take_multipath(Bytes v, int family, std::vector<Hop>& hops) {
  wire::NextHopWalk walk(v);
  while (walk.next()) {
    Hop hop;
    hop.ifindex = static_cast<std::uint32_t>(walk.header().rtnh_ifindex);
    wire::AttributeWalk a(walk.payload());
    while (a.next())
      if (!take_gateway(a, family, hop.gateway)) return false;
    if (a.malformed()) return false;
    if (walk.header().rtnh_ifindex <= 0) continue;
    if ((walk.header().rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0) continue;
    if (std::find(hops.begin(), hops.end(), hop) == hops.end()) hops.push_back(hop);
  }
  return !walk.malformed();
}

Route::Type route_type(std::uint8_t rtn) {
  switch (rtn) {
    case RTN_UNICAST: return Route::Type::kUnicast;
    case RTN_LOCAL:
    case RTN_ANYCAST: return Route::Type::kLocal;
    case RTN_BROADCAST: return Route::Type::kBroadcast;
    case RTN_MULTICAST: return Route::Type::kMulticast;
    default: return Route::Type::kUnreachable;
  }
}

std::string_view refusal(std::uint8_t rtn) {
  switch (rtn) {
    case RTN_BLACKHOLE: return "blackhole route";
    case RTN_PROHIBIT: return "prohibit route";
    case RTN_UNREACHABLE: return "unreachable route";
    default: return "route of a type that forwards nothing";
  }
}

// Families that a message may have and that are not ours: bridge FDB entries, MPLS routes, ….
bool family_is_ours(Bytes message, bool link) {
  const auto family = wire::load<std::uint8_t>(message.subspan(NLMSG_HDRLEN));
  if (!family) return true;  // malformed: let the parser say so
  return link ? *family == AF_UNSPEC : *family == AF_INET || *family == AF_INET6;
}

template <class E, class T>
bool push(std::vector<Event>& out, std::optional<T> value, bool deleted) {
  if (!value) return false;
  out.push_back(E{std::move(*value), deleted});
  return true;
}

template <class E, class FamilyHeader, auto Family>
bool push_family(std::vector<Event>& out, Bytes message, int type, bool deleted) {
  const auto opened = open<FamilyHeader>(message, type, type);
  if (!opened) return false;
  out.push_back(E{opened->header.*Family == AF_INET, deleted});
  return true;
}

enum class Outcome { kTaken, kIgnored, kMalformed };

Outcome parse_one(int type, Bytes message, std::vector<Event>& out) {
  bool ok = false;
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      if (!family_is_ours(message, true)) return Outcome::kIgnored;
      ok = push<LinkEvent>(out, parse_link(message), type == RTM_DELLINK);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      if (!family_is_ours(message, false)) return Outcome::kIgnored;
      ok = push<AddressEvent>(out, parse_address(message), type == RTM_DELADDR);
      break;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      if (!family_is_ours(message, false)) return Outcome::kIgnored;
      ok = push<NeighbourEvent>(out, parse_neighbour(message), type == RTM_DELNEIGH);
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      if (!family_is_ours(message, false)) return Outcome::kIgnored;
      ok = push_family<RouteEvent, rtmsg, &rtmsg::rtm_family>(out, message, type,
                                                              type == RTM_DELROUTE);
      break;
    case RTM_NEWRULE:
    case RTM_DELRULE:
      if (!family_is_ours(message, false)) return Outcome::kIgnored;
      ok = push_family<RuleEvent, fib_rule_hdr, &fib_rule_hdr::family>(out, message, type,
                                                                       type == RTM_DELRULE);
      break;
    default: return Outcome::kIgnored;
  }
  return ok ? Outcome::kTaken : Outcome::kMalformed;
}

}  // namespace

std::optional<Link> parse_link(Bytes message) {
  const auto opened = open<ifinfomsg>(message, RTM_NEWLINK, RTM_DELLINK);
  if (!opened || opened->header.ifi_index <= 0) return std::nullopt;
  Link link;
  link.index = static_cast<std::uint32_t>(opened->header.ifi_index);
  link.flags = opened->header.ifi_flags;
  wire::AttributeWalk a(opened->attributes);
  while (a.next()) {
    switch (wire::attribute_type(a.header())) {
      case IFLA_IFNAME: link.name = wire::as_string(a.payload()); break;
      case IFLA_ADDRESS:  // any length: an InfiniBand address has 20 bytes, a tunnel's has 4
        link.mac = as_mac(a.payload());
        break;
      case IFLA_MTU:
      case IFLA_MASTER: {
        const auto value = wire::as_u32(a.payload());
        if (!value) return std::nullopt;
        (wire::attribute_type(a.header()) == IFLA_MTU ? link.mtu_bytes : link.master) = *value;
        break;
      }
      default: break;
    }
  }
  if (a.malformed() || link.name.empty()) return std::nullopt;
  return link;
}

std::optional<Address> parse_address(Bytes message) {
  const auto opened = open<ifaddrmsg>(message, RTM_NEWADDR, RTM_DELADDR);
  if (!opened || opened->header.ifa_index == 0) return std::nullopt;
  std::optional<IpAddress> address;
  std::optional<IpAddress> local;  // of a point-to-point link, IFA_ADDRESS is the peer's
  wire::AttributeWalk a(opened->attributes);
  while (a.next()) {
    const int type = wire::attribute_type(a.header());
    if (type != IFA_ADDRESS && type != IFA_LOCAL) continue;
    const auto ip = wire::as_ip(a.payload(), opened->header.ifa_family);
    if (!ip) return std::nullopt;
    (type == IFA_LOCAL ? local : address) = ip;
  }
  if (a.malformed() || (!local && !address)) return std::nullopt;
  return Address{opened->header.ifa_index, local ? *local : *address, opened->header.ifa_prefixlen};
}

std::optional<Neighbour> parse_neighbour(Bytes message) {
  const auto opened = open<ndmsg>(message, RTM_NEWNEIGH, RTM_DELNEIGH);
  if (!opened || opened->header.ndm_ifindex <= 0) return std::nullopt;
  Neighbour n;
  n.ifindex = static_cast<std::uint32_t>(opened->header.ndm_ifindex);
  n.state = opened->header.ndm_state;
  std::optional<IpAddress> ip;
  wire::AttributeWalk a(opened->attributes);
  while (a.next()) {
    switch (wire::attribute_type(a.header())) {
      case NDA_DST:
        ip = wire::as_ip(a.payload(), opened->header.ndm_family);
        if (!ip) return std::nullopt;
        break;
      case NDA_LLADDR: n.mac = as_mac(a.payload()); break;
      default: break;
    }
  }
  if (a.malformed() || !ip) return std::nullopt;
  n.ip = *ip;
  return n;
}

std::optional<Route> parse_route(Bytes message) {
  const auto opened = open<rtmsg>(message, RTM_NEWROUTE, RTM_NEWROUTE);
  if (!opened) return std::nullopt;
  const int family = opened->header.rtm_family;
  Route route;
  route.type = route_type(opened->header.rtm_type);
  if (route.type == Route::Type::kUnreachable) route.reason = refusal(opened->header.rtm_type);
  Hop single;
  wire::AttributeWalk a(opened->attributes);
  while (a.next()) {
    if (!take_gateway(a, family, single.gateway)) return std::nullopt;
    switch (wire::attribute_type(a.header())) {
      case RTA_OIF: {
        const auto oif = wire::as_u32(a.payload());
        if (!oif) return std::nullopt;
        single.ifindex = *oif;
        break;
      }
      case RTA_PREFSRC:
        route.prefsrc = wire::as_ip(a.payload(), family);
        if (!route.prefsrc) return std::nullopt;
        break;
      case RTA_MULTIPATH:
        if (!take_multipath(a.payload(), family, route.hops)) return std::nullopt;
        break;
      default: break;
    }
  }
  if (a.malformed()) return std::nullopt;
  // With several hops the kernel leaves RTA_OIF out.
  if (single.ifindex != 0 &&
      std::find(route.hops.begin(), route.hops.end(), single) == route.hops.end())
    route.hops.insert(route.hops.begin(), single);
  return route;
}

void parse_events(Bytes datagram, std::vector<Event>& out, ParseCounters& counters) {
  wire::MessageWalk walk(datagram);
  while (walk.next()) {
    ++counters.messages;
    switch (parse_one(walk.header().nlmsg_type, walk.record(), out)) {
      case Outcome::kTaken: break;
      case Outcome::kIgnored: ++counters.ignored; break;
      case Outcome::kMalformed: ++counters.malformed; break;
    }
  }
  if (walk.malformed()) ++counters.malformed;
}

}  // namespace lifeline::netlink
