#include "agent_fixture.h"

namespace lifeline::ofagent {
namespace {

class BarrierTest : public AgentFixture {};

TEST_F(BarrierTest, TheReplyWaitsForTheFenceAndFollowingMessagesForTheReply) {
  Peer c = primary();
  Peer other = primary();
  writer.passed_fence = 0;
  c.send(add(in_port(1)));
  const std::uint32_t barrier = c.send(openflow::BarrierRequest{});
  const std::uint32_t after = c.send(openflow::GetConfigRequest{});
  c.run();
  EXPECT_TRUE(c.inbox.empty());
  EXPECT_NE(writer.find(0, 10, in_port(1)), nullptr) << "published before the fence";
  EXPECT_LE(*agent.next_deadline(), clock.now() + milliseconds{1});
  other.ask<openflow::GetConfigReply>(openflow::GetConfigRequest{});  // nobody else waits

  writer.passed_fence = writer.last_fence;
  c.run();
  ASSERT_TRUE(c.next<openflow::BarrierReply>());
  EXPECT_EQ(c.last_xid, barrier);
  ASSERT_TRUE(c.next<openflow::GetConfigReply>());
  EXPECT_EQ(c.last_xid, after);
}

TEST_F(BarrierTest, RulesAfterABarrierAreNotInstalledBeforeIt) {
  Peer c = primary(Version::k10);
  writer.passed_fence = 0;
  c.send(openflow::BarrierRequest{});
  c.send(add(in_port(1)));
  c.run();
  EXPECT_EQ(agent.tables().size(), 0u);
  writer.passed_fence = writer.last_fence;
  c.run();
  EXPECT_EQ(agent.tables().size(), 1u);
}

TEST_F(BarrierTest, AClosedConnectionTakesItsBarrierWithIt) {
  Peer c = primary();
  writer.passed_fence = 0;
  c.send(openflow::BarrierRequest{});
  c.run();
  agent.on_closed(c.id());
  EXPECT_TRUE(agent.connections().empty());
  EXPECT_FALSE(agent.run());
}

}  // namespace
}  // namespace lifeline::ofagent
