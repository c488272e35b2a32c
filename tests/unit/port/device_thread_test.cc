#include "port/device_thread.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>
#include <vector>

namespace lifeline::port {
namespace {

void wait_for_answers(DeviceThread& thread, std::size_t n) {
  while (n > 0) {
    pollfd p{thread.fd(), POLLIN, 0};
    ASSERT_EQ(poll(&p, 1, 5000), 1) << "no answer";
    n -= std::min(n, thread.poll());
  }
}

TEST(DeviceThread, JobsRunElsewhereAndAnswersHereInOrder) {
  auto thread = DeviceThread::start();
  ASSERT_TRUE(thread);
  const auto here = std::this_thread::get_id();
  std::vector<int> answers;
  for (int i = 0; i < 3; ++i) {
    (*thread)->post([i, here] { return std::this_thread::get_id() == here ? -1 : i; },
                    [&answers, here](int value) {
                      EXPECT_EQ(std::this_thread::get_id(), here);
                      answers.push_back(value);
                    });
  }
  wait_for_answers(**thread, 3);
  EXPECT_EQ(answers, (std::vector<int>{0, 1, 2}));
}

TEST(DeviceThread, AnAnswerMayPostAgain) {
  auto thread = DeviceThread::start();
  ASSERT_TRUE(thread);
  bool done = false;
  (*thread)->post([] { return 1; },
                  [&](int) { (*thread)->post([] { return 2; }, [&](int v) { done = v == 2; }); });
  wait_for_answers(**thread, 2);
  EXPECT_TRUE(done);
}

TEST(DeviceThread, EndsWithAnswersThatNobodyPolled) {
  auto thread = DeviceThread::start();
  ASSERT_TRUE(thread);
  for (int i = 0; i < 100; ++i) (*thread)->post([] { return 0; }, [](int) { FAIL(); });
}

}  // namespace
}  // namespace lifeline::port
