// What the exact-match table compares: one cache line. datapath/ says what is in it.
#pragma once

#include <cstdint>

namespace lifeline::table {

struct alignas(64) ExactKey {
  std::uint64_t w[8] = {};
  bool operator==(const ExactKey&) const = default;
};
static_assert(sizeof(ExactKey) == 64);

}  // namespace lifeline::table
