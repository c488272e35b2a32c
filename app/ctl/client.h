#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/expected.h"

namespace lifeline::ctl {

// Owns a descriptor.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Fd();
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd& operator=(Fd&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// The connection on which the reply to `request` comes; 30 s without progress are an error.
Expected<Fd> send_request(const std::string& socket_path, const nlohmann::json& request);
Expected<nlohmann::json> parse_reply(const std::string& text);

// Sends one request to the switch's operator socket and reads the whole reply. Blocks, at most 30
// s. An {"error": …} reply comes back as an error.
Expected<nlohmann::json> ask(const std::string& socket_path, const nlohmann::json& request);

}  // namespace lifeline::ctl
