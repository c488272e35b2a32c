#include "sync/qsbr.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "sync/published.h"
#include "sync/retire_list.h"

namespace lifeline::sync {
namespace {

// Counts how many of its kind are alive.
struct Counted {
  explicit Counted(int& alive) : alive_(alive) { ++alive_; }
  ~Counted() { --alive_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int& alive_;
};

TEST(Qsbr, TokenPassesAtOnceWithoutReaders) {
  Qsbr qsbr;
  EXPECT_TRUE(qsbr.passed(qsbr.start()));
}

TEST(Qsbr, TokenWaitsForEveryOnlineReader) {
  Qsbr qsbr{3};
  for (SlotId s : {0U, 1U, 2U}) {
    qsbr.register_reader(s);
    qsbr.online(s);
  }
  const Qsbr::Token token = qsbr.start();
  EXPECT_FALSE(qsbr.passed(token));
  qsbr.quiescent(0);
  qsbr.quiescent(1);
  EXPECT_FALSE(qsbr.passed(token));
  qsbr.offline(2);
  EXPECT_TRUE(qsbr.passed(token));
}

TEST(Qsbr, QuiescentStateBeforeTheTokenDoesNotCount) {
  Qsbr qsbr;
  qsbr.register_reader(5);
  qsbr.online(5);
  qsbr.quiescent(5);
  EXPECT_FALSE(qsbr.passed(qsbr.start()));
}

TEST(RetireList, FreesAfterTheGracePeriodAndNotBefore) {
  Qsbr qsbr;
  RetireList retired{qsbr};
  qsbr.register_reader(1);
  qsbr.online(1);
  int alive = 0;
  retired.retire(std::make_unique<Counted>(alive));
  EXPECT_EQ(retired.reclaim(), 0U);
  EXPECT_EQ(alive, 1);
  qsbr.quiescent(1);
  EXPECT_EQ(retired.reclaim(), 1U);
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(retired.reclaimed(), 1U);
}

TEST(RetireList, ReclaimsNoMoreThanAsked) {
  int alive = 0;
  Qsbr qsbr;
  RetireList retired{qsbr};
  for (int i = 0; i < 10; ++i) retired.retire(std::make_unique<Counted>(alive));
  EXPECT_EQ(retired.reclaim(4), 4U);
  EXPECT_EQ(alive, 6);
  EXPECT_EQ(retired.pending(), 6U);
}

TEST(RetireList, CallMayRetireMoreAndThatWaitsAnotherGracePeriod) {
  Qsbr qsbr;
  RetireList retired{qsbr};
  qsbr.register_reader(1);
  qsbr.online(1);
  int alive = 0;
  retired.retire_call([&, inner = std::make_unique<Counted>(alive)]() mutable {
    retired.retire(std::move(inner));
  });
  qsbr.quiescent(1);
  EXPECT_EQ(retired.reclaim(), 1U);
  EXPECT_EQ(alive, 1);
  qsbr.quiescent(1);
  EXPECT_EQ(retired.reclaim(), 1U);
  EXPECT_EQ(alive, 0);
}

TEST(RetireList, DestructorFreesWhatIsLeft) {
  Qsbr qsbr;
  int alive = 0;
  {
    RetireList retired{qsbr};
    retired.retire_call([&] { retired.retire(std::make_unique<Counted>(alive)); });
    retired.retire(std::make_unique<Counted>(alive));
  }
  EXPECT_EQ(alive, 0);
}

// The object poisons itself when it is deleted; a reader must never see that.
struct Pair {
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  ~Pair() {
    const_cast<volatile std::uint64_t&>(a) = ~std::uint64_t{0};
    const_cast<volatile std::uint64_t&>(b) = 0;
  }
};

TEST(Published, ReadersSeeWholeObjectsWhileTheWriterReplacesThem) {
  Qsbr qsbr;
  RetireList retired{qsbr};
  Published<Pair> published{std::unique_ptr<const Pair>(new Pair{1, 1})};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> reads{0};
  std::atomic<int> torn{0};
  qsbr.register_reader(1);
  std::thread reader{[&] {
    qsbr.online(1);
    while (!stop.load(std::memory_order_relaxed)) {
      const Pair* p = published.read();
      if (p->a != p->b) ++torn;
      ++reads;
      qsbr.quiescent(1);
    }
    qsbr.offline(1);
  }};
  std::uint64_t n = 1;
  while (reads.load() < 20'000 || n < 20'000) {
    ++n;
    published.publish(std::unique_ptr<const Pair>(new Pair{n, n}), retired);
    retired.reclaim();
  }
  stop = true;
  reader.join();
  EXPECT_EQ(torn.load(), 0);
  EXPECT_GT(retired.reclaimed(), 0U);
  retired.reclaim(~std::size_t{0});
  EXPECT_EQ(retired.pending(), 0U);
}

}  // namespace
}  // namespace lifeline::sync
