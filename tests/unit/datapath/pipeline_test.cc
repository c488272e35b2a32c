// The walk through the tables, reserved ports, counters, packet-ins and packet-outs.
#include "flow/field.h"
#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

using flow::FieldId;

flow::Action set(FieldId id, std::uint64_t v) {
  return flow::SetField{id, flow::FieldValue::from_u64(id, v)};
}

TEST(Pipeline, HiddenRulesComeBeforeEveryOpenFlowRule) {
  TestSwitch s;
  const auto all = s.add({}, 65535, {});
  const auto hidden = s.add_hidden(tcp_to(kController, 6653));
  const auto tcp = [](Ipv4Address dst, std::uint16_t port) {
    return PacketBuilder().eth(kHostA, kHostB).ipv4(kIpA, dst).tcp(4000, port).build(60);
  };
  s.send(1, tcp(kController, 6653));
  EXPECT_EQ(s.count(2) + s.count(3), 2u);
  s.send(1, tcp(kController, 6654));
  s.send(1, tcp(Ipv4Address::of(192, 0, 2, 2), 6653));
  EXPECT_EQ(s.count(2) + s.count(3), 0u) << "just outside";
  EXPECT_EQ(s.tables.hidden().counters(hidden).packets, 1u);
  EXPECT_EQ(s.tables.pipeline().counters(all).packets, 2u);
  EXPECT_EQ(s.tables.table_stats(0).lookups, 2u) << "hidden traffic is in no table's statistics";
}

TEST(Pipeline, ActionSetRunsAtTheEndInItsOwnOrder) {
  TestSwitch s;
  flow::Rule first = TestSwitch::rule(flow::Match().in_port(1), 1, {});
  first.instructions.apply.reset();
  first.instructions.write =
      flow::ActionList{flow::Output{3}, set(FieldId::kEthDst, kGatewayMac.to_u64())};
  first.instructions.metadata = flow::WriteMetadata{be64{5}, be64{0xff}};
  first.instructions.goto_table = 2;
  s.add(first);
  flow::Match meta;
  meta.key.metadata = be64{5};
  meta.mask.metadata = be64{0xff};
  flow::Rule second = TestSwitch::rule(meta, 1, {}, 2);
  second.instructions.apply.reset();
  second.instructions.write = flow::ActionList{flow::Output{2}};
  const auto id = s.add(second);
  for (int i = 0; i < 2; ++i) s.send(1, udp());
  EXPECT_EQ(s.count(3), 0u) << "overwritten";
  const auto out = s.received(2);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(MacAddress::from_bytes(out[0].data()), kGatewayMac);
  EXPECT_EQ(s.tables.pipeline().counters(id).packets, 2u);
  EXPECT_EQ(s.tables.table_stats(2).matched, 2u);
  second.instructions.clear = true;
  second.instructions.write.reset();
  s.remove(id);
  s.add(second);
  s.send(1, udp());
  EXPECT_EQ(s.count(2) + s.count(3), 0u) << "cleared";
}

TEST(Pipeline, OutputInTheMiddleSendsThePacketAsItWasThen) {
  TestSwitch s;
  s.add(flow::Match().in_port(1), 1,
        {flow::Output{2}, set(FieldId::kEthDst, kGatewayMac.to_u64()), flow::Output{3}});
  s.send(1, udp());
  EXPECT_EQ(s.received(2), std::vector<Frame>{udp()});
  const auto out = s.received(3);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(MacAddress::from_bytes(out[0].data()), kGatewayMac);
}

TEST(Pipeline, ReservedPorts) {
  TestSwitch s;
  const auto sent = [&](PortNo port) {
    const auto id = s.add(flow::Match().in_port(1), 1, {flow::Output{port}});
    s.send(1, udp());
    s.remove(id);
    std::string out;
    for (PortNo p = 1; p <= 3; ++p) out.append(s.count(p), static_cast<char>('0' + p));
    out.append(s.take_local().size(), 'L');
    out.append(s.take_packet_ins().size(), 'C');
    return out;
  };
  EXPECT_EQ(sent(1), "") << "the ingress port needs IN_PORT";
  EXPECT_EQ(sent(flow::kPortInPort), "1");
  EXPECT_EQ(sent(flow::kPortAll), "23L");
  EXPECT_EQ(sent(flow::kPortFlood), "23L");
  EXPECT_EQ(sent(flow::kPortLocal), "L");
  EXPECT_EQ(sent(flow::kPortController), "C");
  EXPECT_EQ(sent(99), "");
  EXPECT_EQ(s.drops("no_such_port"), 1u);
  EXPECT_EQ(sent(flow::kPortTable), "") << "for packet-outs only";
}

TEST(Pipeline, PacketInsSayWhereTheyComeFrom) {
  TestSwitch s;
  flow::Rule miss = TestSwitch::rule({}, 0, {flow::Output{flow::kPortController, 128}});
  miss.cookie = 0xabc;
  s.add(miss);
  flow::Rule rule =
      TestSwitch::rule(flow::Match().in_port(2), 7, {flow::Output{flow::kPortController, 64}});
  rule.cookie = 0xdef;
  s.add(rule);
  s.send(1, udp());
  s.send(2, udp());
  const auto ins = s.take_packet_ins();
  ASSERT_EQ(ins.size(), 2u);
  EXPECT_EQ(ins[0].frame, udp());
  EXPECT_EQ(ins[0].info.reason, PacketInReason::kNoMatch);
  EXPECT_EQ(ins[0].info.cookie, 0xabcu);
  EXPECT_EQ(ins[0].info.max_len, 128);
  EXPECT_EQ(ins[1].info.reason, PacketInReason::kAction);
  EXPECT_EQ(ins[1].info.cookie, 0xdefu);
  EXPECT_EQ(ins[1].info.in_port, 2);
}

TEST(Pipeline, ATableMissFollowsTheSetting) {
  TestSwitch s;
  s.send(1, udp());
  EXPECT_EQ(s.take_packet_ins().size(), 0u);
  s.datapath->set_table_miss(TableMiss::kController);
  s.send(1, udp());
  EXPECT_EQ(s.take_packet_ins().size(), 1u);
  s.datapath->set_table_miss(TableMiss::kDrop);
  s.send(1, udp());
  EXPECT_EQ(s.drops("no_rule"), 2u);
}

TEST(Pipeline, FragmentHandlingDropsFragmentsButNotHiddenOnes) {
  TestSwitch s;
  s.add({}, 1, {flow::Output{2}});
  const Frame fragment = PacketBuilder()
                             .eth(kHostA, kHostB)
                             .ipv4(kIpA, kIpB)
                             .fragment(64, false)
                             .ip_proto(17)
                             .payload_bytes(64)
                             .build();
  s.datapath->set_drop_fragments(true);
  s.send(1, fragment);
  EXPECT_EQ(s.drops("fragment"), 1u);
  s.add_hidden(flow::Match().eth_src(kHostA));
  s.send(1, fragment);
  EXPECT_EQ(s.count(2), 1u);
}

TEST(Pipeline, AnActionListThatIsTooLongIsDroppedByName) {
  TestSwitch s;
  s.guards({kGatewayIp});
  s.add(flow::Match().in_port(1), 1, flow::ActionList(300, flow::Output{2}));
  const Frame arp = PacketBuilder()
                        .eth(kHostA, MacAddress::broadcast())
                        .arp(1, kHostA, kGatewayIp, {}, kIpA)
                        .build(60);
  s.send(1, arp);
  EXPECT_EQ(s.count(2), 0u);
  EXPECT_EQ(s.drops("too_many_actions"), 1u);
  EXPECT_EQ(s.take_local().size(), 1u) << "guards stand all the same";
}

TEST(Pipeline, LongListsAreRunWholeFromTheCacheToo) {
  TestSwitch s;
  flow::ActionList actions;
  for (int i = 0; i < 10; ++i) {
    actions.push_back(set(FieldId::kUdpDst, static_cast<std::uint64_t>(i)));
    actions.push_back(flow::Output{2});
  }
  s.add(flow::Match().in_port(1), 1, actions);
  for (int i = 0; i < 3; ++i) s.send(1, udp());
  EXPECT_EQ(s.count(2), 30u);
  EXPECT_EQ(s.datapath->worker_stats()[1].misses, 1u);
}

TEST(Pipeline, ShortAndTruncatedFramesAreHandled) {
  TestSwitch s;
  s.add({}, 1, {flow::Output{2}});
  const Frame whole = udp();
  for (std::size_t n = 1; n <= whole.size(); ++n)
    s.send(1, Frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)));
  EXPECT_EQ(s.drops("frame_too_short"), 13u);
  EXPECT_EQ(s.count(2), whole.size() - 13);
}

TEST(Pipeline, MissesBeyondTheBoundOfATurnAreShedAndCounted) {
  TestSwitch s({.misses_per_loop = 4});
  s.add({}, 1, {flow::Output{2}});
  for (std::uint16_t i = 0; i < 10; ++i) s.inject(1, udp(i));
  s.settle();
  EXPECT_EQ(s.drops("miss_shed"), 6u);
  EXPECT_EQ(s.count(2), 4u);
}

TEST(Pipeline, MoreFlowsThanEntriesAreAllForwarded) {
  TestSwitch s({.exact_entries = 64});
  s.add({}, 1, {flow::Output{2}, flow::Output{3}});
  for (std::uint16_t i = 0; i < 1000; ++i) {
    s.send(1, udp(i));
    ASSERT_EQ(s.count(2), 1u);
    ASSERT_EQ(s.count(3), 1u);
  }
}

TEST(PacketOut, RunsItsActions) {
  TestSwitch s;
  ASSERT_TRUE(s.datapath->packet_out(udp(), flow::kPortNone,
                                     {flow::Output{2}, flow::Output{flow::kPortLocal}}));
  s.settle();
  EXPECT_EQ(s.received(2), std::vector<Frame>{udp()});
  EXPECT_EQ(s.take_local().size(), 1u);
  ASSERT_TRUE(s.datapath->packet_out(udp(), 1, {flow::Output{flow::kPortFlood}}));
  s.settle();
  EXPECT_EQ(s.count(1), 0u);
  EXPECT_EQ(s.count(2) + s.count(3), 2u);
  ASSERT_TRUE(s.datapath->packet_out(udp(), 1, {}));
  EXPECT_FALSE(s.datapath->packet_out(Frame(5), 1, {flow::Output{2}}));
  EXPECT_FALSE(s.datapath->packet_out(Frame(70'000), 1, {flow::Output{2}}));
}

TEST(PacketOut, ToTableRunsThePipeline) {
  TestSwitch s;
  const auto id = s.add(flow::Match().in_port(1), 1, {flow::Output{3}});
  ASSERT_TRUE(s.datapath->packet_out(udp(), 1, {flow::Output{flow::kPortTable}}));
  s.settle();
  EXPECT_EQ(s.count(3), 1u);
  EXPECT_EQ(s.tables.pipeline().counters(id).packets, 1u);
}

TEST(Explain, NamesTheRulesAndSendsNothing) {
  TestSwitch s;
  s.guards({kGatewayIp});
  const auto id = s.add({}, 9, {flow::Output{2}});
  auto trace = s.datapath->explain(udp(), 1);
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->steps.size(), 1u);
  EXPECT_EQ(trace->steps[0].rule_id, id);
  EXPECT_EQ(trace->operations, std::vector<std::string>{"output:2"});
  s.add_hidden(flow::Match().eth_src(kHostA), 18181802);
  trace = s.datapath->explain(udp(), 1);
  ASSERT_TRUE(trace);
  EXPECT_TRUE(trace->steps[0].hidden);
  EXPECT_EQ(trace->steps[0].priority, 18181802u);
  EXPECT_EQ(trace->operations, std::vector<std::string>{"NORMAL"});
  s.settle();
  EXPECT_EQ(s.count(2), 0u);
}

TEST(Explain, SaysWhereEachOperationWouldSendAndWhyAndLearnsNothing) {
  TestSwitch s;
  s.add({}, 9, {flow::Output{flow::kPortNormal}});
  auto trace = s.datapath->explain(udp(), 1);
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->steps[0].instructions, "NORMAL");
  EXPECT_TRUE(trace->cacheable) << trace->not_cached;
  ASSERT_EQ(trace->outcome.size(), 1u);
  EXPECT_EQ(trace->outcome[0].ports, (std::vector<PortNo>{2, 3}));
  EXPECT_NE(trace->outcome[0].note.find("not in the FDB"), std::string::npos);
  s.settle();
  EXPECT_EQ(s.fdb.size(), 0u);
  s.send(3, PacketBuilder().eth(kHostB, kHostA).ipv4(kIpB, kIpA).udp(1, 2).build(60));
  s.settle();
  trace = s.datapath->explain(udp(), 1);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->outcome[0].ports, std::vector<PortNo>{3});
  // Behind the ingress port: nowhere, and it says so.
  trace = s.datapath->explain(udp(), 3);
  ASSERT_TRUE(trace);
  EXPECT_TRUE(trace->outcome[0].ports.empty());
  EXPECT_FALSE(trace->outcome[0].note.empty());
  EXPECT_FALSE(s.datapath->explain(std::vector<std::byte>(13), 1));
  EXPECT_EQ(s.count(2) + s.count(3), 1u);  // the flood of the one real packet, to port 2
}

TEST(Explain, SaysWhyADecisionIsNotKept) {
  TestSwitch s;
  s.add({}, 9, {flow::Output{2}});
  const auto trace = s.datapath->explain(
      PacketBuilder()
          .eth(kHostA, kHostB)
          .ipv6(*Ipv6Address::parse("fe80::1"), *Ipv6Address::parse("fe80::2"), 255)
          .neighbor_solicitation(*Ipv6Address::parse("fe80::2"), kHostA)
          .build(60),
      1);
  ASSERT_TRUE(trace);
  EXPECT_FALSE(trace->cacheable);
  EXPECT_FALSE(trace->not_cached.empty());
}

// Guards, and rewriting that ends a packet.
TEST(Explain, RunsRewritesAndGuardsOnACopy) {
  TestSwitch s;
  s.guards({kGatewayIp});
  s.add({}, 9, {flow::DecIpTtl{}, flow::Output{2}});
  auto trace = s.datapath->explain(
      PacketBuilder().eth(kHostA, kHostB).ipv4(kIpA, kIpB, 1).udp(1, 2).build(60), 1);
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->outcome.size(), 1u);
  EXPECT_EQ(trace->outcome[0].ports, std::vector<PortNo>{flow::kPortController});
  trace = s.datapath->explain(
      PacketBuilder().eth(kHostA, kHostB).ipv4(kIpA, kIpB).udp(67, 68).build(400), 1);
  ASSERT_TRUE(trace);
  EXPECT_TRUE(trace->outcome[0].ports.empty());
  EXPECT_EQ(trace->outcome[0].note, "not a reply to a request of ours");
  EXPECT_EQ(trace->outcome.back().ports, std::vector<PortNo>{2});
}

TEST(WakeUp, TheControlLcoreIsWokenOncePerSleep) {
  TestSwitch s;
  s.add({}, 1, {flow::Output{flow::kPortLocal}});
  ASSERT_TRUE(s.datapath->arm_wakeup());
  s.inject(1, udp());
  s.datapath->turn(1);
  std::uint64_t value = 0;
  EXPECT_EQ(read(s.datapath->wake_fd(), &value, sizeof value), 8);
  EXPECT_FALSE(s.datapath->arm_wakeup()) << "something waits";
  s.settle();
  EXPECT_TRUE(s.datapath->arm_wakeup());
  s.datapath->disarm_wakeup();
  EXPECT_EQ(s.take_local().size(), 1u);
}

TEST(ControlRings, AFloodOfOneKindLeavesTheOthersTheirShare) {
  TestSwitch s;
  s.guards();
  s.add({}, 1, {flow::Output{flow::kPortNormal}});
  s.add(flow::Match().in_port(3), 2, {flow::Output{flow::kPortController}});
  s.add_hidden(flow::Match().in_port(1));
  for (int i = 0; i < 64; ++i) {
    s.inject(1, PacketBuilder().eth(kHostA, kLocalMac).ipv4(kIpA, kLocalIp).udp(1, 2).build(60));
  }
  s.inject(2, PacketBuilder().eth(kHostB, kHostA).ipv4(kIpB, kIpA).udp(1, 2).build(60));
  s.inject(3, udp());
  for (int i = 0; i < 4; ++i) s.datapath->turn(1);
  EXPECT_EQ(s.datapath->poll_control(s, 16), 16u);
  EXPECT_EQ(s.fdb.size(), 2u);
  EXPECT_EQ(s.take_packet_ins().size(), 1u);
  EXPECT_GT(s.take_local().size(), 16u * 5 / 8) << "its part, and what the others did not want";
}

}  // namespace
}  // namespace lifeline::datapath::test
