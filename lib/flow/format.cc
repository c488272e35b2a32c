#include "flow/format.h"

#include <fmt/format.h>

#include <bit>

namespace lifeline::flow {
namespace {

enum class Form { kNumber, kMac, kIpv4, kIpv6 };

Form form_of(FieldId id) {
  switch (id) {
    case FieldId::kEthDst:
    case FieldId::kEthSrc:
    case FieldId::kArpSha:
    case FieldId::kArpTha:
    case FieldId::kIpv6NdSll:
    case FieldId::kIpv6NdTll: return Form::kMac;
    case FieldId::kIpv4Src:
    case FieldId::kIpv4Dst:
    case FieldId::kArpSpa:
    case FieldId::kArpTpa: return Form::kIpv4;
    case FieldId::kIpv6Src:
    case FieldId::kIpv6Dst:
    case FieldId::kIpv6NdTarget: return Form::kIpv6;
    default: return Form::kNumber;
  }
}

// The prefix length of a mask whose ones all come first; -1 if it is not such a mask.
int prefix_length(const FieldValue& mask, std::size_t bytes) {
  int length = 0;
  bool ended = false;
  for (std::size_t i = 0; i < bytes; ++i) {
    const std::uint8_t b = mask.bytes[i];
    const int ones = std::countl_one(b);
    if ((ended && b != 0) || static_cast<std::uint8_t>(b << ones) != 0) return -1;
    length += ones;
    if (ones < 8) ended = true;
  }
  return length;
}

}  // namespace

std::string port_to_string(PortNo port) {
  switch (port) {
    case kPortInPort: return "IN_PORT";
    case kPortTable: return "TABLE";
    case kPortNormal: return "NORMAL";
    case kPortFlood: return "FLOOD";
    case kPortAll: return "ALL";
    case kPortController: return "CONTROLLER";
    case kPortLocal: return "LOCAL";
    case kPortNone: return "ANY";
    default: return fmt::format("{}", port);
  }
}

std::string format_value(FieldId id, const FieldValue& value, bool hex) {
  switch (form_of(id)) {
    case Form::kMac: return MacAddress::from_bytes(value.bytes.data()).to_string();
    case Form::kIpv4:
      return Ipv4Address::from_host(static_cast<std::uint32_t>(value.to_u64(id))).to_string();
    case Form::kIpv6: return Ipv6Address::from_bytes(value.bytes.data()).to_string();
    case Form::kNumber: break;
  }
  return hex ? fmt::format("0x{:x}", value.to_u64(id)) : fmt::format("{}", value.to_u64(id));
}

std::string format_mask(FieldId id, const FieldValue& mask) {
  const Form form = form_of(id);
  if (form == Form::kIpv4 || form == Form::kIpv6) {
    const int length = prefix_length(mask, field_info(id).oxm_bytes);
    if (length >= 0) return fmt::format("{}", length);
  }
  return format_value(id, mask, true);
}

}  // namespace lifeline::flow
