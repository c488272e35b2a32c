// What is full or metered does not hurt control: TX queues, packet-ins.
#include <gtest/gtest.h>

#include "inband_switch.h"

namespace lifeline::datapath::test {
namespace {

constexpr std::size_t kRing = 255;  // what a ring of the test switch holds

DatapathConfig patient() {
  DatapathConfig c;
  c.tx_hold_us = 600'000'000;  // until the test takes frames out
  return c;
}

// Data from port 3 fills the TX queue of port 1.
void fill_port_1(InbandSwitch& s) {
  s.add(flow::Match().in_port(3), flow::kPriorityStandalone, {flow::Output{1}});
  while (s.drops("tx_full") == 0) {
    s.offer(3, udp());
    s.datapath->turn(1);
  }
}

struct FullUplink : testing::Test {
  void SetUp() override { fill_port_1(s); }
  // Whether one of the frames that wait in port 1's queue, or follow, is this one.
  bool goes_out(const Frame& frame) {
    for (int i = 0; i < 4; ++i) {
      for (const Frame& f : s.received(1))
        if (f == frame) return true;
      // More data than fits, so that it competes for what has become free.
      for (std::size_t n = 0; n < kRing / 2; ++n) s.inject(3, udp());
      s.datapath->turn(1);
    }
    return false;
  }

  InbandSwitch s{patient()};
};

TEST_F(FullUplink, AFrameOfTheSessionWaitsForRoomAndGoesFirst) {
  const Frame frame = InbandSwitch::to_controller(kLocalMac);
  rte_mbuf* m = s.packet(frame);
  s.datapath->process_local({&m, 1});
  s.datapath->turn(1);
  EXPECT_TRUE(goes_out(frame));
}

TEST_F(FullUplink, SoDoesThatOfASwitchBehindUs) {
  const Frame frame = InbandSwitch::to_controller(kHostA);
  s.inject(2, frame);
  s.datapath->turn(1);
  EXPECT_TRUE(goes_out(frame));
}

TEST_F(FullUplink, TheOrderOfASessionStays) {
  std::vector<Frame> sent;
  std::vector<Frame> got;
  const auto collect = [&] {
    for (Frame& f : s.received(1))
      if (f != udp()) got.push_back(std::move(f));
  };
  for (std::uint32_t seq = 1; seq <= 40; ++seq) {
    sent.push_back(PacketBuilder()
                       .eth(kHostA, kGatewayMac)
                       .ipv4(kIpA, kController)
                       .tcp(40000, 6653, packet::kTcpAck, seq)
                       .build(60));
    s.inject(2, sent.back());
    if (seq % 7 == 0) s.datapath->turn(1);
    if (seq == 20) collect();
  }
  for (int i = 0; i < 6; ++i) {
    s.datapath->turn(1);
    collect();
  }
  EXPECT_EQ(got, sent);
}

TEST(Urgent, AQueueThatStaysFullKeepsNothingForEver) {
  DatapathConfig c;
  c.tx_hold_us = 1;
  InbandSwitch s(c);
  fill_port_1(s);
  const std::uint64_t before = s.drops("tx_full");
  s.inject(2, InbandSwitch::to_controller(kHostA));
  while (s.datapath->turn(1) != 0) {
  }
  EXPECT_EQ(s.drops("tx_full"), before + 1);
}

TEST(Urgent, WhatWaitsForAPortThatIsGoneIsDroppedAndCounted) {
  InbandSwitch s(patient());
  fill_port_1(s);
  s.inject(2, InbandSwitch::to_controller(kHostA));
  s.datapath->turn(1);
  (void)s.received(1);
  ASSERT_TRUE(s.ports->remove(1));
  s.datapath->ports_changed();
  s.settle();
  EXPECT_GE(s.drops("tx_port_gone"), 1u);
}

TEST(PacketIns, AFloodOnOnePortLeavesTheOthersTheirs) {
  TestSwitch s({.packet_ins_per_s = 100});  // ten at once
  s.add({}, 1, {flow::Output{flow::kPortController}});
  for (int n = 0; n < 200; ++n) s.inject(1, udp());
  for (int n = 0; n < 8; ++n) s.inject(2, udp());
  s.settle();
  std::map<PortNo, std::size_t> from;
  for (const PacketInCopy& in : s.take_packet_ins()) ++from[in.info.in_port];
  EXPECT_EQ(from[2], 8u);
  EXPECT_LE(from[1], 50u);
  EXPECT_EQ(s.drops("packet_in_metered") + from[1], 200u);
}

TEST(PacketIns, AFloodOfOneReasonLeavesTheOthersTheirs) {
  TestSwitch s({.packet_ins_per_s = 100});
  s.datapath->set_table_miss(TableMiss::kController);
  s.add(flow::Match().eth_type(packet::kEthTypeArp), 1, {flow::Output{flow::kPortController}});
  for (int n = 0; n < 200; ++n) s.inject(1, udp());
  for (int n = 0; n < 8; ++n)
    s.inject(1, PacketBuilder().eth(kHostA, kHostB).arp(1, kHostA, kIpA, {}, kIpB).build(60));
  s.settle();
  std::map<PacketInReason, std::size_t> by;
  for (const PacketInCopy& in : s.take_packet_ins()) ++by[in.info.reason];
  EXPECT_EQ(by[PacketInReason::kAction], 8u);
  EXPECT_LE(by[PacketInReason::kNoMatch], 50u);
}

TEST(PacketIns, WhatAllPortsTogetherMayNotExceedLeavesEachItsShare) {
  // In all 320 a second, of which ten are each port's; three thousand of one port come first.
  TestSwitch s({.ring_size = 4096, .upcalls_per_s = 320, .packet_ins_per_s = 1'000'000}, 3, false,
               1024);
  s.add({}, 1, {flow::Output{flow::kPortController}});
  for (int round = 0; round < 3; ++round) {
    for (int n = 0; n < 1000; ++n) s.inject(1, udp());
    while (s.datapath->turn(1) != 0) {
    }
  }
  for (int n = 0; n < 8; ++n) s.inject(2, udp());
  s.settle();
  std::size_t from_2 = 0;
  for (const PacketInCopy& in : s.take_packet_ins()) from_2 += in.info.in_port == 2 ? 1 : 0;
  EXPECT_EQ(from_2, 8u);
  EXPECT_GT(s.drops("upcall_metered"), 0u);
}

}  // namespace
}  // namespace lifeline::datapath::test
