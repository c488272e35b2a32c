// A rate limit with cycles as its clock. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace lifeline::datapath {

class TokenBucket {
 public:
  TokenBucket() = default;  // lets nothing through
  // Lets `per_s` per second through (0: nothing) and `burst` at once, at least one.
  TokenBucket(std::uint32_t per_s, std::uint32_t burst, std::uint64_t tsc_hz)
      : cost_(per_s == 0 ? 0 : std::max<std::uint64_t>(tsc_hz / per_s, 1)),
        depth_(cost_ * std::max(burst, 1u)) {}
  bool take(std::uint64_t tsc) {
    if (cost_ == 0) return false;
    credit_ = std::min(credit_ + (tsc - last_), depth_);
    last_ = tsc;
    if (credit_ < cost_) return false;
    credit_ -= cost_;
    return true;
  }

 private:
  std::uint64_t cost_ = 0;
  std::uint64_t depth_ = 0;
  std::uint64_t credit_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace lifeline::datapath
