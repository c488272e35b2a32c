#include "capture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "client.h"

namespace lifeline::ctl {
namespace {

using nlohmann::json;

// Longer than any block of the switch, shorter than what '{' as a first byte would mean.
constexpr std::uint32_t kMaxBlockBytes = 16u << 20;

volatile std::sig_atomic_t g_stop = 0;
void on_signal(int) { g_stop = 1; }

// Reads from the switch; a signal ends the capture, and what the switch has until then still comes.
class Source {
 public:
  explicit Source(const Fd& fd) : fd_(fd) {
    // SIGINT between the look at g_stop and ppoll() would wait for the next packet: they are let in
    // by ppoll() only.
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGINT);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &during_);
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
  }

  // False: the connection is over.
  bool read(char* to, std::size_t n) {
    while (n > 0) {
      pollfd wait{.fd = fd_.get(), .events = POLLIN, .revents = 0};
      if (::ppoll(&wait, 1, nullptr, &during_) < 0 && errno != EINTR) return false;
      if (g_stop != 0 && !told_) {
        told_ = true;
        ::shutdown(fd_.get(), SHUT_WR);
      }
      if (wait.revents == 0) continue;
      const ssize_t got = ::recv(fd_.get(), to, n, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
      if (got <= 0) continue;
      to += got;
      n -= static_cast<std::size_t>(got);
    }
    return true;
  }
  std::string rest() {
    std::string text;
    for (char c; read(&c, 1);) text += c;
    return text;
  }

 private:
  const Fd& fd_;
  sigset_t during_{};
  bool told_ = false;
};

int fail(const std::string& message) {
  std::fprintf(stderr, "lifelinectl: %s\n", message.c_str());
  return 1;
}

// Opened with the first block: a capture that is refused leaves an older file alone.
class Sink {
 public:
  explicit Sink(std::string file) : file_(std::move(file)) {}
  ~Sink() {
    if (fd_ > STDOUT_FILENO) ::close(fd_);
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  Expected<void> write(const std::string& bytes) {
    if (fd_ < 0) {
      fd_ = file_ == "-" ? STDOUT_FILENO
                         : ::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    for (std::size_t at = 0; fd_ >= 0 && at < bytes.size();) {
      const ssize_t n = ::write(fd_, bytes.data() + at, bytes.size() - at);
      if (n < 0 && errno != EINTR) return make_error("{}: {}", file_, std::strerror(errno));
      if (n > 0) at += static_cast<std::size_t>(n);
    }
    if (fd_ < 0) return make_error("{}: {}", file_, std::strerror(errno));
    return {};
  }

 private:
  std::string file_;
  int fd_ = -1;
};

// From the first block on. The trailer of the reply, or what went wrong.
Expected<json> copy_blocks(Source& source, Sink& sink) {
  std::string block;
  for (;;) {
    std::array<char, 4> head{};
    if (!source.read(head.data(), head.size())) return make_error("the switch has gone away");
    std::uint32_t length = 0;
    for (const char c : head) length = length << 8 | static_cast<std::uint8_t>(c);
    if (length == 0) return parse_reply(source.rest());
    if (length > kMaxBlockBytes) return parse_reply(std::string(head.data(), 4) + source.rest());
    block.resize(length);
    if (!source.read(block.data(), length)) return make_error("the switch has gone away");
    if (const auto done = sink.write(block); !done) return tl::make_unexpected(done.error());
  }
}

}  // namespace

CLI::App* add_capture(CLI::App& app, CaptureOptions& options) {
  CLI::App* command = app.add_subcommand(
      "capture", "a pcap of what ports carry, or of what is dropped; until Ctrl-C");
  auto* ports = command->add_option("port", options.ports, "names or numbers of ports, or LOCAL");
  command
      ->add_option("--drop", options.drops,
                   "what is dropped for this reason (lifelinectl stats), or any")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->excludes(ports);
  command->add_flag("--in", options.in, "only what comes in");
  command->add_flag("--out", options.out, "only what leaves");
  command->add_option("-w,--write", options.file, "the file; -: standard output")
      ->capture_default_str();
  command->add_option("-c,--count", options.count, "stop after so many packets")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000'000}));
  command->add_option("--seconds", options.seconds, "stop after so long")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("-s,--snap", options.snap_bytes, "bytes to keep of each packet")
      ->check(CLI::Range(1, 65535));
  return command;
}

int capture(const std::string& socket_path, const CaptureOptions& options, bool as_json) {
  const bool to_stdout = options.file == "-";
  if (to_stdout && ::isatty(STDOUT_FILENO) != 0)
    return fail("a pcap is not for the eye: give -w FILE, or pipe it into tcpdump -r -");
  const auto fd = send_request(socket_path, {{"command", "capture"},
                                             {"ports", options.ports},
                                             {"drops", options.drops},
                                             {"in", options.in},
                                             {"out", options.out},
                                             {"count", options.count},
                                             {"seconds", options.seconds},
                                             {"snap", options.snap_bytes}});
  if (!fd) return fail(fd.error().message);
  Source source(*fd);
  Sink sink(options.file);
  const auto end = copy_blocks(source, sink);
  if (!end) return fail(end.error().message);
  if (as_json && !to_stdout) {
    std::printf("%s\n", end->dump().c_str());
    return 0;
  }
  const auto lost = end->value("lost", std::uint64_t{0});
  std::fprintf(stderr, "%s\n",
               fmt::format("{} packets captured{}", end->value("packets", std::uint64_t{0}),
                           lost == 0 ? "" : fmt::format(", {} lost: they came too fast", lost))
                   .c_str());
  return 0;
}

}  // namespace lifeline::ctl
