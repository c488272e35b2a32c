// TLS handshakes, on a thread of their own.
//
// A handshake costs the side that signs about a millisecond (RSA 2048: 0.6 ms, and 0.1 ms for each
// key exchange and each certificate of the chain), and it may read files. The control lcore's slice
// is a tenth of that. So the control lcore hands over the connected socket, this thread shakes
// hands on it, and hands back socket and SSL object; the records that follow are encrypted on the
// control lcore, at a few microseconds for 16 KiB. An SSL object is used by one thread at a time.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/expected.h"
#include "control/tls_context.h"

namespace lifeline::control {

// An established TLS connection.
struct TlsConnection {
  asio::generic::stream_protocol::socket socket;
  SslPtr ssl;
};

class TlsHandshakes {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  enum class Side : std::uint8_t { kConnect, kAccept };
  // Runs on the control lcore. The error is for a person.
  using Done = std::function<void(Expected<TlsConnection>)>;
  static constexpr Duration kTimeout = std::chrono::seconds{5};

  // Answers arrive in `control`, which outlives this.
  TlsHandshakes(asio::io_context& control, config::Tls files);
  ~TlsHandshakes();
  TlsHandshakes(const TlsHandshakes&) = delete;
  TlsHandshakes& operator=(const TlsHandshakes&) = delete;

  // The thread's body, until stop().
  void run();
  void stop();

  // From the control lcore: takes a connected socket. `done` is called once, unless stop() comes
  // first; whoever goes before its answer must have it fall into nothing.
  void begin(Side side, Socket socket, TlsPeer peer, Done done);

 private:
  class Handshake;

  asio::io_context& control_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> keep_running_;
  TlsContexts contexts_;  // this thread's
};

}  // namespace lifeline::control
