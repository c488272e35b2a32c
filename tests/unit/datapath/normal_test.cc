// NORMAL as a learning switch, and what port flags do to everything.
#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

namespace port_flag = port::port_flag;

Frame frame(MacAddress src, MacAddress dst, std::uint16_t vlan = 0) {
  PacketBuilder b;
  b.eth(src, dst);
  if (vlan != 0) b.vlan(vlan);
  return b.ipv4(kIpA, kIpB).udp(1, 2).build(60);
}

struct Normal : testing::Test {
  void SetUp() override { s.add({}, 1, {flow::Output{flow::kPortNormal}}); }
  std::string where() {
    std::string out;
    for (PortNo p = 1; p <= 3; ++p) out.append(s.count(p), static_cast<char>('0' + p));
    out.append(s.take_local().size(), 'L');
    return out;
  }
  TestSwitch s;
};

TEST_F(Normal, LearnsFloodsAndDoesNotReflect) {
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "23") << "unknown unicast: not to LOCAL, not back";
  s.send(2, frame(kHostB, kHostA));
  EXPECT_EQ(where(), "1");
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "2");
  s.send(2, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "") << "kHostB is behind the port it came from";
  EXPECT_EQ(s.drops("normal_no_reflection"), 1u);
}

TEST_F(Normal, ForwardsInTheVlanOfTheFrame) {
  s.send(2, frame(kHostB, kHostA, 10));
  where();
  s.send(1, frame(kHostA, kHostB, 10));
  EXPECT_EQ(where(), "2");
  s.send(1, frame(kHostA, kHostB, 20));
  EXPECT_EQ(where(), "23");
}

TEST_F(Normal, AMovedAddressIsFollowed) {
  s.send(2, frame(kHostB, kHostA));
  s.send(3, frame(kHostB, kHostA));
  where();
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "3");
}

// Where a flow goes is remembered with its cached decision; it must not outlive what the FDB says.
TEST_F(Normal, AFlowThatHasBeenForwardedForLongFollowsAMoveWithItsNextPacket) {
  s.send(2, frame(kHostB, kHostA));
  for (int i = 0; i < 5; ++i) s.send(1, frame(kHostA, kHostB));
  where();
  s.send(3, frame(kHostB, kHostA));
  where();
  for (int i = 0; i < 3; ++i) s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "333");
  ASSERT_TRUE(s.fdb.forget(0, kHostB));
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "23") << "unknown again: flooded";
}

TEST_F(Normal, AFlowThatHasBeenForwardedForLongStillTeachesWhereItsSourceIs) {
  s.send(2, frame(kHostB, kHostA));
  for (int i = 0; i < 5; ++i) s.send(1, frame(kHostA, kHostB));
  ASSERT_TRUE(s.fdb.forget(0, kHostA));
  // The same report is not made twice within a millisecond.
  for (int i = 0; i < 10'000 && !s.fdb.lookup(0, kHostA); ++i) s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(s.fdb.lookup(0, kHostA), std::optional<PortNo>(1));
}

TEST_F(Normal, AFlowThatHasBeenForwardedForLongObeysAPortFlagWithItsNextPacket) {
  s.send(2, frame(kHostB, kHostA));
  for (int i = 0; i < 5; ++i) s.send(1, frame(kHostA, kHostB));
  where();
  ASSERT_TRUE(s.datapath->set_port_flags(2, port_flag::kNoFwd, port_flag::kNoFwd));
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "");
  EXPECT_EQ(s.drops("port_filtered"), 1u);
}

TEST_F(Normal, AnAddressBehindADeadLinkIsLookedForElsewhere) {
  s.send(2, frame(kHostB, kHostA));
  where();
  s.set_link(2, false);
  s.fdb.learn(0, kHostB, 2, s.datapath->now_s());  // as by a report that was late
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "3");
  s.send(3, frame(kHostB, kHostA));
  where();
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "3") << "and learned there";
  EXPECT_EQ(s.drops("normal_no_port"), 0u);
}

TEST_F(Normal, ADeadLinkOrARemovedPortIsForgottenByTheFdb) {
  s.send(1, frame(kHostA, kHostB));
  s.send(2, frame(kHostB, kHostA));
  ASSERT_EQ(s.fdb.lookup(0, kHostB), std::optional<PortNo>(2));
  s.set_link(2, false);
  EXPECT_EQ(s.fdb.lookup(0, kHostB), std::nullopt);
  EXPECT_EQ(s.fdb.lookup(0, kHostA), std::optional<PortNo>(1));
  s.set_link(2, true);
  // A report that equals the one before it is a report all the same.
  for (int i = 0; i < 10'000 && !s.fdb.lookup(0, kHostB); ++i) s.send(2, frame(kHostB, kHostA));
  EXPECT_EQ(s.fdb.lookup(0, kHostB), std::optional<PortNo>(2));
  ASSERT_TRUE(s.ports->remove(1));
  s.datapath->ports_changed();
  EXPECT_EQ(s.fdb.lookup(0, kHostA), std::nullopt);
}

TEST_F(Normal, PacketOutsTeachNothing) {
  s.add({}, 5, {flow::Output{flow::kPortNormal}});
  for (const PortNo to : {flow::kPortNormal, flow::kPortTable}) {
    ASSERT_TRUE(s.datapath->packet_out(frame(kHostA, kHostB), 1, {flow::Output{to}}));
    s.settle();
    EXPECT_EQ(where(), "23");
  }
  EXPECT_EQ(s.fdb.size(), 0u);
}

TEST_F(Normal, ANextHopIsNotMovedByALiarWhileItTalks) {
  s.datapath->set_guards(
      {.enabled = true, .local_mac = kLocalMac, .protected_macs = {kGatewayMac}});
  s.send(1, frame(kGatewayMac, kHostB));
  s.send(2, frame(kGatewayMac, kHostB));
  EXPECT_EQ(s.drops("fdb_move_refused"), 1u);
  where();
  s.from_local(frame(kLocalMac, kGatewayMac));
  EXPECT_EQ(where(), "1");
  s.set_link(1, false);
  for (int i = 0; i < 10'000 && !s.fdb.lookup(0, kGatewayMac); ++i)
    s.send(2, frame(kGatewayMac, kHostB));
  where();
  s.from_local(frame(kLocalMac, kGatewayMac));
  EXPECT_EQ(where(), "2") << "a move behind a dead link is a move";
}

TEST_F(Normal, BroadcastGoesToAllWithLocalAndReservedGroupsNowhere) {
  s.send(1, frame(kHostA, MacAddress::broadcast()));
  EXPECT_EQ(where(), "23L");
  s.send(1, frame(kHostA, *MacAddress::parse("01:80:c2:00:00:0e")));
  EXPECT_EQ(where(), "");
  EXPECT_EQ(s.drops("reserved_multicast"), 1u);
}

TEST_F(Normal, TheLocalMacIsOnLocalAndLocalReachesThePorts) {
  s.guards();
  s.send(1, frame(kHostA, kLocalMac));
  EXPECT_EQ(where(), "L");
  s.from_local(frame(kLocalMac, kHostA));
  EXPECT_EQ(where(), "1");
  s.from_local(frame(kLocalMac, MacAddress::broadcast()));
  EXPECT_EQ(where(), "123");
}

TEST_F(Normal, FlagsFilterPorts) {
  const auto flags = [&](PortNo p, std::uint32_t f) {
    ASSERT_TRUE(s.datapath->set_port_flags(p, f, 0x7f));
  };
  flags(2, port_flag::kNoFlood);
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "3");
  flags(2, port_flag::kNoFwd);
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "3");
  flags(2, port_flag::kDown);
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "3");
  s.send(2, frame(kHostB, kHostA));
  EXPECT_EQ(where(), "") << "a port that is down receives nothing";
  flags(2, 0);
  flags(1, port_flag::kNoRecv);
  s.send(1, frame(kHostA, kHostB));
  EXPECT_EQ(where(), "");
  EXPECT_EQ(s.drops("ingress_filtered"), 2u);
  flags(flow::kPortLocal, port_flag::kNoFlood);
  flags(1, 0);
  s.send(1, frame(kHostA, MacAddress::broadcast()));
  EXPECT_EQ(where(), "23");
}

TEST_F(Normal, HiddenTrafficIgnoresEveryFlag) {
  s.guards();
  s.add({}, 65535, {});
  s.add_hidden(flow::Match().eth_dst(kLocalMac));
  s.add_hidden(flow::Match().eth_src(kLocalMac));
  for (const PortNo p : {PortNo{1}, PortNo{2}, PortNo{3}, flow::kPortLocal}) {
    ASSERT_TRUE(s.datapath->set_port_flags(p, 0x7f, 0x7f));
  }
  s.send(1, frame(kHostA, kLocalMac));
  EXPECT_EQ(where(), "L");
  s.from_local(frame(kLocalMac, kHostA));
  EXPECT_EQ(where(), "1");
  s.from_local(frame(kLocalMac, MacAddress::broadcast()));
  EXPECT_EQ(where(), "123");
}

TEST(PortFlags, NoPacketInHoldsBackTableMissesOnly) {
  TestSwitch s;
  s.datapath->set_table_miss(TableMiss::kController);
  s.send(1, udp());
  ASSERT_EQ(s.take_packet_ins().size(), 1u);
  ASSERT_TRUE(s.datapath->set_port_flags(1, port_flag::kNoPacketIn, 0x7f));
  s.send(1, udp());
  EXPECT_EQ(s.take_packet_ins().size(), 0u);
  s.add(flow::Match().in_port(1), 5, {flow::Output{flow::kPortController, 64}});
  s.send(1, udp());
  EXPECT_EQ(s.take_packet_ins().size(), 1u);
}

TEST(PortFlags, SpanningTreeFramesHaveAFlagOfTheirOwn) {
  TestSwitch s;
  s.add({}, 1, {flow::Output{2}});
  const Frame bpdu = PacketBuilder()
                         .eth(kHostA, *MacAddress::parse("01:80:c2:00:00:00"))
                         .length_field()
                         .llc(0x42, 0x42, 3)
                         .payload_bytes(35)
                         .build(60);
  ASSERT_TRUE(s.datapath->set_port_flags(1, port_flag::kNoRecv, 0x7f));
  s.send(1, bpdu);
  EXPECT_EQ(s.count(2), 1u);
  ASSERT_TRUE(s.datapath->set_port_flags(1, port_flag::kNoRecvStp, 0x7f));
  s.send(1, bpdu);
  EXPECT_EQ(s.count(2), 0u);
}

}  // namespace
}  // namespace lifeline::datapath::test
