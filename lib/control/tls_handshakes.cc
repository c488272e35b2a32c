#include "control/tls_handshakes.h"

#include <openssl/err.h>
#include <pthread.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace lifeline::control {

// One connection on its way through. Lives on this thread only.
class TlsHandshakes::Handshake : public std::enable_shared_from_this<Handshake> {
 public:
  Handshake(TlsHandshakes& owner, Side side, Socket socket, TlsPeer peer, Done done)
      : owner_(owner),
        side_(side),
        socket_(std::move(socket)),
        timer_(owner.io_),
        peer_(std::move(peer)),
        done_(std::move(done)) {}

  void start() {
    auto ssl = owner_.contexts_.make(peer_);
    if (!ssl) return finish(tl::make_unexpected(ssl.error()));
    ssl_ = std::move(*ssl);
    SSL_set_fd(ssl_.get(), socket_.native_handle());
    // Tells a server with several names which one is meant.
    if (!peer_.name.empty() && !IpAddress::parse(peer_.name))
      SSL_set_tlsext_host_name(ssl_.get(), peer_.name.c_str());
    if (side_ == Side::kConnect) {
      SSL_set_connect_state(ssl_.get());
    } else {
      SSL_set_accept_state(ssl_.get());
    }
    timer_.expires_after(kTimeout);
    timer_.async_wait([self = shared_from_this()](std::error_code aborted) {
      if (!aborted) self->finish(make_error("TLS: no end of the handshake in 5 s"));
    });
    step();
  }

 private:
  void step() {
    if (!done_) return;
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(ssl_.get());
    const int system_error = errno;
    if (result == 1) return succeed();
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) return wait(asio::socket_base::wait_read);
    if (error == SSL_ERROR_WANT_WRITE) return wait(asio::socket_base::wait_write);
    finish(tl::make_unexpected(Error{failure(error, system_error)}));
  }

  void wait(asio::socket_base::wait_type what) {
    socket_.async_wait(what, [self = shared_from_this()](std::error_code error) {
      if (!error) self->step();
    });
  }

  std::string failure(int error, int system_error) const {
    if (!peer_.refusal.empty()) return "TLS: " + peer_.refusal;
    const std::string reason = tls_error_text();
    if (error == SSL_ERROR_SYSCALL) {
      return fmt::format("TLS: closed by peer during the handshake{}{}",
                         system_error != 0 ? ": " : "",
                         system_error != 0 ? std::strerror(system_error) : "");
    }
    // What a server answers that speaks no TLS, and an OpenFlow HELLO where TLS is expected.
    if (reason == "wrong version number" || reason == "unexpected eof while reading")
      return fmt::format("TLS: {}; does the peer speak TLS on this port?", reason);
    return "TLS: " + reason;
  }

  void succeed() {
    // Nobody may ask for another check of the certificate: what it would be checked against goes.
    TlsContexts::forget_peer(ssl_.get());
    const auto protocol = socket_.local_endpoint().protocol();
    std::error_code error;
    const int fd = socket_.release(error);
    if (error) return finish(make_error("TLS: {}", error.message()));
    Socket ours(owner_.control_);
    ours.assign(protocol, fd, error);
    if (error) {
      ::close(fd);
      return finish(make_error("TLS: {}", error.message()));
    }
    finish(TlsConnection{.socket = std::move(ours), .ssl = std::move(ssl_)});
  }

  void finish(Expected<TlsConnection> result) {
    if (!done_) return;
    timer_.cancel();
    std::error_code ignored;
    socket_.close(ignored);
    asio::post(owner_.control_, [done = std::exchange(done_, nullptr),
                                 box = std::make_shared<Expected<TlsConnection>>(
                                     std::move(result))] { done(std::move(*box)); });
  }

  TlsHandshakes& owner_;
  const Side side_;
  Socket socket_;
  asio::steady_timer timer_;
  TlsPeer peer_;
  SslPtr ssl_;
  Done done_;
};

TlsHandshakes::TlsHandshakes(asio::io_context& control, config::Tls files)
    : control_(control), keep_running_(asio::make_work_guard(io_)), contexts_(std::move(files)) {}

TlsHandshakes::~TlsHandshakes() = default;

void TlsHandshakes::run() {
  // OpenSSL writes to sockets by write(2): a peer that is gone must not end the process.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  io_.run();
}

void TlsHandshakes::stop() { io_.stop(); }

void TlsHandshakes::begin(Side side, Socket socket, TlsPeer peer, Done done) {
  std::error_code error;
  const auto protocol = socket.local_endpoint(error).protocol();
  const int fd = error ? -1 : socket.release(error);
  if (error) {
    asio::post(control_, [done = std::move(done), text = error.message()] {
      done(make_error("TLS: {}", text));
    });
    return;
  }
  Socket theirs(io_);
  theirs.assign(protocol, fd, error);
  theirs.non_blocking(true, error);
  auto handshake =
      std::make_shared<Handshake>(*this, side, std::move(theirs), std::move(peer), std::move(done));
  asio::post(io_, [handshake = std::move(handshake)] { handshake->start(); });
}

}  // namespace lifeline::control
