// The key of the exact-match table: a flow key squeezed into one cache line.
//
// A FlowKey has 144 bytes, most of them zero in any one packet. An ExactKey has 64, laid out per
// kind of packet so that IPv4 (the fast case) needs the first four words only. What does not fit
// (neighbour discovery, mixtures that no parser makes) has no exact key: such a packet is *wide*
// and is classified one by one. expand() is the inverse, so by construction two packets with equal
// exact keys have equal flow keys; to_exact() refuses every flow key that expand() would not give
// back.
//
// Words, little end first (bytes in memory order from the left):
//   w0  in_port(2) eth_dst(6)
//   w1  eth_src(6) kind(4 bits)|ip_frag(3 bits)|inner_vlan(1 bit)(1) ip_tos(1)
//   w2  vlan_tci(2) ip_proto(1) 0(1) tp_src(2) tp_dst(2)
//   kIpv4   w3 ipv4_src(4) ipv4_dst(4)                              w4..w7 zero
//   kArp    w3 spa(4) tpa(4)   w4 sha(6) op(2)   w5 tha(6) 0(2)     w6, w7 zero
//   kIpv6   w3, w4 ipv6_src    w5, w6 ipv6_dst   w7 label(4) exthdr(2) hop_255(1) 0(1)
//   kOther  w3 mpls_lse(4) pbb_isid(4)   w4 eth_type(2) 0(6)        w5..w7 zero
#pragma once

#include <cstdint>

#include "packet/flow_key.h"
#include "table/exact_key.h"

namespace lifeline::datapath {

using packet::FlowKey;
using table::ExactKey;

// 0 never occurs in a valid key.
// The highest of its four bits is ExactKey::kHeadOnly.
enum class KeyKind : std::uint8_t { kNone = 0, kIpv6 = 2, kArp = 3, kOther = 4, kIpv4 = 9 };
static_assert(static_cast<std::uint64_t>(KeyKind::kIpv4) << 48 & ExactKey::kHeadOnly);
static_assert((static_cast<std::uint64_t>(KeyKind::kOther) << 48 & ExactKey::kHeadOnly) == 0);

inline KeyKind kind_of(const ExactKey& key) {
  return static_cast<KeyKind>((key.w[1] >> 48) & 0x0f);
}

// Fills `out` and returns true, or returns false if the flow key does not fit (`out` is then
// unspecified). metadata and tunnel_id must be zero: packets come in without them.
bool to_exact(const FlowKey& key, ExactKey* out);
FlowKey expand(const ExactKey& key);

}  // namespace lifeline::datapath
