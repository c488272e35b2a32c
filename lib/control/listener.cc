#include "control/listener.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/ip/address.hpp>
#include <filesystem>
#include <utility>

#include "base/log.h"

namespace lifeline::control {
namespace {

constexpr std::chrono::milliseconds kAcceptRetry{100};

}  // namespace

Listener::Listener(asio::io_context& io, ofagent::SwitchAgent& agent, const Clock& clock,
                   config::Listener where, TlsHandshakes* handshakes)
    : agent_(agent),
      clock_(clock),
      where_(std::move(where)),
      handshakes_(handshakes),
      unix_acceptor_(io),
      tcp_acceptor_(io),
      retry_timer_(io) {}

Listener::~Listener() {
  if (unix_acceptor_.is_open()) ::unlink(where_.path.c_str());
}

Expected<void> Listener::listen() {
  std::error_code error;
  if (where_.kind == config::Listener::Kind::kUnix) {
    if (where_.path.size() >= sizeof(sockaddr_un::sun_path)) {
      return make_error("{}: longer than a unix socket's path may be ({} characters)", where_.path,
                        sizeof(sockaddr_un::sun_path) - 1);
    }
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(where_.path).parent_path(), ignored);
    ::unlink(where_.path.c_str());
    unix_acceptor_.open({}, error);
    const mode_t old_mask = ::umask(0177);  // whoever may write to it rules the switch
    if (!error) unix_acceptor_.bind(asio::local::stream_protocol::endpoint(where_.path), error);
    ::umask(old_mask);
    if (!error) unix_acceptor_.listen(16, error);
  } else {
    const asio::ip::tcp::endpoint endpoint(
        asio::ip::make_address(where_.address.to_string(), error), where_.port);
    if (!error) tcp_acceptor_.open(endpoint.protocol(), error);
    if (!error) tcp_acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) tcp_acceptor_.bind(endpoint, error);
    if (!error) tcp_acceptor_.listen(16, error);
  }
  if (error) {
    unix_acceptor_.close();
    return make_error("cannot listen on {}: {}", where_.to_string(), error.message());
  }
  if (unix_acceptor_.is_open()) {
    accept(unix_acceptor_);
  } else {
    accept(tcp_acceptor_);
  }
  return {};
}

template <class Acceptor>
void Listener::accept(Acceptor& acceptor) {
  acceptor.async_accept(
      [this, &acceptor](std::error_code error, typename Acceptor::protocol_type::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
          add(Stream::Socket(std::move(socket)));
          return accept(acceptor);
        }
        // Out of descriptors: accepting again at once would spin.
        retry_timer_.expires_after(kAcceptRetry);
        retry_timer_.async_wait([this, &acceptor](std::error_code aborted) {
          if (!aborted) accept(acceptor);
        });
      });
}

void Listener::add(Stream::Socket socket) {
  if (sessions_.size() + shaking_hands_ >= kMaxSessions) {
    ++refused_;
    log::limited(refused_log_, clock_.now(), log::Level::kWarn, "control",
                 "{}: refused a connection: {} are open already", where_.to_string(), kMaxSessions);
    return;
  }
  if (where_.kind != config::Listener::Kind::kUnix) tune_tcp(socket);
  if (where_.kind == config::Listener::Kind::kTls) return shake_hands(std::move(socket));
  begin_session(std::move(socket));
}

void Listener::shake_hands(Stream::Socket socket) {
  ++shaking_hands_;
  const std::weak_ptr<const bool> alive = alive_;
  handshakes_->begin(
      TlsHandshakes::Side::kAccept, std::move(socket), {},
      [this, alive](Expected<TlsConnection> made) {
        if (alive.expired()) return;
        --shaking_hands_;
        if (made) {
          return begin_session(Stream::TlsSocket(std::move(made->socket), made->ssl.release()));
        }
        log::limited(handshake_log_, clock_.now(), log::Level::kInfo, "control",
                     "{}: a client is refused: {}", where_.to_string(), made.error().message);
      });
}

void Listener::begin_session(Stream::AnySocket socket) {
  const auto kind =
      where_.is_snoop() ? ofagent::ConnectionKind::kSnoop : ofagent::ConnectionKind::kService;
  sessions_.push_back(std::make_unique<OfSession>(agent_, kind, clock_, std::move(socket),
                                                  [](std::string_view) {}));
}

void Listener::poll() {
  for (const auto& session : sessions_) session->poll();
  std::erase_if(sessions_, [](const auto& session) { return session->ended(); });
}

}  // namespace lifeline::control
