#include "agent_fixture.h"
#include "support/log_capture.h"

namespace lifeline::ofagent {
namespace {

class SecureTest : public AgentFixture {};

AgentConfig standalone(bool has_controllers = true) {
  AgentConfig config;
  config.fail_mode = FailMode::kStandalone;
  config.has_controllers = has_controllers;
  return config;
}

class StandaloneTest : public AgentFixture {
 protected:
  StandaloneTest() : AgentFixture(standalone()) {}
  const flow::Rule* normal_above_all() const {
    for (const auto& [id, rule] : writer.published) {
      if (rule.priority > flow::kPriorityMaxOpenFlow) return &rule;
    }
    return nullptr;
  }
  void run() {
    while (agent.run()) {
    }
  }
};

TEST_F(SecureTest, RulesStayForEverWithoutAController) {
  {
    Peer c = primary();
    c.tell(add(in_port(1)));
    agent.on_closed(c.id());
  }
  clock.advance(std::chrono::hours{1});
  while (agent.run()) {
  }
  EXPECT_EQ(writer.published.size(), 1u);
  EXPECT_EQ(agent.next_deadline(), std::nullopt);
}

TEST_F(StandaloneTest, AfterThreeProbeIntervalsOfSilenceTheSwitchIsOnItsOwn) {
  {
    Peer c = primary();
    for (std::uint16_t i = 0; i < 500; ++i) c.send(add(in_port(1), i));
    c.run();
    agent.on_closed(c.id());
  }
  run();
  EXPECT_EQ(agent.next_deadline(), clock.now() + seconds{15});
  clock.advance(milliseconds{14999});
  run();
  EXPECT_EQ(writer.published.size(), 500u);
  clock.advance(milliseconds{1});
  run();
  EXPECT_TRUE(agent.standalone_active());
  ASSERT_NE(normal_above_all(), nullptr);
  EXPECT_EQ(normal_above_all()->instructions, output(flow::kPortNormal));
  EXPECT_TRUE(normal_above_all()->match.is_catch_all());
  EXPECT_EQ(writer.published.size(), 1u) << "the controllers' rules are flushed";
  EXPECT_EQ(agent.tables().size(), 0u) << "and its own rule is nobody else's to see";
}

TEST_F(StandaloneTest, AControllerThatComesBackFindsTheRuleGone) {
  clock.advance(seconds{15});
  run();
  ASSERT_TRUE(agent.standalone_active());
  {
    Peer tool = service();
    tool.run();
    EXPECT_TRUE(agent.standalone_active()) << "a passive connection is no controller";
    tool.tell(remove());
    EXPECT_TRUE(tool.ask_list<openflow::FlowStatsReply>(openflow::FlowStatsRequest{}).empty());
    EXPECT_NE(normal_above_all(), nullptr) << "nobody can delete it";
  }
  Peer c = primary();
  c.tell(add(in_port(1)));
  EXPECT_FALSE(agent.standalone_active());
  EXPECT_EQ(normal_above_all(), nullptr);
}

TEST_F(StandaloneTest, AControllerThatOnlyGreetsAndHangsUpDoesNotEndIt) {
  clock.advance(seconds{15});
  run();
  ASSERT_TRUE(agent.standalone_active());
  for (int i = 0; i < 5; ++i) {
    Peer c = primary();
    c.run();
    EXPECT_TRUE(agent.standalone_active());
    agent.on_closed(c.id());
    clock.advance(seconds{1});
    run();
  }
  EXPECT_TRUE(agent.standalone_active());
}

TEST_F(StandaloneTest, AQuietControllerThatStaysIsOneAfterAProbeInterval) {
  clock.advance(seconds{15});
  run();
  Peer c = primary();
  clock.advance(seconds{5});
  run();
  EXPECT_FALSE(agent.standalone_active());
}

TEST_F(StandaloneTest, AFullDatapathDelaysTheRuleAndSaysSo) {
  writer.capacity = 0;
  clock.advance(seconds{15});
  test::ExpectLog("standalone rule cannot be installed");
  run();
  EXPECT_FALSE(agent.standalone_active());
  writer.capacity = 10;
  run();
  EXPECT_TRUE(agent.standalone_active());
}

TEST_F(StandaloneTest, WithoutConfiguredControllersAnOrdinaryNormalRuleIsThere) {
  FakeRuleWriter other;
  SwitchAgent alone{other, backend, clock, standalone(false)};
  Peer tool{alone, ConnectionKind::kService, Version::k13};
  const auto rules = tool.ask_list<openflow::FlowStatsReply>(openflow::FlowStatsRequest{});
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0].priority, 0);
  EXPECT_EQ(rules[0].instructions, output(flow::kPortNormal));
  clock.advance(std::chrono::hours{1});
  while (alone.run()) {
  }
  EXPECT_FALSE(alone.standalone_active());
  // The first controller is configured: it starts from empty tables.
  alone.set_has_controllers(true);
  while (alone.run()) {
  }
  EXPECT_EQ(alone.tables().size(), 0u);
  alone.set_has_controllers(false);
  while (alone.run()) {
  }
  EXPECT_EQ(alone.tables().size(), 1u);
}

TEST_F(StandaloneTest, AChangeToSecureEndsItsOwnForwardingAndBackBeginsItAtOnce) {
  clock.advance(seconds{15});
  run();
  ASSERT_TRUE(agent.standalone_active());
  agent.set_fail_mode(FailMode::kSecure);
  run();
  EXPECT_FALSE(agent.standalone_active());
  EXPECT_EQ(normal_above_all(), nullptr);
  agent.set_fail_mode(FailMode::kStandalone);
  run();
  EXPECT_TRUE(agent.standalone_active());
}

TEST_F(StandaloneTest, AnotherProbeIntervalMovesTheTakeOver) {
  agent.set_probe_interval(seconds{1});
  EXPECT_EQ(agent.next_deadline(), clock.now() + seconds{3});
  clock.advance(seconds{3});
  run();
  EXPECT_TRUE(agent.standalone_active());
}

TEST_F(SecureTest, AConnectionKeepsAProbeIntervalOfItsOwn) {
  Peer c = primary();
  agent.set_probe_interval(c.id(), seconds{20});
  EXPECT_EQ(agent.next_deadline(), clock.now() + seconds{20});
  agent.set_probe_interval(seconds{1});
  EXPECT_EQ(agent.next_deadline(), clock.now() + seconds{20});
  agent.on_closed(c.id());
  const ConnectionId other = agent.add_connection(ConnectionKind::kPrimary, seconds{7});
  constexpr std::byte kHello[] = {std::byte{4}, {}, {}, std::byte{8}, {}, {}, {}, std::byte{1}};
  agent.on_bytes(other, kHello);
  while (agent.run()) {
  }
  EXPECT_FALSE(agent.take_output(other).empty());
  EXPECT_EQ(agent.next_deadline(), clock.now() + seconds{7});
}

TEST_F(SecureTest, AnotherProbeIntervalHoldsForConnectionsThatStand) {
  Peer c = primary();
  agent.set_probe_interval(seconds{1});
  EXPECT_EQ(agent.next_deadline(), clock.now() + seconds{1});
}

}  // namespace
}  // namespace lifeline::ofagent
