#include "sync/spsc_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace lifeline::sync {
namespace {

TEST(SpscRing, HoldsExactlyItsCapacity) {
  for (std::uint32_t capacity : {1U, 2U, 63U, 64U, 65U}) {
    SpscRing<int> ring{capacity};
    EXPECT_EQ(ring.capacity(), capacity);
    int x = 0;
    for (std::uint32_t i = 0; i < capacity; ++i) EXPECT_TRUE(ring.enqueue(&x));
    EXPECT_FALSE(ring.enqueue(&x));
    EXPECT_EQ(ring.count(), capacity);
    EXPECT_EQ(ring.room(), 0U);
  }
}

TEST(SpscRing, FullBurstTakesTheFirstOnes) {
  SpscRing<int> ring{3};
  std::array<int, 5> v{};
  std::array<int*, 5> in{&v[0], &v[1], &v[2], &v[3], &v[4]};
  EXPECT_EQ(ring.enqueue_burst(in.data(), 5), 3U);
  std::array<int*, 5> out{};
  EXPECT_EQ(ring.dequeue_burst(out.data(), 5), 3U);
  EXPECT_EQ(out[0], &v[0]);
  EXPECT_EQ(out[2], &v[2]);
  EXPECT_TRUE(ring.empty());
}

TEST(SpscRing, KeepsOrderBetweenTwoThreads) {
  constexpr std::size_t kCount = 200'000;
  std::vector<std::size_t> values(kCount);
  for (std::size_t i = 0; i < kCount; ++i) values[i] = i;
  SpscRing<std::size_t> ring{128};
  std::thread producer{[&] {
    for (std::size_t& v : values)
      while (!ring.enqueue(&v)) std::this_thread::yield();
  }};
  std::size_t next = 0;
  bool ordered = true;
  while (next < kCount) {
    std::array<std::size_t*, 32> out{};
    const std::uint32_t n = ring.dequeue_burst(out.data(), 32);
    if (n == 0) std::this_thread::yield();
    for (std::uint32_t i = 0; i < n; ++i) ordered = ordered && *out[i] == next++;
  }
  producer.join();
  EXPECT_TRUE(ordered);
}

}  // namespace
}  // namespace lifeline::sync
