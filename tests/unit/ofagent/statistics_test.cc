#include "agent_fixture.h"

namespace lifeline::ofagent {
namespace {

using openflow::ErrorId;

class StatisticsTest : public AgentFixture {};

TEST_F(StatisticsTest, DescriptionIsTheSwitchs) {
  for (const Version version : {Version::k10, Version::k13}) {
    Peer c = service(version);
    const auto d = c.ask_one<openflow::DescReply>(openflow::DescRequest{});
    EXPECT_EQ(d.manufacturer, "Lifeline");
    EXPECT_EQ(d.datapath, "br0");
  }
}

TEST_F(StatisticsTest, FlowStatisticsEchoTheRuleAndCount) {
  Peer c = primary();
  openflow::FlowMod m = add(in_port(1), 3);
  m.cookie = 0x55;
  m.table_id = 7;
  m.idle_timeout = 100;
  m.hard_timeout = 200;
  m.flags = kSendFlowRem | kNoByteCounts;
  m.instructions.goto_table = 9;
  m.instructions.metadata = flow::WriteMetadata{be64{1}, be64{3}};
  c.tell(m);
  writer.counts[writer.id_of(7, 3, in_port(1))] = {4, 400};
  clock.advance(milliseconds{1500});
  const auto list = c.ask_list<openflow::FlowStatsReply>(openflow::FlowStatsRequest{});
  ASSERT_EQ(list.size(), 1u);
  const openflow::FlowStats& s = list[0];
  EXPECT_EQ(s.table_id, 7);
  EXPECT_EQ(s.priority, 3);
  EXPECT_EQ(s.cookie, 0x55u);
  EXPECT_EQ(s.idle_timeout, 100);
  EXPECT_EQ(s.hard_timeout, 200);
  EXPECT_EQ(s.flags, m.flags);
  EXPECT_EQ(s.duration_sec, 1u);
  EXPECT_EQ(s.duration_nsec, 500'000'000u);
  EXPECT_EQ(s.packet_count, 4u);
  EXPECT_EQ(s.byte_count, 400u);
  EXPECT_EQ(s.match, m.match);
  EXPECT_EQ(s.instructions, m.instructions);

  Peer c10 = primary(Version::k10);
  const auto seen = c10.ask_list<openflow::FlowStatsReply>(openflow::FlowStatsRequest{});
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].instructions, output(2)) << "1.0 knows no instructions, only what is applied";
}

TEST_F(StatisticsTest, FiltersWorkOnFlowAndAggregateAlike) {
  Peer c = primary();
  for (std::uint16_t i = 1; i <= 3; ++i) {
    openflow::FlowMod m = add(in_port(i), 10, static_cast<flow::PortNo>(i + 1));
    m.cookie = i;
    m.table_id = static_cast<std::uint8_t>(i);
    c.tell(m);
    writer.counts[writer.id_of(m.table_id, 10, in_port(i))] = {i, i * 100u};
  }
  const auto check = [&](const openflow::FlowSelector& s, std::size_t n, std::uint64_t packets) {
    openflow::FlowStatsRequest flows;
    static_cast<openflow::FlowSelector&>(flows) = s;
    EXPECT_EQ(c.ask_list<openflow::FlowStatsReply>(flows).size(), n);
    openflow::AggregateStatsRequest sum;
    static_cast<openflow::FlowSelector&>(sum) = s;
    const auto got = c.ask_one<openflow::AggregateStats>(sum);
    EXPECT_EQ(got.flow_count, n);
    EXPECT_EQ(got.packet_count, packets);
    EXPECT_EQ(got.byte_count, packets * 100);
  };
  check({}, 3, 6);
  check({.table_id = 2}, 1, 2);
  check({.out_port = 4}, 1, 3);
  check({.cookie = 1, .cookie_mask = 1}, 2, 4);
  check({.match = in_port(1)}, 1, 1);
  openflow::FlowStatsRequest bad;
  bad.table_id = 254;
  c.expect_error(openflow::MultipartRequest{.body = bad}, ErrorId::kBrcBadTableId);
}

TEST_F(StatisticsTest, TablesAreAllThereWithTheirCounts) {
  for (const Version version : {Version::k10, Version::k13}) {
    Peer c = primary(version);
    c.tell(add(in_port(1)));
    const auto tables = c.ask_list<openflow::TableStatsReply>(openflow::TableStatsRequest{});
    ASSERT_EQ(tables.size(), 254u);
    EXPECT_EQ(tables[0].active_count, 1u);
    EXPECT_EQ(tables[3].lookup_count, 103u);
    EXPECT_EQ(tables[3].matched_count, 3u);
  }
}

TEST_F(StatisticsTest, TableFeaturesListWhatCanBeDoneAndCannotBeSet) {
  Peer c = primary();
  const auto tables = c.ask_list<openflow::TableFeaturesReply>(openflow::TableFeaturesRequest{});
  ASSERT_EQ(tables.size(), 254u);
  const auto property = [](const openflow::TableFeatures& t, std::uint16_t type) {
    for (const auto& p : t.properties) {
      if (p.type == type) return p;
    }
    ADD_FAILURE() << "no property " << type;
    return openflow::TableFeatures::Property{};
  };
  EXPECT_EQ(tables[0].name, "table0");
  EXPECT_EQ(property(tables[0], openflow::TableFeatures::kNextTables).tables.size(), 253u);
  EXPECT_TRUE(property(tables[253], openflow::TableFeatures::kNextTables).tables.empty());
  EXPECT_THAT(property(tables[0], openflow::TableFeatures::kInstructions).ids,
              testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(property(tables[253], openflow::TableFeatures::kInstructions).ids,
              testing::ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(property(tables[0], openflow::TableFeatures::kMatch).oxm,
              testing::Contains(0x80000000u | 3u << 9 | 1u << 8 | 12u))
      << "eth_dst with a mask, 12 bytes";
  openflow::TableFeaturesRequest set;
  set.tables = {tables[0]};
  c.expect_error(openflow::MultipartRequest{.body = set}, ErrorId::kTffcEperm);
}

TEST_F(StatisticsTest, PortsAreDescribedAndCounted) {
  for (const Version version : {Version::k10, Version::k13}) {
    Peer c = service(version);
    const auto descs = c.ask_list<openflow::PortDescReply>(openflow::PortDescRequest{});
    ASSERT_EQ(descs.size(), 3u);
    EXPECT_EQ(descs[2].no, flow::kPortLocal);
    EXPECT_EQ(descs[0].hw_addr, backend.port_map.at(1).mac);
    const auto all = c.ask_list<openflow::PortStatsReply>(openflow::PortStatsRequest{});
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[1].rx_packets, 20u);
    EXPECT_EQ(all[1].collisions, kCounterUnknown);
    const auto one = c.ask_list<openflow::PortStatsReply>(openflow::PortStatsRequest{.port = 2});
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(one[0].port, 2);
    c.expect_error(openflow::MultipartRequest{.body = openflow::PortStatsRequest{.port = 9}},
                   ErrorId::kBrcBadPort);
  }
}

class PortCountersTest : public StatisticsTest {
 protected:
  // Until the device thread answers.
  void hold_counters_back() { backend.counters_read = backend.counters_asked; }
  void read_counters() { backend.counters_read = backend.counters_asked; }
  static openflow::MultipartRequest counters_of(flow::PortNo port) {
    return {.body = openflow::PortStatsRequest{.port = port}};
  }
};

TEST_F(PortCountersTest, AreThoseReadForTheRequestAndHoldUpNobodyElse) {
  Peer asks = service(Version::k13);
  Peer other = service(Version::k10);
  hold_counters_back();
  asks.send(counters_of(flow::kPortNone));
  asks.send(openflow::BarrierRequest{});
  asks.run();
  EXPECT_TRUE(asks.inbox.empty()) << "the device thread has not answered";
  other.ask<openflow::BarrierReply>(openflow::BarrierRequest{});
  read_counters();
  asks.run();
  const auto reply = asks.next<openflow::MultipartReply>();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(std::get<openflow::PortStatsReply>(reply->body).size(), 3u);
  EXPECT_TRUE(asks.next<openflow::BarrierReply>().has_value());
}

TEST_F(PortCountersTest, AreTheLastKnownWhereADriverTakesLong) {
  Peer c = service(Version::k13);
  hold_counters_back();
  c.send(counters_of(2));
  c.run();
  clock.advance(milliseconds{249});
  c.run();
  EXPECT_TRUE(c.inbox.empty());
  clock.advance(milliseconds{1});
  c.run();
  const auto reply = c.next<openflow::MultipartReply>();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(std::get<openflow::PortStatsReply>(reply->body).at(0).rx_packets, 20u);
}

TEST_F(PortCountersTest, OfAPortThatGoesMeanwhileAreAnError) {
  Peer c = service(Version::k13);
  hold_counters_back();
  c.send(counters_of(2));
  c.run();
  backend.port_map.erase(2);
  read_counters();
  c.run();
  EXPECT_TRUE(c.next<openflow::ErrorMsg>().has_value());
}

TEST_F(StatisticsTest, QueuesGroupsAndMetersAreHonestlyNone) {
  Peer c = primary();
  EXPECT_TRUE(c.ask_list<openflow::QueueStatsReply>(openflow::QueueStatsRequest{}).empty());
  EXPECT_TRUE(c.ask<openflow::QueueGetConfigReply>(openflow::QueueGetConfigRequest{.port = 1})
                  .queues.empty());
  c.expect_error(openflow::QueueGetConfigRequest{.port = 9}, ErrorId::kQofcBadPort);
  c.expect_error(openflow::MultipartRequest{.body = openflow::QueueStatsRequest{.port = 9}},
                 ErrorId::kQofcBadPort);
  c.expect_error(
      openflow::MultipartRequest{.body = openflow::QueueStatsRequest{.port = 1, .queue_id = 3}},
      ErrorId::kQofcBadQueue);
  EXPECT_TRUE(c.ask_list<openflow::GroupStatsReply>(openflow::GroupStatsRequest{}).empty());
  EXPECT_TRUE(c.ask_list<openflow::GroupDescReply>(openflow::GroupDescRequest{}).empty());
  EXPECT_EQ(c.ask_one<openflow::GroupFeatures>(openflow::GroupFeaturesRequest{}),
            openflow::GroupFeatures{});
  EXPECT_TRUE(c.ask_list<openflow::MeterStatsReply>(openflow::MeterStatsRequest{}).empty());
  EXPECT_TRUE(c.ask_list<openflow::MeterConfigReply>(openflow::MeterConfigRequest{}).empty());
  EXPECT_EQ(c.ask_one<openflow::MeterFeatures>(openflow::MeterFeaturesRequest{}),
            openflow::MeterFeatures{});
  c.expect_error(openflow::MultipartRequest{.body = openflow::MeterStatsRequest{.meter_id = 1}},
                 ErrorId::kMmfcUnknownMeter);

  openflow::GroupMod group;
  group.group_id = 1;
  c.expect_error(group, ErrorId::kGmfcOutOfGroups);
  group.command = openflow::GroupModCommand::kModify;
  c.expect_error(group, ErrorId::kGmfcUnknownGroup);
  group.command = openflow::GroupModCommand::kDelete;
  c.tell(group);
  openflow::MeterMod meter;
  meter.meter_id = 1;
  meter.flags = 1;
  meter.bands = {{.rate = 100}};
  c.expect_error(meter, ErrorId::kMmfcOutOfMeters);
  meter.command = openflow::MeterModCommand::kModify;
  c.expect_error(meter, ErrorId::kMmfcUnknownMeter);
  meter.command = openflow::MeterModCommand::kDelete;
  c.tell(meter);
  c.tell(openflow::TableMod{.table_id = 0});
  c.expect_error(openflow::TableMod{.table_id = 254}, ErrorId::kTmfcBadTable);
}

}  // namespace
}  // namespace lifeline::ofagent
