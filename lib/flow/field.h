// The fields of OpenFlow 1.3 (table 12 of the specification), each with its place in the flow key.
// Codec, set-field and printing share this one table.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "packet/flow_key.h"

namespace lifeline::flow {

// Numbers are OXM field numbers of class OPENFLOW_BASIC.
enum class FieldId : std::uint8_t {
  kInPort = 0,
  kInPhyPort,
  kMetadata,
  kEthDst,
  kEthSrc,
  kEthType,
  kVlanVid,
  kVlanPcp,
  kIpDscp,
  kIpEcn,
  kIpProto,
  kIpv4Src,
  kIpv4Dst,
  kTcpSrc,
  kTcpDst,
  kUdpSrc,
  kUdpDst,
  kSctpSrc,
  kSctpDst,
  kIcmpv4Type,
  kIcmpv4Code,
  kArpOp,
  kArpSpa,
  kArpTpa,
  kArpSha,
  kArpTha,
  kIpv6Src,
  kIpv6Dst,
  kIpv6Flabel,
  kIcmpv6Type,
  kIcmpv6Code,
  kIpv6NdTarget,
  kIpv6NdSll,
  kIpv6NdTll,
  kMplsLabel,
  kMplsTc,
  kMplsBos,
  kPbbIsid,
  kTunnelId,
  kIpv6Exthdr,
};
inline constexpr std::size_t kFieldCount = 40;

struct FieldInfo {
  FieldId id;
  std::string_view name;   // the specification's, lower case: "eth_dst"
  std::uint8_t oxm_bytes;  // length of the value on the wire
  std::uint16_t bits;      // significant bits of the value (low-order)
  bool maskable;
  bool settable;  // set-field allowed
};

const FieldInfo& field_info(FieldId id);

// A field's value as on the wire (OXM), right-aligned in `oxm_bytes` bytes.
struct FieldValue {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const FieldValue&) const = default;
  static FieldValue from_u64(FieldId id, std::uint64_t v);
  std::uint64_t to_u64(FieldId id) const;  // fields of up to 8 bytes
};

// Reads and writes a field of a key (or mask). in_port is the 16-bit switch number, zero-extended
// to 4 bytes; vlan_vid carries OFPVID_PRESENT (0x1000).
FieldValue get_field(const packet::FlowKey& key, FieldId id);
void set_field(packet::FlowKey& key, FieldId id, const FieldValue& value);
// All-ones in the field's significant bits.
FieldValue full_mask(FieldId id);

// True if a match that has `key` and `mask` meets the field's prerequisites (OpenFlow 1.3, table
// 12).
bool prerequisites_met(FieldId id, const packet::FlowKey& key, const packet::FlowMask& mask);

}  // namespace lifeline::flow
