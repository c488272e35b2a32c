#include "netlink/event_socket.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace lifeline::netlink {
namespace {

// The kernel builds notifications of at most 8 KiB, but for a link with very many virtual
// functions.
constexpr std::size_t kBufferBytes = 32 * 1024;

constexpr std::array kGroups = {RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
                                RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE};

tl::unexpected<Error> system_error(std::string_view call) {
  return make_error("netlink notifications: {}: {}", call, std::strerror(errno));
}

Expected<void> force_receive_buffer(mnl_socket* socket, int bytes) {
  const int fd = mnl_socket_get_fd(socket);
  // FORCE goes beyond net.core.rmem_max; without the privilege, up to it must do.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0 &&
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) != 0)
    return system_error("SO_RCVBUF");
  return {};
}

}  // namespace

Expected<EventSocket> EventSocket::open() {
  EventSocket s;
  s.buffer_ = std::make_unique<std::byte[]>(kBufferBytes);
  s.epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (s.epoll_fd_ < 0) return system_error("epoll_create1");
  if (auto ok = s.reopen(); !ok) return tl::make_unexpected(ok.error());
  return s;
}

EventSocket::EventSocket(EventSocket&& o) noexcept { *this = std::move(o); }

EventSocket& EventSocket::operator=(EventSocket&& o) noexcept {
  if (this == &o) return *this;
  close();
  epoll_fd_ = std::exchange(o.epoll_fd_, -1);
  socket_ = std::exchange(o.socket_, nullptr);
  receive_buffer_bytes_ = o.receive_buffer_bytes_;
  buffer_ = std::move(o.buffer_);
  counters_ = o.counters_;
  return *this;
}

EventSocket::~EventSocket() { close(); }

void EventSocket::close() {
  if (socket_ != nullptr) mnl_socket_close(socket_);
  if (epoll_fd_ >= 0) ::close(epoll_fd_);
  socket_ = nullptr;
  epoll_fd_ = -1;
}

// The new socket is complete before the old one goes; on an error the old one stays in use.
Expected<void> EventSocket::reopen() {
  mnl_socket* fresh = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fresh == nullptr) return system_error("socket");
  const auto fail = [fresh](tl::unexpected<Error> e) {
    mnl_socket_close(fresh);
    return e;
  };
  if (auto ok = force_receive_buffer(fresh, receive_buffer_bytes_); !ok)
    return fail(tl::make_unexpected(ok.error()));
  if (mnl_socket_bind(fresh, 0, MNL_SOCKET_AUTOPID) != 0) return fail(system_error("bind"));
  for (int group : kGroups)
    if (mnl_socket_setsockopt(fresh, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
      return fail(system_error("NETLINK_ADD_MEMBERSHIP"));
  epoll_event interest{};
  interest.events = EPOLLIN;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, mnl_socket_get_fd(fresh), &interest) != 0)
    return fail(system_error("epoll_ctl"));
  if (socket_ != nullptr) mnl_socket_close(socket_);
  socket_ = fresh;
  return {};
}

Expected<bool> EventSocket::read(std::vector<Event>& out, std::size_t max_datagrams) {
  for (std::size_t i = 0; i < max_datagrams; ++i) {
    sockaddr_nl from{};
    iovec io{buffer_.get(), kBufferBytes};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    const ssize_t n = recvmsg(mnl_socket_get_fd(socket_), &message, MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EAGAIN) return false;
      if (errno == EINTR) continue;
      if (errno != ENOBUFS) return system_error("recvmsg");
      ++counters_.overruns;
    } else if ((message.msg_flags & MSG_TRUNC) != 0) {
      ++counters_.truncated;
    } else {
      if (from.nl_pid == 0)  // from the kernel, and nobody else
        parse_events({buffer_.get(), static_cast<std::size_t>(n)}, out, counters_.parse);
      continue;
    }
    if (auto ok = reopen(); !ok)
      log::warn("netlink", "{}; going on with the old socket", ok.error().message);
    out.emplace_back(OverrunEvent{});
    return true;
  }
  return true;
}

Expected<void> EventSocket::set_receive_buffer(int bytes) {
  receive_buffer_bytes_ = bytes;
  return force_receive_buffer(socket_, bytes);
}

}  // namespace lifeline::netlink
