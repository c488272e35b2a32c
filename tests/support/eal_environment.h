// One EAL for a test program, made before its first test: no huge pages, no PCI, no shared files,
// so that any number of test programs run side by side and as any user.
#pragma once

#include <string>
#include <vector>

namespace lifeline::support {

// Linking eal_env_dep is enough: the environment registers itself. Without arguments of a program's
// own, EAL runs on lcore 0 with 256 MB of heap.
//
// To give other arguments (vdevs, lcores), define this in the test program: they are appended.
//   std::vector<std::string> lifeline::support::eal_arguments() { return {"--vdev", "net_null0"}; }
std::vector<std::string> eal_arguments();

}  // namespace lifeline::support
