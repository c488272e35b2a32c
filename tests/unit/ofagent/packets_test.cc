#include "agent_fixture.h"

namespace lifeline::ofagent {
namespace {

using openflow::ErrorId;

class PacketsTest : public AgentFixture {
 protected:
  PacketIn packet(PacketInReason reason) const {
    return {.frame = frame,
            .reason = reason,
            .table_miss_rule = false,
            .table_id = 3,
            .cookie = 8,
            .in_port = 2,
            .metadata = 5,
            .tunnel_id = 0};
  }
  openflow::PacketOut out(flow::PortNo in_port) const {
    return {.buffer_id = openflow::kNoBuffer,
            .in_port = in_port,
            .actions = {flow::Output{2}},
            .data = frame};
  }
  openflow::Bytes frame = openflow::Bytes(300, std::byte{0xa5});
};

TEST_F(PacketsTest, APacketInCarriesTheWholeFrameAndWhereItCameFrom) {
  Peer c13 = primary();
  Peer c10 = primary(Version::k10);
  agent.packet_in(packet(PacketInReason::kAction));
  c13.collect();
  const auto p13 = c13.next<openflow::PacketIn>();
  ASSERT_TRUE(p13);
  EXPECT_EQ(p13->data, frame);
  EXPECT_EQ(p13->total_len, 300);
  EXPECT_EQ(p13->buffer_id, openflow::kNoBuffer);
  EXPECT_EQ(p13->table_id, 3);
  EXPECT_EQ(p13->cookie, 8u);
  EXPECT_EQ(p13->match.key.in_port, 2u);
  EXPECT_EQ(p13->match.key.metadata, be64{5});
  c10.collect();
  const auto p10 = c10.next<openflow::PacketIn>();
  ASSERT_TRUE(p10);
  EXPECT_EQ(p10->data, frame);
  EXPECT_EQ(p10->match.key.in_port, 2u);
}

TEST_F(PacketsTest, WhatNoRuleMatchesGoesTo10OnlyAndATableMissRuleToBoth) {
  Peer c13 = primary();
  c13.run();
  EXPECT_EQ(backend.table_miss, TableMiss::kDrop);
  Peer c10 = primary(Version::k10);
  c10.run();
  EXPECT_EQ(backend.table_miss, TableMiss::kPacketIn);
  PacketIn p = packet(PacketInReason::kNoMatch);
  agent.packet_in(p);
  c13.collect();
  c10.collect();
  EXPECT_EQ(c13.inbox.size(), 0u);
  EXPECT_EQ(c10.inbox.size(), 1u);
  p.table_miss_rule = true;
  agent.packet_in(p);
  c13.collect();
  c10.collect();
  EXPECT_EQ(c13.inbox.size(), 1u);
  EXPECT_EQ(c10.inbox.size(), 2u);
  agent.on_closed(c10.id());
  agent.run();
  EXPECT_EQ(backend.table_miss, TableMiss::kDrop);
}

TEST_F(PacketsTest, APassiveConnectionGetsPacketInsOnceItHasAsked) {
  Peer tool = service(Version::k10);
  agent.packet_in(packet(PacketInReason::kAction));
  tool.run();
  EXPECT_TRUE(tool.inbox.empty());
  EXPECT_EQ(agent.counters().packet_in_no_taker, 1u);
  openflow::SetConfig set;
  set.miss_send_len = 0xffff;
  tool.tell(set);
  EXPECT_EQ(backend.table_miss, TableMiss::kPacketIn);
  agent.packet_in(packet(PacketInReason::kAction));
  tool.run();
  EXPECT_EQ(tool.inbox.size(), 1u);
}

TEST_F(PacketsTest, InvalidTtlIsSentOnlyWhenAskedFor) {
  Peer c = primary();
  agent.packet_in(packet(PacketInReason::kInvalidTtl));
  c.run();
  EXPECT_TRUE(c.inbox.empty());
  openflow::SetAsync set;
  set.packet_in = {4, 0};
  c.tell(set);
  agent.packet_in(packet(PacketInReason::kInvalidTtl));
  agent.packet_in(packet(PacketInReason::kAction));
  c.run();
  EXPECT_EQ(c.inbox.size(), 1u);
}

TEST_F(PacketsTest, APacketOutRunsAfterTheRulesThatCameBeforeIt) {
  Peer c = primary();
  c.send(add(in_port(1)));
  c.send(out(flow::kPortController));
  c.run();
  ASSERT_EQ(backend.sent.size(), 1u);
  EXPECT_EQ(backend.sent[0].frame, frame);
  EXPECT_EQ(backend.sent[0].in_port, flow::kPortController);
  EXPECT_EQ(writer.n_publish, 1);
  Peer c10 = primary(Version::k10);
  c10.tell(out(flow::kPortNone));
  EXPECT_EQ(backend.sent.size(), 2u);
}

TEST_F(PacketsTest, AWrongPacketOutIsRefused) {
  Peer c = primary();
  c.expect_error(out(9), ErrorId::kBrcBadPort);
  openflow::PacketOut m = out(1);
  m.buffer_id = 5;
  m.data.clear();
  c.expect_error(m, ErrorId::kBrcBufferUnknown);
  m = out(1);
  m.data.resize(13);
  c.expect_error(m, ErrorId::kBrcBadPacket);
  m = out(1);
  m.actions = {flow::Group{1}};
  c.expect_error(m, ErrorId::kBacBadOutGroup);
  EXPECT_TRUE(backend.sent.empty());
  backend.refuse_packet_out = true;
  c.expect_error(out(1), ErrorId::kBrcBadPacket);
  EXPECT_EQ(agent.counters().packet_out_failed, 1u);
}

}  // namespace
}  // namespace lifeline::ofagent
