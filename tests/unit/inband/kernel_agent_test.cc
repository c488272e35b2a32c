// The agent on the real kernel, in a network namespace of its own: from a change to the rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <functional>

#include "inband/agent.h"
#include "netlink/event_socket.h"
#include "support/log_capture.h"
#include "support/namespace.h"
#include "unit/inband/fakes.h"

namespace lifeline::inband {
namespace {

using test::ip;

// What the control lcore does with the agent, around epoll instead of its own loop.
struct Switch {
  netlink::EventSocket events = std::move(*netlink::EventSocket::open());
  NetlinkKernelView kernel{std::move(*netlink::QuerySocket::open())};
  FakeRuleWriter table;
  FakeGuardWriter guards;
  SteadyClock clock;
  InbandAgent agent{kernel, table, guards, clock};

  // False after three seconds without it.
  bool run_until(const std::function<bool()>& done) {
    const TimePoint give_up = clock.now() + std::chrono::seconds{3};
    for (;;) {
      std::vector<netlink::Event> batch;
      (void)events.read(batch);
      for (const auto& e : batch) agent.on_kernel_event(e);
      const TimePoint now = clock.now();
      if (agent.next_deadline() <= now) agent.run(now);
      if (done()) return true;
      if (now > give_up) return false;
      const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::max(agent.next_deadline() - now, Duration{}));
      pollfd p{events.fd(), POLLIN, 0};
      (void)poll(&p, 1, static_cast<int>(std::min<std::int64_t>(wait.count() + 1, 100)));
    }
  }
};

void life_of_a_switch() {
  test::AllowLog("no route");
  test::AllowLog("went away");
  Switch s;
  s.agent.set_local_device("l0");
  ASSERT_TRUE(s.agent.set_remotes({remote(kController)}));
  s.agent.start();
  EXPECT_EQ(s.table.letters(), "fghi");
  const auto rules_are = [&](const std::string& letters) {
    const bool reached = s.run_until([&] { return s.table.letters() == letters; });
    EXPECT_TRUE(reached) << "wanted " << letters << ", stand " << s.table.letters();
  };
  ip("link add l0 address 02:00:00:00:00:01 type veth peer name l1");
  rules_are("abcfghi");
  ip("link set l1 up");
  ip("link set l0 up");
  ip("addr add 10.0.0.9/24 dev l0");
  ip("route add default via 10.0.0.1");
  ip("neigh replace 10.0.0.1 lladdr 02:00:00:00:00:aa nud reachable dev l0");
  rules_are("abcdefghi");
  ip("neigh replace 10.0.0.1 lladdr 02:00:00:00:00:bb nud reachable dev l0");
  EXPECT_TRUE(s.run_until([&] { return s.table.has(Kind::kToNextHopArp, kOtherMac.to_string()); }));
  ip("neigh replace 10.0.0.2 lladdr 02:00:00:00:00:aa nud reachable dev l0");
  ip("route replace default nexthop via 10.0.0.1 nexthop via 10.0.0.2");
  rules_are("abcddeefghi");
  ip("route replace default via 10.0.0.2");
  rules_are("abcdefghi");
  // Routing by the source address, as on a host of several networks.
  ip("route add default table 200 via 10.0.0.1");
  ip("rule add from 10.0.0.9 lookup 200");
  EXPECT_TRUE(s.run_until([&] { return s.table.has(Kind::kToNextHopArp, kOtherMac.to_string()); }));
  ip("rule del from 10.0.0.9 lookup 200");
  EXPECT_TRUE(
      s.run_until([&] { return s.table.has(Kind::kToNextHopArp, kGatewayMac.to_string()); }));
  rules_are("abcdefghi");
  ip("link set l0 address 02:00:00:00:00:77");
  EXPECT_TRUE(s.run_until([&] { return s.table.has(Kind::kFromLocalDhcp, "02:00:00:00:00:77"); }));
  EXPECT_EQ(s.agent.status().remotes[0].next_hops[0].device, "l0");
  ip("link set l0 down");  // takes the route, of which the kernel says nothing
  rules_are("abcfghi");
  ip("link set l0 name l9");
  EXPECT_TRUE(s.run_until([&] { return s.agent.status().local_device == "l9"; }));
  ip("link del l9");
  rules_are("fghi");
  ip("link add l0 address 02:00:00:00:00:01 type veth peer name l1");
  rules_are("abcfghi");
  s.agent.set_enabled(false);
  rules_are("");
}

TEST(AgentOnTheKernel, RulesFollowTheKernelThroughALife) { test::in_namespace(life_of_a_switch); }

}  // namespace
}  // namespace lifeline::inband
