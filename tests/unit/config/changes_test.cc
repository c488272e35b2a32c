#include "config/changes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace lifeline::config {
namespace {

constexpr std::string_view kRunning = R"(
bridge: br7
local: {name: mgmt0}
ports:
  - {name: p1, device: net_null0}
  - {name: p2, device: net_null1}
controllers: ["tcp:10.0.0.1"]
fail_mode: secure
)";

Config config_of(std::string_view text) {
  auto loaded = load(text, "t.yaml");
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().front().to_string());
  return loaded.value_or(Config{});
}

// kRunning with more lines at its end; a key that is there already is replaced.
Config with(std::string_view key, std::string_view line) {
  std::string text(kRunning);
  const std::size_t at = text.find(std::string("\n").append(key).append(":"));
  if (at != std::string::npos) text.erase(at + 1, text.find('\n', at + 1) - at);
  return config_of(text.append(line).append("\n"));
}

using Changes = std::vector<Change>;

TEST(Changes, ThereAreNoneBetweenEqualConfigurations) {
  EXPECT_TRUE(changes(config_of(kRunning), config_of(kRunning)).empty());
}

TEST(Changes, EachKeySaysWhetherItNeedsARestart) {
  struct Case {
    const char* key;
    const char* line;
    Effect effect;
  };
  constexpr Case kCases[] = {
      {"datapath_id", "datapath_id: \"0000000000000007\"", Effect::kRestart},
      {"local.name", "local: {name: mgmt1}", Effect::kRestart},
      {"local.mtu", "local: {name: mgmt0, mtu: 1400}", Effect::kRestart},
      {"local.mac", "local: {name: mgmt0, mac: \"02:11:22:33:44:55\"}", Effect::kRestart},
      {"tls", "tls: {ca: /ca.pem}", Effect::kAtOnce},
      {"controllers", "controllers: [\"tcp:10.0.0.2\"]", Effect::kAtOnce},
      {"resolvers", "resolvers: [10.0.0.53]", Effect::kAtOnce},
      {"in_band", "in_band: {strict: true}", Effect::kAtOnce},
      {"in_band", "in_band: {enabled: false}", Effect::kAtOnce},
      {"fail_mode", "fail_mode: standalone", Effect::kAtOnce},
      {"inactivity_probe_s", "inactivity_probe_s: 9", Effect::kAtOnce},
      {"packet_in_pps", "packet_in_pps: 9", Effect::kRestart},
      {"limits", "limits: {relay_pps: 9}", Effect::kRestart},
      {"listen", "listen: [\"ptcp:6654:127.0.0.1\"]", Effect::kAtOnce},
      {"openflow_versions", "openflow_versions: [\"1.3\"]", Effect::kRestart},
      {"sizes.flows", "sizes: {flows: 77}", Effect::kAtOnce},
      {"sizes.fdb", "sizes: {fdb: 77}", Effect::kRestart},
      {"sizes.fdb_ageing_s", "sizes: {fdb_ageing_s: 77}", Effect::kAtOnce},
      {"sizes.exact_entries", "sizes: {exact_entries: 2048}", Effect::kRestart},
      {"sizes.mbufs", "sizes: {mbufs: 2048}", Effect::kRestart},
      {"workers", "workers: 1", Effect::kRestart},
      {"idle_sleep_us", "idle_sleep_us: 5", Effect::kRestart},
      {"metrics", "metrics: {listen: \"tcp:127.0.0.1:9464\"}", Effect::kAtOnce},
      {"log_levels", "log_levels: {inband: debug}", Effect::kAtOnce},
      {"log_level", "log_level: warn", Effect::kAtOnce},
  };
  for (const Case& one : kCases) {
    const std::string_view line(one.line);
    const Config wanted = with(line.substr(0, line.find(':')), line);
    EXPECT_EQ(changes(config_of(kRunning), wanted), (Changes{{one.key, one.effect}})) << one.line;
  }
}

// Together, so that the hidden rules are never for a VLAN that the local port is not in.
TEST(Changes, TheLocalPortsVlanAndThatOfTheHiddenRulesChangeAtOnce) {
  const Config running = config_of(kRunning);
  const Config wanted = with("local", "local: {name: mgmt0, vlan: 100}");
  EXPECT_EQ(changes(running, wanted),
            (Changes{{"local.vlan", Effect::kAtOnce}, {"in_band", Effect::kAtOnce}}));
  EXPECT_EQ(taken_over(running, wanted), wanted);
}

TEST(Changes, ThePortsVlansAreNamedBesideWhatMakesThePortGoAndCome) {
  const Config running = config_of(kRunning);
  Config wanted = running;
  wanted.ports[0].vlans.access = 7;
  wanted.ports[1].vlans = {.access = {}, .trunk = {{7, 8}}, .native = 9, .native_tagged = true};
  EXPECT_EQ(changes(running, wanted), (Changes{{"ports[p1].access", Effect::kAtOnce},
                                               {"ports[p2].trunk", Effect::kAtOnce},
                                               {"ports[p2].native", Effect::kAtOnce},
                                               {"ports[p2].native_tagged", Effect::kAtOnce}}));
  EXPECT_EQ(taken_over(running, wanted), wanted);
  wanted.ports[0].mtu = 1400;
  EXPECT_EQ(changes(running, wanted)[0], (Change{"ports[p1]", Effect::kAtOnce}));
  EXPECT_EQ(taken_over(running, wanted), wanted);
}

// Whatever dump() shows of a configuration, a change of it is seen: no key is missing in the table.
TEST(Changes, WhatIsTakenOverIsTheWantedConfigurationOrIsNamed) {
  const Config running = config_of(kRunning);
  for (const char* line :
       {"bridge: br8", "run_dir: /tmp/elsewhere", "log_level: debug", "workers: 3",
        "in_band: {vlan: 7, relay_arp: true}", "sizes: {flows: 9, fdb: 20, fdb_ageing_s: 11}"}) {
    const std::string_view text(line);
    const Config wanted = with(text.substr(0, text.find(':')), text);
    const auto changed = changes(running, wanted);
    ASSERT_FALSE(changed.empty()) << line;
    const Config then = taken_over(running, wanted);
    for (const Change& change : changes(running, then))
      EXPECT_EQ(change.effect, Effect::kAtOnce) << change.key;
    for (const Change& change : changes(then, wanted))
      EXPECT_EQ(change.effect, Effect::kRestart) << change.key;
    EXPECT_EQ(dump(then) == dump(wanted), changes(then, wanted).empty()) << line;
  }
}

TEST(Changes, APortThatIsNewGoesToTheLcoresThatItIsGivenAndOneThatIsThereStays) {
  constexpr std::string_view kMap = "workers: [{lcore: 1, ports: [p1]}, {lcore: 2, ports: [p2]}]";
  const Config running = with("workers", kMap);
  Config wanted = running;
  wanted.ports.push_back({.name = "p3", .device = "net_null2", .number = 3});
  wanted.workers.lcores[1].ports.emplace_back("p3");
  EXPECT_EQ(changes(running, wanted),
            (Changes{{"workers[].ports", Effect::kAtOnce}, {"ports[p3]", Effect::kAtOnce}}));
  EXPECT_EQ(taken_over(running, wanted), wanted);
  // p1 moves to lcore 2: that is said once, and holds when the port comes again.
  wanted.workers.lcores[0].ports = {"p3"};
  wanted.workers.lcores[1].ports = {"p1", "p2"};
  EXPECT_EQ(changes(running, wanted),
            (Changes{{"workers[].ports", Effect::kAtOnce},
                     {"workers[].ports (p1 stays where it is)", Effect::kRestart},
                     {"ports[p3]", Effect::kAtOnce}}));
  EXPECT_EQ(taken_over(running, wanted), wanted);
  // A port that is given to nobody is polled by other lcores when one of these is given ports.
  const Config free = with("workers", "workers: [{lcore: 1}, {lcore: 2, ports: [p2]}, {lcore: 3}]");
  wanted = free;
  wanted.workers.lcores[2].ports = {"p2"};
  EXPECT_EQ(changes(free, wanted),
            (Changes{{"workers[].ports", Effect::kAtOnce},
                     {"workers[].ports (p1 stays where it is)", Effect::kRestart},
                     {"workers[].ports (p2 stays where it is)", Effect::kRestart}}));
  // Other lcores need a restart, and so do their ports.
  wanted.workers.lcores.pop_back();
  EXPECT_EQ(changes(free, wanted), (Changes{{"workers", Effect::kRestart}}));
  EXPECT_EQ(taken_over(free, wanted), free);
}

TEST(Changes, SocketsStayWhereTheyAreWhenTheirDirectoryNeedsARestart) {
  const Config running = config_of(kRunning);
  const Config wanted = with("run_dir", "run_dir: /tmp/elsewhere");
  EXPECT_EQ(changes(running, wanted),
            (Changes{{"run_dir", Effect::kRestart}, {"listen", Effect::kRestart}}));
  EXPECT_EQ(taken_over(running, wanted), running);
}

TEST(Changes, PortsAreComparedByName) {
  const Config running = config_of(kRunning);
  Config wanted = running;
  std::swap(wanted.ports[0], wanted.ports[1]);
  EXPECT_TRUE(changes(running, wanted).empty());
  wanted.ports[0].mtu = 1400;                     // p2
  wanted.ports[1] = {.name = "p3", .number = 3};  // in place of p1
  EXPECT_EQ(changes(running, wanted), (Changes{{"ports[p1]", Effect::kAtOnce},
                                               {"ports[p2]", Effect::kAtOnce},
                                               {"ports[p3]", Effect::kAtOnce}}));
  EXPECT_EQ(taken_over(running, wanted).ports, wanted.ports);
}

Config with_ports(std::string_view ports) {
  return config_of(std::string("ports: [").append(ports).append("]\n"));
}

std::string numbers(const Config& config) {
  std::string out;
  for (const Port& port : config.ports) out += port.name + "=" + std::to_string(port.number) + " ";
  return out;
}

TEST(Changes, APortThatGoesDoesNotRenumberThoseBehindIt) {
  const Config running =
      with_ports("{name: a, device: d0}, {name: b, device: d1, number: 9}, {name: c, device: d2}");
  ASSERT_EQ(numbers(running), "a=1 b=9 c=2 ");
  Config wanted = with_ports("{name: c, device: d2}, {name: d, device: d3}");
  ASSERT_EQ(numbers(wanted), "c=1 d=2 ") << "at a start";
  keep_numbers(running, wanted);
  EXPECT_EQ(numbers(wanted), "c=2 d=3 ") << "and none that a flow may still mean for another";
  EXPECT_EQ(changes(running, wanted).size(), 3u);
  keep_numbers(wanted, wanted);
  EXPECT_EQ(numbers(wanted), "c=2 d=3 ");
}

TEST(Changes, ANumberThatTheFileGivesGoesBeforeAnAutomaticOne) {
  const Config running = with_ports("{name: a, device: d0}, {name: b, device: d1}");
  Config wanted = with_ports("{name: a, device: d0}, {name: b, device: d1, number: 1}");
  keep_numbers(running, wanted);
  EXPECT_EQ(numbers(wanted), "a=3 b=1 ");
  Config same = with_ports("{name: a, device: d0, number: 1}, {name: b, device: d1, number: 2}");
  keep_numbers(running, same);
  EXPECT_TRUE(changes(running, same).empty()) << "where a number is from makes no difference";
}

}  // namespace
}  // namespace lifeline::config
