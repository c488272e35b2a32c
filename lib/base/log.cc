#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <ctime>
#include <mutex>
#include <shared_mutex>

namespace lifeline::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};
std::shared_mutex g_sink_mutex;
Sink g_sink;

void write_stderr(Level level, std::string_view library, std::string_view message) {
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
bool enabled(Level level) { return level <= g_level.load(std::memory_order_relaxed); }

void set_sink(Sink sink) {
  std::unique_lock lock(g_sink_mutex);
  g_sink = std::move(sink);
}

void write(Level level, std::string_view library, std::string_view message) {
  if (!enabled(level)) return;
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

}  // namespace lifeline::log
