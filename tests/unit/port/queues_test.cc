#include <gtest/gtest.h>

#include <set>

#include "port/ethdev_port.h"

namespace lifeline::port {
namespace {

QueueCounts must(const DeviceLimits& limits, std::optional<std::uint16_t> rxq,
                 std::uint32_t n_slots) {
  const auto counts = choose_queues(limits, rxq, n_slots);
  EXPECT_TRUE(counts) << (counts ? "" : counts.error().message);
  return counts.value_or(QueueCounts{0, 0});
}

TEST(ChooseQueues, EverySlotHasATxQueueOfItsOwnWhereTheDeviceHasEnough) {
  EXPECT_EQ(must({"net_ixgbe", 64, 64, true}, {}, 4).tx, 4);
  EXPECT_EQ(must({"net_ixgbe", 64, 4, true}, {}, 4).tx, 4);
}

TEST(ChooseQueues, TheWorkersShareTooFewTxQueues) {
  EXPECT_EQ(must({"net_e1000_igb", 8, 2, true}, {}, 4).tx, 2);
  // One too few: each worker has one, the control lcore has none.
  EXPECT_EQ(must({"net_e1000_igb", 8, 3, true}, {}, 4).tx, 3);
  EXPECT_EQ(must({"net_null", 8, 1, false}, {}, 1).tx, 1);
}

TEST(ChooseQueues, WithRssAsManyRxQueuesAsWorkersElseOne) {
  EXPECT_EQ(must({"net_ixgbe", 64, 64, true}, {}, 4).rx, 3);
  EXPECT_EQ(must({"net_ixgbe", 2, 64, true}, {}, 4).rx, 2);
  EXPECT_EQ(must({"net_null", 1024, 1024, false}, {}, 4).rx, 1);
  EXPECT_EQ(must({"net_null", 1024, 1024, false}, 5, 4).rx, 5);
}

TEST(ChooseQueues, DevicesThatFillAllTheirQueuesHaveAllOfThemPolled) {
  EXPECT_EQ(must({"net_af_packet", 4, 4, false}, {}, 2).rx, 4);
  EXPECT_EQ(must({"net_pcap", 3, 1, false}, {}, 2).rx, 3);
  const auto fewer = choose_queues({"net_af_packet", 4, 4, false}, 2, 2);
  ASSERT_FALSE(fewer);
  EXPECT_EQ(fewer.error().message,
            "rx_queues: 2, but net_af_packet receives on all of its 4 queues, and those not polled "
            "would lose their frames: leave rx_queues out, or give the device fewer (for "
            "net_af_packet qpairs=2)");
}

TEST(ChooseQueues, TapHasAsManyRxAsTxQueues) {
  const QueueCounts counts = must({"net_tap", 16, 16, true}, {}, 3);
  EXPECT_EQ(counts.rx, 3);
  EXPECT_EQ(counts.tx, 3);
  const QueueCounts more = must({"net_tap", 16, 16, true}, 5, 3);
  EXPECT_EQ(more.rx, 5);
  EXPECT_EQ(more.tx, 5);
}

TEST(ChooseQueues, MemifHasAsManyAsItsPeerIsSaidToHave) {
  const QueueCounts counts = must({"net_memif", 255, 255, false}, {}, 4);
  EXPECT_EQ(counts.rx, 1);
  EXPECT_EQ(counts.tx, 1);
  EXPECT_EQ(must({"net_memif", 255, 255, false}, 2, 4).tx, 2);
  EXPECT_EQ(must({"net_memif", 255, 255, false}, 8, 4).tx, 3);
}

TEST(ChooseQueues, MoreRxQueuesThanThereAreIsAnError) {
  const auto counts = choose_queues({"net_ixgbe", 2, 64, true}, 3, 4);
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().message, "rx_queues: 3, but net_ixgbe has at most 2");
}

TEST(ChooseTxPaths, EnoughQueuesMeanNoRing) {
  const auto paths = choose_tx_paths(3, 3);
  for (std::uint8_t slot = 0; slot < 3; ++slot) {
    EXPECT_EQ(paths[slot].owner_slot, slot);
    EXPECT_EQ(paths[slot].queue, slot);
  }
}

// What "never by lock" rests on: whatever the numbers, no queue is used by two slots.
TEST(ChooseTxPaths, EachQueueHasOneOwnerAndTheOwnerSendsItself) {
  for (std::uint32_t n_slots = 1; n_slots <= kMaxSlots; ++n_slots) {
    for (std::uint16_t n_txq = 1; n_txq <= n_slots; ++n_txq) {
      const auto paths = choose_tx_paths(n_txq, n_slots);
      std::set<std::pair<int, int>> users;
      for (std::uint32_t slot = 0; slot < n_slots; ++slot) {
        const TxPath path = paths[slot];
        ASSERT_LT(path.queue, n_txq);
        ASSERT_LT(path.owner_slot, n_slots);
        EXPECT_EQ(paths[path.owner_slot].owner_slot, path.owner_slot);
        EXPECT_EQ(paths[path.owner_slot].queue, path.queue);
        users.emplace(path.queue, path.owner_slot);
      }
      std::set<int> queues;
      for (const auto& [queue, owner] : users) EXPECT_TRUE(queues.insert(queue).second);
      EXPECT_EQ(queues.size(), n_txq);
    }
  }
}

// The control lcore sleeps: it must not be what other lcores wait for.
TEST(ChooseTxPaths, TheControlLcoreOwnsNoSharedQueue) {
  for (std::uint32_t n_slots = 2; n_slots <= 8; ++n_slots) {
    for (std::uint16_t n_txq = 1; n_txq < n_slots; ++n_txq) {
      const auto paths = choose_tx_paths(n_txq, n_slots);
      for (std::uint32_t slot = 0; slot < n_slots; ++slot) EXPECT_NE(paths[slot].owner_slot, 0);
    }
  }
}

}  // namespace
}  // namespace lifeline::port
