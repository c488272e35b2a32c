// The page that Prometheus scrapes: GET /metrics in the OpenMetrics text format.
//
// Plain HTTP/1 without authentication, so it listens on a loopback address or on the local port's
// own address only; anything else, and an address that has left the local port, is refused. One
// request per connection. A client that sends or reads slowly, or garbage, costs one of a few
// connections for a few seconds, and nothing else: the page is made in pieces, each well within a
// slice, and the next one only when the last was sent.
//
// Control lcore only; does not block.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/expected.h"
#include "base/ip_address.h"
#include "base/log.h"
#include "control/admin_server.h"

namespace lifeline::control {

class MetricsServer {
 public:
  struct Options {
    IpAddress address;
    std::uint16_t port = 0;  // 0 (tests): any, see port()
    std::size_t max_connections = 8;
    std::chrono::milliseconds client_timeout{10'000};  // of a connection as a whole
    std::chrono::milliseconds retry{1'000};            // while the address is not there
  };
  // `is_ours`: whether the address is the local port's now. `page` makes a new page.
  using IsOurs = std::function<bool(const IpAddress&)>;
  using Page = std::function<std::unique_ptr<AdminReply>()>;

  MetricsServer(asio::io_context& io, Options options, IsOurs is_ours, Page page);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // An error for a loopback address that cannot be had. The local port's address may come later (by
  // DHCP): until then it is looked for.
  Expected<void> start();
  std::uint16_t port() const;       // 0: does not listen yet
  std::uint64_t refused() const;    // connections that found no room or no right
  std::size_t connections() const;  // now

 private:
  struct Shared;
  Expected<void> listen();
  void look_again();
  void accept();

  const Options options_;
  IsOurs is_ours_;
  std::shared_ptr<Shared> shared_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  bool said_ = false;
};

// Is it one of the addresses of this network interface? Asks the kernel.
bool has_address(const std::string& interface, const IpAddress& address);

}  // namespace lifeline::control
