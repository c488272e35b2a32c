#include "instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace lifeline {

Expected<InstanceLock> InstanceLock::take(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return make_error("cannot make the directory of {}: {}", path, error.message());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return make_error("cannot open {}: {}", path, std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> pid{};
    const ssize_t n = ::read(fd, pid.data(), pid.size() - 1);
    std::string holder(pid.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    ::close(fd);
    return make_error(
        "another lifeline (pid {}) runs this bridge: it holds {}. Stop it, or give this one "
        "another bridge "
        "name or run_dir",
        holder.empty() ? "unknown" : holder, path);
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    const int write_error = errno;
    ::close(fd);
    return make_error("cannot write {}: {}", path, std::strerror(write_error));
  }
  return InstanceLock(fd);
}

InstanceLock::InstanceLock(InstanceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

InstanceLock::~InstanceLock() {
  // The file stays: were it removed here, a switch that has just opened it would lock a file nobody
  // else can see.
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace lifeline
