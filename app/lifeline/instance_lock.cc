#include "instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace lifeline {

Expected<InstanceLock> InstanceLock::take(const std::string& path, const std::string& who) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return make_error("cannot make the directory of {}: {}", path, error.message());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return make_error("cannot open {}: {}", path, std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 256> text{};
    const ssize_t n = ::read(fd, text.data(), text.size() - 1);
    std::string holder(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    std::replace(holder.begin(), holder.end(), '\n', ',');
    ::close(fd);
    return make_error(
        "another lifeline (pid {}) holds {}. Stop it, or give this one another bridge name, "
        "local.name and run_dir",
        holder.empty() ? "unknown" : holder, path);
  }
  const std::string pid = fmt::format("{}\n{}\n", ::getpid(), who);
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

// Not in run_dir: two switches with different ones must meet here.
std::string local_port_lock_path(const std::string& interface) {
  struct stat st {};
  const unsigned long inode = ::stat("/proc/self/ns/net", &st) == 0 ? st.st_ino : 0;
  return fmt::format("/run/lifeline/local-{}-{}.lock", inode, interface);
}

}  // namespace lifeline
