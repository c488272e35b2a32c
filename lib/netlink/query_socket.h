// Questions to the kernel, answered at once.
//
// rtnetlink works out its answer inside the system call that carries the question: when sendmsg()
// returns, the answer (of a dump: its first part, and each further part inside the recvmsg() that
// takes the one before) already waits in the socket. So each call here is a send and non-blocking
// receives, and takes the few microseconds that the kernel's lookup takes; no state machine with
// outstanding requests is needed on the control lcore. Should an answer not be there, that is an
// error and the socket is replaced: it is never waited for.
// The one lock behind this is the kernel's RTNL, taken for links, addresses and writes to
// neighbours (not for route and neighbour lookups), which another process may hold for
// milliseconds while it changes devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "netlink/event.h"

struct mnl_socket;
struct nlmsghdr;

namespace lifeline::netlink {

// Not thread-safe. Belongs to the network namespace of the thread that opened it. Never waits.
class QuerySocket {
 public:
  static Expected<QuerySocket> open();

  QuerySocket(QuerySocket&&) noexcept;
  QuerySocket& operator=(QuerySocket&&) noexcept;
  ~QuerySocket();

  // nullopt: there is no such device.
  Expected<std::optional<Link>> link_by_name(std::string_view name);
  Expected<std::optional<Link>> link_by_index(std::uint32_t ifindex);

  // Addresses of one device, or of all (0). At most kMaxDump, then an error.
  Expected<std::vector<Address>> addresses(std::uint32_t ifindex = 0);

  // How a connection of this host that is bound to no address would reach `destination`: policy
  // rules included, those about the source address that it would get too. Type kUnreachable is an
  // answer, not an error. By this device alone, unless it is 0.
  Expected<Route> route_to(const IpAddress& destination, std::uint32_t ifindex = 0);

  // nullopt: the kernel has no entry.
  Expected<std::optional<Neighbour>> neighbour(const IpAddress& ip, std::uint32_t ifindex);

  // Makes the kernel find out the MAC of `ip`, as if it had a packet for it (NTF_USE): an entry
  // that is missing, FAILED or STALE is resolved; one under way or REACHABLE is left alone.
  Expected<void> resolve(const IpAddress& ip, std::uint32_t ifindex);
  // Makes the kernel ask at once whether `ip` is still where it was (NUD_PROBE); if it has no MAC
  // for it, the same as resolve().
  Expected<void> probe(const IpAddress& ip, std::uint32_t ifindex);

  static constexpr std::size_t kMaxDump = 4096;

 private:
  struct RouteQuery {
    IpAddress destination;
    std::optional<IpAddress> source;
    std::uint32_t ifindex = 0;  // 0: any
  };

  QuerySocket() = default;
  using OnMessage = std::function<void(std::span<const std::byte>)>;
  // Sends and hands every message of the answer to `on_message`. Returns 0 or the errno that the
  // kernel answered with (negated ones made positive); an error when there was no proper answer.
  Expected<int> transact(nlmsghdr* request, const OnMessage& on_message);
  Expected<void> reopen();
  void close();
  Expected<std::optional<Link>> link(std::string_view name, std::uint32_t ifindex);
  Expected<int> ask_route(const RouteQuery& query, unsigned flags, std::optional<Route>& route);
  Expected<Route> route_by(const RouteQuery& query);
  Expected<void> touch_neighbour(const IpAddress& ip, std::uint32_t ifindex, NudState state,
                                 std::uint8_t flags, int* kernel_errno);

  mnl_socket* socket_ = nullptr;
  std::uint32_t sequence_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
};

}  // namespace lifeline::netlink
