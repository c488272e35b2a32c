#include "datapath/capture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

Frame packet_of(std::uint16_t to = 2, std::size_t bytes = 60) {
  return PacketBuilder().eth(kHostA, kHostB).ipv4(kIpA, kIpB).udp(1, to).build(bytes);
}

std::vector<Frame> taken(Capture& capture) {
  std::vector<Frame> out;
  while (const auto packet = capture.front()) {
    out.emplace_back(packet->data.begin(), packet->data.end());
    capture.pop();
  }
  return out;
}

TEST(Capture, OfAPortHoldsWhatComesInAndWhatLeaves) {
  TestSwitch s;
  s.add(flow::Match().in_port(1), 9, {flow::SetVlanVid10{7}, flow::Output{2}});
  s.add(flow::Match().in_port(3), 9, {flow::Output{2}});
  const auto capture = s.datapath->start_capture({.ports = {1, 2}, .dropped = {}}).value();
  s.send(1, packet_of());
  s.send(3, packet_of(7));
  const auto frames = taken(*capture);
  ASSERT_EQ(frames.size(), 3u);  // in by 1, out by 2, and what came in by 3 out by 2
  EXPECT_EQ(frames[0], packet_of());
  EXPECT_NE(frames[1], packet_of());
  EXPECT_EQ(frames[2], packet_of(7));
  EXPECT_EQ(capture->lost(), 0u);
}

TEST(Capture, OneDirectionAndOnePortIsAllThatIsCopied) {
  TestSwitch s;
  s.add({}, 9, {flow::Output{2}});
  const auto capture =
      s.datapath->start_capture({.ports = {2}, .in = true, .out = false, .dropped = {}}).value();
  s.send(1, packet_of());
  EXPECT_TRUE(taken(*capture).empty());
  s.send(2, packet_of(9));
  EXPECT_EQ(taken(*capture), std::vector<Frame>{packet_of(9)});
}

TEST(Capture, OfAReasonHoldsWhatIsDroppedForItOnly) {
  TestSwitch s;
  s.guards();
  s.add({}, 9, {});
  CaptureSpec spec;
  spec.dropped.set(static_cast<std::size_t>(*drop_reason_of("rule_drop")));
  const auto capture = s.datapath->start_capture(spec).value();
  s.send(1, packet_of());
  s.send(1, PacketBuilder().eth(kLocalMac, kHostB).ipv4(kIpA, kIpB).udp(1, 2).build(60));
  EXPECT_EQ(s.drops("local_mac_spoofed"), 1u);
  EXPECT_EQ(taken(*capture), std::vector<Frame>{packet_of()});
}

TEST(Capture, OfLocalHoldsWhatTheTapGetsAndSends) {
  TestSwitch s;
  s.add(flow::Match().in_port(1), 9, {flow::Output{flow::kPortLocal}});
  s.add(flow::Match().in_port(flow::kPortLocal), 9, {flow::Output{1}});
  const auto capture =
      s.datapath->start_capture({.ports = {flow::kPortLocal}, .dropped = {}}).value();
  s.send(1, packet_of());
  s.from_local(packet_of(5));
  EXPECT_EQ(taken(*capture), (std::vector<Frame>{packet_of(), packet_of(5)}));
}

TEST(Capture, PacketsAreCutAndKeepTheirLength) {
  TestSwitch s;
  s.add({}, 9, {flow::Output{2}});
  const auto capture =
      s.datapath->start_capture({.ports = {1}, .dropped = {}, .snap_bytes = 20}).value();
  s.send(1, packet_of(2, 300));
  const auto packet = capture->front();
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->data.size(), 20u);
  EXPECT_EQ(packet->original_bytes, 300u);
}

TEST(Capture, OnlyOneRunsAndOneThatEndedMakesRoom) {
  TestSwitch s;
  s.add({}, 9, {flow::Output{2}});
  auto first = s.datapath->start_capture({.ports = {1}, .dropped = {}}).value();
  const std::weak_ptr<Capture> watch = first;
  EXPECT_FALSE(s.datapath->start_capture({.ports = {1}, .dropped = {}}));
  s.inject(1, packet_of());
  (void)s.datapath->turn(1);
  first->end();
  s.settle();
  EXPECT_EQ(taken(*first).size(), 1u);  // what was copied before can still be read
  first.reset();
  EXPECT_TRUE(watch.expired());  // the lanes have let go of it
  (void)s.count(2);
  s.send(1, packet_of());
  EXPECT_EQ(s.count(2), 1u);
  EXPECT_TRUE(s.datapath->start_capture({.ports = {1}, .dropped = {}}));
}

TEST(Capture, WhatFindsNoRoomIsCountedAndForwarded) {
  TestSwitch s;
  s.add({}, 9, {flow::Output{2}});
  const auto capture = s.datapath->start_capture({.ports = {1}, .dropped = {}}).value();
  const std::uint32_t fit = Capture::kRingBytes / (16 + 1000);
  for (std::uint32_t i = 0; i < fit + 10; ++i) {
    s.inject(1, packet_of(2, 1000));
    (void)s.datapath->turn(1);
    ASSERT_EQ(s.count(2), 1u);
  }
  EXPECT_GT(capture->lost(), 0u);
  EXPECT_EQ(taken(*capture).size() + capture->lost(), fit + 10);
  s.send(1, packet_of());
  EXPECT_EQ(taken(*capture), std::vector<Frame>{packet_of()});
}

// Lengths of all kinds, so that records end everywhere near the end of the ring.
TEST(PacketRing, GivesBackWhatWasPutInAcrossItsEnd) {
  TestSwitch s;
  PacketRing ring(4096);
  ASSERT_TRUE(ring.ok());
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const std::uint32_t bytes = 60 + (i * 37) % 900;
    rte_mbuf* m = s.packet(packet_of(static_cast<std::uint16_t>(i), bytes));
    while (!ring.push(m, 700, in)) {
      const auto packet = ring.front();
      ASSERT_TRUE(packet);
      ASSERT_EQ(packet->tsc, out);
      const std::uint32_t was = 60 + (static_cast<std::uint32_t>(out) * 37) % 900;
      ASSERT_EQ(packet->original_bytes, was);
      const Frame expected = packet_of(static_cast<std::uint16_t>(out), was);
      ASSERT_EQ(packet->data.size(), std::min(was, 700u));
      ASSERT_TRUE(std::equal(packet->data.begin(), packet->data.end(), expected.begin()));
      ring.pop();
      ++out;
    }
    ++in;
    rte_pktmbuf_free(m);
  }
  EXPECT_GT(out, 19'000u);
}

}  // namespace
}  // namespace lifeline::datapath::test
