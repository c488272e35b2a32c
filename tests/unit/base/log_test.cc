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

TEST(Log, OneLibraryMaySayMoreOrLessThanTheOthers) {
  ASSERT_TRUE(log::set_level("inband", log::Level::kDebug));
  ASSERT_TRUE(log::set_level("control", log::Level::kError));
  EXPECT_FALSE(log::set_level("nonsuch", log::Level::kError));
  log::debug("inband", "a detail");
  log::debug("base", "not wanted");
  log::info("control", "not wanted");
  EXPECT_EQ(log::level_of("inband"), log::Level::kDebug);
  EXPECT_EQ(log::level_of("base"), std::nullopt);
  log::set_level("inband", std::nullopt);
  log::set_level("control", std::nullopt);
  log::debug("inband", "not wanted");
  log::info("control", "wanted again");
  EXPECT_TRUE(test::logged("DEBUG inband: a detail"));
  EXPECT_TRUE(test::logged("INFO control: wanted again"));
  EXPECT_FALSE(test::logged("not wanted"));
}

TEST(Log, LevelsAreReadInAnyCase) {
  EXPECT_EQ(log::parse_level("debug"), log::Level::kDebug);
  EXPECT_EQ(log::parse_level("Warn"), log::Level::kWarn);
  EXPECT_EQ(log::parse_level("ERROR"), log::Level::kError);
  for (const char* other : {"", "warning", "inf", "loud"}) EXPECT_FALSE(log::parse_level(other));
}

TEST(Log, AMessageThatIsLimitedSaysHowManyLikeItWereNot) {
  ManualClock clock;
  log::RateLimit limit(1, seconds{1});
  for (int i = 0; i < 4; ++i)
    log::limited(limit, clock.now(), log::Level::kInfo, "base", "peer {}", i);
  clock.advance(seconds{1});
  log::limited(limit, clock.now(), log::Level::kInfo, "base", "peer {}", 4);
  clock.advance(seconds{1});
  log::limited(limit, clock.now(), log::Level::kInfo, "base", "peer {}", 5);
  EXPECT_TRUE(test::logged("INFO base: peer 0"));
  EXPECT_FALSE(test::logged("peer 1"));
  EXPECT_TRUE(test::logged("INFO base: peer 4 (3 like it were not logged)"));
  EXPECT_FALSE(test::logged("peer 5 ("));
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
