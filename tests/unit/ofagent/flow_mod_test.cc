#include "agent_fixture.h"

namespace lifeline::ofagent {
namespace {

using openflow::ErrorId;
using openflow::FlowMod;
using openflow::FlowModCommand;

class FlowModTest : public AgentFixture {
 protected:
  std::vector<std::pair<int, int>> table_and_priority() {
    std::vector<std::pair<int, int>> all;
    for (const auto& [id, rule] : writer.published) all.emplace_back(rule.table_id, rule.priority);
    return all;
  }
};
using testing::ElementsAre;
using testing::Pair;

TEST_F(FlowModTest, BothVersionsProgramTheSameTables) {
  Peer c13 = primary();
  Peer c10 = primary(Version::k10);
  c13.tell(add(in_port(1), 5));
  c10.tell(add(in_port(2), 6));
  EXPECT_EQ(c13.ask_list<openflow::FlowStatsReply>(openflow::FlowStatsRequest{}).size(), 2u);
  EXPECT_EQ(c10.ask_list<openflow::FlowStatsReply>(openflow::FlowStatsRequest{}).size(), 2u);
}

TEST_F(FlowModTest, ReplacingResetsCountersIn10AndOnlyOnRequestIn13) {
  Peer c13 = primary();
  Peer c10 = primary(Version::k10);
  c13.tell(add(in_port(1)));
  const flow::RuleId id = writer.id_of(0, 10, in_port(1));
  writer.counts[id] = {7, 700};
  c13.tell(add(in_port(1), 10, 3));
  EXPECT_EQ(writer.counts[id].packets, 7u);
  FlowMod reset = add(in_port(1), 10, 3);
  reset.flags = kResetCounts;
  c13.tell(reset);
  EXPECT_EQ(writer.counts[id].packets, 0u);
  writer.counts[id] = {7, 700};
  c10.tell(add(in_port(1)));
  EXPECT_EQ(writer.counts[id].packets, 0u);
  EXPECT_EQ(agent.tables().size(), 1u);
}

TEST_F(FlowModTest, OverlapIsRefusedWhenAskedFor) {
  Peer c = primary();
  c.tell(add(in_port(1)));
  FlowMod m = add(flow::Match{}.eth_type(0x800));
  m.flags = kCheckOverlap;
  c.expect_error(m, ErrorId::kFmfcOverlap);
  m.flags = 0;
  c.tell(m);
  Peer c10 = primary(Version::k10);
  m = add(flow::Match{}.eth_type(0x806));
  m.flags = kCheckOverlap;
  c10.expect_error(m, ErrorId::kFmfcOverlap);
}

TEST_F(FlowModTest, ModifyKeepsCountersAndCookieIn13) {
  Peer c = primary();
  FlowMod m = add(in_port(1));
  m.cookie = 5;
  c.tell(m);
  const flow::RuleId id = writer.id_of(0, 10, in_port(1));
  writer.counts[id] = {7, 700};
  m.command = FlowModCommand::kModify;
  m.match = {};
  m.cookie = 6;
  m.instructions = output(9);
  c.tell(m);
  EXPECT_EQ(writer.published.at(id).instructions, output(9));
  EXPECT_EQ(writer.published.at(id).cookie, 5u);
  EXPECT_EQ(writer.counts[id].packets, 7u);
}

TEST_F(FlowModTest, ModifyOfNothingAddsIn10AndDoesNothingIn13) {
  Peer c13 = primary();
  FlowMod m = add(in_port(1));
  m.command = FlowModCommand::kModifyStrict;
  c13.tell(m);
  EXPECT_EQ(agent.tables().size(), 0u);
  Peer c10 = primary(Version::k10);
  m.table_id = kAllTables;
  m.cookie = 3;
  c10.tell(m);
  EXPECT_THAT(table_and_priority(), ElementsAre(Pair(0, 10)));
  m.cookie = 4;
  c10.tell(m);
  EXPECT_EQ(writer.published.begin()->second.cookie, 4u) << "1.0 gives the new cookie";
}

TEST_F(FlowModTest, StrictModifyMeansOneRule) {
  Peer c = primary();
  c.tell(add(in_port(1), 1));
  c.tell(add(in_port(1), 2));
  FlowMod m = add(in_port(1), 2, 7);
  m.command = FlowModCommand::kModifyStrict;
  c.tell(m);
  EXPECT_EQ(writer.find(0, 1, in_port(1))->instructions, output(2));
  EXPECT_EQ(writer.find(0, 2, in_port(1))->instructions, output(7));
}

TEST_F(FlowModTest, DeletionsFilterByTableCookieAndOutput) {
  Peer c = primary();
  FlowMod m = add(in_port(1), 1, 2);
  c.tell(m);
  m = add(in_port(1), 2, 3);
  m.table_id = 4;
  c.tell(m);
  m = add(in_port(1), 3, 2);
  m.cookie = 0xab;
  c.tell(m);
  m = add(in_port(1), 4, 2);
  m.table_id = 4;
  c.tell(m);

  FlowMod del = remove();
  del.cookie = 0xa0;
  del.cookie_mask = 0xf0;
  c.tell(del);
  EXPECT_THAT(table_and_priority(), ElementsAre(Pair(0, 1), Pair(4, 2), Pair(4, 4)));
  del = remove();
  del.out_port = 3;
  c.tell(del);
  EXPECT_THAT(table_and_priority(), ElementsAre(Pair(0, 1), Pair(4, 4)));
  c.tell(remove({}, 4));
  EXPECT_THAT(table_and_priority(), ElementsAre(Pair(0, 1)));
  del = remove(in_port(1));
  del.command = FlowModCommand::kDeleteStrict;
  del.priority = 9;
  c.tell(del);
  EXPECT_THAT(table_and_priority(), ElementsAre(Pair(0, 1)));
  del.priority = 1;
  c.tell(del);
  EXPECT_TRUE(writer.published.empty());
}

TEST_F(FlowModTest, FlowRemovedSaysWhatWasAndWhy) {
  Peer c13 = primary();
  Peer c10 = primary(Version::k10);
  Peer tool = service();
  FlowMod m = add(in_port(1));
  m.cookie = 77;
  m.flags = kSendFlowRem;
  m.hard_timeout = 3;
  m.idle_timeout = 200;
  m.table_id = 2;
  c13.tell(m);
  writer.counts[writer.id_of(2, 10, in_port(1))] = {4, 400};
  clock.advance(seconds{3} + std::chrono::nanoseconds{5});
  c13.run();
  const auto r = c13.next<openflow::FlowRemoved>();
  ASSERT_TRUE(r);
  EXPECT_EQ(r->cookie, 77u);
  EXPECT_EQ(r->reason, openflow::FlowRemovedReason::kHardTimeout);
  EXPECT_EQ(r->table_id, 2);
  EXPECT_EQ(r->duration_sec, 3u);
  EXPECT_EQ(r->duration_nsec, 5u);
  EXPECT_EQ(r->packet_count, 4u);
  EXPECT_EQ(r->byte_count, 400u);
  EXPECT_EQ(r->match, in_port(1));
  c10.collect();
  EXPECT_TRUE(c10.next<openflow::FlowRemoved>());
  tool.collect();
  EXPECT_TRUE(tool.inbox.empty()) << "a passive connection that did not ask";

  m.hard_timeout = 0;
  c13.tell(m);
  c13.send(remove());
  c13.run();
  EXPECT_EQ(c13.next<openflow::FlowRemoved>()->reason, openflow::FlowRemovedReason::kDelete);
}

TEST_F(FlowModTest, WhatTheSwitchCannotDoIsRefused) {
  Peer c = primary();
  FlowMod m = add(in_port(1));
  m.table_id = 254;
  c.expect_error(m, ErrorId::kFmfcBadTableId);
  m.table_id = kAllTables;
  c.expect_error(m, ErrorId::kFmfcBadTableId);
  m = add(in_port(1));
  m.buffer_id = 5;
  c.expect_error(m, ErrorId::kBrcBufferUnknown);
  m = add(in_port(1));
  m.instructions.goto_table = 254;
  c.expect_error(m, ErrorId::kBicBadTableId);
  m = add(in_port(1));
  m.instructions.meter = 1;
  c.expect_error(m, ErrorId::kBicUnsupInst);
  m.instructions.meter = 0;
  c.expect_error(m, ErrorId::kMmfcInvalidMeter);
  m = add(in_port(1));
  m.instructions = flow::Instructions::apply_only({flow::Group{3}});
  c.expect_error(m, ErrorId::kBacBadOutGroup);
  m = add(in_port(1));
  m.flags = 1 << 9;
  c.expect_error(m, ErrorId::kFmfcBadFlags);
  EXPECT_EQ(agent.tables().size(), 0u);
}

TEST_F(FlowModTest, EmergencyRulesOf10AreRefused) {
  Peer c = primary(Version::k10);
  openflow::Bytes bytes = openflow::encode(add(in_port(1)), 9, Version::k10);
  // ofp_flow_mod: header 8, match 40, cookie 8, command 2, timeouts 4, priority 2, buffer_id 4,
  // out_port 2, flags 2.
  bytes.at(71) = std::byte{4};
  agent.on_bytes(c.id(), bytes);
  c.run();
  EXPECT_TRUE(c.next<openflow::ErrorMsg>());
  EXPECT_EQ(agent.tables().size(), 0u);
}

TEST_F(FlowModTest, AnExactMatchOf10OutranksAllButStaysAnOpenFlowPriority) {
  Peer c = primary(Version::k10);
  flow::Match m;
  m.in_port(1).eth_src(MacAddress::from_u64(1)).eth_dst(MacAddress::from_u64(2));
  m.vlan_none().eth_type(0x800).ip_proto(6);
  m.ipv4_src(Ipv4Address::of(1, 2, 3, 4)).ipv4_dst(Ipv4Address::of(1, 2, 3, 5));
  m.tp_src(1).tp_dst(2);
  m.mask.ip_tos = 0xfc;
  c.tell(add(m, 5));
  ASSERT_EQ(writer.published.size(), 1u);
  EXPECT_EQ(writer.published.begin()->second.priority, 65535u);
}

TEST_F(FlowModTest, ARuleAtTheTopPriorityOfOpenFlowIsStillAnOrdinaryRule) {
  Peer c = primary();
  FlowMod m = add({}, 65535);
  m.instructions = {};
  c.tell(m);
  EXPECT_EQ(writer.published.begin()->second.priority, 65535u);
  c.tell(remove());
  EXPECT_TRUE(writer.published.empty());
}

TEST_F(FlowModTest, AFullTableIsSaidAndLeavesTheRest) {
  AgentConfig config;
  config.tables.max_rules_per_table = 2;
  SwitchAgent small{writer, backend, clock, config};
  Peer c{small, ConnectionKind::kPrimary, Version::k10};
  c.tell(add(in_port(1), 1));
  c.tell(add(in_port(1), 2));
  c.expect_error(add(in_port(1), 3), ErrorId::kFmfcTableFull);
  c.tell(add(in_port(1), 2, 5));
  c.tell(remove(in_port(1)));
  EXPECT_EQ(small.tables().size(), 0u);
}

TEST_F(FlowModTest, AChangeInSlicesFinishesBeforeAnotherConnectionsBegins) {
  Peer a = primary();
  Peer b = primary();
  for (std::uint16_t i = 0; i < 200; ++i) a.send(add(in_port(1), i));
  a.run();
  ASSERT_EQ(agent.tables().size(), 200u);
  a.send(remove());
  EXPECT_TRUE(agent.run(Budget{200})) << "200 deletions do not fit the slice";
  EXPECT_GT(agent.tables().size(), 100u);
  b.send(add(in_port(2)));
  while (agent.run(Budget{200})) {
  }
  EXPECT_EQ(agent.tables().size(), 1u) << "b's rule came after a's deletion";
}

TEST_F(FlowModTest, ADeletionGoesOnToItsEndWhenItsConnectionIsGone) {
  Peer a = primary();
  Peer b = primary();
  for (std::uint16_t i = 0; i < 200; ++i) a.send(add(in_port(1), i));
  a.run();
  a.send(remove());
  EXPECT_TRUE(agent.run(Budget{200}));
  agent.on_closed(a.id());
  EXPECT_EQ(agent.connections().size(), 1u);
  b.ask<openflow::BarrierReply>(openflow::BarrierRequest{});
  while (agent.run()) {
  }
  EXPECT_EQ(agent.tables().size(), 0u);
  b.tell(add(in_port(2)));
  EXPECT_EQ(agent.tables().size(), 1u);
}

}  // namespace
}  // namespace lifeline::ofagent
