#include "flow/match.h"

#include <fmt/format.h>

#include <utility>

#include "flow/field.h"
#include "flow/format.h"

namespace lifeline::flow {
namespace {

// Protocol names of ovs-ofctl stand for an ether type and, some, an IP protocol.
struct ProtocolName {
  std::uint16_t eth_type;
  int ip_proto;  // -1: any
  std::string_view name;
};
constexpr ProtocolName kProtocolNames[] = {
    {packet::kEthTypeIpv4, packet::kProtoIcmp, "icmp"},
    {packet::kEthTypeIpv4, packet::kProtoTcp, "tcp"},
    {packet::kEthTypeIpv4, packet::kProtoUdp, "udp"},
    {packet::kEthTypeIpv4, packet::kProtoSctp, "sctp"},
    {packet::kEthTypeIpv4, -1, "ip"},
    {packet::kEthTypeIpv6, packet::kProtoIcmpv6, "icmp6"},
    {packet::kEthTypeIpv6, packet::kProtoTcp, "tcp6"},
    {packet::kEthTypeIpv6, packet::kProtoUdp, "udp6"},
    {packet::kEthTypeIpv6, packet::kProtoSctp, "sctp6"},
    {packet::kEthTypeIpv6, -1, "ipv6"},
    {packet::kEthTypeArp, -1, "arp"},
    {packet::kEthTypeMpls, -1, "mpls"},
    {packet::kEthTypeMplsMulticast, -1, "mplsm"},
};

class Printer {
 public:
  explicit Printer(const Match& match) : key_(match.key), mask_(match.mask) {}

  std::string print() {
    protocol();
    number(FieldId::kTunnelId, "tun_id", true);
    number(FieldId::kMetadata, "metadata", true);
    in_port();
    vlan();
    // Not a field of OpenFlow: only hidden rules match it.
    if (mask_.inner_vlan != 0) text(fmt::format("inner_vlan={}", key_.inner_vlan));
    number(FieldId::kEthSrc, "dl_src");
    number(FieldId::kEthDst, "dl_dst");
    if (mask_.eth_type && !named_type_) number(FieldId::kEthType, "dl_type", true);
    network();
    number(FieldId::kIpDscp, "nw_tos");
    number(FieldId::kIpEcn, "nw_ecn");
    number(FieldId::kMplsLabel, "mpls_label");
    number(FieldId::kMplsTc, "mpls_tc");
    number(FieldId::kMplsBos, "mpls_bos");
    fragment();
    transport();
    number(FieldId::kPbbIsid, "pbb_isid", true);
    number(FieldId::kIpv6Exthdr, "ipv6_exthdr", true);
    if (mask_.icmpv6_hop_255 != 0) text(fmt::format("icmpv6_hop_255={}", key_.icmpv6_hop_255));
    return std::move(out_);
  }

 private:
  void text(std::string_view s) {
    if (!out_.empty()) out_ += ',';
    out_ += s;
  }

  // Any field of the table: nothing if unmasked, `/mask` unless the mask is full.
  void number(FieldId id, std::string_view name, bool hex = false) {
    const FieldValue mask = get_field(mask_, id);
    if (mask == FieldValue{}) return;
    FieldValue value = get_field(key_, id);
    if (id == FieldId::kIpDscp) {
      // nw_tos of ovs-ofctl is the whole byte with the DSCP in its upper six bits.
      value.bytes[0] = static_cast<std::uint8_t>(value.bytes[0] << 2);
    }
    text(fmt::format("{}={}", name, format_value(id, value, hex)));
    if (mask != full_mask(id)) out_ += fmt::format("/{}", format_mask(id, mask));
  }

  void protocol() {
    if (mask_.eth_type != be16::all_ones()) return;
    for (const ProtocolName& p : kProtocolNames) {
      if (key_.eth_type.host() != p.eth_type) continue;
      if (p.ip_proto >= 0 && (mask_.ip_proto != 0xff || key_.ip_proto != p.ip_proto)) continue;
      text(p.name);
      named_type_ = true;
      named_proto_ = p.ip_proto >= 0;
      return;
    }
  }

  void in_port() {
    if (mask_.in_port == 0) return;
    text(fmt::format("in_port={}", port_to_string(static_cast<PortNo>(key_.in_port))));
    if (mask_.in_port != ~std::uint32_t{0}) out_ += fmt::format("/{:#x}", mask_.in_port);
  }

  void vlan() {
    const std::uint16_t mask = mask_.vlan_tci.host();
    const std::uint16_t value = key_.vlan_tci.host();
    if (mask == 0) return;
    const std::uint16_t vid_mask = mask & packet::kVlanVidMask;
    const bool tagged = (mask & value & packet::kVlanPresent) != 0;
    const bool whole_vid = vid_mask == 0 || vid_mask == packet::kVlanVidMask;
    const bool whole_pcp =
        (mask & packet::kVlanPcpMask) == 0 || (mask & packet::kVlanPcpMask) == packet::kVlanPcpMask;
    if (!tagged || !whole_vid || !whole_pcp || mask == packet::kVlanPresent) {
      text(fmt::format("vlan_tci=0x{:04x}/0x{:04x}", value, mask));
      return;
    }
    if (vid_mask != 0) text(fmt::format("dl_vlan={}", value & packet::kVlanVidMask));
    if ((mask & packet::kVlanPcpMask) != 0) text(fmt::format("dl_vlan_pcp={}", value >> 13));
  }

  void network() {
    const bool arp = key_.is_arp();
    number(FieldId::kIpv6Src, "ipv6_src");
    number(FieldId::kIpv6Dst, "ipv6_dst");
    number(FieldId::kIpv6Flabel, "ipv6_label", true);
    number(FieldId::kIpv4Src, arp ? "arp_spa" : "nw_src");
    number(FieldId::kIpv4Dst, arp ? "arp_tpa" : "nw_dst");
    if (!named_proto_) number(FieldId::kIpProto, "nw_proto");
    number(FieldId::kArpOp, "arp_op");
    number(FieldId::kArpSha, "arp_sha");
    number(FieldId::kArpTha, "arp_tha");
  }

  void fragment() {
    const std::uint8_t mask = mask_.ip_frag;
    const std::uint8_t value = key_.ip_frag;
    constexpr std::uint8_t kBoth = packet::kFragAny | packet::kFragLater;
    if (mask == 0) return;
    if (mask == kBoth) {
      text(value == 0                  ? "nw_frag=no"
           : value == packet::kFragAny ? "nw_frag=first"
                                       : "nw_frag=later");
    } else if (mask == packet::kFragAny) {
      text(value == 0 ? "nw_frag=no" : "nw_frag=yes");
    } else if (mask == packet::kFragLater) {
      text(value == 0 ? "nw_frag=not_later" : "nw_frag=later");
    } else {
      text(fmt::format("nw_frag={:#x}/{:#x}", value, mask));
    }
  }

  void transport() {
    const bool icmp = (key_.ip_proto == packet::kProtoIcmp && key_.is_ipv4()) ||
                      (key_.ip_proto == packet::kProtoIcmpv6 && key_.is_ipv6());
    // ICMP's type and code have 8 bits, their place in the key 16: both masks are whole.
    const bool narrow_type = icmp && (mask_.tp_src & be16{0xff00}) == be16{};
    const bool narrow_code = icmp && (mask_.tp_dst & be16{0xff00}) == be16{};
    number(narrow_type ? FieldId::kIcmpv4Type : FieldId::kTcpSrc, icmp ? "icmp_type" : "tp_src");
    number(narrow_code ? FieldId::kIcmpv4Code : FieldId::kTcpDst, icmp ? "icmp_code" : "tp_dst");
    number(FieldId::kIpv6NdTarget, "nd_target");
    number(FieldId::kIpv6NdSll, "nd_sll");
    number(FieldId::kIpv6NdTll, "nd_tll");
  }

  const FlowKey& key_;
  const FlowMask& mask_;
  std::string out_;
  bool named_type_ = false;
  bool named_proto_ = false;
};

constexpr Ipv4Address kIpv4Ones{be32::all_ones()};
constexpr Ipv6Address kIpv6Ones = [] {
  Ipv6Address a;
  for (std::uint8_t& b : a.bytes) b = 0xff;
  return a;
}();

}  // namespace

bool Match::covers(const Match& narrow) const {
  std::uint64_t missing = 0;
  for (std::size_t i = 0; i < FlowKey::kWords; ++i) {
    const std::uint64_t wide = mask.words()[i];
    missing |= wide & ~narrow.mask.words()[i];
    missing |= (key.words()[i] ^ narrow.key.words()[i]) & wide;
  }
  return missing == 0;
}

bool Match::overlaps(const Match& other) const {
  std::uint64_t apart = 0;
  for (std::size_t i = 0; i < FlowKey::kWords; ++i) {
    apart |= (key.words()[i] ^ other.key.words()[i]) & mask.words()[i] & other.mask.words()[i];
  }
  return apart == 0;
}

Match& Match::in_port(PortNo port) {
  key.in_port = port;
  mask.in_port = ~std::uint32_t{0};
  return *this;
}
Match& Match::eth_src(MacAddress mac) {
  key.eth_src = mac;
  mask.eth_src = MacAddress::broadcast();
  return *this;
}
Match& Match::eth_dst(MacAddress mac) {
  key.eth_dst = mac;
  mask.eth_dst = MacAddress::broadcast();
  return *this;
}
Match& Match::eth_type(std::uint16_t type) {
  key.eth_type = be16{type};
  mask.eth_type = be16::all_ones();
  return *this;
}
Match& Match::vlan_none() {
  // The same bits as the codec's OFPVID_NONE, so that a strict command finds either.
  key.vlan_tci = be16{};
  mask.vlan_tci = be16{packet::kVlanPresent | packet::kVlanVidMask};
  return *this;
}
Match& Match::vlan_none_or_priority() {
  key.vlan_tci = be16{};
  mask.vlan_tci = be16{packet::kVlanVidMask};
  return *this;
}
Match& Match::vlan_vid(std::uint16_t vid) {
  constexpr std::uint16_t kMask = packet::kVlanPresent | packet::kVlanVidMask;
  key.vlan_tci =
      be16{static_cast<std::uint16_t>((vid & packet::kVlanVidMask) | packet::kVlanPresent)};
  mask.vlan_tci = be16{kMask};
  return *this;
}
Match& Match::inner_vlan(bool present) {
  key.inner_vlan = present ? 1 : 0;
  mask.inner_vlan = 0xff;
  return *this;
}
Match& Match::ip_proto(std::uint8_t proto) {
  key.ip_proto = proto;
  mask.ip_proto = 0xff;
  return *this;
}
Match& Match::ipv4_src(Ipv4Address a) {
  key.ipv4_src = a;
  mask.ipv4_src = kIpv4Ones;
  return *this;
}
Match& Match::ipv4_dst(Ipv4Address a) {
  key.ipv4_dst = a;
  mask.ipv4_dst = kIpv4Ones;
  return *this;
}
Match& Match::ipv6_src(const Ipv6Address& a) {
  key.ipv6_src = a;
  mask.ipv6_src = kIpv6Ones;
  return *this;
}
Match& Match::ipv6_dst(const Ipv6Address& a) {
  key.ipv6_dst = a;
  mask.ipv6_dst = kIpv6Ones;
  return *this;
}
Match& Match::tp_src(std::uint16_t port) {
  key.tp_src = be16{port};
  mask.tp_src = be16::all_ones();
  return *this;
}
Match& Match::tp_dst(std::uint16_t port) {
  key.tp_dst = be16{port};
  mask.tp_dst = be16::all_ones();
  return *this;
}
Match& Match::ip_frag(std::uint8_t bits, std::uint8_t mask_bits) {
  key.ip_frag = bits & mask_bits;
  mask.ip_frag = mask_bits;
  return *this;
}
Match& Match::icmpv6_hop_255() {
  key.icmpv6_hop_255 = 1;
  mask.icmpv6_hop_255 = 0xff;
  return *this;
}
Match& Match::nd_target(const Ipv6Address& a) {
  key.nd_target = a;
  mask.nd_target.bytes.fill(0xff);
  return *this;
}
Match& Match::arp_op(std::uint16_t op) {
  key.arp_op = be16{op};
  mask.arp_op = be16::all_ones();
  return *this;
}
Match& Match::arp_spa(Ipv4Address a) { return ipv4_src(a); }
Match& Match::arp_tpa(Ipv4Address a) { return ipv4_dst(a); }

std::string Match::to_string() const { return Printer(*this).print(); }

}  // namespace lifeline::flow
