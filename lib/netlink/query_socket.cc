#include "netlink/query_socket.h"

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "netlink/parser.h"
#include "netlink/wire.h"

#include <linux/if_link.h>
#include <linux/neighbour.h>

namespace lifeline::netlink {
namespace {

constexpr std::size_t kBufferBytes = 32 * 1024;
constexpr std::size_t kNameMax = 15;  // IFNAMSIZ with its NUL is 16
constexpr std::size_t kRequestBytes = 256;
constexpr int kDumpAttempts = 3;  // a table that changes while it is dumped is dumped again
constexpr NudState kStatic = NUD_PERMANENT | NUD_NOARP;

// Room for one request; libmnl appends to it.
struct Request {
  alignas(nlmsghdr) std::byte bytes[kRequestBytes];
  nlmsghdr* header;

  Request(int type, int flags) : header(mnl_nlmsg_put_header(bytes)) {
    header->nlmsg_type = static_cast<std::uint16_t>(type);
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  template <class T>
  T& extra() {
    return *static_cast<T*>(mnl_nlmsg_put_extra_header(header, sizeof(T)));
  }
  void put_ip(std::uint16_t attribute, const IpAddress& ip) {
    if (ip.is_v4())
      mnl_attr_put(header, attribute, sizeof(Ipv4Address), &ip.v4());
    else
      mnl_attr_put(header, attribute, ip.v6().bytes.size(), ip.v6().bytes.data());
  }
};

std::uint8_t family_of(const IpAddress& ip) { return ip.is_v4() ? AF_INET : AF_INET6; }

tl::unexpected<Error> system_error(std::string_view call) {
  return make_error("netlink query: {}: {}", call, std::strerror(errno));
}

void add_hops(Route& route, const Route& more) {
  for (const Hop& hop : more.hops)
    if (std::find(route.hops.begin(), route.hops.end(), hop) == route.hops.end())
      route.hops.push_back(hop);
}

tl::unexpected<Error> kernel_error(std::string_view what, int error) {
  return make_error("netlink query: {}: {}", what, std::strerror(error));
}

}  // namespace

Expected<QuerySocket> QuerySocket::open() {
  QuerySocket s;
  s.buffer_ = std::make_unique<std::byte[]>(kBufferBytes);
  if (auto ok = s.reopen(); !ok) return tl::make_unexpected(ok.error());
  return s;
}

QuerySocket::QuerySocket(QuerySocket&& o) noexcept { *this = std::move(o); }

QuerySocket& QuerySocket::operator=(QuerySocket&& o) noexcept {
  if (this == &o) return *this;
  close();
  socket_ = std::exchange(o.socket_, nullptr);
  sequence_ = o.sequence_;
  buffer_ = std::move(o.buffer_);
  return *this;
}

QuerySocket::~QuerySocket() { close(); }

void QuerySocket::close() {
  if (socket_ != nullptr) mnl_socket_close(socket_);
  socket_ = nullptr;
}

Expected<void> QuerySocket::reopen() {
  close();
  socket_ = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket_ == nullptr) return system_error("socket");
  if (mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) != 0) {
    auto e = system_error("bind");
    close();
    return e;
  }
  // Dumps honour the filter in their request (Linux 4.20); where they do not, we filter.
  int on = 1;
  mnl_socket_setsockopt(socket_, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  return {};
}

Expected<int> QuerySocket::transact(nlmsghdr* request, const OnMessage& on_message) {
  if (socket_ == nullptr)
    if (auto ok = reopen(); !ok) return tl::make_unexpected(ok.error());
  const bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  // An ACK ends every answer that is no dump, be there a message before it or none.
  if (!dump) request->nlmsg_flags |= NLM_F_ACK;
  request->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, request, request->nlmsg_len) < 0) {
    auto e = system_error("sendto");
    close();
    return e;
  }
  for (std::size_t messages = 0; messages <= kMaxDump;) {
    sockaddr_nl from{};
    socklen_t from_bytes = sizeof from;
    const ssize_t n =
        recvfrom(mnl_socket_get_fd(socket_), buffer_.get(), kBufferBytes, MSG_DONTWAIT | MSG_TRUNC,
                 reinterpret_cast<sockaddr*>(&from), &from_bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || static_cast<std::size_t>(n) > kBufferBytes) {
      auto e =
          n < 0 ? system_error("recvfrom") : make_error("netlink query: answer of {} bytes", n);
      close();
      return e;
    }
    ++messages;
    if (from.nl_pid != 0) continue;
    wire::MessageWalk walk({buffer_.get(), static_cast<std::size_t>(n)});
    while (walk.next()) {
      if (walk.header().nlmsg_seq != sequence_) continue;
      ++messages;
      if ((walk.header().nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
        close();  // the rest of this dump is of no use
        return EINTR;
      }
      if (walk.header().nlmsg_type == NLMSG_ERROR || walk.header().nlmsg_type == NLMSG_DONE) {
        const auto code = wire::load<std::int32_t>(walk.payload());
        if (!code) return walk.header().nlmsg_type == NLMSG_DONE ? 0 : EBADMSG;
        return *code < 0 ? -*code : 0;
      }
      on_message(walk.record());
    }
  }
  close();
  return make_error("netlink query: more than {} messages in one answer", kMaxDump);
}

Expected<std::optional<Link>> QuerySocket::link(std::string_view name, std::uint32_t ifindex) {
  if (ifindex == 0 && (name.empty() || name.size() > kNameMax)) return std::nullopt;
  Request r(RTM_GETLINK, 0);
  auto& info = r.extra<ifinfomsg>();
  info.ifi_family = AF_UNSPEC;
  info.ifi_index = static_cast<int>(ifindex);
  mnl_attr_put_u32(r.header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  if (ifindex == 0) mnl_attr_put_strz(r.header, IFLA_IFNAME, std::string(name).c_str());
  std::optional<Link> found;
  const auto error = transact(r.header, [&](auto message) { found = parse_link(message); });
  if (!error) return tl::make_unexpected(error.error());
  if (*error == ENODEV) return std::nullopt;
  if (*error != 0) return kernel_error("link", *error);
  if (!found) return make_error("netlink query: link: malformed answer");
  return found;
}

Expected<std::optional<Link>> QuerySocket::link_by_name(std::string_view name) {
  return link(name, 0);
}

Expected<std::optional<Link>> QuerySocket::link_by_index(std::uint32_t ifindex) {
  if (ifindex == 0) return std::nullopt;
  return link({}, ifindex);
}

Expected<std::vector<Address>> QuerySocket::addresses(std::uint32_t ifindex) {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    Request r(RTM_GETADDR, NLM_F_DUMP);
    auto& info = r.extra<ifaddrmsg>();
    info.ifa_family = AF_UNSPEC;
    info.ifa_index = ifindex;
    std::vector<Address> found;
    const auto error = transact(r.header, [&](auto message) {
      const auto a = parse_address(message);
      if (a && (ifindex == 0 || a->ifindex == ifindex)) found.push_back(*a);
    });
    if (!error) return tl::make_unexpected(error.error());
    if (*error == EINTR) continue;
    if (*error == ENODEV) return std::vector<Address>{};
    if (*error != 0) return kernel_error("addresses", *error);
    return found;
  }
  return make_error("netlink query: addresses: they changed during each of {} dumps",
                    kDumpAttempts);
}

Expected<int> QuerySocket::ask_route(const RouteQuery& query, unsigned flags,
                                     std::optional<Route>& route) {
  Request r(RTM_GETROUTE, 0);
  auto& info = r.extra<rtmsg>();
  const std::uint8_t bits = query.destination.is_v4() ? 32 : 128;
  info.rtm_family = family_of(query.destination);
  info.rtm_dst_len = bits;
  info.rtm_flags = flags;
  r.put_ip(RTA_DST, query.destination);
  if (query.source) {
    info.rtm_src_len = bits;
    r.put_ip(RTA_SRC, *query.source);
  }
  if (query.ifindex != 0) mnl_attr_put_u32(r.header, RTA_OIF, query.ifindex);
  return transact(r.header, [&](auto message) { route = parse_route(message); });
}

Expected<Route> QuerySocket::route_by(const RouteQuery& query) {
  std::optional<Route> route;
  const auto error = ask_route(query, 0, route);
  if (!error) return tl::make_unexpected(error.error());
  if (*error != 0) {
    // ENETUNREACH: no route; the others are the answers of unreachable, prohibit and blackhole,
    // and that of a device which is gone.
    if (*error != ENETUNREACH && *error != EHOSTUNREACH && *error != EACCES && *error != EINVAL &&
        *error != ENODEV)
      return kernel_error("route", *error);
    Route none;
    none.reason = std::strerror(*error);
    return none;
  }
  if (!route) return make_error("netlink query: route: malformed answer");
  if (route->type != Route::Type::kUnicast) return *route;
  // The answer above names one hop, the one chosen for this flow (a redirect included). The entry
  // of the routing table that it came from (Linux 4.14) has all of an ECMP route.
  std::optional<Route> entry;
  const auto entry_error = ask_route(query, RTM_F_FIB_MATCH, entry);
  if (entry_error && *entry_error == 0 && entry && entry->type == Route::Type::kUnicast)
    add_hops(*route, *entry);
  return *route;
}

// As connect() does: without a source address the route gives one, and rules about that address
// ("from 10.0.0.2 lookup mgmt") have the last word.
Expected<Route> QuerySocket::route_to(const IpAddress& destination, std::uint32_t ifindex) {
  auto route = route_by({destination, std::nullopt, ifindex});
  if (!route || route->type != Route::Type::kUnicast || !route->prefsrc) return route;
  const auto again = route_by({destination, route->prefsrc, ifindex});
  if (!again) return again;
  if (destination.is_v4()) {
    const auto source = route->prefsrc;
    *route = *again;
    route->prefsrc = source;
  } else if (again->type == Route::Type::kUnicast) {
    // Linux sends a SYN over IPv6 by the first answer and what follows, after any change of a
    // route, by the second.
    add_hops(*route, *again);
  }
  return route;
}

Expected<std::optional<Neighbour>> QuerySocket::neighbour(const IpAddress& ip,
                                                          std::uint32_t ifindex) {
  Request r(RTM_GETNEIGH, 0);
  auto& info = r.extra<ndmsg>();
  info.ndm_family = family_of(ip);
  info.ndm_ifindex = static_cast<int>(ifindex);
  r.put_ip(NDA_DST, ip);
  std::optional<Neighbour> found;
  const auto error = transact(r.header, [&](auto message) { found = parse_neighbour(message); });
  if (!error) return tl::make_unexpected(error.error());
  if (*error == ENOENT || *error == ENODEV) return std::nullopt;
  if (*error != 0) return kernel_error("neighbour", *error);
  return found;
}

Expected<void> QuerySocket::touch_neighbour(const IpAddress& ip, std::uint32_t ifindex,
                                            NudState state, std::uint8_t flags, int* kernel_errno) {
  Request r(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  auto& info = r.extra<ndmsg>();
  info.ndm_family = family_of(ip);
  info.ndm_ifindex = static_cast<int>(ifindex);
  info.ndm_state = state;
  info.ndm_flags = flags;
  r.put_ip(NDA_DST, ip);
  const auto error = transact(r.header, [](auto) {});
  if (!error) return tl::make_unexpected(error.error());
  *kernel_errno = *error;
  return {};
}

Expected<void> QuerySocket::resolve(const IpAddress& ip, std::uint32_t ifindex) {
  // NTF_USE takes the permanence from a static entry (Linux 5.17): leave those alone.
  const auto known = neighbour(ip, ifindex);
  if (!known) return tl::make_unexpected(known.error());
  if (*known && ((*known)->state & kStatic) != 0) return {};
  int error = 0;
  if (auto ok = touch_neighbour(ip, ifindex, NUD_NONE, NTF_USE, &error); !ok) return ok;
  if (error != 0) return kernel_error("resolve", error);
  return {};
}

Expected<void> QuerySocket::probe(const IpAddress& ip, std::uint32_t ifindex) {
  const auto known = neighbour(ip, ifindex);
  if (!known) return tl::make_unexpected(known.error());
  if (*known && ((*known)->state & kStatic) != 0) return {};
  if (!*known || !(*known)->usable_mac()) return resolve(ip, ifindex);
  int error = 0;
  if (auto ok = touch_neighbour(ip, ifindex, NUD_PROBE, 0, &error); !ok) return ok;
  if (error == EINVAL) return resolve(ip, ifindex);  // lost its MAC since we looked
  if (error != 0) return kernel_error("probe", error);
  return {};
}

}  // namespace lifeline::netlink
