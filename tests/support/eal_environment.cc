#include "support/eal_environment.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_errno.h>

namespace lifeline::support {

__attribute__((weak)) std::vector<std::string> eal_arguments() { return {}; }

namespace {

class EalEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    arguments_ = {"test", "--no-huge", "--no-shconf", "--no-pci",
                  "-m",   "256",       "--log-level", "lib.eal:error"};
    bool lcores_given = false;
    for (std::string& a : eal_arguments()) {
      lcores_given = lcores_given || a == "-l" || a.starts_with("--lcores");
      arguments_.push_back(std::move(a));
    }
    if (!lcores_given) arguments_.insert(arguments_.end(), {"-l", "0"});
    std::vector<char*> argv;
    for (std::string& a : arguments_) argv.push_back(a.data());
    const int rc = rte_eal_init(static_cast<int>(argv.size()), argv.data());
    ASSERT_GE(rc, 0) << "rte_eal_init: " << rte_strerror(rte_errno);
  }
  void TearDown() override { rte_eal_cleanup(); }

 private:
  std::vector<std::string> arguments_;  // EAL keeps pointers into it
};

[[maybe_unused]] const testing::Environment* const kRegistered =
    testing::AddGlobalTestEnvironment(new EalEnvironment);

}  // namespace

}  // namespace lifeline::support
