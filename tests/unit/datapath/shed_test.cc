// A worker that is overrun: control traffic of each kind gets through, data goes by fair shares.
#include <gtest/gtest.h>

#include "datapath/worker.h"
#include "inband_switch.h"

namespace lifeline::datapath::test {
namespace {

constexpr unsigned kRing = 1024;
constexpr std::uint32_t kTurnsUntilLate = 40;

// Each of another flow.
Frame new_flow(std::uint32_t n, MacAddress src = kHostA) {
  return PacketBuilder()
      .eth(src, kHostB)
      .ipv4(
          Ipv4Address::of(10, 50, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)),
          kIpB)
      .udp(static_cast<std::uint16_t>(n >> 16), 7)
      .build(60);
}

port::RxQueue queue_of(std::uint16_t ethdev, std::uint16_t queue) {
  return {.ethdev_id = ethdev,
          .queue = queue,
          .port_no = static_cast<PortNo>(ethdev + 1),
          .index = static_cast<std::uint8_t>(ethdev),
          .lag_sign = port::LagSign::kFullBursts,
          .descriptors = 1024};
}

TEST(QueueLags, AQueueTakesItsLagWithItAndInheritsNone) {
  const port::RxQueue calm = queue_of(1, 0), late = queue_of(2, 0), young = queue_of(3, 0);
  QueueLags lags;
  lags.follow({calm, late}, 1);
  for (int i = 0; i < 31; ++i) EXPECT_FALSE(lags.at(1).is_late(late));
  EXPECT_FALSE(lags.at(0).is_late(calm));
  lags.follow({young, late, calm}, 2);
  EXPECT_FALSE(lags.at(0).is_late(young)) << "it has just come";
  EXPECT_FALSE(lags.at(2).is_late(calm)) << "it was another one's place";
  lags.follow({late, young}, 3);
  EXPECT_TRUE(lags.at(0).is_late(late)) << "one more full burst, wherever it stands";
  EXPECT_FALSE(lags.at(1).is_late(young));
  lags.follow({young}, 4);
  lags.follow({young, late}, 5);
  EXPECT_FALSE(lags.at(1).is_late(late)) << "it was away";
}

struct Overrun : testing::Test {
  // As many as fit, at most `most`.
  void flood(PortNo port, std::uint32_t most = kRing, MacAddress src = kHostA) {
    while (most-- != 0 && s.offer(port, new_flow(n_flows++, src))) {
    }
  }
  void turn() {
    s.datapath->turn(1);
    s.datapath->poll_control(s, 1000);
  }
  // Flooded until the worker has seen that it is late.
  void overrun(PortNo port, MacAddress src = kHostA) {
    for (std::uint32_t i = 0; i < kTurnsUntilLate; ++i) {
      flood(port, kRing, src);
      turn();
    }
    ASSERT_GT(s.drops("shed"), 0u);
    turn();  // takes what is left
    s.take_local();
    for (PortNo p = 1; p <= 3; ++p) s.received(p);
  }
  // One turn of a late worker with `frame` at the end of a queue of 400 packets.
  void behind_400(PortNo port, const Frame& frame, MacAddress src = kHostA) {
    flood(port, 400, src);
    ASSERT_TRUE(s.offer(port, frame));
    turn();
  }

  InbandSwitch s{{}, false, false, kRing};
  std::uint32_t n_flows = 0;
};

TEST_F(Overrun, ControlTrafficOfEachKindGetsThroughAFloodOnItsPort) {
  const MacAddress new_mac = *MacAddress::parse("02:00:00:00:00:fd");
  overrun(1, kGatewayMac);
  behind_400(1, InbandSwitch::from_controller(), kGatewayMac);
  EXPECT_EQ(s.take_local().size(), 1u) << "(i)";
  behind_400(1, InbandSwitch::gateway_answers(), kGatewayMac);
  EXPECT_EQ(s.take_local().size(), 1u) << "(b)";
  behind_400(1,
             PacketBuilder()
                 .eth(kGatewayMac, MacAddress::broadcast())
                 .arp(1, kGatewayMac, kGatewayIp, {}, kLocalIp)
                 .build(60),
             kGatewayMac);
  EXPECT_EQ(s.take_local().size(), 1u) << "(e)";
  behind_400(1,
             PacketBuilder()
                 .eth(new_mac, MacAddress::broadcast())
                 .arp(1, new_mac, kGatewayIp, {}, kGatewayIp)
                 .build(60),
             kGatewayMac);
  EXPECT_EQ(s.take_local().size(), 1u) << "a next hop announces another MAC address";
  s.received(2);
  behind_400(
      1,
      PacketBuilder().eth(kGatewayMac, kHostA).arp(1, kGatewayMac, kController, {}, kIpA).build(60),
      kGatewayMac);
  EXPECT_EQ(s.count(2), 1u) << "(g), for a switch behind port 2";
  EXPECT_GT(s.drops("shed"), 1000u);
}

TEST_F(Overrun, SwitchesBehindAFloodedPortReachTheirController) {
  overrun(2);
  s.received(1);
  behind_400(2, InbandSwitch::to_controller(kHostA));
  EXPECT_EQ(s.count(1), 1u) << "(h)";
  behind_400(2, PacketBuilder()
                    .eth(kHostA, kGatewayMac)
                    .arp(2, kHostA, kIpA, kGatewayMac, kGatewayIp)
                    .build(60));
  EXPECT_EQ(s.count(1), 1u) << "(d)";
}

TEST_F(Overrun, AFloodOfSynsToTheControllerTakesNothingFromTheSessionOnAnotherPort) {
  const auto syns = [&](std::uint32_t most) {
    const auto syn = [&](std::uint32_t n) {
      return PacketBuilder()
          .eth(kHostA, kGatewayMac)
          .ipv4(kIpA, kController)
          .tcp(static_cast<std::uint16_t>(1024 + n % 60000), 6653, packet::kTcpSyn)
          .build(60);
    };
    while (most-- != 0 && s.offer(2, syn(n_flows++))) {
    }
  };
  for (std::uint32_t i = 0; i < 2 * kTurnsUntilLate; ++i) {
    syns(kRing);
    ASSERT_TRUE(s.offer(1, InbandSwitch::from_controller()));
    turn();
    s.received(1);
  }
  EXPECT_EQ(s.take_local().size(), 2 * kTurnsUntilLate);
  EXPECT_GT(s.drops("shed"), 10'000u) << "SYNs beyond the rate of their port";
}

TEST_F(Overrun, ALocalMacThatIsForgedSavesNothing) {
  overrun(2);
  const std::uint64_t before = s.drops("shed");
  behind_400(2, InbandSwitch::to_controller(kLocalMac));
  EXPECT_EQ(s.count(1), 0u);
  EXPECT_GT(s.drops("shed"), before);
}

TEST(Shed, NothingIsShedOfBurstsThatAreFullButFollowedByOneThatIsNot) {
  TestSwitch s;
  s.add({}, 1, {flow::Output{2}});
  std::size_t sent = 0;
  for (std::uint32_t n = 0; n < 200; ++n) {
    // Seven full bursts at a time, now and then the last one is not.
    for (std::uint32_t i = 0; i < (n % 4 == 3 ? 200u : 224u); ++i, ++sent)
      s.inject(1, new_flow(n % 7));
    while (s.datapath->turn(1) != 0) {
    }
    s.count(2);
  }
  EXPECT_EQ(s.drops("shed"), 0u);
  EXPECT_EQ(s.datapath->worker_stats()[1].tx_packets, sent);
}

TEST(Shed, PortsThatFloodGetEqualSharesAndOneThatDoesNotLosesNothing) {
  TestSwitch s({}, 4, false, kRing);
  std::array<flow::RuleId, 4> rules{};
  for (PortNo p = 1; p <= 3; ++p) rules[p] = s.add(flow::Match().in_port(p), 1, {flow::Output{4}});
  std::uint32_t n = 0;
  std::size_t modest = 0;
  const auto offer = [&](PortNo port, std::uint32_t most) {
    std::size_t taken = 0;
    while (most-- != 0 && s.offer(port, new_flow(n++))) ++taken;
    return taken;
  };
  for (std::uint32_t i = 0; i < 400; ++i) {
    offer(1, 100);
    offer(2, kRing);
    modest += offer(3, 10);
    s.datapath->turn(1);
    s.received(4);
  }
  while (s.datapath->turn(1) != 0) s.received(4);
  const auto forwarded = [&](PortNo p) {
    return static_cast<double>(s.tables.pipeline().counters(rules[p]).packets);
  };
  EXPECT_EQ(forwarded(3), static_cast<double>(modest));
  EXPECT_NEAR(forwarded(1) / forwarded(2), 1.0, 0.1);
  EXPECT_GT(s.drops("shed"), 10'000u);
}

TEST(Shed, WhatTheExactMatchTableKnowsIsShedLast) {
  // Enough entries that new flows do not push out the known one.
  TestSwitch s({.exact_entries = 1u << 16}, 3, false, kRing);
  s.add({}, 1, {flow::Output{2}});
  const Frame known = udp();
  std::uint32_t n = 0;
  std::size_t offered = 0;
  std::size_t n_known = 0;
  for (std::uint32_t i = 0; i < 400; ++i) {
    for (std::uint32_t k = 0; k < 200; ++k) {
      if (k % 4 == 0) {
        offered += s.offer(1, known) ? 1 : 0;
      } else {
        s.offer(1, new_flow(n++));
      }
    }
    s.datapath->turn(1);
    for (const Frame& f : s.received(2)) n_known += f == known ? 1 : 0;
  }
  while (s.datapath->turn(1) != 0) {
  }
  EXPECT_GT(s.drops("shed"), 10'000u);
  EXPECT_GE(n_known, offered * 95 / 100);
}

TEST(Shed, WhenTheMissesOfATurnAreUsedUpControlTrafficHasSomeOfItsOwn) {
  InbandSwitch s({.misses_per_loop = 0});
  s.send(1, InbandSwitch::from_controller());
  EXPECT_EQ(s.take_local().size(), 1u);
  s.send(2, udp());
  EXPECT_EQ(s.drops("miss_shed"), 1u);
}

}  // namespace
}  // namespace lifeline::datapath::test
