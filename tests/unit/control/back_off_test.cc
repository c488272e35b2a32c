#include "control/back_off.h"

#include <gtest/gtest.h>

namespace lifeline::control {
namespace {

using namespace std::chrono_literals;

TEST(BackOff, AnUnansweredSynIsGivenUpAfterAQuarterSecondOnlyWhileTheRemoteHasNeverAnswered) {
  BackOff back_off;
  EXPECT_EQ(back_off.connect_timeout(), Duration{250ms});
  back_off.answered();
  EXPECT_EQ(back_off.connect_timeout(), Duration{1s});
}

TEST(BackOff, TheFirstRetryAfterALostSessionComesAtOnce) {
  BackOff back_off;
  EXPECT_EQ(back_off.after_session(1h), Duration::zero());
  EXPECT_EQ(back_off.after_session(10ms), Duration::zero());
}

TEST(BackOff, AControllerThatAcceptsAndClosesIsTriedEverLessOftenUpToOneSecond) {
  BackOff back_off;
  Duration last{};
  Duration total{};
  for (int i = 0; i < 20; ++i) {
    const Duration delay = back_off.after_session(1ms);
    EXPECT_GE(delay, last);
    EXPECT_LE(delay, Duration{1s});
    last = delay;
    total += delay;
  }
  EXPECT_EQ(last, Duration{1s});
  EXPECT_GT(total, Duration{10s});
}

TEST(BackOff, AGoodSessionForgivesTheBadOnesBefore) {
  BackOff back_off;
  for (int i = 0; i < 20; ++i) back_off.after_session(1ms);
  EXPECT_EQ(back_off.after_session(1min), Duration::zero());
  EXPECT_EQ(back_off.after_session(1ms), Duration::zero());
  EXPECT_EQ(back_off.after_session(1ms), BackOff::kFirstDelay);
}

}  // namespace
}  // namespace lifeline::control
