// An agent with a kernel, a clock and a table that the test moves.
#pragma once

#include <gmock/gmock.h>

#include "inband/agent.h"
#include "support/log_capture.h"
#include "unit/inband/fakes.h"

namespace lifeline::inband {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AgentTest : public testing::Test {
 protected:
  // The local port, a route by the gateway, the gateway's MAC, one remote.
  void bring_up() {
    kernel.set_link(kLocalIndex, "l0", kLocalMac);
    kernel.set_route(kController, {{IpAddress{kGateway}, kLocalIndex}});
    kernel.set_neighbour(kGateway, kGatewayMac, NUD_REACHABLE);
    agent.set_local_device("l0");
    ASSERT_TRUE(agent.set_remotes({remote(kController)}));
    agent.start();
    settle();
    ASSERT_EQ(table.letters(), "abcdefghi");
  }
  // Runs what is due now, without any time passing.
  void settle() {
    while (agent.next_deadline() <= clock.now()) agent.run(clock.now());
  }
  // Lets time pass, running the agent exactly when it asks for it.
  void pass(Duration d) {
    const TimePoint end = clock.now() + d;
    settle();
    while (agent.next_deadline() <= end) {
      clock.advance(agent.next_deadline() - clock.now());
      settle();
    }
    clock.advance(end - clock.now());
    settle();
  }
  // A notification, acted on within the coalescing time.
  void event(const netlink::Event& e) {
    agent.on_kernel_event(e);
    pass(milliseconds{5});
  }
  bool in_log(const std::string& part) const {
    for (const LogEntry& e : agent.status().log)
      if (e.what.find(part) != std::string::npos) return true;
    return false;
  }

  FakeKernel kernel;
  FakeRuleWriter table;
  FakeGuardWriter guard_writer;
  ManualClock clock;
  InbandAgent agent{kernel, table, guard_writer, clock};
};

}  // namespace lifeline::inband
