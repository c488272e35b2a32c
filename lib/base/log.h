// The log of the control plane. Workers never log. One line per call, written with one write(2), so
// lines of several threads do not mix. Thread-safe.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace lifeline::log {

enum class Level : std::uint8_t { kError, kWarn, kInfo, kDebug };

std::string_view level_name(Level level);  // "INFO"
// Of a name in any case; nullopt: no such level.
std::optional<Level> parse_level(std::string_view name);

// Who speaks: the folders under lib/, and the programs.
inline constexpr std::array<std::string_view, 16> kLibraries = {
    "app",     "base",    "config",   "control", "datapath", "flow",    "inband", "netlink",
    "ofagent", "offload", "openflow", "packet",  "port",     "resolve", "sync",   "table"};

// Messages less urgent than `level` are dropped. Default kInfo.
void set_level(Level level);
Level level();
// The same for one library in place of the level of all; nullopt: that of all again. False: not one
// of kLibraries.
bool set_level(std::string_view library, std::optional<Level> level);
std::optional<Level> level_of(std::string_view library);  // nullopt: that of all
// Whether messages of this level, of a library without a level of its own, are written.
bool enabled(Level level);
bool enabled(Level level, std::string_view library);

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
  if (enabled(Level::kDebug, library))
    write(Level::kDebug, library, fmt::format(f, std::forward<Args>(a)...));
}

// Lets at most `burst` messages through, then one per `interval`; counts what it held back. For
// limited() below. Not thread-safe: one per call site and thread.
class RateLimit {
 public:
  explicit RateLimit(std::uint32_t burst = 5, Duration interval = std::chrono::seconds{1})
      : tokens_(burst), burst_(burst), interval_(interval) {}
  bool allow(TimePoint now);
  std::uint64_t suppressed() const { return suppressed_; }
  // How many were held back since this was last asked, as words behind a message; "" for none.
  std::string held_back();

 private:
  std::uint32_t tokens_;
  std::uint32_t burst_;
  Duration interval_;
  TimePoint last_{};
  std::uint64_t suppressed_ = 0;
  std::uint64_t told_ = 0;
};

// A message that others may cause at any rate: says how many like it were not logged since the
// last.
template <class... Args>
void limited(RateLimit& limit, TimePoint now, Level level, std::string_view library,
             fmt::format_string<Args...> f, Args&&... a) {
  if (!enabled(level, library) || !limit.allow(now)) return;
  write(level, library, fmt::format(f, std::forward<Args>(a)...) + limit.held_back());
}

}  // namespace lifeline::log
