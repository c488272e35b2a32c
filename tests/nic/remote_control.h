// What a test does to a running NIC from outside, by DPDK's telemetry:
//
//   /testnic/generate,NAME,gen=arp,rate=100000   another source (gen=none: silence)
//   /testnic/lose,NAME                           the rules are gone, nobody is told
//   /testnic/reset,NAME                          the rules are gone, RTE_ETH_EVENT_INTR_RESET
//   /testnic/unplug,NAME                         it is gone, RTE_ETH_EVENT_INTR_RMV; none can be
//   made /testnic/plug,NAME                           one of that name can be made again
//   /testnic/link,NAME,down|up                   the cable, RTE_ETH_EVENT_INTR_LSC
//   /testnic/send,NAME,1000|all                  packets per second that each TX queue takes
#pragma once

#include <string>

#include "nic.h"

namespace testnic {

// From list() to unlist() the commands find it. Any thread.
void list(Nic& nic);
void unlist(Nic& nic);
bool is_unplugged(const std::string& name);

}  // namespace testnic
