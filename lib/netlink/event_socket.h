// The kernel's notifications about links, addresses, routes, rules and neighbours.
//
// Overrun: when notifications come faster than they are read, the kernel drops some and says
// ENOBUFS once. Then the socket is thrown away and a new one subscribed *before* anything is asked
// again, so that a change during the asking is not lost; the reader gets an OverrunEvent and asks.
// fd() does not change by this: it is an epoll descriptor that contains the real socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/expected.h"
#include "netlink/event.h"
#include "netlink/parser.h"

struct mnl_socket;

namespace lifeline::netlink {

// Not thread-safe. Belongs to the network namespace of the thread that opened it. Never blocks.
class EventSocket {
 public:
  // An error names the system call that failed.
  static Expected<EventSocket> open();

  EventSocket(EventSocket&&) noexcept;
  EventSocket& operator=(EventSocket&&) noexcept;
  ~EventSocket();

  // Readable (level-triggered) while notifications wait. Stays the same for the object's life and
  // remains its property: do not close it.
  int fd() const { return epoll_fd_; }

  // Appends what waits to `out`, at most `max_datagrams` of them (a datagram is up to 8 KiB, most
  // hold one event). True: perhaps more waits. An error means the socket could not be reopened
  // after an overrun; the next call tries again.
  Expected<bool> read(std::vector<Event>& out, std::size_t max_datagrams = 32);

  struct Counters {
    ParseCounters parse;
    std::uint64_t overruns = 0;   // times the kernel dropped notifications
    std::uint64_t truncated = 0;  // datagrams longer than the buffer; treated as an overrun
  };
  const Counters& counters() const { return counters_; }

  // Receive buffer of the socket in bytes; for tests that want an overrun. Applies at once and
  // after each reopening.
  Expected<void> set_receive_buffer(int bytes);

 private:
  EventSocket() = default;
  Expected<void> reopen();
  void close();

  int epoll_fd_ = -1;
  mnl_socket* socket_ = nullptr;
  int receive_buffer_bytes_ = 1 << 20;
  std::unique_ptr<std::byte[]> buffer_;
  Counters counters_;
};

}  // namespace lifeline::netlink
