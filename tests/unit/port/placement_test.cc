// Ports, lcores and NUMA nodes as they might be -> who polls what.
#include "port/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lifeline::port {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Two nodes: lcores 2 and 4 on node 0 (slots 1 and 2), 3 and 5 on node 1 (slots 3 and 4).
const std::vector<WorkerPlace> kTwoNodes = {{.lcore = 2, .socket = 0},
                                            {.lcore = 4, .socket = 0},
                                            {.lcore = 3, .socket = 1},
                                            {.lcore = 5, .socket = 1}};

TEST(Placement, APortIsPolledOnTheNodeOfItsDevice) {
  const Pollers first = choose_pollers("p1", 0, kTwoNodes);
  EXPECT_THAT(first.slots, ElementsAre(1, 2));
  EXPECT_FALSE(first.is_remote);
  EXPECT_FALSE(first.is_told);
  EXPECT_THAT(choose_pollers("p2", 1, kTwoNodes).slots, ElementsAre(3, 4));
}

TEST(Placement, WithoutAWorkerOnItsNodeAnyPollsItAndThatIsSaid) {
  const Pollers far = choose_pollers("p1", 2, kTwoNodes);
  EXPECT_THAT(far.slots, ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(far.is_remote);
}

TEST(Placement, ADeviceOrAnLcoreOfNoNodeIsNearEverything) {
  const Pollers of_virtual_device = choose_pollers("p1", kAnySocket, kTwoNodes);
  EXPECT_THAT(of_virtual_device.slots, ElementsAre(1, 2, 3, 4));
  EXPECT_FALSE(of_virtual_device.is_remote);
  EXPECT_FALSE(choose_pollers("p1", 7, std::vector<WorkerPlace>{{.lcore = 1}}).is_remote);
}

TEST(Placement, WhatTheOperatorSaysHoldsAcrossNodes) {
  auto workers = kTwoNodes;
  workers[0].ports = {"uplink"};
  workers[2].ports = {"uplink", "lan"};
  const Pollers both = choose_pollers("uplink", 0, workers);
  EXPECT_THAT(both.slots, ElementsAre(1, 3)) << "both that were told, near or not";
  EXPECT_TRUE(both.is_told);
  EXPECT_FALSE(both.is_remote) << "one of them is near";
  const Pollers far = choose_pollers("lan", 0, workers);
  EXPECT_THAT(far.slots, ElementsAre(3));
  EXPECT_TRUE(far.is_remote);
}

TEST(Placement, WorkersThatWereGivenPortsAreLeftToThese) {
  auto workers = kTwoNodes;
  workers[0].ports = {"uplink"};
  EXPECT_THAT(choose_pollers("other", 0, workers).slots, ElementsAre(2));
  workers[1].ports = {"lan"};
  const Pollers far = choose_pollers("other", 0, workers);
  EXPECT_THAT(far.slots, ElementsAre(3, 4)) << "free, if on the other node";
  EXPECT_TRUE(far.is_remote);
}

TEST(Placement, APortThatNobodyWasGivenIsPolledAllTheSame) {
  auto workers = kTwoNodes;
  for (auto& worker : workers) worker.ports = {"uplink"};
  const Pollers some = choose_pollers("other", 1, workers);
  EXPECT_THAT(some.slots, ElementsAre(3, 4));
  EXPECT_FALSE(some.is_told);
}

TEST(Placement, LcoresAreEalsOrThoseThatTheOperatorNames) {
  EXPECT_EQ(choose_lcores({}, {}, kTwoNodes).value(), kTwoNodes);
  EXPECT_EQ(choose_lcores(1, {}, kTwoNodes).value(),
            std::vector<WorkerPlace>({{.lcore = 2, .socket = 0}}));
  const auto named =
      choose_lcores({}, {{.lcore = 5, .ports = {"lan"}}, {.lcore = 2}}, kTwoNodes).value();
  EXPECT_EQ(named, std::vector<WorkerPlace>(
                       {{.lcore = 5, .socket = 1, .ports = {"lan"}}, {.lcore = 2, .socket = 0}}));
}

TEST(Placement, AnLcoreThatEalHasNotGotIsNamed) {
  EXPECT_EQ(choose_lcores({}, {{.lcore = 2}, {.lcore = 0}}, kTwoNodes).error().message,
            "workers: lcore 0 is none of EAL's worker lcores (2, 4, 3, 5): name it in -l, whose "
            "first is the control lcore");
  EXPECT_EQ(choose_lcores(5, {}, kTwoNodes).error().message,
            "workers: 5 are configured, but EAL has only 4 worker lcores; start with more (-l)");
}

TEST(Placement, WithoutWorkersNobodyPolls) {
  const Pollers none = choose_pollers("p1", 0, {});
  EXPECT_THAT(none.slots, IsEmpty());
  EXPECT_FALSE(none.is_remote);
  EXPECT_THAT(deal_queues(2, none.slots, {0}), IsEmpty());
}

TEST(Placement, QueuesGoToThoseThatPollFewest) {
  EXPECT_THAT(deal_queues(4, std::vector<sync::SlotId>{1, 3}, {9, 2, 0, 0}),
              ElementsAre(3, 3, 1, 3));
}

}  // namespace
}  // namespace lifeline::port
