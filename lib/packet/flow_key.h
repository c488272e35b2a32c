// The flow key: every header value that a rule may match, extracted from one packet.
//
// One fixed layout serves key and mask, so that masking is a loop over 64-bit words and a subtable
// of the classifier can hash only the words its mask touches. Values are in wire order. A field
// that the packet does not have is zero; eth_type and ip_proto say which fields are meaningful, and
// OpenFlow's prerequisites make sure that a match asks for them too. There is no padding outside
// `zero*` members (always zero): equality of the bytes is equality of the key.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/byte_order.h"
#include "base/ip_address.h"
#include "base/mac_address.h"

namespace lifeline::packet {

inline constexpr std::uint16_t kEthTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEthTypeArp = 0x0806;
inline constexpr std::uint16_t kEthTypeVlan = 0x8100;
inline constexpr std::uint16_t kEthTypeIpv6 = 0x86dd;
inline constexpr std::uint16_t kEthTypeMpls = 0x8847;
inline constexpr std::uint16_t kEthTypeMplsMulticast = 0x8848;
inline constexpr std::uint16_t kEthTypeQinQ = 0x88a8;
inline constexpr std::uint16_t kEthTypePbb = 0x88e7;
// eth_type of an IEEE 802.3 frame with a length in place of a type (OpenFlow 1.0, 5.1: 0x05ff).
inline constexpr std::uint16_t kEthTypeNone = 0x05ff;

inline constexpr std::uint8_t kProtoIcmp = 1;
inline constexpr std::uint8_t kProtoTcp = 6;
inline constexpr std::uint8_t kProtoUdp = 17;
inline constexpr std::uint8_t kProtoIcmpv6 = 58;
inline constexpr std::uint8_t kProtoSctp = 132;

// vlan_tci: 0 = no tag; else PCP(3) | kVlanPresent | VID(12) of the outermost tag. The wire's DEI
// bit is not matched.
inline constexpr std::uint16_t kVlanPresent = 0x1000;
inline constexpr std::uint16_t kVlanVidMask = 0x0fff;
inline constexpr std::uint16_t kVlanPcpMask = 0xe000;

// ip_frag bits. A later fragment has no transport ports (they are zero).
inline constexpr std::uint8_t kFragAny = 1;    // part of a fragmented datagram
inline constexpr std::uint8_t kFragLater = 2;  // not the first fragment

// ipv6_exthdr bits: OFPIEH_* of OpenFlow 1.3, 7.2.3.8.
inline constexpr std::uint16_t kExthdrNoNext = 1;
inline constexpr std::uint16_t kExthdrEsp = 2;
inline constexpr std::uint16_t kExthdrAuth = 4;
inline constexpr std::uint16_t kExthdrDest = 8;
inline constexpr std::uint16_t kExthdrFrag = 16;
inline constexpr std::uint16_t kExthdrRouter = 32;
inline constexpr std::uint16_t kExthdrHop = 64;
inline constexpr std::uint16_t kExthdrUnrep = 128;  // one came more often than it may
inline constexpr std::uint16_t kExthdrUnseq = 256;  // not in the order of RFC 8200, 4.1

struct FlowKey {
  // -- word 0: pipeline state
  be64 metadata;
  // -- word 1
  be64 tunnel_id;
  // -- word 2: in_port is the switch's own port number (flow/port_no.h), host order
  std::uint32_t in_port = 0;
  be16 vlan_tci;  // see kVlanPresent
  be16 eth_type;  // after all VLAN tags (at most two are skipped)
  // -- words 3, 4
  MacAddress eth_dst;
  MacAddress eth_src;
  be32 mpls_lse;  // label(20) tc(3) bos(1); the TTL bits are zero
  // -- word 5: IPv4, IPv6
  std::uint8_t ip_proto = 0;    // of IPv6: the transport protocol after the extension headers
  std::uint8_t ip_tos = 0;      // DSCP(6) ECN(2); of IPv6 the traffic class
  std::uint8_t ip_frag = 0;     // kFragAny, kFragLater
  std::uint8_t inner_vlan = 0;  // 1: a second VLAN tag follows the outermost (QinQ), else 0
  be16 tp_src;                  // TCP, UDP, SCTP source port; ICMP and ICMPv6 type
  be16 tp_dst;                  // TCP, UDP, SCTP destination port; ICMP and ICMPv6 code
  // -- word 6: IPv4 addresses; of ARP the protocol addresses (SPA, TPA)
  Ipv4Address ipv4_src;
  Ipv4Address ipv4_dst;
  // -- words 7, 8: ARP
  be16 arp_op;
  MacAddress arp_sha;
  MacAddress arp_tha;
  be16 zero1;
  // -- word 9: IPv6
  be32 ipv6_label;   // 20 bits
  be16 ipv6_exthdr;  // OFPIEH_* bits
  // 1: ICMPv6 with a hop limit of 255, so from this link and not forwarded (RFC 4861, 3.1); else 0.
  // Not a field of OpenFlow: hidden rules match it.
  std::uint8_t icmpv6_hop_255 = 0;
  std::uint8_t zero2 = 0;
  // -- words 10 to 13
  Ipv6Address ipv6_src;
  Ipv6Address ipv6_dst;
  // -- words 14, 15: neighbour discovery
  Ipv6Address nd_target;
  // -- words 16, 17
  MacAddress nd_sll;
  MacAddress nd_tll;
  be32 pbb_isid;  // 24 bits

  static constexpr std::size_t kWords = 18;

  const std::uint64_t* words() const { return reinterpret_cast<const std::uint64_t*>(this); }
  std::uint64_t* words() { return reinterpret_cast<std::uint64_t*>(this); }

  bool operator==(const FlowKey& o) const { return std::memcmp(this, &o, sizeof *this) == 0; }

  bool is_ipv4() const { return eth_type == be16{kEthTypeIpv4}; }
  bool is_ipv6() const { return eth_type == be16{kEthTypeIpv6}; }
  bool is_arp() const { return eth_type == be16{kEthTypeArp}; }
  bool has_vlan() const { return bool{vlan_tci & be16{kVlanPresent}}; }
  std::uint16_t vlan_vid() const { return vlan_tci.host() & kVlanVidMask; }
};

static_assert(sizeof(FlowKey) == FlowKey::kWords * 8 && alignof(FlowKey) == 8);
static_assert(std::is_trivially_copyable_v<FlowKey> &&
              std::has_unique_object_representations_v<FlowKey>);

// Which bits of a flow key count: one in every bit that does. The same layout as the key.
using FlowMask = FlowKey;

inline FlowKey masked(const FlowKey& key, const FlowMask& mask) {
  FlowKey out;
  for (std::size_t i = 0; i < FlowKey::kWords; ++i)
    out.words()[i] = key.words()[i] & mask.words()[i];
  return out;
}

inline bool equal_under_mask(const FlowKey& a, const FlowKey& b, const FlowMask& mask) {
  std::uint64_t diff = 0;
  for (std::size_t i = 0; i < FlowKey::kWords; ++i)
    diff |= (a.words()[i] ^ b.words()[i]) & mask.words()[i];
  return diff == 0;
}

}  // namespace lifeline::packet
