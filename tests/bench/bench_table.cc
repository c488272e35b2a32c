// Cycles per packet of the tables, with std::unordered_map in the same binary as the base line.
// Every lookup's result is checked. Run on an idle, pinned core:
//   taskset -c 1 bench_table --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <algorithm>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include "sync/qsbr.h"
#include "table/exact_table.h"
#include "table/fdb.h"
#include "table/tables.h"

namespace lifeline::table {
namespace {

constexpr std::uint32_t kBurst = 32;

struct Hot {
  std::uint32_t last_used = 0;
  std::uint32_t value = 0;
  std::uint64_t rest[3] = {};
};
struct Cold {
  std::uint64_t rest[4] = {};
};
using Table = ExactTable<Hot, Cold>;

// A UDP packet of flow `n`.
ExactKey key(std::uint64_t n) {
  ExactKey k;
  k.w[0] = 0x0200000000010001;
  k.w[1] = 0x0800020000000002 | ExactKey::kHeadOnly;
  k.w[2] = 0x11ULL << 16 | (n & 0xffff) << 32 | 0x3500ULL << 48;
  k.w[3] = 0x0a000001ULL | (n >> 16) << 32;
  return k;
}

// Keys of `n` flows in random order, a multiple of the burst, at most 1 M so that they fit in
// memory.
std::vector<std::uint32_t> random_order(std::uint32_t n) {
  std::vector<std::uint32_t> order(std::max(n, 4096U) / kBurst * kBurst);
  std::mt19937_64 random{1};
  for (std::uint32_t& o : order) o = static_cast<std::uint32_t>(random() % n);
  return order;
}

// Cycles of many measured sections of equal work. The median is reported: on a shared machine the
// mean counts the time that others ran.
class Cycles {
 public:
  Cycles() {
    for (int i = 0; i < 1000; ++i) {
      start();
      stop();
    }
    empty_ = median();
    std::fill(histogram_.begin(), histogram_.end(), 0);
  }
  void start() { start_ = rte_rdtsc_precise(); }
  void stop() {
    const std::uint64_t c = rte_rdtsc_precise() - start_;
    ++histogram_[std::min<std::uint64_t>(c, histogram_.size() - 1)];
  }
  void report(benchmark::State& state, std::uint32_t packets_per_section) const {
    const std::uint64_t m = median();
    state.counters["cycles/packet"] =
        static_cast<double>(m > empty_ ? m - empty_ : 0) / static_cast<double>(packets_per_section);
    state.SetItemsProcessed(state.iterations() * packets_per_section);
  }

 private:
  std::uint64_t median() const {
    std::uint64_t all = 0;
    for (const std::uint64_t n : histogram_) all += n;
    std::uint64_t seen = 0;
    std::uint64_t c = 0;
    while (c < histogram_.size() && (seen += histogram_[c]) * 2 < all) ++c;
    return c;
  }
  std::vector<std::uint64_t> histogram_ = std::vector<std::uint64_t>(1U << 18);
  std::uint64_t start_ = 0;
  std::uint64_t empty_ = 0;  // the measuring itself
};

// Keys arrive as they do from the parser: written just before they are looked up, so not from a
// table of keys that is itself out of cache.
void exact_bulk(benchmark::State& state) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  Table t{{.max_entries = 1U << 20}};
  for (std::uint32_t i = 0; i < n; ++i) t.insert(key(i), t.hash(key(i)), 0)->hot.value = i;
  const auto order = random_order(n);
  Cycles cycles;
  std::size_t at = 0;
  alignas(64) ExactKey keys[kBurst];
  Table::Entry* out[kBurst];
  std::uint32_t hashes[kBurst];
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < kBurst; ++i) keys[i] = key(order[at + i]);
    cycles.start();
    const std::uint64_t hits = t.lookup_burst(keys, kBurst, out, hashes);
    cycles.stop();
    if (hits != 0xffffffff) return state.SkipWithError("a key is missing");
    for (std::uint32_t i = 0; i < kBurst; ++i)
      if (out[i]->hot.value != order[at + i]) return state.SkipWithError("wrong entry");
    at = at + kBurst == order.size() ? 0 : at + kBurst;
  }
  cycles.report(state, kBurst);
}
BENCHMARK(exact_bulk)->Arg(1)->Arg(1000)->Arg(10'000)->Arg(100'000)->Arg(1'000'000);

struct KeyHash {
  std::size_t operator()(const ExactKey& k) const {
    static const ExactHash hash{1};
    return hash(k);
  }
};

void unordered_map_base_line(benchmark::State& state) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  std::unordered_map<ExactKey, Table::Entry, KeyHash> map;
  for (std::uint32_t i = 0; i < n; ++i) map[key(i)].hot.value = i;
  const auto order = random_order(n);
  Cycles cycles;
  std::size_t at = 0;
  alignas(64) ExactKey keys[kBurst];
  const Table::Entry* out[kBurst];
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < kBurst; ++i) keys[i] = key(order[at + i]);
    cycles.start();
    for (std::uint32_t i = 0; i < kBurst; ++i) out[i] = &map.find(keys[i])->second;
    cycles.stop();
    for (std::uint32_t i = 0; i < kBurst; ++i)
      if (out[i]->hot.value != order[at + i]) return state.SkipWithError("wrong entry");
    at = at + kBurst == order.size() ? 0 : at + kBurst;
  }
  cycles.report(state, kBurst);
}
BENCHMARK(unordered_map_base_line)->Arg(1)->Arg(1000)->Arg(10'000)->Arg(100'000)->Arg(1'000'000);

// Every packet a new flow: a miss, an insert, and (at 256 k entries) an eviction.
void exact_miss_and_insert(benchmark::State& state) {
  Table t{{.max_entries = static_cast<std::uint32_t>(state.range(0))}};
  Cycles cycles;
  std::uint32_t next = 0;
  alignas(64) ExactKey keys[kBurst];
  Table::Entry* out[kBurst];
  std::uint32_t hashes[kBurst];
  for (auto _ : state) {
    for (ExactKey& k : keys) k = key(next++);
    cycles.start();
    const std::uint64_t hits = t.lookup_burst(keys, kBurst, out, hashes);
    for (std::uint32_t i = 0; i < kBurst; ++i) t.insert(keys[i], hashes[i], next);
    cycles.stop();
    if (hits != 0) return state.SkipWithError("a new key was found");
  }
  cycles.report(state, kBurst);
}
BENCHMARK(exact_miss_and_insert)->Arg(1024)->Arg(256 * 1024);

struct Rules {
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  Tables tables{qsbr, retired, {.n_tables = 1}};

  static flow::Rule rule(std::uint32_t mask, std::uint32_t n) {
    flow::Rule r;
    r.priority = 100;
    r.match.eth_type(packet::kEthTypeIpv4).ipv4_dst(Ipv4Address::from_host(n));
    // `mask` different masks: other bits of the source address each.
    r.match.mask.ipv4_src = Ipv4Address::from_host(mask);
    return r;
  }
  static flow::FlowKey packet(std::uint32_t n) {
    flow::FlowKey k;
    k.eth_type = be16{packet::kEthTypeIpv4};
    k.ipv4_dst = Ipv4Address::from_host(n);
    return k;
  }
};

// Lookups that hit, over masks x rules per mask.
void classifier_lookup(benchmark::State& state) {
  const auto masks = static_cast<std::uint32_t>(state.range(0));
  const auto per_mask = static_cast<std::uint32_t>(state.range(1));
  Rules s;
  for (std::uint32_t m = 0; m < masks; ++m)
    for (std::uint32_t i = 0; i < per_mask; ++i)
      if (!s.tables.pipeline().add(Rules::rule(m, m * per_mask + i)))
        return state.SkipWithError("no room");
  s.tables.pipeline().publish();
  const auto order = random_order(masks * per_mask);
  Cycles cycles;
  std::size_t at = 0;
  for (auto _ : state) {
    const flow::FlowKey k = Rules::packet(order[at]);
    cycles.start();
    const PublishedRule* r = s.tables.lookup(0, k, s.tables.version());
    cycles.stop();
    if (r == nullptr || r->rule.match.key.ipv4_dst != k.ipv4_dst)
      return state.SkipWithError("wrong rule");
    at = at + 1 == order.size() ? 0 : at + 1;
  }
  cycles.report(state, 1);
}
BENCHMARK(classifier_lookup)->Args({1, 1})->Args({1, 1000})->Args({1, 100'000})->Args({100, 1000});

// Proving an old entry while rules that it does not match change all the time.
void unchanged(benchmark::State& state) {
  Rules s;
  for (std::uint32_t i = 0; i < 100'000; ++i)
    if (!s.tables.pipeline().add(Rules::rule(0, i))) return state.SkipWithError("no room");
  s.tables.pipeline().publish();
  const std::uint64_t since = s.tables.version();
  for (std::uint32_t i = 0; i < 100; ++i) {
    if (!s.tables.pipeline().add(Rules::rule(0, 200'000 + i))) return;
    s.tables.pipeline().publish();
  }
  VisitedTables visited;
  visited.add(0, true);
  ChangeHint hint;
  Cycles cycles;
  std::uint64_t proven = 0;
  std::uint64_t packets = 0;
  for (auto _ : state) {
    const flow::FlowKey k = Rules::packet(static_cast<std::uint32_t>(packets % 100'000));
    cycles.start();
    const bool same =
        s.tables.prove(since, s.tables.version(), k, k, visited, &hint) == Proof::kUnchanged;
    cycles.stop();
    proven += same ? 1 : 0;
    ++packets;
  }
  cycles.report(state, 1);
  state.counters["proven"] = static_cast<double>(proven) / static_cast<double>(packets);
}
BENCHMARK(unchanged);

// Rules per second, one publish each (batch 1) or per batch, with removal of the oldest.
void rule_add_and_remove(benchmark::State& state) {
  const auto batch = static_cast<std::uint32_t>(state.range(0));
  Rules s;
  std::vector<flow::RuleId> ids(100'000);
  std::uint32_t n = 0;
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < batch; ++i, ++n) {
      flow::RuleId& slot = ids[n % ids.size()];
      if (slot != 0) s.tables.pipeline().remove(slot);
      slot = s.tables.pipeline().add(Rules::rule(0, n)).value_or(0);
      if (slot == 0) return state.SkipWithError("refused");
    }
    s.tables.pipeline().publish();
    s.retired.reclaim(batch * 8);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(rule_add_and_remove)->Arg(1)->Arg(1000);

void fdb_lookup(benchmark::State& state) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  Fdb fdb{retired, {.max_entries = n, .max_entries_per_port = n}};
  const auto mac = [](std::uint32_t i) { return MacAddress::from_u64(0x020000000000ULL + i); };
  for (std::uint32_t i = 0; i < n; ++i) fdb.learn(0, mac(i), 1, 0);
  const auto order = random_order(n);
  Cycles cycles;
  std::size_t at = 0;
  for (auto _ : state) {
    std::uint64_t found = 0;
    cycles.start();
    for (std::uint32_t i = 0; i < kBurst; ++i)
      found += fdb.lookup(0, mac(order[at + i])).has_value() ? 1 : 0;
    cycles.stop();
    if (found != kBurst) return state.SkipWithError("an entry is missing");
    at = at + kBurst == order.size() ? 0 : at + kBurst;
  }
  cycles.report(state, kBurst);
}
BENCHMARK(fdb_lookup)->Arg(1000)->Arg(8192);

}  // namespace
}  // namespace lifeline::table

BENCHMARK_MAIN();
