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

}  // namespace

Stream::Stream(Socket socket, StreamClient& client)
    : socket_(std::move(socket)), client_(&client), input_(kReadBytes) {}

Stream::~Stream() = default;

void Stream::start() {
  std::error_code ignored;
  socket_.non_blocking(true, ignored);
  kick();
}

void Stream::kick() {
  if (client_ == nullptr) return;
  if (!writing_) write();
  if (client_ != nullptr && !reading_ && client_->wants_input()) read();
}

void Stream::read() {
  reading_ = true;
  socket_.async_read_some(
      asio::buffer(input_), [self = shared_from_this()](std::error_code error, std::size_t n) {
        self->reading_ = false;
        if (self->client_ == nullptr) return;
        if (error)
          return self->fail(error == asio::error::eof ? "closed by peer" : error.message());
        self->client_->on_bytes(std::span(self->input_).first(n));
        self->kick();
      });
}

void Stream::write() {
  output_.clear();
  client_->take_output(output_);
  if (output_.empty()) return;
  writing_ = true;
  asio::async_write(socket_, asio::buffer(output_),
                    [self = shared_from_this()](std::error_code error, std::size_t) {
                      self->writing_ = false;
                      if (self->client_ == nullptr) return;
                      if (error) return self->fail(error.message());
                      self->kick();
                    });
}

void Stream::fail(std::string_view reason) {
  StreamClient* client = std::exchange(client_, nullptr);
  std::error_code ignored;
  socket_.close(ignored);
  if (client != nullptr) client->on_closed(reason);
}

void Stream::close() {
  if (client_ == nullptr) return;
  if (!writing_) {
    // An error message that explains the close should still get out.
    output_.clear();
    client_->take_output(output_);
    std::error_code ignored;
    if (!output_.empty()) socket_.write_some(asio::buffer(output_), ignored);
  }
  client_ = nullptr;
  std::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  socket_.close(ignored);
}

void tune_tcp(Stream::Socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

}  // namespace lifeline::control
