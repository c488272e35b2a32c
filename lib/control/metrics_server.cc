#include "control/metrics_server.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/read_until.hpp>
#include <asio/streambuf.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <utility>

#include "base/http_request.h"

namespace lifeline::control {
namespace {

constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::string_view kOpenMetrics =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";

}  // namespace

// What connections need, and what outlives the server as long as one of them is open.
struct MetricsServer::Shared {
  Page page;
  std::chrono::milliseconds client_timeout;
  std::size_t connections = 0;
  std::uint64_t refused = 0;
  bool stopped = false;
};

namespace {

// One connection: a head, a page, the end.
template <class Shared>
class Connection final : public std::enable_shared_from_this<Connection<Shared>> {
 public:
  Connection(asio::ip::tcp::socket socket, std::shared_ptr<Shared> shared)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        input_(kMaxHttpHeadBytes),
        shared_(std::move(shared)) {
    ++shared_->connections;
  }
  ~Connection() { --shared_->connections; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    timer_.expires_after(shared_->client_timeout);
    timer_.async_wait([weak = this->weak_from_this()](std::error_code error) {
      if (error) return;
      if (auto self = weak.lock()) self->close();
    });
    // A head ends with an empty line. One by LF alone is taken too (RFC 9112, 2.2).
    asio::async_read_until(
        socket_, input_, end_of_head,
        [self = this->shared_from_this()](std::error_code error, std::size_t bytes) {
          if (error == asio::error::not_found) return self->answer(431, false);
          if (error) return self->close();
          self->on_head(bytes);
        });
  }

 private:
  using Iterator = asio::buffers_iterator<asio::streambuf::const_buffers_type>;
  static std::pair<Iterator, bool> end_of_head(Iterator begin, Iterator end) {
    bool empty = true;  // the line so far; that before the first one counts as begun
    bool first = true;
    for (Iterator at = begin; at != end; ++at) {
      if (*at == '\n') {
        if (empty && !first) return {std::next(at), true};
        empty = true;
        first = false;
      } else if (*at != '\r') {
        empty = false;
      }
    }
    return {begin, false};
  }

  void on_head(std::size_t bytes) {
    std::string head(bytes, '\0');
    asio::buffer_copy(asio::buffer(head), input_.data(), bytes);
    const HttpRequest request = parse_http_request(head);
    if (request.status != 200) return answer(request.status, request.is_head);
    if (request.path != "/metrics") return answer(404, request.is_head);
    output_ = http_response_head(200, kOpenMetrics);
    if (!request.is_head && !shared_->stopped) page_ = shared_->page();
    write();
  }

  void answer(int status, bool is_head) {
    output_ = http_response_head(status, kPlain);
    if (!is_head) output_ += "Lifeline has GET /metrics and nothing else.\n";
    write();
  }

  void write() {
    asio::async_write(socket_, asio::buffer(output_),
                      [self = this->shared_from_this()](std::error_code error, std::size_t) {
                        if (error) return self->close();
                        self->next();
                      });
  }

  void next() {
    if (!page_ || shared_->stopped) return linger();
    // Not at once: the page is inside a call of when_ready(), and may go in send_piece().
    page_->when_ready([self = this->shared_from_this()] {
      asio::post(self->socket_.get_executor(), [self] { self->send_piece(); });
    });
  }

  void send_piece() {
    if (!page_ || shared_->stopped) return linger();
    output_.clear();
    if (!page_->next(output_)) page_.reset();
    write();
  }

  // What the client still sends is read and forgotten: a close with unread bytes is a reset, which
  // may overtake the answer.
  void linger() {
    std::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    forget();
  }
  void forget() {
    socket_.async_read_some(asio::buffer(ignored_), [self = this->shared_from_this()](
                                                        std::error_code error, std::size_t n) {
      self->forgotten_ += n;
      if (error || self->forgotten_ > kMaxForgottenBytes) return self->close();
      self->forget();
    });
  }

  void close() {
    std::error_code ignored;
    timer_.cancel();
    page_.reset();
    socket_.close(ignored);
  }

  static constexpr std::size_t kMaxForgottenBytes = 64 * 1024;

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  asio::streambuf input_;
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<AdminReply> page_;
  std::string output_;
  std::array<char, 1024> ignored_{};
  std::size_t forgotten_ = 0;
};

IpAddress from_sockaddr(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    return IpAddress{Ipv4Address{be32{ntohl(in.sin_addr.s_addr)}}};
  }
  sockaddr_in6 in{};
  std::memcpy(&in, address, sizeof in);
  return IpAddress{Ipv6Address::from_bytes(&in.sin6_addr)};
}

}  // namespace

bool has_address(const std::string& interface, const IpAddress& address) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(all, ::freeifaddrs);
  for (const ifaddrs* a = all; a != nullptr; a = a->ifa_next) {
    if (a->ifa_addr == nullptr || interface != a->ifa_name) continue;
    const int family = a->ifa_addr->sa_family;
    if ((family == AF_INET || family == AF_INET6) && from_sockaddr(a->ifa_addr) == address)
      return true;
  }
  return false;
}

MetricsServer::MetricsServer(asio::io_context& io, Options options, IsOurs is_ours, Page page)
    : options_(options),
      is_ours_(std::move(is_ours)),
      shared_(std::make_shared<Shared>(
          Shared{.page = std::move(page), .client_timeout = options.client_timeout})),
      acceptor_(io),
      timer_(io) {}

MetricsServer::~MetricsServer() {
  shared_->stopped = true;
  shared_->page = nullptr;
}

std::uint16_t MetricsServer::port() const {
  std::error_code error;
  const auto where = acceptor_.local_endpoint(error);
  return error ? std::uint16_t{0} : where.port();
}

std::uint64_t MetricsServer::refused() const { return shared_->refused; }
std::size_t MetricsServer::connections() const { return shared_->connections; }

Expected<void> MetricsServer::start() {
  if (options_.address.is_loopback()) return listen();
  look_again();
  return {};
}

Expected<void> MetricsServer::listen() {
  std::error_code error;
  const asio::ip::tcp::endpoint endpoint(
      asio::ip::make_address(options_.address.to_string(), error), options_.port);
  if (!error) acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(16, error);
  if (error) {
    std::error_code ignored;
    acceptor_.close(ignored);
    return make_error("metrics: cannot listen on {} port {}: {}", options_.address.to_string(),
                      options_.port, error.message());
  }
  accept();
  return {};
}

// Until the local port has the address.
void MetricsServer::look_again() {
  if (is_ours_(options_.address)) {
    const auto done = listen();
    if (done) return;
    if (!std::exchange(said_, true)) log::warn("control", "{}", done.error().message);
  } else if (!std::exchange(said_, true)) {
    log::info("control", "metrics: the local port does not have {} yet",
              options_.address.to_string());
  }
  timer_.expires_after(options_.retry);
  timer_.async_wait([this](std::error_code aborted) {
    if (!aborted) look_again();
  });
}

void MetricsServer::accept() {
  acceptor_.async_accept([this](std::error_code error, asio::ip::tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {
      // Out of descriptors: accepting again at once would spin.
      timer_.expires_after(kAcceptRetry);
      timer_.async_wait([this](std::error_code aborted) {
        if (!aborted) accept();
      });
      return;
    }
    const bool allowed = options_.address.is_loopback() || is_ours_(options_.address);
    if (allowed && shared_->connections < options_.max_connections) {
      std::make_shared<Connection<Shared>>(std::move(socket), shared_)->start();
    } else {
      ++shared_->refused;
    }
    accept();
  });
}

}  // namespace lifeline::control
