#include "resolve/lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

namespace lifeline::resolve {
namespace {

int set_servers(ares_channel channel, const std::vector<IpAddress>& servers, std::uint16_t port) {
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    ares_addr_port_node& node = nodes[i];
    node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
    node.udp_port = port;
    node.tcp_port = port;
    if (servers[i].is_v4()) {
      node.family = AF_INET;
      std::memcpy(&node.addr, &servers[i].v4(), sizeof(in_addr));
    } else {
      node.family = AF_INET6;
      std::memcpy(&node.addr, servers[i].v6().bytes.data(), sizeof(in6_addr));
    }
  }
  return ares_set_servers_ports(channel, nodes.data());
}

std::optional<IpAddress> address_of(const ares_addrinfo_node& node) {
  if (node.ai_family == AF_INET && node.ai_addrlen >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, node.ai_addr, sizeof in);
    return Ipv4Address::from_host(ntohl(in.sin_addr.s_addr));
  }
  if (node.ai_family == AF_INET6 && node.ai_addrlen >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in6{};
    std::memcpy(&in6, node.ai_addr, sizeof in6);
    return Ipv6Address::from_bytes(&in6.sin6_addr);
  }
  return std::nullopt;
}

Answer answer_in(const ares_addrinfo& info) {
  Answer answer;
  int ttl_s = -1;
  const auto shorten = [&](int s) { ttl_s = ttl_s < 0 ? s : std::min(ttl_s, s); };
  for (const ares_addrinfo_node* n = info.nodes; n != nullptr; n = n->ai_next) {
    const auto ip = address_of(*n);
    if (!ip || !is_usable(*ip) || answer.addresses.size() == kMaxAddresses) continue;
    shorten(n->ai_ttl);
    if (std::find(answer.addresses.begin(), answer.addresses.end(), *ip) == answer.addresses.end())
      answer.addresses.push_back(*ip);
  }
  for (const ares_addrinfo_cname* c = info.cnames; c != nullptr; c = c->next) shorten(c->ttl);
  answer.ttl = std::chrono::seconds{std::max(ttl_s, 0)};
  return answer;
}

}  // namespace

Lookup::Lookup(std::uint64_t id, std::string host, const std::vector<IpAddress>& servers,
               Limits limits)
    : id_(id), host_(std::move(host)), whom_(list_of(servers)) {
  static std::once_flag once;
  std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  // Nothing is taken from the host's own resolv.conf: the servers are given, names are complete.
  std::string none = "/dev/null";
  std::string lookups = servers.empty() ? "f" : "fb";  // /etc/hosts, then DNS
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH;
  options.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(limits.timeout).count());
  options.tries = limits.tries;
  options.lookups = lookups.data();
  options.resolvconf_path = none.data();
  options.sock_state_cb = &Lookup::on_socket;
  options.sock_state_cb_data = this;
  int rc =
      ares_init_options(&channel_, &options,
                        ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS |
                            ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB);
  if (rc == ARES_SUCCESS && !servers.empty()) rc = set_servers(channel_, servers, limits.port);
  if (rc != ARES_SUCCESS)
    fail(ares_strerror(rc));
  else
    ask();
}

void Lookup::ask() {
  // Both families; sorted as RFC 6724 says, so that one that this host cannot speak comes last.
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, host_.c_str(), nullptr, &hints, &Lookup::on_answer, this);
}

Lookup::~Lookup() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void Lookup::on_socket(void* self, ares_socket_t fd, int readable, int writable) {
  auto& sockets = static_cast<Lookup*>(self)->sockets_;
  const int events = (readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0);
  if (events == 0)
    sockets.erase(fd);
  else
    sockets[fd] = static_cast<short>(events);
}

void Lookup::on_answer(void* self, int status, int /*timeouts*/, ares_addrinfo* info) {
  if (status != ARES_EDESTRUCTION) static_cast<Lookup*>(self)->answered(status, info);
  if (info != nullptr) ares_freeaddrinfo(info);
}

void Lookup::fail(std::string_view why) { result_ = make_error("{}: {}", host_, why); }

void Lookup::answered(int status, const ares_addrinfo* info) {
  if (whom_.empty() && status != ARES_SUCCESS)
    return fail("no resolver is known, and /etc/hosts does not have it");
  switch (status) {
    case ARES_SUCCESS: break;
    case ARES_ETIMEOUT: return fail(fmt::format("no answer from {}", whom_));
    case ARES_ECONNREFUSED: return fail(fmt::format("{}: cannot be reached", whom_));
    case ARES_ENOTFOUND: return fail(fmt::format("{}: there is no such name", whom_));
    case ARES_ENODATA: return fail(fmt::format("{}: the name has no address", whom_));
    default: return fail(fmt::format("{}: {}", whom_, ares_strerror(status)));
  }
  Answer answer = info != nullptr ? answer_in(*info) : Answer{};
  if (answer.addresses.empty())
    return fail(fmt::format("{}: none of its addresses can be connected to", whom_));
  result_ = std::move(answer);
}

void Lookup::add_to(std::vector<pollfd>& waits) const {
  for (const auto& [fd, events] : sockets_) waits.push_back({fd, events, 0});
}

void Lookup::serve(const pollfd* waits, std::size_t n) {
  bool any = false;
  for (std::size_t i = 0; i < n; ++i) {
    if (waits[i].revents == 0) continue;
    any = true;
    // An error is read like data.
    const bool readable = (waits[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    const bool writable = (waits[i].revents & POLLOUT) != 0;
    ares_process_fd(channel_, readable ? waits[i].fd : ARES_SOCKET_BAD,
                    writable ? waits[i].fd : ARES_SOCKET_BAD);
  }
  if (!any) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

Duration Lookup::patience(Duration most) const {
  timeval wait{};
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) return most;
  return std::min<Duration>(
      most, std::chrono::seconds{wait.tv_sec} + std::chrono::microseconds{wait.tv_usec});
}

}  // namespace lifeline::resolve
