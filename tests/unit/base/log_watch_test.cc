// Each of these tests must fail: meson demands it of the whole program (should_fail), once per
// test.
#include <gtest/gtest.h>

#include "base/log.h"
#include "support/log_capture.h"

namespace lifeline {
namespace {

TEST(LogWatch, UnannouncedWarningFailsTheTest) { log::warn("base", "nobody expects this"); }

TEST(LogWatch, AnnouncedLineThatNeverComesFailsTheTest) { test::ExpectLog("this never comes"); }

}  // namespace
}  // namespace lifeline
