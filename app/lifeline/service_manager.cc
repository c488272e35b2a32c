#include "service_manager.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace lifeline {
namespace {

// Taken out, so that it is not handed on to processes of ours.
std::string take_variable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value != nullptr ? value : "";
  ::unsetenv(name);
  return text;
}

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

ServiceManager::ServiceManager() : address_(take_variable("NOTIFY_SOCKET")) {
  const std::int64_t watchdog_us = number(take_variable("WATCHDOG_USEC"));
  const std::string watchdog_pid = take_variable("WATCHDOG_PID");
  if (address_.empty()) return;
  if (address_.size() >= sizeof(sockaddr_un::sun_path) ||
      (address_.front() != '/' && address_.front() != '@')) {
    log::warn("app", "NOTIFY_SOCKET is no socket's address: {}", address_.substr(0, 120));
    return;
  }
  fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (watchdog_us > 0 && (watchdog_pid.empty() || number(watchdog_pid) == ::getpid()))
    alive_interval_ = std::chrono::microseconds{watchdog_us} / 4;
}

ServiceManager::~ServiceManager() {
  if (fd_ >= 0) ::close(fd_);
}

void ServiceManager::tell(std::string_view state) {
  if (fd_ < 0) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (address_.front() == '@') to.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  [[maybe_unused]] const ssize_t n = ::sendto(fd_, state.data(), state.size(), MSG_NOSIGNAL,
                                              reinterpret_cast<const sockaddr*>(&to), length);
}

void ServiceManager::ready(std::string_view status) {
  tell(fmt::format("READY=1\nSTATUS={}\n", status));
}

// MONOTONIC_USEC is for Type=notify-reload (systemd 253 and later); older ones pass over it.
void ServiceManager::reloading() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n",
                   std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

void ServiceManager::stopping() { tell("STOPPING=1\n"); }

void ServiceManager::alive() { tell("WATCHDOG=1\n"); }

}  // namespace lifeline
