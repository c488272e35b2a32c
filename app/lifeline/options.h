// The command line: EAL's arguments, "--", then ours. EAL's go to DPDK untouched.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lifeline {

// Exit codes; documented in lifeline(8) and used by scripts.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // could not start, or stopped on an error
inline constexpr int kExitUsage = 2;    // the command line is wrong

struct Options {
  std::vector<char*> eal_arguments;  // argv[0] first; point into argv
  std::string config_path = "/etc/lifeline/lifeline.yaml";
  bool check_config = false;
  bool print_config = false;
};

// Parses argv. Sets `exit_code` and returns nullopt if the program is to stop now (--help,
// --version, or an error, each already printed).
std::optional<Options> parse_options(int argc, char** argv, int& exit_code);

}  // namespace lifeline
