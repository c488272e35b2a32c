// Matches in Nicira's extended form (NXM; nicira-ext.h and meta-flow.h of Open vSwitch): the fields
// of OpenFlow 1.0 and some more, each behind a header like OXM's.
#include <array>

#include "openflow/codec.h"
#include "openflow/match_codec.h"

namespace lifeline::openflow {
namespace {

using flow::FieldId;
using flow::FieldValue;

constexpr std::uint16_t kClassOf = 0x0000;   // NXM_OF_*
constexpr std::uint16_t kClassNx = 0x0001;   // NXM_NX_*
constexpr std::uint16_t kClassOxm = 0x8000;  // OpenFlow's own
constexpr std::uint8_t kNxmInPort = 0;
constexpr std::uint8_t kNxmVlanTci = 4;
constexpr std::uint8_t kNxmIpTos = 5;
constexpr unsigned kDscpShift = 2;  // NXM has the DSCP in its place in the octet

struct Number {
  std::uint16_t nxm_class;
  std::uint8_t field;
  FieldId id;
};
// But for the three above; a field has the same length here as in OXM. In the order in which Open
// vSwitch writes them (nx_put_match).
constexpr std::array kNumbers = {
    Number{kClassOf, 2, FieldId::kEthSrc},      Number{kClassOf, 1, FieldId::kEthDst},
    Number{kClassOf, 3, FieldId::kEthType},     Number{kClassOxm, 34, FieldId::kMplsLabel},
    Number{kClassOxm, 35, FieldId::kMplsTc},    Number{kClassOxm, 36, FieldId::kMplsBos},
    Number{kClassOf, 7, FieldId::kIpv4Src},     Number{kClassOf, 8, FieldId::kIpv4Dst},
    Number{kClassNx, 19, FieldId::kIpv6Src},    Number{kClassNx, 20, FieldId::kIpv6Dst},
    Number{kClassNx, 27, FieldId::kIpv6Flabel}, Number{kClassNx, 28, FieldId::kIpEcn},
    Number{kClassOf, 6, FieldId::kIpProto},     Number{kClassOf, 9, FieldId::kTcpSrc},
    Number{kClassOf, 10, FieldId::kTcpDst},     Number{kClassOf, 11, FieldId::kUdpSrc},
    Number{kClassOf, 12, FieldId::kUdpDst},     Number{kClassOxm, 17, FieldId::kSctpSrc},
    Number{kClassOxm, 18, FieldId::kSctpDst},   Number{kClassOf, 13, FieldId::kIcmpv4Type},
    Number{kClassOf, 14, FieldId::kIcmpv4Code}, Number{kClassNx, 21, FieldId::kIcmpv6Type},
    Number{kClassNx, 22, FieldId::kIcmpv6Code}, Number{kClassNx, 23, FieldId::kIpv6NdTarget},
    Number{kClassNx, 24, FieldId::kIpv6NdSll},  Number{kClassNx, 25, FieldId::kIpv6NdTll},
    Number{kClassOf, 15, FieldId::kArpOp},      Number{kClassOf, 16, FieldId::kArpSpa},
    Number{kClassOf, 17, FieldId::kArpTpa},     Number{kClassNx, 17, FieldId::kArpSha},
    Number{kClassNx, 18, FieldId::kArpTha},     Number{kClassOxm, 39, FieldId::kIpv6Exthdr},
    Number{kClassOxm, 37, FieldId::kPbbIsid},   Number{kClassNx, 16, FieldId::kTunnelId},
    Number{kClassOxm, 2, FieldId::kMetadata},
};

void oxm_header(Writer& out, FieldId id, bool has_mask, std::size_t length) {
  out.u16(kClassOxm);
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(id) << 1 | (has_mask ? 1u : 0u)));
  out.u8(static_cast<std::uint8_t>(length));
}

void oxm_u16(Writer& out, FieldId id, std::uint16_t value, std::uint16_t mask) {
  if (mask == 0) return;
  oxm_header(out, id, true, 4);
  out.u16(value);
  out.u16(mask);
}

// A tag control information is both fields of OXM, and OFPVID_PRESENT is where NXM has its bit.
std::optional<ErrorId> vlan_tci(Writer& out, std::uint16_t value, std::uint16_t mask) {
  constexpr std::uint16_t kVid = packet::kVlanPresent | packet::kVlanVidMask;
  if ((value & ~mask) != 0) return ErrorId::kBmcBadWildcards;
  oxm_u16(out, FieldId::kVlanVid, value & kVid, mask & kVid);
  const auto pcp_mask = static_cast<std::uint8_t>(mask >> 13);
  if (pcp_mask == 0 || (value & packet::kVlanPresent) == 0) return std::nullopt;  // "no tag"
  oxm_header(out, FieldId::kVlanPcp, true, 2);
  out.u8(static_cast<std::uint8_t>(value >> 13));
  out.u8(pcp_mask);
  return std::nullopt;
}

// Writes the field as OXM has it.
std::optional<ErrorId> translate(const FieldHeader& h, Reader in, Writer& out) {
  if (h.oxm_class == kClassOf && h.field == kNxmInPort) {
    if (h.length != 2 || h.has_mask) return ErrorId::kBmcBadLen;
    oxm_header(out, FieldId::kInPort, false, 4);
    out.u32(port_to_13(in.u16()));
    return std::nullopt;
  }
  if (h.oxm_class == kClassOf && h.field == kNxmVlanTci) {
    if (h.length != (h.has_mask ? 4u : 2u)) return ErrorId::kBmcBadLen;
    const std::uint16_t value = in.u16();
    return vlan_tci(out, value, h.has_mask ? in.u16() : std::uint16_t{0xffff});
  }
  if (h.oxm_class == kClassOf && h.field == kNxmIpTos) {
    if (h.length != (h.has_mask ? 2u : 1u)) return ErrorId::kBmcBadLen;
    oxm_header(out, FieldId::kIpDscp, h.has_mask, h.length);
    for (std::size_t i = 0; i < h.length; ++i) {
      const std::uint8_t octet = in.u8();
      if ((octet & 3) != 0) return ErrorId::kBmcBadValue;
      out.u8(static_cast<std::uint8_t>(octet >> kDscpShift));
    }
    return std::nullopt;
  }
  if (h.oxm_class == kClassOxm) {
    oxm_header(out, static_cast<FieldId>(h.field), h.has_mask, h.length);
    out.bytes(in.rest());
    return std::nullopt;
  }
  for (const Number& n : kNumbers) {
    if (n.nxm_class != h.oxm_class || n.field != h.field) continue;
    oxm_header(out, n.id, h.has_mask, h.length);
    out.bytes(in.rest());
    return std::nullopt;
  }
  return ErrorId::kBmcBadField;
}

void begin_field(Writer& out, std::uint16_t nxm_class, std::uint8_t field, bool has_mask,
                 std::size_t bytes) {
  out.u16(nxm_class);
  out.u8(static_cast<std::uint8_t>(field << 1 | (has_mask ? 1 : 0)));
  out.u8(static_cast<std::uint8_t>(bytes * (has_mask ? 2 : 1)));
}

void encode_vlan(Writer& out, const flow::Match& match) {
  const std::uint16_t tci = match.key.vlan_tci.host();
  std::uint16_t mask = match.mask.vlan_tci.host();
  if (mask == 0) return;
  // No tag, thus no priority either: as Open vSwitch writes it.
  constexpr std::uint16_t kVid = packet::kVlanPresent | packet::kVlanVidMask;
  if (tci == 0 && mask == kVid) mask = 0xffff;
  begin_field(out, kClassOf, kNxmVlanTci, mask != 0xffff, 2);
  out.u16(tci);
  if (mask != 0xffff) out.u16(mask);
}

void encode_dscp(Writer& out, const flow::Match& match) {
  constexpr std::uint8_t kDscp = 0xfc;
  const std::uint8_t mask = match.mask.ip_tos & kDscp;
  if (mask == 0 || !flow::prerequisites_met(FieldId::kIpDscp, match.key, match.mask)) return;
  begin_field(out, kClassOf, kNxmIpTos, mask != kDscp, 1);
  out.u8(match.key.ip_tos & kDscp);
  if (mask != kDscp) out.u8(mask);
}

void encode_field(Writer& out, const Number& n, const flow::Match& match) {
  const FieldValue mask = flow::get_field(match.mask, n.id);
  if (mask == FieldValue{} || !flow::prerequisites_met(n.id, match.key, match.mask)) return;
  const FieldValue value = flow::get_field(match.key, n.id);
  const std::size_t bytes = flow::field_info(n.id).oxm_bytes;
  const bool has_mask = mask != flow::full_mask(n.id);
  begin_field(out, n.nxm_class, n.field, has_mask, bytes);
  out.bytes({reinterpret_cast<const std::byte*>(value.bytes.data()), bytes});
  if (has_mask) out.bytes({reinterpret_cast<const std::byte*>(mask.bytes.data()), bytes});
}

}  // namespace

Result<flow::Match> decode_nxm(Reader in) {
  Bytes fields;
  Writer out(fields);
  while (!in.empty()) {
    const auto header = read_field_header(in);
    if (!header) return tl::make_unexpected(ErrorId::kBmcBadLen);
    if (const auto error = translate(*header, Reader(in.take(header->length)), out))
      return tl::make_unexpected(*error);
  }
  return decode_fields(Reader(fields), Masks::kAny);
}

void encode_nxm(Writer& out, const flow::Match& match) {
  if (match.mask.in_port != 0) {
    begin_field(out, kClassOf, kNxmInPort, false, 2);
    out.u16(static_cast<std::uint16_t>(match.key.in_port));
  }
  for (const Number& n : kNumbers) {
    encode_field(out, n, match);
    if (n.id == FieldId::kEthType) encode_vlan(out, match);
    if (n.id == FieldId::kIpv6Flabel) encode_dscp(out, match);
  }
}

}  // namespace lifeline::openflow
