// The hidden rules for IPv6 remotes: twins of (a) to (i), see inband_rules.h. Part of
// inband_rules.cc.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/mac_address.h"
#include "flow/match.h"
#include "inband/facts.h"
#include "inband/inband_rules.h"

namespace lifeline::inband {

// A rule without its VLAN and its reason.
using KindMatch = std::pair<Kind, flow::Match>;

std::vector<KindMatch> local_rules_v6(MacAddress mac);
std::vector<KindMatch> next_hop_rules_v6(MacAddress mac);
// The second matches of (r) and (s), with relay_arp.
std::vector<KindMatch> relay_rules_v6(MacAddress mac, const Ipv6Address& ip);
std::vector<KindMatch> remote_rules_v6(const Ipv6Address& ip, std::uint16_t port);

}  // namespace lifeline::inband
