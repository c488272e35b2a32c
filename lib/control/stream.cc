#include "control/stream.h"

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <utility>

namespace lifeline::control {
namespace {

// One read is at most this, so that one connection's burst stays within a slice.
constexpr std::size_t kReadBytes = 16 * 1024;

std::string reason_text(std::error_code error) {
  // A peer that is killed says no goodbye in TLS either; OpenFlow has lengths of its own, so that
  // nothing is taken for whole that was cut off.
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated)
    return "closed by peer";
  if (error.category() == asio::error::get_ssl_category()) return "TLS: " + error.message();
  return error.message();
}

}  // namespace

Stream::Stream(AnySocket socket, StreamClient& client)
    : socket_(std::move(socket)), client_(&client), input_(kReadBytes) {}

Stream::~Stream() = default;

void Stream::start() {
  std::error_code ignored;
  lowest().non_blocking(true, ignored);
  kick();
}

void Stream::kick() {
  if (client_ == nullptr) return;
  if (!writing_) write();
  if (client_ != nullptr && !reading_ && client_->wants_input()) read();
}

void Stream::read() {
  reading_ = true;
  auto done = [self = shared_from_this()](std::error_code error, std::size_t n) {
    self->reading_ = false;
    if (self->client_ == nullptr) return;
    if (error) return self->fail(reason_text(error));
    self->client_->on_bytes(std::span(self->input_).first(n));
    self->kick();
  };
  std::visit([&](auto& socket) { socket.async_read_some(asio::buffer(input_), std::move(done)); },
             socket_);
}

void Stream::write() {
  output_.clear();
  client_->take_output(output_);
  if (output_.empty()) return;
  writing_ = true;
  auto done = [self = shared_from_this()](std::error_code error, std::size_t) {
    self->writing_ = false;
    if (self->client_ == nullptr) return;
    if (error) return self->fail(reason_text(error));
    self->kick();
  };
  std::visit(
      [&](auto& socket) { asio::async_write(socket, asio::buffer(output_), std::move(done)); },
      socket_);
}

Stream::Socket& Stream::lowest() {
  if (auto* tls = std::get_if<TlsSocket>(&socket_)) return tls->next_layer();
  return std::get<Socket>(socket_);
}

void Stream::fail(std::string_view reason) {
  StreamClient* client = std::exchange(client_, nullptr);
  std::error_code ignored;
  lowest().close(ignored);
  if (client != nullptr) client->on_closed(reason);
}

void Stream::close() {
  if (client_ == nullptr) return;
  if (!writing_) {
    // An error message that explains the close should still get out.
    std::error_code ignored;
    std::size_t written = 0;
    do {
      output_.clear();
      client_->take_output(output_);
      if (output_.empty()) break;
      written = std::visit(
          [&](auto& socket) { return socket.write_some(asio::buffer(output_), ignored); }, socket_);
    } while (!ignored && written == output_.size());
    // Says that nothing follows; does not wait for the answer, as the socket does not block.
    if (auto* tls = std::get_if<TlsSocket>(&socket_)) tls->shutdown(ignored);
  }
  client_ = nullptr;
  std::error_code ignored;
  lowest().shutdown(asio::socket_base::shutdown_send, ignored);
  lowest().close(ignored);
}

void tune_tcp(Stream::Socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

}  // namespace lifeline::control
