#include "control/admin_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/streambuf.hpp>
#include <asio/write.hpp>
#include <istream>
#include <utility>

#include "base/log.h"

namespace lifeline::control {
namespace {

constexpr std::size_t kMaxRequestBytes = 64 * 1024;
constexpr std::chrono::seconds kClientTimeout{10};
// Whoever watches a capture in a pager reads nothing for a while.
constexpr std::chrono::minutes kWatcherTimeout{10};
constexpr std::chrono::milliseconds kAcceptRetry{100};

class JsonReply final : public AdminReply {
 public:
  explicit JsonReply(nlohmann::json document) : document_(std::move(document)) {}
  bool next(std::string& out) override {
    // Names from the kernel or a PCI database need not be UTF-8; they are shown, not refused.
    out += document_.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return false;
  }

 private:
  nlohmann::json document_;
};

class LaterReply final : public AdminReply {
 public:
  explicit LaterReply(std::function<void(AdminDone)> start) : start_(std::move(start)) {}

  void when_ready(std::function<void()> ready) override {
    start_([document = document_, ready = std::move(ready)](nlohmann::json given) {
      *document = std::move(given);
      ready();
    });
  }
  bool next(std::string& out) override {
    out += document_->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return false;
  }

 private:
  std::function<void(AdminDone)> start_;
  std::shared_ptr<nlohmann::json> document_ = std::make_shared<nlohmann::json>();
};

// One client: read a line, answer, close.
class Session final : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::local::stream_protocol::socket socket,
          std::shared_ptr<AdminServer::Handler> handler)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        pause_timer_(socket_.get_executor()),
        input_(kMaxRequestBytes),
        handler_(std::move(handler)) {}

  void start() {
    arm_timer();
    asio::async_read_until(socket_, input_, '\n',
                           [self = shared_from_this()](std::error_code error, std::size_t) {
                             if (error) return self->close();  // too long, or the client went away
                             self->answer();
                           });
  }

 private:
  void answer() {
    std::string line;
    std::istream stream(&input_);
    std::getline(stream, line);
    const auto request = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    reply_ = request.is_object() ? (*handler_)(request)
                                 : admin_error("the request is not a JSON object");
    if (reply_ && reply_->pause()) watch_client();
    send();
  }

  void send() {
    if (!reply_) return close();
    arm_timer();
    // Not at once: the reply is inside a call of when_ready(), and may go in send_next().
    reply_->when_ready([self = shared_from_this()] {
      asio::post(self->socket_.get_executor(), [self] { self->send_next(); });
    });
  }

  void send_next() {
    if (!reply_) return;  // the client has waited too long
    output_.clear();
    const bool more = reply_->next(output_);
    const auto pause = more ? reply_->pause() : std::nullopt;
    if (!more) reply_.reset();
    if (output_.empty() && pause) return send_later(*pause);
    arm_timer(pause ? std::chrono::seconds(kWatcherTimeout) : kClientTimeout);
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (error) return self->close();
                        self->send();
                      });
  }

  void send_later(std::chrono::milliseconds pause) {
    timer_.cancel();
    pause_timer_.expires_after(pause);
    pause_timer_.async_wait([self = shared_from_this()](std::error_code error) {
      if (!error) self->send();
    });
  }

  // While a reply goes on: what the client still sends means nothing, that it stops sending does.
  void watch_client() {
    socket_.async_read_some(asio::buffer(ignored_),
                            [self = shared_from_this()](std::error_code error, std::size_t) {
                              if (!error) return self->watch_client();
                              if (error != asio::error::eof) return self->close();
                              if (self->reply_) self->reply_->finish();
                            });
  }

  // A client that neither sends nor reads must not hold a session for ever.
  void arm_timer(std::chrono::seconds timeout = kClientTimeout) {
    timer_.expires_after(timeout);
    timer_.async_wait([weak = weak_from_this()](std::error_code error) {
      if (error) return;
      if (auto self = weak.lock()) self->close();
    });
  }

  void close() {
    std::error_code ignored;
    timer_.cancel();
    pause_timer_.cancel();
    reply_.reset();
    socket_.close(ignored);
  }

  asio::local::stream_protocol::socket socket_;
  asio::steady_timer timer_;
  asio::steady_timer pause_timer_;
  asio::streambuf input_;
  std::shared_ptr<AdminServer::Handler> handler_;
  std::unique_ptr<AdminReply> reply_;
  std::string output_;
  std::array<char, 256> ignored_{};
};

}  // namespace

std::unique_ptr<AdminReply> admin_reply(nlohmann::json document) {
  return std::make_unique<JsonReply>(std::move(document));
}

std::unique_ptr<AdminReply> admin_error(std::string text) {
  return admin_reply({{"error", std::move(text)}});
}

std::unique_ptr<AdminReply> admin_reply_later(std::function<void(AdminDone)> start) {
  return std::make_unique<LaterReply>(std::move(start));
}

AdminServer::AdminServer(asio::io_context& io, std::string path, Handler handler)
    : acceptor_(io),
      retry_timer_(io),
      path_(std::move(path)),
      handler_(std::make_shared<Handler>(std::move(handler))) {}

AdminServer::~AdminServer() {
  if (acceptor_.is_open()) ::unlink(path_.c_str());
}

Expected<void> AdminServer::listen() {
  if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
    return make_error("the path {} is longer than a unix socket allows ({} characters)", path_,
                      sizeof(sockaddr_un::sun_path) - 1);
  }
  ::unlink(path_.c_str());
  std::error_code error;
  acceptor_.open({}, error);
  const mode_t old_mask = ::umask(0177);
  if (!error) acceptor_.bind(asio::local::stream_protocol::endpoint(path_), error);
  ::umask(old_mask);
  if (!error) acceptor_.listen(16, error);
  if (error) {
    acceptor_.close();
    return make_error("cannot listen on {}: {}", path_, error.message());
  }
  accept();
  return {};
}

void AdminServer::accept() {
  acceptor_.async_accept(
      [this](std::error_code error, asio::local::stream_protocol::socket socket) {
        if (error == asio::error::operation_aborted) return;
        // Out of descriptors: accepting again at once would spin.
        if (error) return accept_later();
        std::make_shared<Session>(std::move(socket), handler_)->start();
        accept();
      });
}

void AdminServer::accept_later() {
  retry_timer_.expires_after(kAcceptRetry);
  retry_timer_.async_wait([this](std::error_code aborted) {
    if (!aborted) accept();
  });
}

}  // namespace lifeline::control
