#include "table/exact_table.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>
#include <vector>

namespace lifeline::table {
namespace {

struct Hot {
  std::uint32_t last_used = 0;
  std::uint32_t value = 0;
  std::uint64_t rest[3] = {};
};
struct Cold {
  std::uint64_t rest[4] = {};
};
using Table = ExactTable<Hot, Cold>;

// Like those of packets: few bits differ, most words are equal or zero.
ExactKey key(std::uint64_t n) {
  ExactKey k;
  k.w[0] = 0x0200000000010001;
  k.w[1] = 0x0800020000000002;
  k.w[2] = 0x11ULL << 24 | (n & 0xff) << 32;
  k.w[3] = 0x0a000000 | (n >> 8);
  return k;
}

std::uint64_t insert(Table& t, std::uint64_t n, std::uint32_t now = 0) {
  const ExactKey k = key(n);
  std::uint64_t evicted = 0;
  Table::Entry* e = t.insert(k, t.hash(k), now, [&](Hot&) { ++evicted; });
  e->hot.value = static_cast<std::uint32_t>(n);
  return evicted;
}

bool has(Table& t, std::uint64_t n) {
  const ExactKey k = key(n);
  const Table::Entry* e = t.lookup(k, t.hash(k));
  return e != nullptr && e->has(k) && e->hot.value == static_cast<std::uint32_t>(n);
}

TEST(ExactTable, EveryWordOfTheKeyCounts) {
  Table t{{.max_entries = 1024}};
  ASSERT_TRUE(t.ok());
  insert(t, 1);
  for (int word = 0; word < 8; ++word)
    for (int bit = 0; bit < 64; ++bit) {
      ExactKey k = key(1);
      k.w[word] ^= std::uint64_t{1} << bit;
      ASSERT_EQ(t.lookup(k, t.hash(k)), nullptr);
      Table::Entry* out = nullptr;
      std::uint32_t hash = 0;
      ASSERT_EQ(t.lookup_burst(&k, 1, &out, &hash), 0U);
      ASSERT_EQ(out, nullptr);
    }
  EXPECT_TRUE(has(t, 1));
}

TEST(ExactTable, KeyWithoutTailIsToldFromKeysWithOne) {
  Table t{{.max_entries = 1024}};
  const std::uint32_t hash = 0x12345678;
  ExactKey head = key(1), both = key(1), other = key(1);
  head.w[1] |= ExactKey::kHeadOnly;
  both.w[5] = 7;
  other.w[6] = 7;
  for (const ExactKey& k : {head, both, other}) t.insert(k, hash, 0);
  for (const ExactKey& k : {head, both, other}) {
    Table::Entry* e = t.lookup(k, hash);
    ASSERT_NE(e, nullptr);
    EXPECT_TRUE(std::equal(k.w, k.w + 4, e->head) && std::equal(k.w + 4, k.w + 8, e->tail));
    Table::Entry* out = nullptr;
    EXPECT_EQ(t.find_burst(&k, 1, &out, &hash), 1U);
    EXPECT_EQ(out, e);
  }
  EXPECT_EQ(t.lookup(key(1), hash), nullptr) << "its tail is zero, and nobody's else";
}

TEST(ExactTable, KeysWithEqualHashesAreToldApart) {
  Table t{{.max_entries = 1024}};
  // More than both buckets hold is impossible by nature of the hash; sixteen are not.
  const std::uint32_t hash = 0x12345678;
  for (std::uint64_t n = 0; n < 8; ++n) t.insert(key(n), hash, 0)->hot.value = 100 + n % 8;
  for (std::uint64_t n = 0; n < 8; ++n) {
    Table::Entry* e = t.lookup(key(n), hash);
    ASSERT_NE(e, nullptr);
    EXPECT_EQ(e->hot.value, 100 + n);
    Table::Entry* out = nullptr;
    const ExactKey k = key(n);
    EXPECT_EQ(t.find_burst(&k, 1, &out, &hash), 1U);
    EXPECT_EQ(out, e);
  }
  EXPECT_EQ(t.lookup(key(9), hash), nullptr);
}

TEST(ExactTable, MoreEqualHashesThanFitEvictInsteadOfFailing) {
  Table t{{.max_entries = 1024}};
  for (std::uint64_t n = 0; n < 100; ++n)
    EXPECT_NE(t.insert(key(n), 0x12345678, static_cast<std::uint32_t>(n)), nullptr);
  EXPECT_NE(t.lookup(key(99), 0x12345678), nullptr);
  EXPECT_GT(t.evictions(), 0U);
  EXPECT_EQ(t.size() + t.evictions(), 100U);
}

TEST(ExactTable, BehavesLikeAMapWhileItGrowsAndShrinks) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  Table t{{.max_entries = 16384}};
  std::unordered_map<std::uint64_t, Table::Entry*> model;
  std::vector<std::uint64_t> present;
  std::uint32_t most_buckets = 0;
  for (int step = 0; step < 300'000; ++step) {
    const bool growing = step / 50'000 % 2 == 0;
    const std::uint64_t n = random() % 20'000;
    const auto it = model.find(n);
    if (it == model.end()) {
      ASSERT_FALSE(has(t, n));
      if (random() % 100 < (growing ? 80U : 25U) && model.size() < 16384) {
        ASSERT_EQ(insert(t, n), 0U);
        model[n] = t.lookup(key(n), t.hash(key(n)));
      }
    } else {
      ASSERT_TRUE(has(t, n));
      ASSERT_EQ(t.lookup(key(n), t.hash(key(n))), it->second);  // entries do not move
      if (random() % 100 < (growing ? 20U : 80U)) {
        t.erase(it->second);
        model.erase(it);
      }
    }
    ASSERT_EQ(t.size(), model.size());
    most_buckets = std::max(most_buckets, t.active_buckets());
  }
  for (std::uint64_t n = 0; n < 20'000; ++n) ASSERT_EQ(has(t, n), model.contains(n));
  for (const auto& [n, e] : model) t.erase(e);
  EXPECT_EQ(t.size(), 0U);
  EXPECT_GT(most_buckets, 1000U);
  EXPECT_LE(t.active_buckets(), 2 * ExactIndex::kMinBuckets);  // fits in cache again
}

TEST(ExactTable, BurstFindsWhatSingleLookupsFind) {
  std::mt19937_64 random{std::random_device{}()};
  Table t{{.max_entries = 8192}};
  for (std::uint64_t n = 0; n < 6000; n += 2) insert(t, n);
  for (std::uint32_t burst : {1U, 31U, 32U, 64U}) {
    for (int round = 0; round < 200; ++round) {
      std::vector<ExactKey> keys;
      for (std::uint32_t i = 0; i < burst; ++i) keys.push_back(key(random() % 6000));
      Table::Entry* out[64];
      std::uint32_t hashes[64];
      const std::uint64_t hits = t.lookup_burst(keys.data(), burst, out, hashes);
      for (std::uint32_t i = 0; i < burst; ++i) {
        ASSERT_EQ(hashes[i], t.hash(keys[i]));
        ASSERT_EQ(out[i], t.lookup(keys[i], hashes[i]));
        ASSERT_EQ((hits >> i & 1) != 0, out[i] != nullptr);
      }
    }
  }
}

TEST(ExactTable, LosesNoneOfAMillionKeys) {
  Table t{{.max_entries = 1U << 20}};
  ASSERT_TRUE(t.ok());
  constexpr std::uint64_t kMany = 1U << 20;
  for (std::uint64_t n = 0; n < kMany; ++n) ASSERT_EQ(insert(t, n), 0U) << n;
  EXPECT_EQ(t.size(), kMany);
  std::uint64_t found = 0;
  for (std::uint64_t n = 0; n < kMany; ++n) found += has(t, n) ? 1 : 0;
  EXPECT_EQ(found, kMany);
  EXPECT_EQ(t.evictions(), 0U);
}

TEST(ExactTable, FullTableEvictsOldEntriesAndKeepsTheNewOne) {
  Table t{{.max_entries = 1024}};
  for (std::uint64_t n = 0; n < 1024; ++n) insert(t, n, 1);
  EXPECT_EQ(t.evictions(), 0U);
  for (std::uint64_t n = 0; n < 1024; n += 2) {
    Table::Entry* e = t.lookup(key(n), t.hash(key(n)));
    e->hot.last_used = 100;
  }
  std::uint64_t evicted = 0;
  for (std::uint64_t n = 2000; n < 2300; ++n) {
    evicted += insert(t, n, 101);
    ASSERT_TRUE(has(t, n));
  }
  EXPECT_EQ(evicted, 300U);
  EXPECT_EQ(t.size(), 1024U);
  std::uint64_t recent_kept = 0;
  for (std::uint64_t n = 0; n < 1024; n += 2) recent_kept += has(t, n) ? 1 : 0;
  EXPECT_EQ(recent_kept, 512U);
}

TEST(ExactTable, SweepVisitsEveryEntryInItsTurn) {
  Table t{{.max_entries = 4096}};
  for (std::uint64_t n = 0; n < 3000; ++n) insert(t, n, static_cast<std::uint32_t>(n));
  std::uint32_t erased = 0;
  for (int i = 0; i < 300; ++i) erased += t.sweep(10, [](Hot& d) { return d.last_used < 1000; });
  EXPECT_EQ(erased, 1000U);
  for (std::uint64_t n = 0; n < 3000; ++n) ASSERT_EQ(has(t, n), n >= 1000);
  EXPECT_EQ(t.sweep(1'000'000, [](Hot&) { return false; }), 0U);
}

TEST(ExactTable, ClearForgetsEverythingAndIsUsableAgain) {
  Table t{{.max_entries = 4096}};
  for (std::uint64_t n = 0; n < 3000; ++n) insert(t, n);
  t.clear();
  EXPECT_EQ(t.size(), 0U);
  for (std::uint64_t n = 0; n < 3000; ++n) ASSERT_FALSE(has(t, n));
  for (std::uint64_t n = 0; n < 3000; ++n) ASSERT_EQ(insert(t, n), 0U);
}

TEST(ExactTable, EmptyTableFindsNothing) {
  Table t{{}};
  EXPECT_FALSE(has(t, 1));
  EXPECT_EQ(t.sweep(100, [](Hot&) { return true; }), 0U);
}

}  // namespace
}  // namespace lifeline::table
