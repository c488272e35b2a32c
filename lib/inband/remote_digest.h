// What befell remotes of which there are too many for a line of log each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"

namespace lifeline::inband {

enum class RemoteNews : std::uint8_t {
  kAdded,
  kChanged,
  kRemoved,
  kReach,
  kNoRoute,
  kNextHops,
  kMac,
  kNoAnswer,
};

// Collects for a second, so that a thousand remotes that come, or whose gateway changes, are one
// line. Not thread-safe.
class RemoteDigest {
 public:
  static constexpr Duration kCollected = std::chrono::seconds{1};

  // `what`: the line that it would be alone.
  void add(RemoteNews news, const std::string& what, log::Level level, TimePoint now);
  // When take() is due; TimePoint::max(): there is nothing.
  TimePoint due() const { return due_; }

  struct Line {
    std::string what;
    log::Level level;
  };
  // All since the last one; nullopt before it is due.
  std::optional<Line> take(TimePoint now);

 private:
  static constexpr std::size_t kKinds = 8;
  std::array<std::size_t, kKinds> counts_{};
  std::size_t total_ = 0;
  std::string last_;
  log::Level level_ = log::Level::kInfo;
  TimePoint due_ = TimePoint::max();
};

}  // namespace lifeline::inband
