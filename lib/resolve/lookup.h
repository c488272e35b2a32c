// One question to the name servers. Internal to resolver.cc.
#pragma once

#include <ares.h>
#include <poll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/expected.h"
#include "base/ip_address.h"
#include "resolve/answer.h"

namespace lifeline::resolve {

// One thread. Made, then served until result() has one.
class Lookup {
 public:
  struct Limits {
    Duration timeout;
    int tries;
    std::uint16_t port;
  };
  Lookup(std::uint64_t id, std::string host, const std::vector<IpAddress>& servers, Limits limits);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  std::uint64_t id() const { return id_; }
  const std::optional<Expected<Answer>>& result() const { return result_; }

  // Adds what it waits for; then serve() wants the same elements back, with what has come.
  void add_to(std::vector<pollfd>& waits) const;
  void serve(const pollfd* waits, std::size_t n);
  std::size_t n_waits() const { return sockets_.size(); }
  // Until serve() must be called even if nothing comes, at most `most`.
  Duration patience(Duration most) const;

 private:
  static void on_socket(void* self, ares_socket_t fd, int readable, int writable);
  static void on_answer(void* self, int status, int timeouts, ares_addrinfo* info);
  void ask();
  void fail(std::string_view why);
  void answered(int status, const ares_addrinfo* info);

  const std::uint64_t id_;
  const std::string host_;
  const std::string whom_;  // the servers, for errors
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, short> sockets_;  // poll(2)'s events
  std::optional<Expected<Answer>> result_;
};

}  // namespace lifeline::resolve
