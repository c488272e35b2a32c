// What the exact-match table compares: one cache line. datapath/ says what is in it.
#pragma once

#include <cstdint>

namespace lifeline::table {

// Words 0 to 3 are the head, 4 to 7 the tail. A key with the bit kHeadOnly has a tail of zeros, and
// is told from all others by its head.
struct alignas(64) ExactKey {
  static constexpr std::uint64_t kHeadOnly = std::uint64_t{1} << 51;  // of w[1]

  std::uint64_t w[8] = {};

  bool is_head_only() const { return (w[1] & kHeadOnly) != 0; }
  bool operator==(const ExactKey&) const = default;
};
static_assert(sizeof(ExactKey) == 64);

}  // namespace lifeline::table
