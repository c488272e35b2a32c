#include "table/fdb.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace lifeline::table {
namespace {

MacAddress mac(std::uint64_t n) { return MacAddress::from_u64(0x020000000000ULL + n); }

struct FdbTest : testing::Test {
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  Fdb fdb{retired, {.max_entries = 100, .max_entries_per_port = 60, .ageing_s = 300}};

  void expire_all(std::uint32_t now_s) { fdb.expire(now_s, ~std::size_t{0}); }
};

using enum Fdb::Learned;

TEST_F(FdbTest, LearnsPerVlan) {
  EXPECT_EQ(fdb.lookup(0, mac(1)), std::nullopt);
  EXPECT_EQ(fdb.learn(0, mac(1), 5, 10), kNew);
  EXPECT_EQ(fdb.learn(7, mac(1), 6, 10), kNew);
  EXPECT_EQ(fdb.lookup(0, mac(1)), 5);
  EXPECT_EQ(fdb.lookup(7, mac(1)), 6);
  EXPECT_EQ(fdb.lookup(8, mac(1)), std::nullopt);
  EXPECT_EQ(fdb.size(), 2U);
}

TEST_F(FdbTest, IsWalkedInPiecesOfBoundedSize) {
  fdb.set_local(mac(99));
  for (std::uint16_t i = 0; i < 50; ++i) fdb.learn(i, mac(i), 5, 10);
  std::vector<FdbEntry> all;
  Fdb::Cursor cursor;
  int pieces = 0;
  for (bool more = true; more; ++pieces) {
    std::vector<FdbEntry> piece;
    more = fdb.walk(cursor, 25, 8, 16, piece);
    EXPECT_LE(piece.size(), 8U + 8U);  // a bucket more than enough, and buckets are short
    all.insert(all.end(), piece.begin(), piece.end());
  }
  EXPECT_GT(pieces, 4);
  const auto at_once = fdb.entries(25);
  ASSERT_EQ(all.size(), at_once.size());
  std::sort(all.begin(), all.end(), [](const FdbEntry& a, const FdbEntry& b) {
    return std::pair(a.vlan, a.mac) < std::pair(b.vlan, b.mac);
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].mac, at_once[i].mac);
    EXPECT_EQ(all[i].age_s, at_once[i].age_s);
  }
}

TEST_F(FdbTest, FollowsAMove) {
  fdb.learn(0, mac(1), 5, 10);
  EXPECT_TRUE(fdb.needs_learning(0, mac(1), 6, 11));
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 11), kMoved);
  EXPECT_EQ(fdb.lookup(0, mac(1)), 6);
  EXPECT_EQ(fdb.learned_on(5), 0U);
  EXPECT_EQ(fdb.learned_on(6), 1U);
  EXPECT_EQ(fdb.moved(), 1U);
}

TEST_F(FdbTest, KnownStationOnItsPortNeedsNoLearningAndStaysYoung) {
  EXPECT_TRUE(fdb.needs_learning(0, mac(1), 5, 10));
  fdb.learn(0, mac(1), 5, 10);
  EXPECT_FALSE(fdb.needs_learning(0, mac(1), 5, 200));  // refreshes
  expire_all(10 + 300);
  EXPECT_EQ(fdb.lookup(0, mac(1)), 5);
  expire_all(200 + 300);
  EXPECT_EQ(fdb.lookup(0, mac(1)), std::nullopt);
  EXPECT_EQ(fdb.size(), 0U);
}

TEST_F(FdbTest, StampAheadOfTheClockDoesNotAge) {
  fdb.learn(0, mac(1), 5, 10);
  expire_all(9);
  EXPECT_EQ(fdb.size(), 1U);
}

TEST_F(FdbTest, ExpireGoesRoundInSmallSteps) {
  for (std::uint64_t i = 0; i < 50; ++i) fdb.learn(0, mac(i), 5, 0);
  std::size_t gone = 0;
  for (int i = 0; i < 64; ++i) gone += fdb.expire(1000, 4);
  EXPECT_EQ(gone, 50U);
}

TEST_F(FdbTest, RefusesSourcesThatAreNoStation) {
  EXPECT_EQ(fdb.learn(0, MacAddress::broadcast(), 5, 0), kInvalid);
  EXPECT_EQ(fdb.learn(0, MacAddress{}, 5, 0), kInvalid);
  EXPECT_EQ(fdb.learn(4096, mac(1), 5, 0), kInvalid);
  EXPECT_FALSE(fdb.needs_learning(0, MacAddress::broadcast(), 5, 0));
  EXPECT_EQ(fdb.size(), 0U);
}

TEST_F(FdbTest, LocalAddressIsKnownInEveryVlanAndNeverMoves) {
  fdb.learn(3, mac(9), 4, 0);
  fdb.set_local(mac(9));
  for (std::uint16_t vlan : std::initializer_list<std::uint16_t>{0, 3, 4095}) {
    EXPECT_EQ(fdb.lookup(vlan, mac(9)), flow::kPortLocal);
    EXPECT_FALSE(fdb.needs_learning(vlan, mac(9), 5, 0));
    EXPECT_EQ(fdb.learn(vlan, mac(9), 5, 0), kStatic);
  }
  expire_all(100000);
  fdb.flush();
  fdb.flush_port(flow::kPortLocal);
  EXPECT_EQ(fdb.lookup(0, mac(9)), flow::kPortLocal);
  fdb.set_local(mac(10));
  EXPECT_EQ(fdb.lookup(3, mac(9)), std::nullopt);  // nor what was learned before
  fdb.set_local(std::nullopt);
  EXPECT_EQ(fdb.lookup(0, mac(10)), std::nullopt);
}

TEST_F(FdbTest, StaticEntryIsNeverMovedAgedOrFlushed) {
  fdb.learn(2, mac(1), 5, 0);
  fdb.set_static(2, mac(1), 8);
  EXPECT_EQ(fdb.learn(2, mac(1), 5, 1), kStatic);
  EXPECT_FALSE(fdb.needs_learning(2, mac(1), 5, 1));
  expire_all(100000);
  EXPECT_EQ(fdb.flush(), 0U);
  EXPECT_EQ(fdb.flush_port(8), 0U);
  EXPECT_EQ(fdb.lookup(2, mac(1)), 8);
  EXPECT_TRUE(fdb.forget(2, mac(1)));
  EXPECT_EQ(fdb.lookup(2, mac(1)), std::nullopt);
}

TEST_F(FdbTest, PortAtItsLimitEvictsItsOwnOldestEntry) {
  for (std::uint64_t i = 0; i < 20; ++i) fdb.learn(0, mac(1000 + i), 1, 0);
  for (std::uint64_t i = 0; i < 200; ++i)
    EXPECT_EQ(fdb.learn(0, mac(i), 2, static_cast<std::uint32_t>(i)), kNew);
  EXPECT_EQ(fdb.learned_on(2), 60U);
  EXPECT_EQ(fdb.learned_on(1), 20U);
  EXPECT_EQ(fdb.evicted(), 140U);
  EXPECT_EQ(fdb.lookup(0, mac(139)), std::nullopt);
  EXPECT_EQ(fdb.lookup(0, mac(140)), 2);
}

TEST_F(FdbTest, FullTableEvictsFromThePortThatHasMost) {
  for (std::uint64_t i = 0; i < 60; ++i) fdb.learn(0, mac(i), 1, 0);
  for (std::uint64_t i = 0; i < 40; ++i) fdb.learn(0, mac(100 + i), 2, 0);
  fdb.set_static(0, mac(500), 1);
  EXPECT_EQ(fdb.learn(0, mac(300), 3, 1), kNew);
  EXPECT_EQ(fdb.learned_on(1), 59U);
  EXPECT_EQ(fdb.learned_on(2), 40U);
  EXPECT_EQ(fdb.lookup(0, mac(500)), 1);
  EXPECT_EQ(fdb.size(), 101U);
}

TEST_F(FdbTest, EvictionSparesWhatWorkersSawRecently) {
  for (std::uint64_t i = 0; i < 60; ++i) fdb.learn(0, mac(i), 1, 0);
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_FALSE(fdb.needs_learning(0, mac(i), 1, 50));
  fdb.learn(0, mac(100), 1, 60);
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(fdb.lookup(0, mac(i)), 1);
  EXPECT_EQ(fdb.lookup(0, mac(5)), std::nullopt);
}

TEST_F(FdbTest, MoveToAPortAtItsLimitKeepsTheLimit) {
  for (std::uint64_t i = 0; i < 60; ++i) fdb.learn(0, mac(i), 1, 0);
  fdb.learn(0, mac(100), 2, 0);
  EXPECT_EQ(fdb.learn(0, mac(100), 1, 1), kMoved);
  EXPECT_EQ(fdb.learned_on(1), 60U);
  EXPECT_EQ(fdb.lookup(0, mac(100)), 1);
}

TEST_F(FdbTest, AProtectedAddressIsMovedOnlyWhenItFellSilent) {
  fdb.learn(0, mac(1), 5, 10);
  fdb.learn(7, mac(1), 5, 10);
  fdb.set_protected({mac(1), mac(2)}, 0);
  EXPECT_TRUE(fdb.needs_learning(0, mac(1), 6, 11));
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 12), kHeld);
  EXPECT_FALSE(fdb.needs_learning(0, mac(1), 5, 13));  // seen
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 15), kHeld);
  EXPECT_EQ(fdb.lookup(0, mac(1)), 5);
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 16), kMoved);
  EXPECT_EQ(fdb.learn(0, mac(1), 7, 16), kHeld);
  EXPECT_EQ(fdb.learn(7, mac(1), 6, 10), kMoved) << "another VLAN's is not protected";
  fdb.set_protected({}, 0);
  EXPECT_EQ(fdb.learn(0, mac(1), 7, 16), kMoved);
}

TEST_F(FdbTest, AProtectedAddressIsBackHomeAtOnceUntilItHasANewHome) {
  fdb.set_protected({mac(1)}, 0);
  fdb.learn(0, mac(1), 5, 10);
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 20), kMoved) << "it was silent, and the liar got in";
  EXPECT_EQ(fdb.learn(0, mac(1), 5, 20), kMoved) << "it speaks, and is itself again";
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 21), kHeld);
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 30), kMoved);
  for (std::uint32_t t = 31; t < 95; ++t) fdb.needs_learning(0, mac(1), 6, t);
  EXPECT_EQ(fdb.learn(0, mac(1), 5, 95), kHeld) << "a minute elsewhere is a move";
}

TEST_F(FdbTest, ADeadLinkIsNoHomeAndHoldsNothing) {
  fdb.set_protected({mac(1)}, 0);
  fdb.learn(0, mac(1), 5, 10);
  EXPECT_EQ(fdb.flush_port(5), 1U);
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 10), kNew);
  EXPECT_EQ(fdb.learn(0, mac(1), 5, 10), kHeld);
  EXPECT_EQ(fdb.learn(0, mac(1), 7, 13), kMoved);
  EXPECT_EQ(fdb.flush_port(6), 0U);
  EXPECT_EQ(fdb.learn(0, mac(1), 6, 13), kHeld);
}

TEST_F(FdbTest, ProtectedAddressesAreNeverEvictedAndAlwaysHaveRoom) {
  fdb.set_protected({mac(1), mac(2)}, Fdb::kAnyVlan);
  fdb.learn(0, mac(1), 5, 0);
  for (std::uint64_t i = 0; i < 300; ++i) {
    fdb.learn(0, mac(1000 + i), 5, 100);
    fdb.learn(0, mac(2000 + i), 6, 100);
  }
  EXPECT_EQ(fdb.lookup(0, mac(1)), 5);
  EXPECT_EQ(fdb.size(), 101U);
  EXPECT_EQ(fdb.learn(0, mac(2), 5, 100), kNew);
  EXPECT_EQ(fdb.size(), 102U);
  // In ever new VLANs they do not crowd everybody else out.
  for (std::uint16_t vlan = 1; vlan < 4000; ++vlan) fdb.learn(vlan, mac(1), 6, 100);
  EXPECT_EQ(fdb.size(), Fdb::kMaxProtected + 100U);
  EXPECT_GE(fdb.learned_on(5), 40U);
  EXPECT_EQ(fdb.lookup(0, mac(1)), 5);
  EXPECT_EQ(fdb.lookup(0, mac(2)), 5);
}

TEST_F(FdbTest, FlushPortForgetsThatPortOnly) {
  for (std::uint64_t i = 0; i < 10; ++i) fdb.learn(0, mac(i), static_cast<flow::PortNo>(i % 2), 0);
  EXPECT_EQ(fdb.flush_port(1), 5U);
  EXPECT_EQ(fdb.size(), 5U);
  EXPECT_EQ(fdb.lookup(0, mac(0)), 0);
  EXPECT_EQ(fdb.lookup(0, mac(1)), std::nullopt);
}

TEST_F(FdbTest, ListsEntriesInOrderWithTheirAges) {
  fdb.learn(5, mac(2), 1, 10);
  fdb.learn(5, mac(1), 1, 15);
  fdb.learn(0, mac(3), 2, 20);
  fdb.set_local(mac(9));
  const auto all = fdb.entries(25);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].mac, mac(3));
  EXPECT_EQ(all[0].age_s, 5U);
  EXPECT_EQ(all[1].mac, mac(1));
  EXPECT_EQ(all[2].age_s, 15U);
  EXPECT_EQ(all[3].vlan, Fdb::kAnyVlan);
  EXPECT_TRUE(all[3].is_static);
}

TEST_F(FdbTest, NoRoomAtAllIsSaid) {
  Fdb none{retired, {.max_entries = 0}};
  EXPECT_EQ(none.learn(0, mac(1), 1, 0), kNoRoom);
}

TEST_F(FdbTest, ADoubtedStationMovesOnlyIfItIsSilentWhereItWas) {
  fdb.set_protected({mac(1)}, 0);
  fdb.learn(0, mac(1), 5, 10);
  fdb.learn(0, mac(2), 5, 10);
  EXPECT_FALSE(fdb.doubt(0, mac(2), 10)) << "not protected: it moves anyway";
  EXPECT_FALSE(fdb.confirm_move(0, mac(1), 6, 10)) << "not doubted";
  ASSERT_EQ(fdb.learn(0, mac(1), 6, 10), kHeld);
  ASSERT_TRUE(fdb.doubt(0, mac(1), 10));
  EXPECT_FALSE(fdb.needs_learning(0, mac(1), 5, 10));  // heard, in the very second
  EXPECT_FALSE(fdb.confirm_move(0, mac(1), 6, 10));
  EXPECT_EQ(fdb.lookup(0, mac(1)), 5);
  ASSERT_EQ(fdb.learn(0, mac(1), 6, 11), kHeld);
  ASSERT_TRUE(fdb.doubt(0, mac(1), 11));
  EXPECT_TRUE(fdb.confirm_move(0, mac(1), 6, 12));
  EXPECT_EQ(fdb.lookup(0, mac(1)), 6);
  EXPECT_EQ(fdb.learn(0, mac(1), 5, 12), kMoved) << "home takes it back at once";
}

TEST_F(FdbTest, ReadersFindStandingEntriesWhileOthersComeAndGo) {
  Fdb busy{retired, {.max_entries = 64, .max_entries_per_port = 64, .ageing_s = 300}};
  for (std::uint64_t i = 0; i < 8; ++i) busy.set_static(0, mac(i), static_cast<flow::PortNo>(i));
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> wrong{0};
  qsbr.register_reader(1);
  std::thread reader{[&] {
    qsbr.online(1);
    while (!stop.load(std::memory_order_relaxed)) {
      for (std::uint64_t i = 0; i < 8; ++i)
        if (busy.lookup(0, mac(i)) != static_cast<flow::PortNo>(i)) ++wrong;
      for (std::uint64_t i = 100; i < 300; ++i) {
        const auto port = busy.lookup(0, mac(i));
        if (port && *port != 100 && *port != 101) ++wrong;
        busy.needs_learning(0, mac(i), 100, 1);
      }
      ++reads;
      qsbr.quiescent(1);
    }
    qsbr.offline(1);
  }};
  for (std::uint64_t n = 0; n < 50'000 || reads < 300; ++n) {
    busy.learn(0, mac(100 + n * 7 % 200), static_cast<flow::PortNo>(100 + n % 2), 1);
    if (n % 128 == 0) busy.flush_port(static_cast<flow::PortNo>(100 + n / 128 % 2));
    retired.reclaim();
  }
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace lifeline::table
