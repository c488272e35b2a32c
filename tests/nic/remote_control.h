// What a test does to a running NIC from outside, by DPDK's telemetry:
//
//   /testnic/generate,NAME,gen=arp,rate=100000   another source (gen=none: silence)
//   /testnic/lose,NAME                           the rules are gone, nobody is told
//   /testnic/reset,NAME                          the rules are gone, RTE_ETH_EVENT_INTR_RESET
#pragma once

#include "nic.h"

namespace testnic {

// From list() to unlist() the commands find it. Any thread.
void list(Nic& nic);
void unlist(Nic& nic);

}  // namespace testnic
