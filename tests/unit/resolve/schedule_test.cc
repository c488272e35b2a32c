#include "resolve/schedule.h"

#include <gtest/gtest.h>

namespace lifeline::resolve {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct ScheduleTest : testing::Test {
  ManualClock clock;
  Schedule schedule{clock.now()};

  // How long from now to the next question.
  Duration wait() const { return schedule.due() - clock.now(); }
  void ask() { schedule.asked(clock.now()); }
  void answer(Duration ttl) { schedule.answered(ttl, clock.now()); }
};

TEST_F(ScheduleTest, ANewNameIsDueAtOnceAndWhileAskedNeverIs) {
  EXPECT_EQ(wait(), Duration::zero());
  ask();
  EXPECT_TRUE(schedule.under_way());
  EXPECT_EQ(schedule.due(), TimePoint::max());
}

TEST_F(ScheduleTest, AnAnswerHoldsForItsTimeToLive) {
  ask();
  clock.advance(seconds{1});
  answer(seconds{60});
  EXPECT_EQ(wait(), seconds{60}) << "from the answer on, not from the question";
}

TEST_F(ScheduleTest, ATimeToLiveIsTakenWithinLimits) {
  ask();
  answer(seconds{0});
  EXPECT_EQ(wait(), seconds{2});
  ask();
  answer(hours{24 * 7});
  EXPECT_EQ(wait(), hours{1});
}

TEST_F(ScheduleTest, FailuresAreRetriedSlowerAndSlowerUpToALimitUntilAnAnswer) {
  Duration expected = milliseconds{250};
  for (int i = 0; i < 10; ++i) {
    ask();
    schedule.failed(clock.now());
    EXPECT_EQ(wait(), expected) << i;
    clock.advance(wait());
    expected = std::min<Duration>(2 * expected, seconds{10});
  }
  EXPECT_EQ(expected, seconds{10});
  ask();
  answer(seconds{30});
  ask();
  schedule.failed(clock.now());
  EXPECT_EQ(wait(), milliseconds{250}) << "an outage begins anew";
}

TEST_F(ScheduleTest, AChangeBringsTheQuestionForwardButMakesNoStorm) {
  ask();
  answer(seconds{60});
  schedule.soon(clock.now());
  EXPECT_EQ(wait(), milliseconds{250}) << "just asked";
  clock.advance(seconds{10});
  schedule.soon(clock.now());
  EXPECT_LE(wait(), Duration::zero());
}

TEST_F(ScheduleTest, AChangeDuringAQuestionAsksOnceMoreAfterIt) {
  ask();
  schedule.soon(clock.now());
  EXPECT_TRUE(schedule.under_way());
  clock.advance(seconds{1});
  answer(seconds{60});
  EXPECT_EQ(wait(), Duration::zero());
  ask();
  answer(seconds{60});
  EXPECT_EQ(wait(), seconds{60}) << "once";
}

TEST_F(ScheduleTest, ADoubtedAnswerIsAskedAgainButNotAtEachDoubt) {
  ask();
  answer(hours{1});
  schedule.doubt(clock.now());
  EXPECT_EQ(wait(), seconds{5});
  clock.advance(seconds{7});
  ask();
  answer(hours{1});
  clock.advance(seconds{6});
  schedule.doubt(clock.now());
  EXPECT_EQ(wait(), Duration::zero());
}

TEST_F(ScheduleTest, NothingPutsAQuestionOff) {
  ask();
  answer(seconds{2});
  schedule.doubt(clock.now());
  schedule.soon(clock.now());
  EXPECT_EQ(wait(), milliseconds{250});
  schedule.doubt(clock.now());
  EXPECT_EQ(wait(), milliseconds{250});
}

}  // namespace
}  // namespace lifeline::resolve
