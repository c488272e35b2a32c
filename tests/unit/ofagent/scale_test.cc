// 100 000 rules: what a slice costs. Figures are printed, not judged: the machine is shared.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>

#include "agent_fixture.h"

namespace lifeline::ofagent {
namespace {

constexpr std::uint32_t kRules = 100'000;

// A writer that does the least that one can: what is measured is the agent.
class ThinWriter final : public flow::RuleWriter {
 public:
  Expected<flow::RuleId> add(const flow::Rule&) override { return ++last_id; }
  Expected<void> replace(flow::RuleId, const flow::Instructions&, std::uint64_t) override {
    return {};
  }
  void remove(flow::RuleId) override { ++removed; }
  void publish() override {}
  bool publish_some(std::size_t) override { return true; }
  bool roll_back(std::size_t) override { return true; }
  flow::RuleCounters counters(flow::RuleId id) const override { return {id, id * 100}; }
  void reset_counters(flow::RuleId) override {}
  Fence fence() override { return 0; }
  bool passed(Fence) override { return true; }
  flow::RuleId last_id = 0;
  std::uint32_t removed = 0;
};

class ScaleTest : public testing::Test {
 protected:
  ScaleTest() {  // as the program does, and why: app/lifeline/main.cc
    mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
    mallopt(M_MXFAST, 0);
  }
  static flow::Match match_of(std::uint32_t i) {
    return flow::Match{}.eth_type(0x800).ip_proto(6).ipv4_dst(Ipv4Address::from_host(i)).tp_dst(80);
  }
  // CPU time of this thread: what others do on the machine is not in it.
  static double thread_us() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
  }
  // Runs the agent to the end of what it has to do; prints the slices it took.
  void run(const char* what) {
    std::vector<double> slices_us;
    const double begin_us = thread_us();
    for (bool more = true; more;) {
      const double t0 = thread_us();
      more = agent.run();
      slices_us.push_back(thread_us() - t0);
      bytes_out += agent.take_output(id).size();
    }
    const double total_us = thread_us() - begin_us;
    std::sort(slices_us.begin(), slices_us.end());
    std::printf("%-10s %6.2f us per rule, %zu slices: median %.0f, p99 %.0f, longest %.0f us\n",
                what, total_us / kRules, slices_us.size(), slices_us[slices_us.size() / 2],
                slices_us[slices_us.size() * 99 / 100], slices_us.back());
  }
  void send(const openflow::Message& message) {
    agent.on_bytes(id, openflow::encode(message, 1, Version::k13));
  }

  ManualClock clock;
  ThinWriter writer;
  FakeBackend backend;
  SwitchAgent agent{writer, backend, clock, {}};
  ConnectionId id = agent.add_connection(ConnectionKind::kPrimary);
  std::size_t bytes_out = 0;
};

TEST_F(ScaleTest, AHundredThousandRulesAreAddedDumpedModifiedAndDeletedInSlices) {
  send(openflow::Hello{});
  run("hello");
  openflow::FlowMod m;
  m.instructions = flow::Instructions::apply_only({flow::Output{2}});
  for (std::uint32_t i = 0; i < kRules; ++i) {
    m.match = match_of(i);
    send(m);
    if (i % 1000 == 999) {
      while (agent.run()) {
      }
    }
  }
  EXPECT_EQ(agent.tables().size(), kRules);
  for (std::uint32_t i = 0; i < kRules; ++i) {
    m.match = match_of(i);
    send(m);
  }
  run("replace");
  EXPECT_EQ(agent.tables().size(), kRules);

  bytes_out = 0;
  send(openflow::MultipartRequest{.body = openflow::FlowStatsRequest{}});
  run("dump");
  EXPECT_GT(bytes_out, kRules * 100u);
  send(openflow::MultipartRequest{.body = openflow::AggregateStatsRequest{}});
  run("aggregate");

  m.command = openflow::FlowModCommand::kModify;
  m.match = {};
  send(m);
  run("modify");

  m.command = openflow::FlowModCommand::kDelete;
  m.table_id = kAllTables;
  send(m);
  run("delete");
  EXPECT_EQ(agent.tables().size(), 0u);
  EXPECT_EQ(writer.removed, kRules);
}

}  // namespace
}  // namespace lifeline::ofagent
