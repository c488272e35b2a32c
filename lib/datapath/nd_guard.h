// The guards of IPv6: what no rule can match, and IPv4 has in another form or not at all.
//
// - DHCPv6 replies come from a server nobody has named: one that answers an exchange of ours
//   (transaction id and client DUID) is delivered to LOCAL.
// - Before it can answer, the server has to resolve our link-local address. A solicitation for the
//   address that an exchange of ours came from is delivered while that exchange is young.
// - Router advertisements (SLAAC, default route) and MLD queries (unanswered, a snooping switch
//   forgets us) are delivered from trusted ports (flow/guards.h), to LOCAL only.
// - Neighbour discovery of a next hop is delivered like its ARP: GuardState::wants_next_hop_nd().
//
// All of them must have been sent on this link: a hop limit of 255, of MLD 1 (RFC 4861, 7.1; RFC
// 3810, 5). All are copies in addition to what the tables decide, limited per ingress port.
#pragma once

#include <cstdint>
#include <span>

#include "datapath/guard_state.h"
#include "packet/flow_key.h"
#include "packet/parse.h"

namespace lifeline::datapath {

// Of a packet with this key, should the guard look? Pure; any thread.
bool wants_dhcpv6(const GuardState& guards, const packet::FlowKey& key);
bool wants_solicitation(const GuardState& guards, const packet::FlowKey& key);
bool wants_router(const GuardState& guards, const packet::FlowKey& key);
// Should any guard, of IPv4 or IPv6? Then the packet is about us.
bool is_guards_affair(const GuardState& guards, const packet::FlowKey& key);

// `frame` has a key that wants_*() took, `l4` is where its UDP or ICMPv6 header begins.
bool is_our_dhcpv6_reply(std::span<const std::byte> frame, std::uint16_t l4,
                         const GuardState& guards, const Dhcpv6Exchanges& exchanges,
                         std::uint32_t now_s);
bool asks_for_our_address(const packet::FlowKey& key, const Dhcpv6Exchanges& exchanges,
                          std::uint32_t now_s);
// A well-formed router advertisement or MLD query.
bool is_router_message(std::span<const std::byte> frame, const packet::Layers& layers);

// Records exchange and address if the frame (from LOCAL) is a DHCPv6 request of the local MAC.
void note_dhcpv6_request(std::span<const std::byte> frame, const GuardState& guards,
                         Dhcpv6Exchanges& exchanges, std::uint32_t now_s);

}  // namespace lifeline::datapath
