// The log of the control plane. Workers never log. One line per call, written with one write(2), so
// lines of several threads do not mix. Thread-safe.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace lifeline::log {

enum class Level : std::uint8_t { kError, kWarn, kInfo, kDebug };

std::string_view level_name(Level level);

// Messages less urgent than `level` are dropped. Default kInfo.
void set_level(Level level);
bool enabled(Level level);

// Where lines go; default stderr. The sink gets (level, library, message) and may be called from
// any thread. Pass nullptr for the default.
using Sink = std::function<void(Level, std::string_view library, std::string_view message)>;
void set_sink(Sink sink);

// `library` is the folder under lib/ (or "app") that speaks.
void write(Level level, std::string_view library, std::string_view message);

template <class... Args>
void error(std::string_view library, fmt::format_string<Args...> f, Args&&... a) {
  write(Level::kError, library, fmt::format(f, std::forward<Args>(a)...));
}
template <class... Args>
void warn(std::string_view library, fmt::format_string<Args...> f, Args&&... a) {
  write(Level::kWarn, library, fmt::format(f, std::forward<Args>(a)...));
}
template <class... Args>
void info(std::string_view library, fmt::format_string<Args...> f, Args&&... a) {
  write(Level::kInfo, library, fmt::format(f, std::forward<Args>(a)...));
}
template <class... Args>
void debug(std::string_view library, fmt::format_string<Args...> f, Args&&... a) {
  if (enabled(Level::kDebug))
    write(Level::kDebug, library, fmt::format(f, std::forward<Args>(a)...));
}

// Lets at most `burst` messages through, then one per `interval`; counts what it held back.
// Not thread-safe: one per call site and thread.
class RateLimit {
 public:
  explicit RateLimit(std::uint32_t burst = 5, Duration interval = std::chrono::seconds{1})
      : tokens_(burst), burst_(burst), interval_(interval) {}
  bool allow(TimePoint now);
  std::uint64_t suppressed() const { return suppressed_; }

 private:
  std::uint32_t tokens_;
  std::uint32_t burst_;
  Duration interval_;
  TimePoint last_{};
  std::uint64_t suppressed_ = 0;
};

}  // namespace lifeline::log
