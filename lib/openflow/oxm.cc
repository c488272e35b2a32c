#include <bitset>

#include "openflow/codec.h"
#include "openflow/match_codec.h"

namespace lifeline::openflow {
namespace {

using flow::FieldId;
using flow::FieldInfo;
using flow::FieldValue;

constexpr std::uint16_t kOxmClassBasic = 0x8000;
constexpr std::uint16_t kVidPresent = 0x1000;

bool known(const FieldHeader& h) {
  return h.oxm_class == kOxmClassBasic && h.field < flow::kFieldCount;
}

FieldValue read_value(Reader& in, const FieldInfo& info) {
  FieldValue value;
  const BytesView bytes = in.take(info.oxm_bytes);
  if (!bytes.empty()) std::memcpy(value.bytes.data(), bytes.data(), bytes.size());
  return value;
}

bool is_port(FieldId id) { return id == FieldId::kInPort || id == FieldId::kInPhyPort; }

// Turns a port value into the switch's number. False: no such number.
bool translate_port(FieldId id, FieldValue& value) {
  const auto port = port_from_13(static_cast<std::uint32_t>(value.to_u64(id)));
  if (!port) return false;
  value = FieldValue::from_u64(id, *port);
  return true;
}

// True if no bit outside the field's significant ones is set.
bool in_range(const FieldInfo& info, const FieldValue& value) {
  if (info.bits > 64) return true;
  const std::uint64_t full = flow::full_mask(info.id).to_u64(info.id);
  return (value.to_u64(info.id) & ~full) == 0;
}

FieldValue bit_and(const FieldValue& a, const FieldValue& b) {
  FieldValue out;
  for (std::size_t i = 0; i < out.bytes.size(); ++i) out.bytes[i] = a.bytes[i] & b.bytes[i];
  return out;
}

// OFPVID_*: an exact VID of a tagged packet needs OFPVID_PRESENT; without it only "no tag" (0)
// makes sense.
bool vlan_vid_makes_sense(const FieldValue& value, const FieldValue& mask) {
  const auto v = value.to_u64(FieldId::kVlanVid);
  const auto m = mask.to_u64(FieldId::kVlanVid);
  const bool says_untagged = (m & kVidPresent) != 0 && (v & kVidPresent) == 0;
  return !says_untagged || v == 0;
}

std::optional<ErrorId> add_field(const FieldHeader& header, Reader& in, Masks masks,
                                 flow::Match& match) {
  const auto id = static_cast<FieldId>(header.field);
  const FieldInfo& info = flow::field_info(id);
  if (header.length != info.oxm_bytes * (header.has_mask ? 2 : 1)) return ErrorId::kBmcBadLen;
  FieldValue value = read_value(in, info);
  const FieldValue full = flow::full_mask(id);
  FieldValue mask = full;
  if (header.has_mask) {
    const FieldValue wire_mask = read_value(in, info);
    if (bit_and(value, wire_mask) != value) return ErrorId::kBmcBadWildcards;
    mask = bit_and(wire_mask, full);
    if (masks == Masks::kAsSpecified && !info.maskable && mask != full && mask != FieldValue{})
      return ErrorId::kBmcBadMask;
  }
  if (!flow::prerequisites_met(id, match.key, match.mask)) return ErrorId::kBmcBadPrereq;
  if (mask == FieldValue{}) return std::nullopt;  // a wildcard
  if (is_port(id)) {
    if (!translate_port(id, value)) return ErrorId::kBmcBadValue;
    // No port is stacked on another: in_phy_port says what in_port says, or nothing matches.
    if (id == FieldId::kInPhyPort)
      return flow::get_field(match.key, id) == value ? std::nullopt
                                                     : std::optional{ErrorId::kBmcBadValue};
  }
  if (!in_range(info, value)) return ErrorId::kBmcBadValue;
  if (id == FieldId::kVlanVid) {
    if (!vlan_vid_makes_sense(value, mask)) return ErrorId::kBmcBadValue;
    if (value == FieldValue{} && mask == full) {
      match.vlan_none();
      return std::nullopt;
    }
  }
  flow::set_field(match.key, id, value);
  flow::set_field(match.mask, id, mask);
  return std::nullopt;
}

}  // namespace

std::optional<FieldHeader> read_field_header(Reader& in) {
  if (in.remaining() < 4) return std::nullopt;
  FieldHeader h;
  h.oxm_class = in.u16();
  const std::uint8_t field_and_mask = in.u8();
  h.field = field_and_mask >> 1;
  h.has_mask = (field_and_mask & 1) != 0;
  h.length = in.u8();
  if (h.length > in.remaining()) return std::nullopt;
  return h;
}

Result<flow::Match> decode_fields(Reader in, Masks masks) {
  flow::Match match;
  std::bitset<flow::kFieldCount> seen;
  while (!in.empty()) {
    const auto header = read_field_header(in);
    if (!header) return tl::make_unexpected(ErrorId::kBmcBadLen);
    if (!known(*header)) return tl::make_unexpected(ErrorId::kBmcBadField);
    if (seen.test(header->field)) return tl::make_unexpected(ErrorId::kBmcDupField);
    seen.set(header->field);
    Reader payload(in.take(header->length));
    if (const auto error = add_field(*header, payload, masks, match))
      return tl::make_unexpected(*error);
  }
  return match;
}

Result<flow::Match> decode_match13(Reader& in, Masks masks) {
  if (in.remaining() < 4) return tl::make_unexpected(ErrorId::kBmcBadLen);
  const std::uint16_t type = in.u16();
  const std::size_t length = in.u16();  // without the padding
  if (type != kMatchTypeOxm) return tl::make_unexpected(ErrorId::kBmcBadType);
  if (length < 4 || round_up8(length) - 4 > in.remaining())
    return tl::make_unexpected(ErrorId::kBmcBadLen);
  Reader fields(in.take(length - 4));
  in.skip(round_up8(length) - length);
  return decode_fields(fields, masks);
}

void encode_oxm(Writer& out, FieldId id, const FieldValue& value, const FieldValue* mask) {
  const FieldInfo& info = flow::field_info(id);
  FieldValue wire = value;
  if (is_port(id)) {
    const auto port = static_cast<flow::PortNo>(value.to_u64(id));
    wire = FieldValue::from_u64(id, port_to_13(port));
  }
  const auto* raw = reinterpret_cast<const std::byte*>(wire.bytes.data());
  out.u16(kOxmClassBasic);
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(id) << 1 | (mask != nullptr ? 1u : 0u)));
  out.u8(static_cast<std::uint8_t>(info.oxm_bytes * (mask != nullptr ? 2 : 1)));
  out.bytes({raw, info.oxm_bytes});
  if (mask != nullptr)
    out.bytes({reinterpret_cast<const std::byte*>(mask->bytes.data()), info.oxm_bytes});
}

void encode_match13(Writer& out, const flow::Match& match) {
  const std::size_t start = out.size();
  out.u16(kMatchTypeOxm);
  out.u16(0);
  for (std::size_t i = 0; i < flow::kFieldCount; ++i) {
    const auto id = static_cast<FieldId>(i);
    if (id == FieldId::kInPhyPort) continue;  // the same as in_port
    FieldValue mask = flow::get_field(match.mask, id);
    if (mask == FieldValue{} || !flow::prerequisites_met(id, match.key, match.mask)) continue;
    const FieldValue value = flow::get_field(match.key, id);
    const bool exact = is_port(id) || mask == flow::full_mask(id);
    encode_oxm(out, id, value, exact ? nullptr : &mask);
  }
  out.patch_u16(start + 2, out.size() - start);
  out.pad8(start);
}

Result<SetFieldTlv> decode_set_field(Reader& in) {
  const auto fail = [](ErrorId id) { return tl::make_unexpected(id); };
  const auto header = read_field_header(in);
  if (!header) return fail(ErrorId::kBacBadSetLen);
  if (!known(*header) || header->has_mask) return fail(ErrorId::kBacBadSetType);
  const auto id = static_cast<FieldId>(header->field);
  const FieldInfo& info = flow::field_info(id);
  if (!info.settable) return fail(ErrorId::kBacBadSetType);
  if (header->length != info.oxm_bytes) return fail(ErrorId::kBacBadSetLen);
  SetFieldTlv tlv{.field = id, .value = read_value(in, info)};
  if (!in_range(info, tlv.value)) return fail(ErrorId::kBacBadSetArgument);
  // A tag that is not present has no VID to set (as Open vSwitch; 1.5 says it in words).
  if (id == FieldId::kVlanVid && (tlv.value.to_u64(id) & kVidPresent) == 0)
    return fail(ErrorId::kBacBadSetArgument);
  return tlv;
}

}  // namespace lifeline::openflow
