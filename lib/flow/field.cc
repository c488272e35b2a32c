#include "flow/field.h"

#include <cstring>

namespace lifeline::flow {
namespace {

using packet::FlowKey;
using packet::FlowMask;

constexpr bool kMask = true;
constexpr bool kNoMask = false;
constexpr bool kSet = true;
constexpr bool kNoSet = false;

// OpenFlow 1.3.5, table 12. Set-field is allowed for every header field (5.12); in_port,
// in_phy_port and metadata are none, and ipv6_exthdr only describes the packet.
constexpr std::array<FieldInfo, kFieldCount> kFields = {{
    {FieldId::kInPort, "in_port", 4, 32, kNoMask, kNoSet},
    {FieldId::kInPhyPort, "in_phy_port", 4, 32, kNoMask, kNoSet},
    {FieldId::kMetadata, "metadata", 8, 64, kMask, kNoSet},
    {FieldId::kEthDst, "eth_dst", 6, 48, kMask, kSet},
    {FieldId::kEthSrc, "eth_src", 6, 48, kMask, kSet},
    {FieldId::kEthType, "eth_type", 2, 16, kNoMask, kSet},
    {FieldId::kVlanVid, "vlan_vid", 2, 13, kMask, kSet},
    {FieldId::kVlanPcp, "vlan_pcp", 1, 3, kNoMask, kSet},
    {FieldId::kIpDscp, "ip_dscp", 1, 6, kNoMask, kSet},
    {FieldId::kIpEcn, "ip_ecn", 1, 2, kNoMask, kSet},
    {FieldId::kIpProto, "ip_proto", 1, 8, kNoMask, kSet},
    {FieldId::kIpv4Src, "ipv4_src", 4, 32, kMask, kSet},
    {FieldId::kIpv4Dst, "ipv4_dst", 4, 32, kMask, kSet},
    {FieldId::kTcpSrc, "tcp_src", 2, 16, kNoMask, kSet},
    {FieldId::kTcpDst, "tcp_dst", 2, 16, kNoMask, kSet},
    {FieldId::kUdpSrc, "udp_src", 2, 16, kNoMask, kSet},
    {FieldId::kUdpDst, "udp_dst", 2, 16, kNoMask, kSet},
    {FieldId::kSctpSrc, "sctp_src", 2, 16, kNoMask, kSet},
    {FieldId::kSctpDst, "sctp_dst", 2, 16, kNoMask, kSet},
    {FieldId::kIcmpv4Type, "icmpv4_type", 1, 8, kNoMask, kSet},
    {FieldId::kIcmpv4Code, "icmpv4_code", 1, 8, kNoMask, kSet},
    {FieldId::kArpOp, "arp_op", 2, 16, kNoMask, kSet},
    {FieldId::kArpSpa, "arp_spa", 4, 32, kMask, kSet},
    {FieldId::kArpTpa, "arp_tpa", 4, 32, kMask, kSet},
    {FieldId::kArpSha, "arp_sha", 6, 48, kMask, kSet},
    {FieldId::kArpTha, "arp_tha", 6, 48, kMask, kSet},
    {FieldId::kIpv6Src, "ipv6_src", 16, 128, kMask, kSet},
    {FieldId::kIpv6Dst, "ipv6_dst", 16, 128, kMask, kSet},
    {FieldId::kIpv6Flabel, "ipv6_flabel", 4, 20, kMask, kSet},
    {FieldId::kIcmpv6Type, "icmpv6_type", 1, 8, kNoMask, kSet},
    {FieldId::kIcmpv6Code, "icmpv6_code", 1, 8, kNoMask, kSet},
    {FieldId::kIpv6NdTarget, "ipv6_nd_target", 16, 128, kNoMask, kSet},
    {FieldId::kIpv6NdSll, "ipv6_nd_sll", 6, 48, kNoMask, kSet},
    {FieldId::kIpv6NdTll, "ipv6_nd_tll", 6, 48, kNoMask, kSet},
    {FieldId::kMplsLabel, "mpls_label", 4, 20, kNoMask, kSet},
    {FieldId::kMplsTc, "mpls_tc", 1, 3, kNoMask, kSet},
    {FieldId::kMplsBos, "mpls_bos", 1, 1, kNoMask, kSet},
    {FieldId::kPbbIsid, "pbb_isid", 3, 24, kMask, kSet},
    {FieldId::kTunnelId, "tunnel_id", 8, 64, kMask, kSet},
    {FieldId::kIpv6Exthdr, "ipv6_exthdr", 2, 9, kMask, kNoSet},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    if (static_cast<std::size_t>(kFields[i].id) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by the field's number");

// Where a field lies in the key: `bits` bits, `shift` above the lowest, of a big-endian integer of
// `bytes` bytes at `offset`. Fields of 16 bytes are copied whole.
struct Place {
  std::uint8_t offset;
  std::uint8_t bytes;
  std::uint8_t shift;
};

#define LIFELINE_AT(member) \
  static_cast<std::uint8_t>(offsetof(FlowKey, member)), sizeof(FlowKey::member)

// in_port is in host order and handled apart. in_phy_port is in_port: no port is stacked on
// another.
constexpr Place place_of(FieldId id) {
  switch (id) {
    case FieldId::kInPort:
    case FieldId::kInPhyPort: return {LIFELINE_AT(in_port), 0};
    case FieldId::kMetadata: return {LIFELINE_AT(metadata), 0};
    case FieldId::kEthDst: return {LIFELINE_AT(eth_dst), 0};
    case FieldId::kEthSrc: return {LIFELINE_AT(eth_src), 0};
    case FieldId::kEthType: return {LIFELINE_AT(eth_type), 0};
    case FieldId::kVlanVid: return {LIFELINE_AT(vlan_tci), 0};
    case FieldId::kVlanPcp: return {LIFELINE_AT(vlan_tci), 13};
    case FieldId::kIpDscp: return {LIFELINE_AT(ip_tos), 2};
    case FieldId::kIpEcn: return {LIFELINE_AT(ip_tos), 0};
    case FieldId::kIpProto: return {LIFELINE_AT(ip_proto), 0};
    case FieldId::kIpv4Src:
    case FieldId::kArpSpa: return {LIFELINE_AT(ipv4_src), 0};
    case FieldId::kIpv4Dst:
    case FieldId::kArpTpa: return {LIFELINE_AT(ipv4_dst), 0};
    case FieldId::kTcpSrc:
    case FieldId::kUdpSrc:
    case FieldId::kSctpSrc:
    case FieldId::kIcmpv4Type:
    case FieldId::kIcmpv6Type: return {LIFELINE_AT(tp_src), 0};
    case FieldId::kTcpDst:
    case FieldId::kUdpDst:
    case FieldId::kSctpDst:
    case FieldId::kIcmpv4Code:
    case FieldId::kIcmpv6Code: return {LIFELINE_AT(tp_dst), 0};
    case FieldId::kArpOp: return {LIFELINE_AT(arp_op), 0};
    case FieldId::kArpSha: return {LIFELINE_AT(arp_sha), 0};
    case FieldId::kArpTha: return {LIFELINE_AT(arp_tha), 0};
    case FieldId::kIpv6Src: return {LIFELINE_AT(ipv6_src), 0};
    case FieldId::kIpv6Dst: return {LIFELINE_AT(ipv6_dst), 0};
    case FieldId::kIpv6Flabel: return {LIFELINE_AT(ipv6_label), 0};
    case FieldId::kIpv6NdTarget: return {LIFELINE_AT(nd_target), 0};
    case FieldId::kIpv6NdSll: return {LIFELINE_AT(nd_sll), 0};
    case FieldId::kIpv6NdTll: return {LIFELINE_AT(nd_tll), 0};
    case FieldId::kMplsLabel: return {LIFELINE_AT(mpls_lse), 12};
    case FieldId::kMplsTc: return {LIFELINE_AT(mpls_lse), 9};
    case FieldId::kMplsBos: return {LIFELINE_AT(mpls_lse), 8};
    case FieldId::kPbbIsid: return {LIFELINE_AT(pbb_isid), 0};
    case FieldId::kTunnelId: return {LIFELINE_AT(tunnel_id), 0};
    case FieldId::kIpv6Exthdr: return {LIFELINE_AT(ipv6_exthdr), 0};
  }
  return {};
}
#undef LIFELINE_AT

std::uint64_t low_bits(unsigned bits) {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

// A big-endian integer of up to 8 bytes.
std::uint64_t load_big(const std::uint8_t* p, std::size_t bytes) {
  be64 v;
  std::memcpy(reinterpret_cast<std::uint8_t*>(&v) + (8 - bytes), p, bytes);
  return v.host();
}

void store_big(std::uint8_t* p, std::size_t bytes, std::uint64_t value) {
  const be64 v{value};
  std::memcpy(p, reinterpret_cast<const std::uint8_t*>(&v) + (8 - bytes), bytes);
}

bool is_in_port(FieldId id) { return id == FieldId::kInPort || id == FieldId::kInPhyPort; }

}  // namespace

const FieldInfo& field_info(FieldId id) { return kFields[static_cast<std::size_t>(id)]; }

FieldValue FieldValue::from_u64(FieldId id, std::uint64_t v) {
  FieldValue value;
  const std::size_t bytes = field_info(id).oxm_bytes;
  if (bytes <= 8) {
    store_big(value.bytes.data(), bytes, v);
  } else {
    store_big(value.bytes.data() + 8, 8, v);
  }
  return value;
}

std::uint64_t FieldValue::to_u64(FieldId id) const {
  const std::size_t size = field_info(id).oxm_bytes;
  return size <= 8 ? load_big(bytes.data(), size) : load_big(bytes.data() + 8, 8);
}

FieldValue get_field(const FlowKey& key, FieldId id) {
  if (is_in_port(id)) return FieldValue::from_u64(id, key.in_port);
  const Place place = place_of(id);
  const auto* p = reinterpret_cast<const std::uint8_t*>(&key) + place.offset;
  if (place.bytes > 8) {
    FieldValue value;
    std::memcpy(value.bytes.data(), p, place.bytes);
    return value;
  }
  const std::uint64_t v = load_big(p, place.bytes) >> place.shift & low_bits(field_info(id).bits);
  return FieldValue::from_u64(id, v);
}

void set_field(FlowKey& key, FieldId id, const FieldValue& value) {
  if (is_in_port(id)) {
    key.in_port = static_cast<std::uint32_t>(value.to_u64(id));
    return;
  }
  const Place place = place_of(id);
  auto* p = reinterpret_cast<std::uint8_t*>(&key) + place.offset;
  if (place.bytes > 8) {
    std::memcpy(p, value.bytes.data(), place.bytes);
    return;
  }
  const std::uint64_t ones = low_bits(field_info(id).bits);
  const std::uint64_t kept = load_big(p, place.bytes) & ~(ones << place.shift);
  store_big(p, place.bytes, kept | (value.to_u64(id) & ones) << place.shift);
}

FieldValue full_mask(FieldId id) {
  if (field_info(id).bits > 64) {
    FieldValue value;
    value.bytes.fill(0xff);
    return value;
  }
  return FieldValue::from_u64(id, low_bits(field_info(id).bits));
}

namespace {

class Prerequisites {
 public:
  Prerequisites(const FlowKey& key, const FlowMask& mask) : key_(key), mask_(mask) {}

  bool type(std::uint16_t t) const {
    return mask_.eth_type == be16::all_ones() && key_.eth_type == be16{t};
  }
  bool ip() const { return type(packet::kEthTypeIpv4) || type(packet::kEthTypeIpv6); }
  bool proto(std::uint8_t p) const { return mask_.ip_proto == 0xff && key_.ip_proto == p; }
  bool mpls() const { return type(packet::kEthTypeMpls) || type(packet::kEthTypeMplsMulticast); }
  bool icmpv6() const { return type(packet::kEthTypeIpv6) && proto(packet::kProtoIcmpv6); }
  bool icmpv6_type(std::uint16_t t) const {
    return icmpv6() && (mask_.tp_src & be16{0xff}) == be16{0xff} && key_.tp_src == be16{t};
  }
  bool vlan() const {
    const be16 present{packet::kVlanPresent};
    return bool{key_.vlan_tci & mask_.vlan_tci & present};
  }
  bool in_port() const { return mask_.in_port != 0; }

 private:
  const FlowKey& key_;
  const FlowMask& mask_;
};

}  // namespace

bool prerequisites_met(FieldId id, const FlowKey& key, const FlowMask& mask) {
  const Prerequisites p(key, mask);
  switch (id) {
    case FieldId::kInPort:
    case FieldId::kMetadata:
    case FieldId::kEthDst:
    case FieldId::kEthSrc:
    case FieldId::kEthType:
    case FieldId::kVlanVid:
    case FieldId::kTunnelId: return true;
    case FieldId::kInPhyPort: return p.in_port();
    case FieldId::kVlanPcp: return p.vlan();
    case FieldId::kIpDscp:
    case FieldId::kIpEcn:
    case FieldId::kIpProto: return p.ip();
    case FieldId::kIpv4Src:
    case FieldId::kIpv4Dst: return p.type(packet::kEthTypeIpv4);
    case FieldId::kTcpSrc:
    case FieldId::kTcpDst: return p.ip() && p.proto(packet::kProtoTcp);
    case FieldId::kUdpSrc:
    case FieldId::kUdpDst: return p.ip() && p.proto(packet::kProtoUdp);
    case FieldId::kSctpSrc:
    case FieldId::kSctpDst: return p.ip() && p.proto(packet::kProtoSctp);
    case FieldId::kIcmpv4Type:
    case FieldId::kIcmpv4Code: return p.type(packet::kEthTypeIpv4) && p.proto(packet::kProtoIcmp);
    case FieldId::kArpOp:
    case FieldId::kArpSpa:
    case FieldId::kArpTpa:
    case FieldId::kArpSha:
    case FieldId::kArpTha: return p.type(packet::kEthTypeArp);
    case FieldId::kIpv6Src:
    case FieldId::kIpv6Dst:
    case FieldId::kIpv6Flabel:
    case FieldId::kIpv6Exthdr: return p.type(packet::kEthTypeIpv6);
    case FieldId::kIcmpv6Type:
    case FieldId::kIcmpv6Code: return p.icmpv6();
    case FieldId::kIpv6NdTarget: return p.icmpv6_type(135) || p.icmpv6_type(136);
    case FieldId::kIpv6NdSll: return p.icmpv6_type(135);
    case FieldId::kIpv6NdTll: return p.icmpv6_type(136);
    case FieldId::kMplsLabel:
    case FieldId::kMplsTc:
    case FieldId::kMplsBos: return p.mpls();
    case FieldId::kPbbIsid: return p.type(packet::kEthTypePbb);
  }
  return false;
}

}  // namespace lifeline::flow
