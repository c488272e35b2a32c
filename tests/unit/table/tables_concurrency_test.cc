// Real readers under a real writer: they must only ever see whole published versions.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "random_rules.h"
#include "tables_fixture.h"

namespace lifeline::table {
namespace {

constexpr sync::SlotId kReaders = 2;
constexpr std::uint16_t kPairs = 16;

flow::FlowKey packet(std::uint16_t pair, std::uint8_t side) {
  flow::FlowKey key;
  key.eth_type = be16{packet::kEthTypeIpv4};
  key.ipv4_dst = Ipv4Address::of(10, side, 0, 1);
  key.tp_dst = be16{pair};
  return key;
}

// The rule of one side; its mask depends on `form`, so that it moves between subtables.
flow::Rule rule_of(std::uint16_t pair, std::uint8_t side, bool form, std::uint64_t generation) {
  flow::Rule r;
  r.priority = form ? 10 : 20;
  r.cookie = generation;
  r.match.tp_dst(pair);
  if (form) {
    r.match.ipv4_dst(Ipv4Address::of(10, side, 0, 1));
  } else {
    r.match.mask.ipv4_dst = Ipv4Address::from_host(0xffff0000);
    r.match.key.ipv4_dst = Ipv4Address::of(10, side, 0, 0);
  }
  return r;
}

struct Verdict {
  std::atomic<std::uint64_t> checks{0};
  std::atomic<std::uint64_t> missing{0};  // neither the old rule nor the new one
  std::atomic<std::uint64_t> mixed{0};    // two sides of different generations
  std::atomic<std::uint64_t> backwards{0};
  std::atomic<std::uint64_t> stale{0};  // prove() said yes to another decision
};

void read_pairs(sync::Qsbr& qsbr, Tables& tables, sync::SlotId slot, const std::atomic<bool>& stop,
                Verdict& verdict) {
  struct Cached {
    std::uint64_t generation = 0;
    std::uint64_t version = 0;
    ChangeHint hint;
  };
  std::vector<Cached> cache(kPairs);
  VisitedTables visited;
  visited.add(0, true);
  qsbr.online(slot);
  while (!stop.load(std::memory_order_relaxed)) {
    const std::uint64_t version = tables.version();
    const Recent recent = tables.recent();
    for (std::uint16_t pair = 0; pair < kPairs; ++pair) {
      const PublishedRule* a = tables.lookup(0, packet(pair, 1), version);
      const PublishedRule* b = tables.lookup(0, packet(pair, 2), version);
      if (a == nullptr || b == nullptr) {
        ++verdict.missing;
        continue;
      }
      if (a->rule.cookie != b->rule.cookie) ++verdict.mixed;
      Cached& c = cache[pair];
      if (a->rule.cookie < c.generation) ++verdict.backwards;
      if (c.version != 0) {
        const flow::FlowKey key = packet(pair, 1);
        const bool by_recent =
            recent.tells(c.hint, c.version) && !recent.marks->changed(c.hint.hash, c.version);
        const Proof by_hint = tables.prove(c.version, version, visited, c.hint);
        const Proof by_key = tables.prove(c.version, version, key, key, visited, &c.hint);
        if (a->rule.cookie != c.generation &&
            (by_recent || by_hint == Proof::kUnchanged || by_key == Proof::kUnchanged))
          ++verdict.stale;
      }
      c.generation = a->rule.cookie;
      c.version = version;
      tables.counters().add(slot, a->counter, 1, 64);
      ++verdict.checks;
    }
    qsbr.quiescent(slot);
  }
  qsbr.offline(slot);
}

TEST(TablesConcurrency, ReadersSeeOnlyWholeVersionsWhileRulesMoveBetweenSubtables) {
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  Tables tables{qsbr, retired, {.n_tables = 1, .n_slots = kReaders + 1}};
  flow::RuleWriter& writer = tables.pipeline();

  flow::RuleId ids[kPairs][2];
  bool forms[kPairs] = {};
  std::uint64_t generation = 1;
  for (std::uint16_t pair = 0; pair < kPairs; ++pair)
    for (std::uint8_t side = 0; side < 2; ++side)
      ids[pair][side] =
          writer.add(rule_of(pair, static_cast<std::uint8_t>(side + 1), false, generation)).value();
  writer.publish();

  Verdict verdict;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (sync::SlotId slot = 1; slot <= kReaders; ++slot) {
    qsbr.register_reader(slot);
    readers.emplace_back([&, slot] { read_pairs(qsbr, tables, slot, stop, verdict); });
  }

  test::RandomRules random;
  SCOPED_TRACE(random.seed());
  std::vector<flow::RuleId> noise;
  // Until the readers have had their share, however the machine is loaded.
  for (int step = 0; step < 20'000 || verdict.checks < 100'000; ++step) {
    const auto pair = static_cast<std::uint16_t>(random.below(kPairs));
    ++generation;
    const bool replace = random.below(2) == 0;
    if (!replace) forms[pair] = !forms[pair];
    for (std::uint8_t side = 0; side < 2; ++side) {
      flow::RuleId& id = ids[pair][side];
      if (replace) {
        ASSERT_TRUE(writer.replace(id, {}, generation).has_value());
        continue;
      }
      writer.remove(id);
      id = writer.add(rule_of(pair, static_cast<std::uint8_t>(side + 1), forms[pair], generation))
               .value();
    }
    // Rules that no packet here matches make the tables grow, split and shrink.
    for (int i = 0; i < 4; ++i) {
      if (noise.size() < 2000 && random.below(100) < (step / 2000 % 2 == 0 ? 80U : 20U)) {
        flow::Rule r;
        r.match.tp_dst(static_cast<std::uint16_t>(1000 + random.below(60000)));
        r.match.ipv4_dst(Ipv4Address::of(10, 1, 0, 1));
        r.priority = 10;
        if (const auto id = writer.add(r)) noise.push_back(*id);
      } else if (!noise.empty()) {
        writer.remove(noise.back());
        noise.pop_back();
      }
    }
    writer.publish();
    retired.reclaim();
  }
  stop = true;
  for (std::thread& t : readers) t.join();

  EXPECT_EQ(verdict.missing, 0U);
  EXPECT_EQ(verdict.mixed, 0U);
  EXPECT_EQ(verdict.backwards, 0U);
  EXPECT_EQ(verdict.stale, 0U);
  EXPECT_GT(retired.reclaimed(), 1000U);
  while (retired.reclaim() > 0) {
  }
  EXPECT_EQ(retired.pending(), 0U);
}

}  // namespace
}  // namespace lifeline::table
