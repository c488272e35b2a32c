// Hello to features, configuration, and what a connection survives.
#include "agent_fixture.h"
#include "support/random.h"

namespace lifeline::ofagent {
namespace {

using openflow::ErrorId;

class SessionTest : public AgentFixture {};

TEST_F(SessionTest, FeaturesSayWhatTheSwitchIs) {
  Peer c13 = primary();
  const auto f13 = c13.ask<openflow::FeaturesReply>(openflow::FeaturesRequest{});
  EXPECT_EQ(f13.datapath_id, backend.switch_facts.datapath_id);
  EXPECT_EQ(f13.n_tables, 254);
  EXPECT_EQ(f13.n_buffers, 0u);
  EXPECT_EQ(f13.capabilities, 7u) << "flow, table and port statistics, no groups, no queues";

  Peer c10 = primary(Version::k10);
  const auto f10 = c10.ask<openflow::FeaturesReply>(openflow::FeaturesRequest{});
  ASSERT_EQ(f10.ports.size(), 3u);
  EXPECT_EQ(f10.ports[0].name, "p1");
  EXPECT_EQ(f10.ports[2].no, flow::kPortLocal);
  EXPECT_EQ(f10.actions, 0xfffu);
}

TEST_F(SessionTest, ASwitchThatCannotSetFieldsDoesNotClaimIt) {
  backend.switch_facts.abilities = {.actions = 1, .match_fields = 1, .set_fields = 0};
  Peer c10 = primary(Version::k10);
  EXPECT_EQ(c10.ask<openflow::FeaturesReply>(openflow::FeaturesRequest{}).actions, 1u);
  openflow::FlowMod m = add(in_port(1));
  m.instructions = flow::Instructions::apply_only({flow::PopVlan{}});
  c10.expect_error(m, ErrorId::kBacBadType);
}

TEST_F(SessionTest, ConfigurationIsKeptPerConnectionAndFragmentHandlingForTheSwitch) {
  Peer a = primary();
  Peer b = primary(Version::k10);
  EXPECT_EQ(a.ask<openflow::GetConfigReply>(openflow::GetConfigRequest{}).miss_send_len, 128);
  openflow::SetConfig set;
  set.flags = openflow::config_flags::kFragDrop;
  set.miss_send_len = 99;
  a.tell(set);
  EXPECT_EQ(backend.fragment_mode, FragmentMode::kDrop);
  const auto ra = a.ask<openflow::GetConfigReply>(openflow::GetConfigRequest{});
  EXPECT_EQ(ra.miss_send_len, 99);
  EXPECT_EQ(ra.flags, openflow::config_flags::kFragDrop);
  const auto rb = b.ask<openflow::GetConfigReply>(openflow::GetConfigRequest{});
  EXPECT_EQ(rb.miss_send_len, 128);
  EXPECT_EQ(rb.flags, openflow::config_flags::kFragDrop);
}

TEST_F(SessionTest, ReassemblyIsRefusedAndChangesNothing) {
  Peer c = primary();
  openflow::SetConfig set;
  set.flags = openflow::config_flags::kFragReassemble;
  c.expect_error(set, ErrorId::kScfcBadFlags);
  Peer c10 = primary(Version::k10);
  c10.tell(set);
  EXPECT_EQ(c10.ask<openflow::GetConfigReply>(openflow::GetConfigRequest{}).flags, 0);
}

TEST_F(SessionTest, EchoIsAnsweredWithItsData) {
  Peer c = primary(Version::k10);
  const openflow::Bytes data{std::byte{1}, std::byte{2}};
  EXPECT_EQ(c.ask<openflow::EchoReply>(openflow::EchoRequest{data}).data, data);
}

TEST_F(SessionTest, WhatNobodyKnowsGetsAnHonestError) {
  for (const Version version : {Version::k10, Version::k13}) {
    Peer c = primary(version);
    c.expect_error(openflow::Experimenter{.experimenter = openflow::kVendorNicira, .exp_type = 18},
                   ErrorId::kBrcBadExperimenter);
    c.expect_error(
        openflow::MultipartRequest{.body =
                                       openflow::ExperimenterMultipart{
                                           .experimenter = openflow::kVendorOnf, .exp_type = 1869}},
        ErrorId::kBrcBadExperimenter);
    c.expect_error(openflow::BarrierReply{}, ErrorId::kBrcBadType);
  }
}

TEST_F(SessionTest, AnUnknownMessageTypeIsBadType) {
  Peer c = primary();
  const openflow::Bytes bytes{std::byte{4}, std::byte{99}, std::byte{0}, std::byte{8},
                              std::byte{0}, std::byte{0},  std::byte{0}, std::byte{5}};
  agent.on_bytes(c.id(), bytes);
  c.run();
  const auto error = c.next<openflow::ErrorMsg>();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->type, 1);
  EXPECT_EQ(error->code, 1);
  EXPECT_EQ(c.last_xid, 5u);
}

TEST_F(SessionTest, ErrorsOfTheControllerAreTakenInSilence) {
  Peer c = primary();
  c.tell(openflow::ErrorMsg{.type = 1, .code = 1});
}

TEST_F(SessionTest, GarbageClosesItsOwnConnectionOnly) {
  Peer good = primary();
  Peer bad = primary();
  const openflow::Bytes garbage(64, std::byte{0});  // a length of 0
  agent.on_bytes(bad.id(), garbage);
  good.run();
  EXPECT_TRUE(agent.close_reason(bad.id()).has_value());
  EXPECT_FALSE(agent.close_reason(good.id()).has_value());
  agent.on_closed(bad.id());
  good.ask<openflow::BarrierReply>(openflow::BarrierRequest{});
  EXPECT_EQ(agent.counters().connections_broken, 1u);
  EXPECT_EQ(agent.connections().size(), 1u);
}

TEST_F(SessionTest, RandomBytesNeverHurtTheOthers) {
  Peer good = primary();
  test::Random random;
  for (int i = 0; i < 200; ++i) {
    const ConnectionId id = agent.add_connection(ConnectionKind::kService);
    openflow::Bytes bytes = openflow::encode(openflow::Hello{}, 1, Version::k13);
    for (int j = 0; j < 40; ++j) {
      const std::size_t length = 8 + random.below(80);
      bytes.insert(bytes.end(),
                   {std::byte{4}, std::byte(random.below(30)), std::byte{0}, std::byte(length),
                    std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}});
      for (std::size_t k = 8; k < length; ++k) {
        bytes.push_back(random.one_in(2) ? std::byte{0} : std::byte{random.u8()});
      }
    }
    agent.on_bytes(id, bytes);
    good.run();
    agent.on_closed(id);
  }
  good.inbox.clear();
  good.ask<openflow::BarrierReply>(openflow::BarrierRequest{});
}

TEST_F(SessionTest, ASlowReaderStopsItsOwnRequestsAndIsBounded) {
  AgentConfig config;
  config.max_output_bytes = 10'000;
  SwitchAgent small{writer, backend, clock, config};
  Peer slow{small, ConnectionKind::kPrimary, Version::k13};
  Peer quick{small, ConnectionKind::kPrimary, Version::k13};
  for (int i = 0; i < 200; ++i) {
    slow.send(openflow::MultipartRequest{.body = openflow::TableStatsRequest{}});
  }
  while (small.run()) {
  }
  EXPECT_FALSE(small.wants_input(slow.id()));
  const PacketIn packet{.frame = {}, .reason = PacketInReason::kAction, .in_port = 1};
  small.packet_in(packet);
  EXPECT_EQ(small.counters().packet_in_slow_reader, 1u);
  quick.collect();
  EXPECT_TRUE(quick.next<openflow::PacketIn>());
  quick.ask<openflow::BarrierReply>(openflow::BarrierRequest{});
  // It reads again, and everything it asked for comes.
  std::size_t replies = 0;
  for (int i = 0; i < 400; ++i) {
    slow.run();
    replies += slow.inbox.size();
    slow.inbox.clear();
  }
  EXPECT_EQ(replies, 200u);
  EXPECT_TRUE(small.wants_input(slow.id()));
}

TEST_F(SessionTest, ASnoopingToolSeesBothSidesOfPrimaryControllersAndChangesNothing) {
  Peer controller = primary();
  Peer snoop{agent, ConnectionKind::kSnoop, Version::k13};
  Peer tool{agent, ConnectionKind::kService, Version::k13};
  controller.ask<openflow::BarrierReply>(openflow::BarrierRequest{});
  snoop.run();
  EXPECT_TRUE(snoop.next<openflow::BarrierRequest>());
  EXPECT_TRUE(snoop.next<openflow::BarrierReply>());
  tool.ask<openflow::BarrierReply>(openflow::BarrierRequest{});
  snoop.tell(openflow::BarrierRequest{});  // neither a tool's messages nor an answer to its own
}

TEST_F(SessionTest, ASnoopingToolThatDoesNotReadLosesCopiesAndHoldsNobodyUp) {
  AgentConfig config;
  config.max_output_bytes = 10'000;
  SwitchAgent small{writer, backend, clock, config};
  Peer controller{small, ConnectionKind::kPrimary, Version::k13};
  Peer snoop{small, ConnectionKind::kSnoop, Version::k13};
  for (int i = 0; i < 2000; ++i) controller.ask<openflow::BarrierReply>(openflow::BarrierRequest{});
  EXPECT_GT(small.counters().snoop_slow_reader, 0u);
  EXPECT_LT(small.take_output(snoop.id()).size(), 20'000u);
}

TEST_F(SessionTest, ASilentControllerIsProbedAndGivenUp) {
  Peer c = primary();
  ASSERT_TRUE(agent.next_deadline());
  clock.advance(seconds{5});
  c.run();
  EXPECT_TRUE(c.next<openflow::EchoRequest>());
  clock.advance(seconds{6});
  c.run();
  EXPECT_TRUE(agent.close_reason(c.id()));
}

}  // namespace
}  // namespace lifeline::ofagent
