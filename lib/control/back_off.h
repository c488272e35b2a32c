// When to try again to reach a controller.
//
// In-band remotes are tried often: nothing announces that a listener far away has come up, and a
// SYN and its refusal cost next to nothing. What must be bounded is a controller that accepts and
// closes: there each try costs both sides a handshake, so these tries grow apart, up to kMaxDelay.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace lifeline::control {

class BackOff {
 public:
  static constexpr Duration kUnreachableDelay = std::chrono::milliseconds{50};
  static constexpr Duration kFirstDelay = std::chrono::milliseconds{50};
  static constexpr Duration kMaxDelay = std::chrono::seconds{1};
  // A SYN that is not answered is given up after this: at once as long as the remote has never
  // answered (the kernel's own retry comes after 1 s), later when it has and may only be slow.
  static constexpr Duration kFirstConnectTimeout = std::chrono::milliseconds{250};
  static constexpr Duration kConnectTimeout = std::chrono::seconds{1};
  // A session that lasted this long was a good one: the next retry comes at once.
  static constexpr Duration kGoodSession = std::chrono::seconds{5};

  Duration connect_timeout() const {
    return has_answered_ ? kConnectTimeout : kFirstConnectTimeout;
  }
  void answered() { has_answered_ = true; }

  // The delay before the next try after a SYN that timed out, was refused or could not be sent.
  Duration after_unreachable() { return kUnreachableDelay; }
  Duration after_timeout() { return Duration::zero(); }
  // … after a session that lasted this long.
  Duration after_session(Duration lasted) {
    if (lasted >= kGoodSession) {
      session_delay_ = Duration::zero();
      return Duration::zero();
    }
    const Duration delay = session_delay_;
    session_delay_ = std::min(kMaxDelay, std::max(kFirstDelay, 2 * session_delay_));
    return delay;
  }

 private:
  bool has_answered_ = false;
  Duration session_delay_ = Duration::zero();
};

}  // namespace lifeline::control
