// When a switch whose controllers are silent takes over itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace lifeline::ofagent {

enum class FailMode : std::uint8_t {
  kSecure,      // the rules stay as they are
  kStandalone,  // the rules go, the switch forwards as NORMAL does until a controller is back
};

// Decides; the agent acts. A pure state machine: give it the facts, ask what should be.
class FailModeState {
 public:
  // `silence`: how long without any connection before a stand-alone switch takes over.
  FailModeState(FailMode mode, Duration silence, TimePoint now)
      : mode_(mode), silence_(silence), last_connected_(now) {}

  // True if the switch should now be on its own. `last_heard`: when a controller last said
  // something; counts only while one is connected.
  bool update(bool has_controllers, bool connected, TimePoint last_heard, TimePoint now) {
    if (!has_controllers) last_connected_ = now;
    if (connected) last_connected_ = std::max(last_connected_, last_heard);
    connected_ = connected;
    has_controllers_ = has_controllers;
    alone_ = mode_ == FailMode::kStandalone && has_controllers && !connected &&
             (alone_ || now - last_connected_ >= silence_);
    return alone_;
  }
  // When update() may say something else though no fact has changed.
  std::optional<TimePoint> deadline() const {
    if (mode_ == FailMode::kSecure || !has_controllers_ || connected_ || alone_) {
      return std::nullopt;
    }
    return last_connected_ + silence_;
  }
  FailMode mode() const { return mode_; }
  // What they mean for the facts shows at the next update().
  void set_mode(FailMode mode) { mode_ = mode; }
  void set_silence(Duration silence) { silence_ = silence; }

 private:
  FailMode mode_;
  Duration silence_;
  TimePoint last_connected_;
  bool has_controllers_ = false;
  bool connected_ = false;
  bool alone_ = false;
};

}  // namespace lifeline::ofagent
