#include "config/file_text.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace lifeline::config {
namespace {

constexpr int kWait_ms = 2000;
constexpr std::size_t kChunkBytes = std::size_t{64} * 1024;

bool says_something(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const std::size_t first = line.find_first_not_of(kBlank);
    if (first != std::string_view::npos && line[first] != '#') return true;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return false;
}

class File {
 public:
  // Not blocking: to open a pipe that nobody writes would wait for somebody.
  explicit File(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }

  Expected<std::string> read() const {
    std::string text;
    for (;;) {
      const std::size_t had = text.size();
      text.resize(had + kChunkBytes);
      const ssize_t n = ::read(fd_, text.data() + had, kChunkBytes);
      const int error = n < 0 ? errno : 0;
      text.resize(had + static_cast<std::size_t>(n < 0 ? 0 : n));
      if (n == 0) return text;
      if (text.size() > kMaxFileBytes)
        return make_error("is larger than 4 MiB: no configuration is");
      if (n > 0 || error == EINTR) continue;
      if (error != EAGAIN)
        return make_error("cannot be read: {}; is it a file?", std::strerror(error));
      pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, kWait_ms) == 0)
        return make_error("cannot be read: it is a pipe, and nothing comes");
    }
  }

 private:
  int fd_;
};

}  // namespace

Expected<std::string> file_text(const std::string& path) {
  const File file(path);
  if (!file.is_open())
    return make_error("cannot be opened: is the path right, and may it be read?");
  auto text = file.read();
  if (text && !says_something(*text))
    return make_error("is empty: was it written to its end? A configuration has ports at least");
  return text;
}

}  // namespace lifeline::config
