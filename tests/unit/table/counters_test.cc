#include "table/counters.h"

#include <gtest/gtest.h>

#include <thread>

namespace lifeline::table {
namespace {

struct CountersTest : testing::Test {
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  CounterBlocks counters{retired, 4};
};

TEST_F(CountersTest, SumsOverSlots) {
  const CounterIndex i = *counters.allocate();
  for (sync::SlotId s = 0; s < 4; ++s) counters.add(s, i, s + 1, 100 * (s + 1));
  EXPECT_EQ(counters.read(i), (flow::RuleCounters{10, 1000}));
}

TEST_F(CountersTest, ResetCountsFromZeroAgain) {
  const CounterIndex i = *counters.allocate();
  counters.add(1, i, 5, 500);
  counters.reset(i);
  counters.add(1, i, 2, 200);
  EXPECT_EQ(counters.read(i), (flow::RuleCounters{2, 200}));
}

TEST_F(CountersTest, NumberIsUsedAgainOnlyAfterAGracePeriodAndThenReadsZero) {
  qsbr.register_reader(1);
  qsbr.online(1);
  const CounterIndex i = *counters.allocate();
  counters.release(i);
  retired.reclaim();
  const CounterIndex j = *counters.allocate();
  EXPECT_NE(i, j);
  counters.add(1, i, 1, 64);  // a worker that still uses the old rule
  qsbr.quiescent(1);
  retired.reclaim();
  EXPECT_EQ(*counters.allocate(), i);
  EXPECT_EQ(counters.read(i), flow::RuleCounters{});
  EXPECT_EQ(counters.in_use(), 2U);
  qsbr.offline(1);
}

TEST_F(CountersTest, GrowsOverManyChunks) {
  constexpr std::uint32_t kMany = 3 * CounterBlocks::kChunkSize + 1;
  for (std::uint32_t k = 0; k < kMany; ++k) {
    const auto i = counters.allocate();
    ASSERT_TRUE(i.has_value());
    ASSERT_EQ(*i, k);
  }
  counters.add(3, kMany - 1, 1, 60);
  EXPECT_EQ(counters.read(kMany - 1), (flow::RuleCounters{1, 60}));
  EXPECT_EQ(counters.read(kMany - 2), flow::RuleCounters{});
}

TEST_F(CountersTest, ExactWhileSlotsCountAtTheSameTime) {
  const CounterIndex i = *counters.allocate();
  constexpr std::uint64_t kEach = 200'000;
  std::thread a{[&] {
    for (std::uint64_t k = 0; k < kEach; ++k) counters.add(1, i, 1, 64);
  }};
  std::thread b{[&] {
    for (std::uint64_t k = 0; k < kEach; ++k) counters.add(2, i, 1, 64);
  }};
  std::uint64_t last = 0;
  bool grows = true;
  for (int k = 0; k < 1000; ++k) {
    const std::uint64_t now = counters.read(i).packets;
    grows = grows && now >= last;
    last = now;
  }
  a.join();
  b.join();
  EXPECT_TRUE(grows);
  EXPECT_EQ(counters.read(i), (flow::RuleCounters{2 * kEach, 2 * kEach * 64}));
}

}  // namespace
}  // namespace lifeline::table
