// A bundle of 100 000 flow_mods from its bytes to the tables, and the deletion of all: for how long
// the control lcore would look at no control packet. Agent, tables and reclaiming take turns as in
// the control loop. Figures are printed, not judged: the machine is shared.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "fixture.h"
#include "openflow/codec.h"
#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "table/tables.h"

namespace lifeline::control {
namespace {

constexpr std::uint32_t kRules = 100'000;
constexpr std::size_t kReclaimsPerTurn = 256;

class ScaleTest : public testing::Test {
 protected:
  ScaleTest() {  // as the program does, and why: app/lifeline/main.cc
    mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
    mallopt(M_MXFAST, 0);
  }
  static flow::Match match_of(std::uint32_t i) {
    return flow::Match{}.eth_type(0x800).ip_proto(6).ipv4_dst(Ipv4Address::from_host(i)).tp_dst(80);
  }
  static double thread_us() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
  }
  // As the control loop: true if there is more to do at once.
  bool turn() {
    const double t0 = thread_us();
    bool more = agent.run();
    const double t1 = thread_us();
    more |= retired.reclaim(kReclaimsPerTurn) == kReclaimsPerTurn;
    agent_us.push_back(t1 - t0);
    reclaim_us.push_back(thread_us() - t1);
    if (readers_see_all) {
      EXPECT_TRUE(readers_see_all());
    }
    return more;
  }
  void send(const openflow::Message& message) {
    const auto bytes = openflow::encode(message, ++xid, openflow::Version::k13);
    agent.on_bytes(id, bytes);
  }
  void run() {
    while (turn()) collect();
    collect();
  }
  void collect() {
    const auto out = agent.take_output(id);
    if (!out.empty()) last_type = static_cast<std::uint8_t>(out[1]);
  }
  void report(const char* what) {
    for (auto [name, us] : {std::pair{"agent", &agent_us}, {"reclaiming", &reclaim_us}}) {
      std::sort(us->begin(), us->end());
      std::printf("%-16s %-10s %6zu slices: median %3.0f, p99 %3.0f, longest %4.0f us\n", what,
                  name, us->size(), (*us)[us->size() / 2], (*us)[us->size() * 99 / 100],
                  us->back());
      us->clear();
    }
  }
  // How many rules the readers of this moment see, of a sample.
  std::uint32_t seen() const {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < kRules; i += kRules / 16)
      n += tables.lookup(0, match_of(i).key, tables.version()) != nullptr;
    return n;
  }
  void expect_all_or_none() {
    readers_see_all = [this] { return seen() == 0 || seen() == 16; };
  }

  // A bundle with this flow_mod for each rule; all but its commit is done and not reported.
  void fill_bundle(openflow::FlowMod m) {
    using openflow::BundleControlType;
    for (std::uint32_t i = 0; i < kRules; ++i) {
      m.match = match_of(i);
      send(openflow::BundleAdd{.bundle_id = 1,
                               .message = openflow::encode(m, xid + 1, openflow::Version::k13)});
      if (i % 100 == 99) run();
    }
    agent_us.clear();
    reclaim_us.clear();
  }
  void commit(const char* what) {
    send(openflow::BundleControl{.bundle_id = 1,
                                 .type = openflow::BundleControlType::kCommitRequest});
    run();
    report(what);
    EXPECT_EQ(last_type, 4) << "the commit's reply is an experimenter's";
  }

  ManualClock clock;
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  table::Tables tables{qsbr, retired, {.n_tables = 4, .n_slots = 3}};
  ofagent::FakeBackend backend;
  ofagent::SwitchAgent agent{tables.pipeline(), backend, clock, {.tables = {.n_tables = 4}}};
  ofagent::ConnectionId id = agent.add_connection(ofagent::ConnectionKind::kPrimary);
  std::uint32_t xid = 0;
  std::uint8_t last_type = 0;
  std::vector<double> agent_us;
  std::vector<double> reclaim_us;
  std::function<bool()> readers_see_all;
};

TEST_F(ScaleTest, ABundleOfAHundredThousandIsPublishedInSlicesAndSeenAtOnce) {
  send(openflow::Hello{});
  run();
  openflow::FlowMod m;
  m.instructions = flow::Instructions::apply_only({flow::Output{2}});
  fill_bundle(m);
  expect_all_or_none();
  commit("bundle, add");
  EXPECT_EQ(tables.rule_count(), kRules);
  EXPECT_EQ(seen(), 16u);

  m.instructions = flow::Instructions::apply_only({flow::Output{3}});
  fill_bundle(m);
  commit("bundle, replace");

  m.command = openflow::FlowModCommand::kDeleteStrict;
  fill_bundle(m);
  commit("bundle, delete");
  EXPECT_EQ(tables.rule_count(), 0u);
  EXPECT_EQ(seen(), 0u);
  EXPECT_EQ(tables.counters().in_use(), 0u);
}

TEST_F(ScaleTest, AHundredThousandRulesAreDeletedInSlices) {
  send(openflow::Hello{});
  run();
  openflow::FlowMod m;
  m.instructions = flow::Instructions::apply_only({flow::Output{2}});
  agent_us.clear();
  for (std::uint32_t i = 0; i < kRules; ++i) {
    m.match = match_of(i);
    send(m);
    if (i % 1000 == 999) run();
  }
  report("add");
  m.command = openflow::FlowModCommand::kDelete;
  m.match = {};
  send(m);
  run();
  report("delete");
  EXPECT_EQ(tables.rule_count(), 0u);
}

}  // namespace
}  // namespace lifeline::control
