// From facts to hidden rules: the heart of in-band control, as pure functions.
//
// What. hidden_rules() says which hidden rules the facts call for, guards() which guards. Both are
// unions over the remotes, so that the agent (agent.h), which gathers the facts, works out the part
// of a remote that changed and leaves the others alone (rule_book.h, guard_book.h); it makes no
// decision about rules of its own.
//
//   a  from-local-dhcp     in_port=LOCAL, eth_src=local MAC, IPv4, UDP 68 -> 67   local MAC
//   b  to-local-arp        ARP reply, eth_dst=local MAC                           local MAC
//   c  from-local-arp      ARP request, eth_src=local MAC                         local MAC
//   d  to-next-hop-arp     ARP reply, eth_dst=next-hop MAC                   each next-hop MAC
//   e  from-next-hop-arp   ARP request, eth_src=next-hop MAC                 each next-hop MAC
//   f  to-remote-arp       ARP reply, arp_tpa=remote IP                      each remote IP
//   g  from-remote-arp     ARP request, arp_spa=remote IP                    each remote IP
//   h  to-remote-tcp       TCP, ip_dst=remote IP, tcp_dst=remote port        each remote
//   i  from-remote-tcp     TCP, ip_src=remote IP, tcp_src=remote port        each remote
//
// For controllers that have names, of each resolver, IPv4 or IPv6:
//
//   j  to-resolver-dns     in_port=LOCAL, eth_src=local MAC, UDP and TCP, ip_dst=resolver,
//                          tp_dst=53                                         each resolver
//   k  from-resolver-dns   eth_dst=local MAC, UDP and TCP, ip_src=resolver,
//                          tp_src=53                                         each resolver
//
// Both name the local MAC, so that they are ours alone and no tunnel, with `strict` or without: a
// switch behind this one whose controller has a name must be let through by flows. TCP is where an
// answer that is too long for a datagram comes (RFC 7766).
//
// With relay_arp, (d) and (e) have a second match each, for each next hop:
//
//   d  ARP request, arp_tpa=next-hop IP
//   e  ARP reply, eth_src=next-hop MAC, arp_spa=next-hop IP
//
// Without them a switch behind this one, whose address nobody here knows, cannot ask for its next
// hop and learns it only when the next hop asks for something itself. They are broader than the
// rest (any host may ask), so the operator says where switches hang behind this one. Their twins:
//
//   r  NS, nd_target=next-hop IP; RS
//   s  NA, eth_src=next-hop MAC, nd_target=next-hop IP
//
// Router advertisements are relayed by the datapath (datapath/relay.h): only from trusted ports.
//
// For an IPv6 remote, in place of (d) to (i) and beside (a) to (c); neighbour discovery (NS, NA:
// RFC 4861) stands for ARP, and its hop limit of 255 is part of each match.
//
//   l  from-local-dhcpv6   in_port=LOCAL, eth_src=local MAC, UDP 546 -> 547       local MAC
//   m  from-local-rs       in_port=LOCAL, eth_src=local MAC, RS                   local MAC
//   n  from-local-mld      in_port=LOCAL, eth_src=local MAC, MLD report           local MAC
//   o  from-local-na       in_port=LOCAL, eth_src=local MAC, NA                   local MAC
//   p  to-local-na         NA, eth_dst=local MAC                                  local MAC
//   q  from-local-ns       NS, eth_src=local MAC                                  local MAC
//   r  to-next-hop-na      NA, eth_dst=next-hop MAC                          each next-hop MAC
//   s  from-next-hop-ns    NS, eth_src=next-hop MAC                          each next-hop MAC
//   t  to-remote-na        NA, ipv6_dst=remote IP                            each remote IP
//   u  from-remote-ns      NS, ipv6_src=remote IP                            each remote IP
//   v  to-remote-tcp6      TCP, ipv6_dst=remote IP, tcp_dst=remote port      each remote
//   w  from-remote-tcp6    TCP, ipv6_src=remote IP, tcp_src=remote port      each remote
//
// Solicitations go to a multicast group of the address asked for (ff02::1:ffXX:XXXX), whose MAC
// says nothing about who asks: (q), (s) and (u) name the asker, as (c), (e) and (g) do, and NORMAL
// floods them. A snooping switch on the way sends the group only where somebody has reported it:
// (n). (o) has no twin: a DHCPv6 server answers to our link-local address and must resolve it
// first, while a DHCP reply needs no ARP. Who may ask us then is a guard's affair
// (datapath/nd_guard.h).
//
// Why this way. The set of rules is a function of the facts and of nothing else: not of what was
// installed before, not of the order in which the facts came, not of the state of a connection.
// So a lost fact cannot leave a rule behind, a reconnecting remote cannot lose one, and every
// question about the set is answered by a table test. Rejected: a flag per rule ("installed") that
// every event handler keeps up to date, which is where the known mistakes come from: (a) forgotten
// when the local MAC is lost, rules tied to a connection that exists only while it connects.
//
// Narrow. Beyond its row in the table above, every match says:
// - the management VLAN. Untagged means VID 0 under the mask of the VID bits alone, whatever the
//   present and priority bits: an untagged frame has vlan_tci 0, a priority tag has VID 0, and
//   OpenFlow's own "no tag" would exclude the latter. A VLAN of its own needs the present bit
//   too. `any` says nothing about the outer tag.
// - no second tag (except with `any`): eth_type is what follows all tags, so without this a QinQ
//   frame whose outer tag has VID 0 would pass for untagged and carry a tenant's ARP and TCP in.
//   MPLS and PBB need no word: their eth_type is their own.
// - of (a), (h) to (k): not a fragment. The first fragment has ports and would match, the later
// ones
//   have none and would not; half a datagram helps nobody, and fragments of TCP are not supported.
// Strict. (h) names the next hop's MAC as its destination, one rule for each (the local MAC where
// the remote is this host), so that without a known next hop there is none. That (i) comes in by
// the port where the next hop is, and that neither is flooded, no match can say, as stations move:
// the datapath looks at each packet (GuardedRemote::macs).
//
// There are no in_port conditions but (a)'s: the remote may be behind any port, and may move.
//
// Invariants. Kind and match name a rule; a set has no two rules with the same name. Rules of
// different kinds may have overlapping matches: all do the same, and each kind has its own
// priority, so which one counts a packet is fixed. Every priority is above 65535.
//
// What gives no rule: a loopback remote (its packets never leave the host's stack), a MAC that is
// all zeros or a group address (it would name nobody, or everybody). (l) to (q) stand only beside a
// remote with an IPv6 address.
//
// Roles. A controller of switches behind us (also_reach) calls for what one of ours does. A next
// hop of switches behind us (also_next_hop) calls for (d) and (e) or (r) and (s) alone, of its own
// MAC: an address behind a gateway gives none. One that is given as a MAC address gets both
// families'. Next hops alone call for nothing: without somebody to reach no rule stands. A resolver
// calls for (j) and (k), and for (d) and (e) or (r) and (s): it, or the gateway to it, asks for our
// MAC before it answers. (f) and (g) would add nothing, as (j) begins at the local port.
//
// Names. A controller whose name has no answer yet has no rules, but the way to the answer must be
// open, for DHCP too: (a) to (c) and (l) to (q) stand as if it were there (Facts::awaits_names).
//
// Thread-safety: pure functions. Cost: linear in the remotes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/guards.h"
#include "flow/match.h"
#include "flow/rule_writer.h"
#include "inband/facts.h"

namespace lifeline::inband {

// The letters of the tables above, each with a fixed number.
enum class Kind : std::uint8_t {
  kFromLocalDhcp,    // a
  kToLocalArp,       // b
  kFromLocalArp,     // c
  kToNextHopArp,     // d
  kFromNextHopArp,   // e
  kToRemoteArp,      // f
  kFromRemoteArp,    // g
  kToRemoteTcp,      // h
  kFromRemoteTcp,    // i
  kToResolverDns,    // j
  kFromResolverDns,  // k
  kFromLocalDhcpv6 = 'l' - 'a',
  kFromLocalRs,     // m
  kFromLocalMld,    // n
  kFromLocalNa,     // o
  kToLocalNa,       // p
  kFromLocalNs,     // q
  kToNextHopNa,     // r
  kFromNextHopNs,   // s
  kToRemoteNa,      // t
  kFromRemoteNs,    // u
  kToRemoteTcp6,    // v
  kFromRemoteTcp6,  // w
};
inline constexpr std::array kAllKinds = {
    Kind::kFromLocalDhcp,  Kind::kToLocalArp,    Kind::kFromLocalArp,    Kind::kToNextHopArp,
    Kind::kFromNextHopArp, Kind::kToRemoteArp,   Kind::kFromRemoteArp,   Kind::kToRemoteTcp,
    Kind::kFromRemoteTcp,  Kind::kToResolverDns, Kind::kFromResolverDns, Kind::kFromLocalDhcpv6,
    Kind::kFromLocalRs,    Kind::kFromLocalMld,  Kind::kFromLocalNa,     Kind::kToLocalNa,
    Kind::kFromLocalNs,    Kind::kToNextHopNa,   Kind::kFromNextHopNs,   Kind::kToRemoteNa,
    Kind::kFromRemoteNs,   Kind::kToRemoteTcp6,  Kind::kFromRemoteTcp6};

char kind_letter(Kind kind);            // 'a' to 'w'
std::string_view kind_name(Kind kind);  // "from-local-dhcp"
// (a) 18181809 down to (w) 18181787: one fixed number per kind, above all of OpenFlow's.
std::uint32_t kind_priority(Kind kind);

struct HiddenRule {
  Kind kind{};
  flow::Match match;
  std::uint32_t priority = 0;
  // For whom it stands, one phrase each, in the order of the facts ("next hop 10.0.0.1 of
  // tcp:192.0.2.1:6653").
  std::vector<std::string> why;
  bool operator==(const HiddenRule&) const = default;

  // Kind and match name a rule; two rules of one set never agree in both.
  bool same_rule(const HiddenRule& o) const { return kind == o.kind && match == o.match; }
  // "(h) to-remote-tcp priority=18181802,tcp,…"
  std::string to_string() const;
  std::string why_text() const;  // `why`, with commas between
};

// True of an address that one station can have: neither nobody's nor everybody's.
bool names_a_station(const std::optional<MacAddress>& mac);
// There is TCP to be let through: (f) to (i) or (t) to (w).
bool has_session(const Remote& remote);
// True if there is a control connection to keep because of this remote. Without one that does, (a)
// to (c) would only take ARP and DHCP from the controller's policy, and no rule stands.
bool calls_for_rules(const Remote& remote, Reach reach);
// (l) to (q) are needed because of it.
bool calls_for_ipv6(const RemoteFacts& remote);

// (a) to (c), with `ipv6` also (l) to (q).
std::vector<HiddenRule> rules_of_local(const Scope& scope, bool ipv6);
// The others, of one remote; none of a loopback one.
std::vector<HiddenRule> rules_of_remote(const RemoteFacts& remote, const Scope& scope);
// Every hidden rule that the facts call for, in the order of the letters, then of the remotes: the
// union of the above. Empty when in-band is off.
std::vector<HiddenRule> hidden_rules(const Facts& facts);

// Of a rule's name (kind and match), for tables of rules.
std::size_t name_hash(Kind kind, const flow::Match& match);

// What every hidden rule does: NORMAL, in place of the pipeline.
flow::Instructions hidden_instructions();

flow::Guards guards(const Facts& facts);

}  // namespace lifeline::inband
