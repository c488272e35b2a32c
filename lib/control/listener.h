// Where OpenFlow clients connect to us: ovs-ofctl on a unix socket, anybody on a TCP port if asked
// for.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/expected.h"
#include "base/log.h"
#include "config/config.h"
#include "control/of_session.h"
#include "control/tls_handshakes.h"

namespace lifeline::control {

// Control lcore only.
class Listener {
 public:
  static constexpr std::size_t kMaxSessions = 64;

  // `handshakes` outlives the listener; it is needed for pssl: only.
  Listener(asio::io_context& io, ofagent::SwitchAgent& agent, const Clock& clock,
           config::Listener where, TlsHandshakes* handshakes = nullptr);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // A stale unix socket is replaced: the caller holds the instance lock.
  Expected<void> listen();
  // After each run of the agent.
  void poll();
  const config::Listener& where() const { return where_; }
  std::size_t sessions() const { return sessions_.size(); }
  // Connections refused because kMaxSessions were open.
  std::uint64_t refused() const { return refused_; }

 private:
  template <class Acceptor>
  void accept(Acceptor& acceptor);
  void add(Stream::Socket socket);
  void shake_hands(Stream::Socket socket);
  void begin_session(Stream::AnySocket socket);

  ofagent::SwitchAgent& agent_;
  const Clock& clock_;
  const config::Listener where_;
  TlsHandshakes* const handshakes_;
  asio::local::stream_protocol::acceptor unix_acceptor_;
  asio::ip::tcp::acceptor tcp_acceptor_;
  asio::steady_timer retry_timer_;
  std::vector<std::unique_ptr<OfSession>> sessions_;
  std::uint64_t refused_ = 0;
  std::size_t shaking_hands_ = 0;  // accepted, and not yet a session
  log::RateLimit refused_log_;
  log::RateLimit handshake_log_;
  // Gone with the listener: a handshake's answer may come later.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace lifeline::control
