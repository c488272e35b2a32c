// Actions and instructions of OpenFlow 1.0 and 1.3, independent of the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/byte_order.h"
#include "flow/field.h"
#include "flow/port_no.h"

namespace lifeline::flow {

inline constexpr std::uint16_t kMaxLenWholePacket = 0xffff;

struct Output {
  PortNo port = 0;
  std::uint16_t max_len = kMaxLenWholePacket;  // bytes to a controller; only with kPortController
  bool operator==(const Output&) const = default;
};
struct SetField {  // 1.0's set actions are this too, but for those that end in 10
  FieldId field{};
  FieldValue value;
  bool operator==(const SetField&) const = default;
};
// OpenFlow 1.0 sets a VLAN id or priority also on an untagged packet: it pushes a tag first.
struct SetVlanVid10 {
  std::uint16_t vid = 0;
  bool operator==(const SetVlanVid10&) const = default;
};
struct SetVlanPcp10 {
  std::uint8_t pcp = 0;
  bool operator==(const SetVlanPcp10&) const = default;
};
// OpenFlow 1.0 sets the port of whatever transport the packet has: TCP, UDP or SCTP.
struct SetTpSrc10 {
  std::uint16_t port = 0;
  bool operator==(const SetTpSrc10&) const = default;
};
struct SetTpDst10 {
  std::uint16_t port = 0;
  bool operator==(const SetTpDst10&) const = default;
};
struct PushVlan {
  std::uint16_t eth_type = 0x8100;
  bool operator==(const PushVlan&) const = default;
};
struct PopVlan {
  bool operator==(const PopVlan&) const = default;
};  // 1.0: strip; no tag is no error
struct PushMpls {
  std::uint16_t eth_type = 0x8847;
  bool operator==(const PushMpls&) const = default;
};
struct PopMpls {
  std::uint16_t eth_type = 0x0800;
  bool operator==(const PopMpls&) const = default;
};
struct PushPbb {
  std::uint16_t eth_type = 0x88e7;
  bool operator==(const PushPbb&) const = default;
};
struct PopPbb {
  bool operator==(const PopPbb&) const = default;
};
struct SetMplsTtl {
  std::uint8_t ttl = 0;
  bool operator==(const SetMplsTtl&) const = default;
};
struct DecMplsTtl {
  bool operator==(const DecMplsTtl&) const = default;
};
struct SetIpTtl {
  std::uint8_t ttl = 0;
  bool operator==(const SetIpTtl&) const = default;
};
struct DecIpTtl {
  bool operator==(const DecIpTtl&) const = default;
};
struct CopyTtlOut {
  bool operator==(const CopyTtlOut&) const = default;
};
struct CopyTtlIn {
  bool operator==(const CopyTtlIn&) const = default;
};
struct SetQueue {
  std::uint32_t queue_id = 0;
  bool operator==(const SetQueue&) const = default;
};
struct Group {
  std::uint32_t group_id = 0;
  bool operator==(const Group&) const = default;
};

using Action = std::variant<Output, SetField, SetVlanVid10, SetVlanPcp10, SetTpSrc10, SetTpDst10,
                            PushVlan, PopVlan, PushMpls, PopMpls, PushPbb, PopPbb, SetMplsTtl,
                            DecMplsTtl, SetIpTtl, DecIpTtl, CopyTtlOut, CopyTtlIn, SetQueue, Group>;
using ActionList = std::vector<Action>;

struct WriteMetadata {
  be64 value;
  be64 mask;
  bool operator==(const WriteMetadata&) const = default;
};

// What a rule does. A rule of OpenFlow 1.0 has only `apply`.
struct Instructions {
  std::optional<std::uint32_t> meter;
  std::optional<ActionList> apply;
  bool clear = false;
  std::optional<ActionList> write;
  std::optional<WriteMetadata> metadata;
  std::optional<std::uint8_t> goto_table;
  bool operator==(const Instructions&) const = default;

  static Instructions apply_only(ActionList actions);
};

// In the syntax of ovs-ofctl ("output:2", "NORMAL", "drop", "goto_table:1").
std::string to_string(const ActionList& actions);
std::string to_string(const Instructions& instructions);

}  // namespace lifeline::flow
