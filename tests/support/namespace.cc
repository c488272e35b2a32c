#include "support/namespace.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace lifeline::test {

void in_namespace(const std::function<void()>& body) {
  constexpr int kSkipped = 77;
  std::fflush(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      std::fprintf(stderr, "unshare: %s\n", std::strerror(errno));
      _exit(kSkipped);
    }
    body();
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "not permitted to make a namespace";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "see the failures above";
}

void ip(const std::string& command) {
  EXPECT_EQ(std::system(("ip " + command).c_str()), 0) << "ip " << command;
}

}  // namespace lifeline::test
