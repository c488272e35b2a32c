// One byte stream (TCP, TLS or unix) between an OpenFlow channel and the kernel. Knows nothing of
// OpenFlow.
//
// Control lcore only; nothing blocks. Input is read only while the client wants it, so a peer that
// sends faster than we work is held back by TCP, not by memory. Output is pulled from the client
// piece by piece, so what a slow reader may pile up is bounded where it is made.
#pragma once

#include <asio/generic/stream_protocol.hpp>
#include <asio/ssl/stream.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lifeline::control {

class StreamClient {
 public:
  virtual ~StreamClient() = default;
  virtual void on_bytes(std::span<const std::byte> bytes) = 0;
  // Fills `out` (empty when called) with what is to be sent next; leaves it empty if there is
  // nothing.
  virtual void take_output(std::vector<std::byte>& out) = 0;
  // False while what was read before waits to be worked on.
  virtual bool wants_input() const = 0;
  // The last call of all. `reason` is for a person: "closed by peer", "Connection reset by peer".
  virtual void on_closed(std::string_view reason) = 0;
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  using TlsSocket = asio::ssl::stream<Socket>;  // the handshake is done
  using AnySocket = std::variant<Socket, TlsSocket>;

  // The client outlives the stream's on_closed() call or calls close() before it goes.
  Stream(AnySocket socket, StreamClient& client);
  ~Stream();

  void start();
  // Sends what the client has and resumes reading if it wants input. Call after the client's state
  // changed; cheap if there is nothing to do.
  void kick();
  // Sends what is queued already, as far as the kernel takes it at once, and closes. No
  // on_closed().
  void close();

 private:
  void read();
  void write();
  void fail(std::string_view reason);
  Socket& lowest();

  AnySocket socket_;
  StreamClient* client_;
  std::vector<std::byte> input_;
  std::vector<std::byte> output_;
  bool reading_ = false;
  bool writing_ = false;
};

// Turns off what delays small messages and makes dead peers noticed by TCP too. Errors are ignored:
// the stream works without.
void tune_tcp(Stream::Socket& socket);

}  // namespace lifeline::control
