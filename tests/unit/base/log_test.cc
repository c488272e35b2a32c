#include "base/log.h"

#include <gtest/gtest.h>

#include "support/log_capture.h"

namespace lifeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LogCapture, SeesWhatTheTestLogs) {
  log::info("base", "the number is {}", 7);
  EXPECT_TRUE(test::logged("INFO base: the number is 7"));
}

TEST(LogCapture, AnnouncedWarningIsNoFailure) {
  test::ExpectLog("the door is open");
  log::warn("base", "the door is open: {}", "back");
}

TEST(LogCapture, AllowedWarningMayStayAway) { test::AllowLog("never said"); }

TEST(Log, DropsWhatIsLessUrgentThanTheLevel) {
  log::debug("base", "not enabled");
  EXPECT_FALSE(test::logged("not enabled"));
  log::set_level(log::Level::kDebug);
  log::debug("base", "now enabled");
  log::set_level(log::Level::kInfo);
  EXPECT_TRUE(test::logged("DEBUG base: now enabled"));
}

TEST(RateLimit, LetsTheBurstThroughThenOnePerInterval) {
  ManualClock clock;
  log::RateLimit limit(3, seconds{1});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.allow(clock.now()));
  EXPECT_FALSE(limit.allow(clock.now()));
  clock.advance(milliseconds{999});
  EXPECT_FALSE(limit.allow(clock.now()));
  clock.advance(milliseconds{1});
  EXPECT_TRUE(limit.allow(clock.now()));
  EXPECT_FALSE(limit.allow(clock.now()));
  EXPECT_EQ(limit.suppressed(), 3u);
}

TEST(RateLimit, SavesUpNoMoreThanTheBurst) {
  ManualClock clock;
  log::RateLimit limit(2, seconds{1});
  EXPECT_TRUE(limit.allow(clock.now()));
  clock.advance(seconds{3600});
  EXPECT_TRUE(limit.allow(clock.now()));
  EXPECT_TRUE(limit.allow(clock.now()));
  EXPECT_FALSE(limit.allow(clock.now()));
}

TEST(RateLimit, PartsOfAnIntervalAreNotLost) {
  ManualClock clock;
  log::RateLimit limit(1, seconds{1});
  EXPECT_TRUE(limit.allow(clock.now()));
  clock.advance(milliseconds{1500});
  EXPECT_TRUE(limit.allow(clock.now()));
  clock.advance(milliseconds{500});
  EXPECT_TRUE(limit.allow(clock.now()));
}

}  // namespace
}  // namespace lifeline
