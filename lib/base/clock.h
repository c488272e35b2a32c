// Time as the control plane sees it. Tests pass a ManualClock; nothing outside base/ calls the
// system clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace lifeline {

using Duration = std::chrono::nanoseconds;
// Monotonic, since an arbitrary start. Never wall time.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SteadyClock final : public Clock {
 public:
  TimePoint now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
  }
};

class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void advance(Duration d) { now_ += d; }

 private:
  TimePoint now_{std::chrono::hours{1}};
};

}  // namespace lifeline
