// What passes for switches behind this one that no hidden rule can name: their DHCP
// (in_band.relay_dhcp) and the router advertisements that they need (in_band.relay_arp).
//
// A DHCP request comes from the MAC address that it asks for (chaddr); a reply often goes to
// everybody, and says only inside for whom it is. DHCPv6 requests come from the client's MAC
// address and go to ff02::1:2; a reply goes to that address. Both must be whole and well-formed.
// The MAC addresses must be among those that the operator named, and are never our own: our DHCP
// has rules and guards of its own. Router advertisements must come from a trusted port
// (flow/guards.h).
//
// What passes does so by NORMAL in place of the tables, as by a hidden rule: no port flag applies,
// no rule of a controller sees or counts it. It is looked at packet by packet, so that the cached
// decision is no wider than this, and limited by the ingress port.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "datapath/guard_state.h"
#include "datapath/ops.h"
#include "packet/flow_key.h"
#include "packet/parse.h"

namespace lifeline::datapath {

// What a packet with this key may be, if a look at it says so.
std::optional<Relay> wants_relay(const GuardState& guards, const packet::FlowKey& key);

// `frame` has the key that wants_relay() took. True if it is what `relay` says; whether an
// advertisement's port is trusted is not looked at.
bool is_relayed(std::span<const std::byte> frame, const packet::FlowKey& key,
                const packet::Layers& layers, const GuardState& guards, Relay relay);

}  // namespace lifeline::datapath
