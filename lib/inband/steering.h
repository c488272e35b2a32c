// From facts to steering intents: which packets a NIC should bring to the control queue.
//
// The hidden rules say it, but for three differences:
// - What only the local port sends needs none: (a), (l), (m), (n), (o), which say so themselves,
//   and (c), (q), whose source is the local MAC: from a wire that is a forgery and is dropped.
// - What guards let in has no rule and needs steering too: DHCP and DHCPv6 replies, a next hop's
//   announcements, router advertisements. Broader than the guards (a NIC knows no xid): software
//   looks again. Path MTU messages have none: they are rare, TCP sends again, and no NIC matches
//   the code of an ICMP message together with the packet that it quotes.
// - A strict (h) is steered like any other: software decides.
//
// Not a part of hidden_rules(): those must be exact, these may be wider.
#pragma once

#include <vector>

#include "flow/steering.h"
#include "inband/facts.h"

namespace lifeline::inband {

// In the order of their value, then of the rules. Each match once. Empty when in-band is off. Pure.
std::vector<flow::SteeringIntent> steering_intents(const Facts& facts);

}  // namespace lifeline::inband
