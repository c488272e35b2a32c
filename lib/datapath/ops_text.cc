#include "datapath/ops_text.h"

#include <fmt/format.h>

#include "datapath/drop_reason.h"
#include "datapath/ops.h"
#include "flow/field.h"

namespace lifeline::datapath {
namespace {

std::string to_string(Op op) {
  switch (op.code) {
    case OpCode::kDrop:
      return fmt::format("drop ({})", describe(DropReason{static_cast<std::uint8_t>(op.b)}).name);
    case OpCode::kOutput: return fmt::format("output:{}", op.b);
    case OpCode::kLocal: return "LOCAL";
    case OpCode::kNormal: return "NORMAL";
    case OpCode::kFlood: return "FLOOD";
    case OpCode::kAll: return "ALL";
    case OpCode::kTable: return "TABLE";
    case OpCode::kUpcall: return fmt::format("CONTROLLER:{}", op.b);
    case OpCode::kDhcpGuard: return "guard: DHCP reply to LOCAL";
    case OpCode::kPathMtuGuard: return "guard: path MTU of a control connection to LOCAL";
    case OpCode::kStrict: return "strict: between learned ports only";
    case OpCode::kCount:
      return fmt::format("count ({})", describe(DropReason{static_cast<std::uint8_t>(op.b)}).name);
    case OpCode::kNextHopGuard: return "guard: ARP or neighbour discovery of a next hop to LOCAL";
    case OpCode::kNdGuard:
      return op.a == static_cast<std::uint8_t>(NdGuard::kDhcpv6) ? "guard: DHCPv6 reply to LOCAL"
             : op.a == static_cast<std::uint8_t>(NdGuard::kRouter)
                 ? "guard: router advertisement or MLD query to LOCAL"
                 : "guard: solicitation of our address to LOCAL";
    case OpCode::kRelay:
      return op.a == static_cast<std::uint8_t>(Relay::kRouterAdvertisement)
                 ? "relay: NORMAL for a router advertisement"
                 : "relay: NORMAL for DHCP of a switch behind";
    case OpCode::kSetField:
      return fmt::format("set_field:{}", flow::field_info(static_cast<flow::FieldId>(op.a)).name);
    case OpCode::kSetVlanVid10: return fmt::format("set_vlan_vid:{}", op.b);
    case OpCode::kSetVlanPcp10: return fmt::format("set_vlan_pcp:{}", op.b);
    case OpCode::kPushVlan: return fmt::format("push_vlan:0x{:04x}", op.b);
    case OpCode::kPopVlan: return "pop_vlan";
    case OpCode::kPushMpls: return fmt::format("push_mpls:0x{:04x}", op.b);
    case OpCode::kPopMpls: return fmt::format("pop_mpls:0x{:04x}", op.b);
    case OpCode::kPushPbb: return "push_pbb";
    case OpCode::kPopPbb: return "pop_pbb";
    case OpCode::kSetMplsTtl: return fmt::format("set_mpls_ttl:{}", op.b);
    case OpCode::kDecMplsTtl: return "dec_mpls_ttl";
    case OpCode::kSetIpTtl: return fmt::format("mod_nw_ttl:{}", op.b);
    case OpCode::kDecIpTtl: return "dec_ttl";
    case OpCode::kCopyTtlOut: return "copy_ttl_out";
    case OpCode::kCopyTtlIn: return "copy_ttl_in";
  }
  return "?";
}

}  // namespace

std::vector<std::string> to_strings(std::span<const std::uint64_t> words) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < words.size();) {
    const Op op = Op::from_word(words[i]);
    out.push_back(to_string(op));
    i += 1u + op.data_words;
  }
  return out;
}

}  // namespace lifeline::datapath
