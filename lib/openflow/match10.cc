// ofp_match of OpenFlow 1.0: 40 bytes, a word of wildcard bits.
#include <algorithm>
#include <bit>

#include "openflow/match_codec.h"

namespace lifeline::openflow {
namespace {

using packet::FlowKey;

enum Wildcard : std::uint32_t {
  kInPort = 1 << 0,
  kDlVlan = 1 << 1,
  kDlSrc = 1 << 2,
  kDlDst = 1 << 3,
  kDlType = 1 << 4,
  kNwProto = 1 << 5,
  kTpSrc = 1 << 6,
  kTpDst = 1 << 7,
  kNwSrcShift = 8,
  kNwDstShift = 14,
  kDlVlanPcp = 1 << 20,
  kNwTos = 1 << 21,
};

constexpr std::uint16_t kVlanNone = 0xffff;
constexpr std::uint8_t kDscpMask = 0xfc;

struct Match10 {
  std::uint32_t wildcards = 0;
  std::uint16_t in_port = 0;
  MacAddress dl_src, dl_dst;
  std::uint16_t dl_vlan = 0;
  std::uint8_t dl_vlan_pcp = 0;
  std::uint16_t dl_type = 0;
  std::uint8_t nw_tos = 0, nw_proto = 0;
  std::uint32_t nw_src = 0, nw_dst = 0;
  std::uint16_t tp_src = 0, tp_dst = 0;

  bool has(std::uint32_t wildcard) const { return (wildcards & wildcard) == 0; }
};

Match10 read(Reader& in) {
  Match10 m;
  m.wildcards = in.u32();
  m.in_port = in.u16();
  m.dl_src = in.mac();
  m.dl_dst = in.mac();
  m.dl_vlan = in.u16();
  m.dl_vlan_pcp = in.u8();
  in.skip(1);
  m.dl_type = in.u16();
  m.nw_tos = in.u8();
  m.nw_proto = in.u8();
  in.skip(2);
  m.nw_src = in.u32();
  m.nw_dst = in.u32();
  m.tp_src = in.u16();
  m.tp_dst = in.u16();
  return m;
}

void write(Writer& out, const Match10& m) {
  out.u32(m.wildcards);
  out.u16(m.in_port);
  out.mac(m.dl_src);
  out.mac(m.dl_dst);
  out.u16(m.dl_vlan);
  out.u8(m.dl_vlan_pcp);
  out.zeros(1);
  out.u16(m.dl_type);
  out.u8(m.nw_tos);
  out.u8(m.nw_proto);
  out.zeros(2);
  out.u32(m.nw_src);
  out.u32(m.nw_dst);
  out.u16(m.tp_src);
  out.u16(m.tp_dst);
}

constexpr MacAddress kFullMac = MacAddress::broadcast();

// The 6 wildcard bits of an address: how many of its low bits do not count.
std::uint32_t prefix_mask(std::uint32_t wildcards, unsigned shift) {
  const std::uint32_t bits = wildcards >> shift & 63;
  return bits >= 32 ? 0 : ~std::uint32_t{0} << bits;
}
std::uint32_t wildcard_bits(std::uint32_t mask) {
  return static_cast<std::uint32_t>(32 - std::countl_one(mask));
}

void decode_vlan(const Match10& m, flow::Match& match) {
  if (m.has(kDlVlan) && m.dl_vlan == kVlanNone) {
    // A priority without a tag contradicts itself; Open vSwitch takes it as "no tag".
    match.vlan_none();
    return;
  }
  std::uint16_t mask = 0;
  if (m.has(kDlVlan)) mask |= packet::kVlanVidMask | packet::kVlanPresent;
  if (m.has(kDlVlanPcp)) mask |= packet::kVlanPcpMask | packet::kVlanPresent;
  const std::uint32_t tci = (m.dl_vlan & packet::kVlanVidMask) |
                            std::uint32_t{m.dl_vlan_pcp} << 13 | packet::kVlanPresent;
  match.mask.vlan_tci = be16{mask};
  match.key.vlan_tci = be16{static_cast<std::uint16_t>(tci & mask)};
}

void encode_vlan(const flow::Match& match, Match10& m) {
  const std::uint16_t mask = match.mask.vlan_tci.host();
  const std::uint16_t tci = match.key.vlan_tci.host();
  if (mask == 0) {
    m.wildcards |= kDlVlan | kDlVlanPcp;
  } else if ((mask & packet::kVlanPresent) != 0 && (tci & packet::kVlanPresent) == 0) {
    m.dl_vlan = kVlanNone;  // and priority 0, as Open vSwitch and most controllers write it
  } else {
    if ((mask & packet::kVlanVidMask) == packet::kVlanVidMask) {
      m.dl_vlan = tci & packet::kVlanVidMask;
    } else {
      m.wildcards |= kDlVlan;
    }
    if ((mask & packet::kVlanPcpMask) == packet::kVlanPcpMask) {
      m.dl_vlan_pcp = static_cast<std::uint8_t>(tci >> 13);
    } else {
      m.wildcards |= kDlVlanPcp;
    }
  }
}

bool has_ports(std::uint16_t type, std::uint8_t proto) {
  if (type == packet::kEthTypeIpv4 && proto == packet::kProtoIcmp) return true;
  if (type == packet::kEthTypeIpv6 && proto == packet::kProtoIcmpv6) return true;
  return proto == packet::kProtoTcp || proto == packet::kProtoUdp || proto == packet::kProtoSctp;
}

bool is_icmp(std::uint16_t type, std::uint8_t proto) {
  return (type == packet::kEthTypeIpv4 && proto == packet::kProtoIcmp) ||
         (type == packet::kEthTypeIpv6 && proto == packet::kProtoIcmpv6);
}

// An ICMP type has 8 bits: the mask that OXM gives it, so that a strict command of either version
// finds the rule. A larger number matches nothing and keeps its 16 bits.
be16 port_mask(bool icmp, std::uint16_t value) {
  return icmp && value <= 0xff ? be16{std::uint16_t{0xff}} : be16::all_ones();
}

void decode_ports(const Match10& m, flow::Match& match) {
  const bool icmp = is_icmp(m.dl_type, m.nw_proto);
  if (m.has(kTpSrc)) {
    match.key.tp_src = be16{m.tp_src};
    match.mask.tp_src = port_mask(icmp, m.tp_src);
  }
  if (m.has(kTpDst)) {
    match.key.tp_dst = be16{m.tp_dst};
    match.mask.tp_dst = port_mask(icmp, m.tp_dst);
  }
}

void decode_network(const Match10& m, flow::Match& match) {
  const bool ipv4 = m.dl_type == packet::kEthTypeIpv4;
  const bool ipv6 = m.dl_type == packet::kEthTypeIpv6;
  const bool arp = m.dl_type == packet::kEthTypeArp;
  if (ipv4 || arp) {
    match.mask.ipv4_src.value = be32{prefix_mask(m.wildcards, kNwSrcShift)};
    match.mask.ipv4_dst.value = be32{prefix_mask(m.wildcards, kNwDstShift)};
    match.key.ipv4_src.value = be32{m.nw_src} & match.mask.ipv4_src.value;
    match.key.ipv4_dst.value = be32{m.nw_dst} & match.mask.ipv4_dst.value;
  }
  if (arp && m.has(kNwProto)) match.arp_op(m.nw_proto);
  if (!ipv4 && !ipv6) return;
  if (m.has(kNwTos)) {
    match.mask.ip_tos = kDscpMask;
    match.key.ip_tos = m.nw_tos & kDscpMask;
  }
  if (!m.has(kNwProto)) return;
  match.ip_proto(m.nw_proto);
  if (has_ports(m.dl_type, m.nw_proto)) decode_ports(m, match);
}

void encode_network(const flow::Match& match, Match10& m) {
  const bool typed = match.mask.eth_type == be16::all_ones();
  const bool arp = typed && match.key.is_arp();
  const bool ip = typed && (match.key.is_ipv4() || match.key.is_ipv6());
  const std::uint32_t src_mask = arp || ip ? match.mask.ipv4_src.value.host() : 0;
  const std::uint32_t dst_mask = arp || ip ? match.mask.ipv4_dst.value.host() : 0;
  m.wildcards |= wildcard_bits(src_mask) << kNwSrcShift | wildcard_bits(dst_mask) << kNwDstShift;
  m.nw_src = match.key.ipv4_src.value.host() & prefix_mask(m.wildcards, kNwSrcShift);
  m.nw_dst = match.key.ipv4_dst.value.host() & prefix_mask(m.wildcards, kNwDstShift);
  if (ip && (match.mask.ip_tos & kDscpMask) == kDscpMask) {
    m.nw_tos = match.key.ip_tos & kDscpMask;
  } else {
    m.wildcards |= kNwTos;
  }
  const bool proto = ip && match.mask.ip_proto == 0xff;
  if (proto) {
    m.nw_proto = match.key.ip_proto;
  } else if (arp && match.mask.arp_op == be16::all_ones()) {
    m.nw_proto = static_cast<std::uint8_t>(match.key.arp_op.host());
  } else {
    m.wildcards |= kNwProto;
  }
  if (proto && bool{match.mask.tp_src}) {
    m.tp_src = match.key.tp_src.host();
  } else {
    m.wildcards |= kTpSrc;
  }
  if (proto && bool{match.mask.tp_dst}) {
    m.tp_dst = match.key.tp_dst.host();
  } else {
    m.wildcards |= kTpDst;
  }
}

}  // namespace

flow::Match decode_match10(Reader& in) {
  Match10 m = read(in);
  flow::Match match;
  if (!in.ok()) return match;
  if (m.has(kInPort)) match.in_port(m.in_port);
  if (m.has(kDlSrc)) match.eth_src(m.dl_src);
  if (m.has(kDlDst)) match.eth_dst(m.dl_dst);
  decode_vlan(m, match);
  if (m.has(kDlType)) {
    match.eth_type(m.dl_type);
    decode_network(m, match);
  }
  return match;
}

void encode_match10(Writer& out, const flow::Match& match) {
  Match10 m;
  if (match.mask.in_port != 0) {
    m.in_port = static_cast<std::uint16_t>(match.key.in_port);
  } else {
    m.wildcards |= kInPort;
  }
  if (match.mask.eth_src == kFullMac) {
    m.dl_src = match.key.eth_src;
  } else {
    m.wildcards |= kDlSrc;
  }
  if (match.mask.eth_dst == kFullMac) {
    m.dl_dst = match.key.eth_dst;
  } else {
    m.wildcards |= kDlDst;
  }
  encode_vlan(match, m);
  if (match.mask.eth_type == be16::all_ones()) {
    m.dl_type = match.key.eth_type.host();
  } else {
    m.wildcards |= kDlType;
  }
  encode_network(match, m);
  write(out, m);
}

}  // namespace lifeline::openflow
