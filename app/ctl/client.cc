#include "client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace lifeline::ctl {
namespace {

constexpr std::size_t kMaxRequestBytes = std::size_t{64} * 1024;  // of the switch's admin server

std::string explain_connect_error(const std::string& path, int error) {
  if (error == ENOENT || error == ECONNREFUSED) {
    return fmt::format(
        "no switch answers on {}: is lifeline running, with this bridge and run_dir?", path);
  }
  if (error == EACCES || error == EPERM)
    return fmt::format("{}: only root may ask the switch", path);
  return fmt::format("cannot connect to {}: {}", path, std::strerror(error));
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Expected<Fd> send_request(const std::string& socket_path, const nlohmann::json& request) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return make_error("cannot make a socket: {}", std::strerror(errno));
  const timeval timeout{.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path)
    return make_error("{}: path too long", socket_path);
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return tl::make_unexpected(Error{explain_connect_error(socket_path, errno)});
  }

  // What was typed need not be UTF-8: the switch says that it knows no such name.
  const std::string line =
      request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (line.size() > kMaxRequestBytes)
    return make_error("the request has {} bytes, and the switch reads {} at most", line.size(),
                      kMaxRequestBytes);
  if (::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    return make_error("the switch closed the connection: {}", std::strerror(errno));
  }
  return fd;
}

Expected<nlohmann::json> parse_reply(const std::string& text) {
  auto reply = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (reply.is_discarded()) return make_error("the switch stopped in the middle of its answer");
  if (reply.is_object() && reply.contains("error") && reply["error"].is_string()) {
    return tl::make_unexpected(Error{reply["error"].get<std::string>()});
  }
  return reply;
}

Expected<nlohmann::json> ask(const std::string& socket_path, const nlohmann::json& request) {
  const auto fd = send_request(socket_path, request);
  if (!fd) return tl::make_unexpected(fd.error());
  std::string text;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t n = ::recv(fd->get(), buffer.data(), buffer.size(), 0);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return make_error("no answer from the switch: {}", std::strerror(errno));
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return parse_reply(text);
}

}  // namespace lifeline::ctl
