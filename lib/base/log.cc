#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <shared_mutex>

namespace lifeline::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};
// Of each library, one more than its level; 0: that of all.
std::array<std::atomic<std::uint8_t>, kLibraries.size()> g_library_levels{};

// nullptr: no such library.
std::atomic<std::uint8_t>* own_level(std::string_view library) {
  const auto found = std::find(kLibraries.begin(), kLibraries.end(), library);
  if (found == kLibraries.end()) return nullptr;
  return &g_library_levels[static_cast<std::size_t>(found - kLibraries.begin())];
}

std::shared_mutex g_sink_mutex;
Sink g_sink;

// The journal takes each line of our standard error as a message, with its own time stamp and the
// priority that a leading <N> says (sd-daemon(3)). systemd says so in JOURNAL_STREAM, device:inode.
bool stderr_is_journal() {
  const char* const text = std::getenv("JOURNAL_STREAM");
  struct stat st {};
  if (text == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return fmt::format("{}:{}", st.st_dev, st.st_ino) == text;
}

int syslog_priority(Level level) {
  switch (level) {
    case Level::kError: return 3;
    case Level::kWarn: return 4;
    case Level::kInfo: return 6;
    case Level::kDebug: return 7;
  }
  return 6;
}

void write_stderr(Level level, std::string_view library, std::string_view message) {
  static const bool is_journal = stderr_is_journal();
  if (is_journal) {
    const std::string line = fmt::format("<{}>{}: {}\n", syslog_priority(level), library, message);
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
    return;
  }
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  const std::string line =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {} {}: {}\n", utc.tm_year + 1900,
                  utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                  now.tv_nsec / 1'000'000, level_name(level), library, message);
  // A log that cannot be written must not stop the switch.
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kError: return "ERROR";
    case Level::kWarn: return "WARN";
    case Level::kInfo: return "INFO";
    case Level::kDebug: return "DEBUG";
  }
  return "?";
}

void set_level(Level level) { g_level.store(level, std::memory_order_relaxed); }
Level level() { return g_level.load(std::memory_order_relaxed); }

std::optional<Level> parse_level(std::string_view name) {
  const auto same = [](char a, char b) { return a == b || (a - 'a' + 'A' == b && a >= 'a'); };
  for (const Level level : {Level::kError, Level::kWarn, Level::kInfo, Level::kDebug}) {
    const std::string_view known = level_name(level);
    if (std::equal(name.begin(), name.end(), known.begin(), known.end(), same)) return level;
  }
  return std::nullopt;
}

bool set_level(std::string_view library, std::optional<Level> level) {
  auto* const own = own_level(library);
  if (own == nullptr) return false;
  own->store(
      level ? static_cast<std::uint8_t>(static_cast<std::uint8_t>(*level) + 1) : std::uint8_t{0},
      std::memory_order_relaxed);
  return true;
}

std::optional<Level> level_of(std::string_view library) {
  const auto* const own = own_level(library);
  const std::uint8_t stored =
      own != nullptr ? own->load(std::memory_order_relaxed) : std::uint8_t{0};
  if (stored == 0) return std::nullopt;
  return static_cast<Level>(stored - 1);
}

bool enabled(Level level) { return level <= g_level.load(std::memory_order_relaxed); }
bool enabled(Level level, std::string_view library) {
  return level <= level_of(library).value_or(g_level.load(std::memory_order_relaxed));
}

void set_sink(Sink sink) {
  std::unique_lock lock(g_sink_mutex);
  g_sink = std::move(sink);
}

void write(Level level, std::string_view library, std::string_view message) {
  if (!enabled(level, library)) return;
  std::shared_lock lock(g_sink_mutex);
  if (g_sink) {
    g_sink(level, library, message);
  } else {
    write_stderr(level, library, message);
  }
}

bool RateLimit::allow(TimePoint now) {
  if (last_ == TimePoint{}) last_ = now;
  const auto gained = (now - last_) / interval_;
  if (gained > 0) {
    tokens_ = static_cast<std::uint32_t>(std::min<std::int64_t>(burst_, tokens_ + gained));
    last_ += interval_ * gained;
  }
  if (tokens_ == 0) {
    ++suppressed_;
    return false;
  }
  --tokens_;
  return true;
}

std::string RateLimit::held_back() {
  const std::uint64_t news = suppressed_ - told_;
  told_ = suppressed_;
  return news == 0 ? "" : fmt::format(" ({} like it were not logged)", news);
}

}  // namespace lifeline::log
