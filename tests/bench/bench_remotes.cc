// What remotes cost: a packet's lookup in the hidden table, and a run of the in-band agent, with
// one and with a thousand of them. Run on an idle, pinned core:
//   taskset -c 1 bench_remotes --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "base/clock.h"
#include "datapath/guard_state.h"
#include "inband/agent.h"
#include "inband/inband_rules.h"
#include "sync/qsbr.h"
#include "table/tables.h"

#include <linux/neighbour.h>

namespace lifeline::inband {
namespace {

const Ipv4Address kGateway = Ipv4Address::of(10, 0, 0, 1);

Ipv4Address address(std::size_t n) {
  return Ipv4Address::from_host(0xc6120000 + static_cast<std::uint32_t>(n));
}

Remote remote(std::size_t n) {
  const Ipv4Address ip = address(n);
  return {.id = "also_reach:" + ip.to_string(), .ip = ip, .port = 6653, .role = Role::kAlsoReach};
}

// Every remote is behind one gateway, whose MAC the benchmark may change.
class Kernel final : public KernelView {
 public:
  Expected<std::optional<netlink::Link>> link_by_name(std::string_view) override { return link_; }
  Expected<std::optional<netlink::Link>> link_by_index(std::uint32_t) override { return link_; }
  Expected<netlink::Route> route_to(const IpAddress&, std::uint32_t) override {
    netlink::Route r;
    r.type = netlink::Route::Type::kUnicast;
    r.hops = {{IpAddress{kGateway}, 5}};
    return r;
  }
  Expected<std::optional<netlink::Neighbour>> neighbour(const IpAddress& ip,
                                                        std::uint32_t index) override {
    return netlink::Neighbour{index, ip, gateway_mac, NUD_REACHABLE};
  }
  Expected<void> resolve(const IpAddress&, std::uint32_t) override { return {}; }
  Expected<void> probe(const IpAddress&, std::uint32_t) override { return {}; }

  MacAddress gateway_mac = MacAddress::from_u64(0x0200000000aa);

 private:
  std::optional<netlink::Link> link_ =
      netlink::Link{5, "br0", MacAddress::from_u64(0x020000000001), 0, 1500, 0};
};

class GuardSink final : public flow::GuardWriter {
 public:
  void set_guards(const flow::Guards& guards) override { state = datapath::GuardState(guards); }
  datapath::GuardState state;
};

// CPU time of this thread, in microseconds: what another process takes is not ours.
double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

struct Switch {
  explicit Switch(std::size_t n_remotes) {
    log::set_level(log::Level::kError);
    agent.set_local_device("br0");
    std::vector<Remote> remotes;
    for (std::size_t i = 0; i < n_remotes; ++i) remotes.push_back(remote(i));
    if (!agent.set_others(std::move(remotes))) std::abort();
    agent.start();
    settle();
    if (tables.hidden_rule_count() != 5 + 4 * n_remotes) std::abort();
  }
  ~Switch() { retired.drain(); }

  // The longest run, in microseconds.
  double settle() {
    double longest = 0;
    while (agent.next_deadline() <= clock.now()) {
      const double start = cpu_us();
      agent.run(clock.now());
      longest = std::max(longest, cpu_us() - start);
    }
    return longest;
  }

  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  table::Tables tables{qsbr, retired, {}};
  Kernel kernel;
  GuardSink guards;
  ManualClock clock;
  InbandAgent agent{kernel, tables.hidden(), guards, clock};
};

flow::FlowKey tcp_from(Ipv4Address ip, std::uint16_t port) {
  flow::FlowKey key;
  key.in_port = 1;
  key.eth_type = be16{packet::kEthTypeIpv4};
  key.ip_proto = packet::kProtoTcp;
  key.ipv4_src = ip;
  key.ipv4_dst = Ipv4Address::of(10, 0, 0, 2);
  key.tp_src = be16{port};
  return key;
}

// A packet that no decision is cached of: of a stranger (no rule), or of the last remote.
void BM_HiddenLookup(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const bool stranger = state.range(1) != 0;
  Switch s(n);
  const flow::FlowKey key = tcp_from(stranger ? Ipv4Address::of(9, 9, 9, 9) : address(n - 1), 6653);
  for (auto _ : state) {
    const auto* rule = s.tables.lookup_hidden(key, s.tables.version());
    if ((rule == nullptr) != stranger) state.SkipWithError("wrong rule");
    benchmark::DoNotOptimize(s.guards.state.wants_next_hop_arp(key));
  }
}
BENCHMARK(BM_HiddenLookup)->ArgsProduct({{1, 1000}, {0, 1}})->ArgNames({"remotes", "stranger"});

// One remote more and one less: the longest run in between.
void BM_ChangeOfOne(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  Switch s(n);
  std::vector<double> longest_us;
  for (auto _ : state) {
    if (!s.agent.add_remote(remote(n))) state.SkipWithError("refused");
    double longest = s.settle();
    s.agent.remove_remote(remote(n).id);
    longest = std::max(longest, s.settle());
    longest_us.push_back(longest);
    s.retired.drain();
  }
  std::sort(longest_us.begin(), longest_us.end());
  state.counters["run_us_median"] = longest_us[longest_us.size() / 2];
  state.counters["run_us_p99"] = longest_us[longest_us.size() * 99 / 100];
}
BENCHMARK(BM_ChangeOfOne)->Arg(1)->Arg(1000)->Iterations(1000)->ArgName("remotes");

// As a reload does it: another list, of `remotes`, with one remote that is new and one that is
// gone, or all of them. The call and the longest run after it.
void BM_SetRemotes(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const bool all = state.range(1) != 0;
  Switch s(n);
  std::vector<double> call_us;
  std::vector<double> run_us;
  std::size_t first = 0;
  for (auto _ : state) {
    first += all ? n : 1;
    std::vector<Remote> wanted;
    for (std::size_t i = 0; i < n; ++i) wanted.push_back(remote((first + i) % 60000));
    const double start = cpu_us();
    if (!s.agent.set_others(std::move(wanted))) state.SkipWithError("refused");
    call_us.push_back(cpu_us() - start);
    run_us.push_back(s.settle());
    s.retired.drain();
  }
  std::sort(call_us.begin(), call_us.end());
  std::sort(run_us.begin(), run_us.end());
  state.counters["call_us_median"] = call_us[call_us.size() / 2];
  state.counters["run_us_median"] = run_us[run_us.size() / 2];
}
BENCHMARK(BM_SetRemotes)
    ->ArgsProduct({{1, 1000, 4000}, {0, 1}})
    ->Iterations(20)
    ->ArgNames({"remotes", "all"});

// The gateway of all of them has another MAC: every remote is asked about, a few in a run.
void BM_GatewaysNewMac(benchmark::State& state) {
  Switch s(static_cast<std::size_t>(state.range(0)));
  std::vector<double> longest_us;
  std::uint64_t mac = 0x0200000000b0;
  for (auto _ : state) {
    s.kernel.gateway_mac = MacAddress::from_u64(++mac);
    s.agent.on_kernel_event(netlink::NeighbourEvent{
        {5, IpAddress{kGateway}, s.kernel.gateway_mac, NUD_REACHABLE}, false});
    s.clock.advance(std::chrono::milliseconds{5});
    longest_us.push_back(s.settle());
    s.retired.drain();
  }
  std::sort(longest_us.begin(), longest_us.end());
  state.counters["run_us_median"] = longest_us[longest_us.size() / 2];
}
BENCHMARK(BM_GatewaysNewMac)->Arg(1)->Arg(1000)->Iterations(50)->ArgName("remotes");

}  // namespace
}  // namespace lifeline::inband

BENCHMARK_MAIN();
