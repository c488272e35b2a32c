// A packet on its way to the controllers, before it is put into anybody's version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "flow/port_no.h"

namespace lifeline::ofagent {

enum class PacketInReason : std::uint8_t { kNoMatch = 0, kAction = 1, kInvalidTtl = 2 };

struct PacketIn {
  // The whole frame: the switch buffers nothing, so max_len and miss_send_len cut nothing off
  // (OpenFlow 1.3, 7.4.1: without a buffer the entire packet is sent).
  std::span<const std::byte> frame;
  PacketInReason reason = PacketInReason::kNoMatch;
  // kNoMatch only: a table-miss rule sent it (false: no rule matched at all). Controllers of
  // OpenFlow 1.3 get only the former, those of 1.0 both.
  bool table_miss_rule = false;
  std::uint8_t table_id = 0;
  std::uint64_t cookie = ~std::uint64_t{0};  // of the rule that sent it; all ones if none
  flow::PortNo in_port = 0;
  std::uint64_t metadata = 0;
  std::uint64_t tunnel_id = 0;
};

}  // namespace lifeline::ofagent
