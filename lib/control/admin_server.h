// The operator's socket: a unix stream socket on which lifelinectl asks and the switch answers.
//
// Protocol: the client sends one JSON object on one line, {"command": "...", ...}. The reply is one
// JSON text, after which the server closes (but see capture_command.h). Long replies are produced
// in chunks, so that a dump of a large table takes many short turns of the control lcore and never
// a long one.
//
// Everything here runs on the control lcore and does not block. Access control is the file's mode:
// 0600.
#pragma once

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/expected.h"

namespace lifeline::control {

// Produces a reply piece by piece.
class AdminReply {
 public:
  virtual ~AdminReply() = default;
  // Before each next(): calls `ready` on the control lcore, now or later, once there is something
  // for next() to give. `ready` must not be lost: it keeps the client's session.
  virtual void when_ready(std::function<void()> ready) { ready(); }
  // Appends the next piece to `out`; false when the reply is complete. One call stays well within a
  // slice.
  virtual bool next(std::string& out) = 0;

  // Of a reply that goes on until somebody ends it: how long to wait before the next piece.
  // nullopt: an ordinary reply.
  virtual std::optional<std::chrono::milliseconds> pause() const { return std::nullopt; }
  // The client has shut down its side of the connection: come to an end. Of such replies only.
  virtual void finish() {}
};

// A reply that is small enough to be made at once.
std::unique_ptr<AdminReply> admin_reply(nlohmann::json document);
// {"error": text}; lifelinectl prints it and exits 1.
std::unique_ptr<AdminReply> admin_error(std::string text);

// A reply that somebody else gives later. `start` is called once, from the session, with what takes
// the document; both on the control lcore.
using AdminDone = std::function<void(nlohmann::json document)>;
std::unique_ptr<AdminReply> admin_reply_later(std::function<void(AdminDone done)> start);

class AdminServer {
 public:
  using Handler = std::function<std::unique_ptr<AdminReply>(const nlohmann::json& request)>;

  AdminServer(asio::io_context& io, std::string path, Handler handler);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Replaces a stale socket file: the caller holds the instance lock, so nobody listens on it.
  Expected<void> listen();

 private:
  void accept();
  void accept_later();

  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer retry_timer_;
  std::string path_;
  std::shared_ptr<Handler> handler_;
};

}  // namespace lifeline::control
