// Randomness that can be had again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace lifeline::test {

// The seed of this run, the same for all tests of it: LIFELINE_TEST_SEED from the environment, else
// a new one. Printed when first asked for, and again when a test fails.
std::uint64_t seed();

// A generator for one test. Tests do not share one, so each repeats alone.
class Random {
 public:
  Random() : engine_(seed()) {}
  explicit Random(std::uint64_t fixed) : engine_(fixed) {}

  std::uint64_t u64() { return engine_(); }
  // Uniform in [0, n); n > 0.
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine_);
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(engine_()); }
  template <class T>
  const T& pick(const std::vector<T>& list) {  // not empty
    return list[below(list.size())];
  }
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lifeline::test
