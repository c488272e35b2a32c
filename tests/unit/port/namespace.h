// The test program lives in a network namespace of its own, made before EAL (so that DPDK's threads
// are in it, too) and gone with the process.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lifeline::port {

// False when the program may not make namespaces; tests that need one are skipped then.
bool in_own_namespace();

// Runs `ip ARGUMENTS`; true when it exited with 0.
bool ip(const std::string& arguments);

using Frame = std::vector<std::uint8_t>;

Frame contents(const rte_mbuf* m);
// A frame from (02::1 to 02::2) of an experimental ether type, 60 bytes, that carries `tag`.
Frame test_frame(std::uint8_t tag);
rte_mbuf* to_mbuf(rte_mempool* pool, const Frame& frame);

}  // namespace lifeline::port

#define NEEDS_NAMESPACE() \
  if (!lifeline::port::in_own_namespace()) GTEST_SKIP() << "needs root for a network namespace"
