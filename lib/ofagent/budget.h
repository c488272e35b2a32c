// How much work one call may do before the control lcore looks at its queues again.
#pragma once

#include <cstdint>

namespace lifeline::ofagent {

// Counted in units of about 50 ns rather than measured: a clock read per rule would cost as much
// as the rule, and a counted slice is the same in every test run.
class Budget {
 public:
  explicit constexpr Budget(std::int64_t units) : units_(units) {}
  constexpr void charge(std::int64_t units) { units_ -= units; }
  constexpr bool spent() const { return units_ <= 0; }
  constexpr std::int64_t left() const { return units_; }

 private:
  std::int64_t units_;
};

// Prices. Measured with 100 k rules and a rule writer that does nothing (tests/unit/ofagent,
// scale_test): 1.7 us for a flow_mod from its bytes on, 1.1 us for a rule in a dump, 0.5 us for a
// deletion. A change is priced higher than that, for the classifier's share in it.
inline constexpr std::int64_t kCostExamine = 1;   // look at a rule
inline constexpr std::int64_t kCostReport = 16;   // put a rule into a statistics reply
inline constexpr std::int64_t kCostChange = 40;   // add, modify or remove a rule
inline constexpr std::int64_t kCostMessage = 10;  // decode and answer a small message
inline constexpr std::int64_t kSliceUnits = 1000;

}  // namespace lifeline::ofagent
