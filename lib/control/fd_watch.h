// Ends the control lcore's sleep when a descriptor that somebody else owns becomes readable.
#pragma once

#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <optional>

namespace lifeline::control {

// Level-triggered: as long as the descriptor is readable, each sleep ends at once. Works on a
// duplicate, so that the owner may close its own at any time; watch(-1) then lets go of ours.
class FdWatch {
 public:
  explicit FdWatch(asio::io_context& io) : io_(io) {}

  // Watches `fd` from now on; -1: nothing. No-op if it is the one watched.
  void watch(int fd) {
    if (fd == fd_) return;
    descriptor_.reset();
    pending_ = false;
    fd_ = fd;
    if (fd < 0) return;
    const int own = ::dup(fd);
    if (own >= 0) descriptor_.emplace(io_, own);
  }

  // Call before each sleep.
  void arm() {
    if (pending_ || !descriptor_) return;
    pending_ = true;
    descriptor_->async_wait(asio::posix::stream_descriptor::wait_read,
                            [this](std::error_code error) {
                              if (error != asio::error::operation_aborted) pending_ = false;
                            });
  }

 private:
  asio::io_context& io_;
  std::optional<asio::posix::stream_descriptor> descriptor_;
  int fd_ = -1;
  bool pending_ = false;
};

}  // namespace lifeline::control
