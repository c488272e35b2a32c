#include "flow/action.h"

#include <fmt/format.h>

#include <utility>

#include "flow/format.h"

namespace lifeline::flow {
namespace {

// ovs-ofctl has names of its own for some fields.
std::string_view ovs_name(FieldId id) {
  switch (id) {
    case FieldId::kIpv4Src: return "ip_src";
    case FieldId::kIpv4Dst: return "ip_dst";
    case FieldId::kIpEcn: return "nw_ecn";
    case FieldId::kIpProto: return "nw_proto";
    case FieldId::kIcmpv4Type: return "icmp_type";
    case FieldId::kIcmpv4Code: return "icmp_code";
    case FieldId::kIpv6Flabel: return "ipv6_label";
    case FieldId::kIpv6NdTarget: return "nd_target";
    case FieldId::kIpv6NdSll: return "nd_sll";
    case FieldId::kIpv6NdTll: return "nd_tll";
    case FieldId::kTunnelId: return "tun_id";
    default: return field_info(id).name;
  }
}

bool prints_hex(FieldId id) {
  return id == FieldId::kTunnelId || id == FieldId::kMetadata || id == FieldId::kEthType ||
         id == FieldId::kIpv6Flabel || id == FieldId::kPbbIsid;
}

struct Print {
  std::string operator()(const Output& a) const {
    if (a.port == kPortController) return fmt::format("CONTROLLER:{}", a.max_len);
    const bool reserved = a.port > kPortMax;
    return fmt::format("{}{}", reserved ? "" : "output:", port_to_string(a.port));
  }
  std::string operator()(const SetField& a) const {
    return fmt::format("set_field:{}->{}", format_value(a.field, a.value, prints_hex(a.field)),
                       ovs_name(a.field));
  }
  std::string operator()(const SetVlanVid10& a) const {
    return fmt::format("mod_vlan_vid:{}", a.vid);
  }
  std::string operator()(const SetVlanPcp10& a) const {
    return fmt::format("mod_vlan_pcp:{}", a.pcp);
  }
  std::string operator()(const SetTpSrc10& a) const { return fmt::format("mod_tp_src:{}", a.port); }
  std::string operator()(const SetTpDst10& a) const { return fmt::format("mod_tp_dst:{}", a.port); }
  std::string operator()(const PushVlan& a) const {
    return fmt::format("push_vlan:0x{:04x}", a.eth_type);
  }
  std::string operator()(const PopVlan&) const { return "pop_vlan"; }
  std::string operator()(const PushMpls& a) const {
    return fmt::format("push_mpls:0x{:04x}", a.eth_type);
  }
  std::string operator()(const PopMpls& a) const {
    return fmt::format("pop_mpls:0x{:04x}", a.eth_type);
  }
  std::string operator()(const PushPbb& a) const {
    return fmt::format("push_pbb:0x{:04x}", a.eth_type);
  }
  std::string operator()(const PopPbb&) const { return "pop_pbb"; }
  std::string operator()(const SetMplsTtl& a) const {
    return fmt::format("set_mpls_ttl({})", a.ttl);
  }
  std::string operator()(const DecMplsTtl&) const { return "dec_mpls_ttl"; }
  std::string operator()(const SetIpTtl& a) const { return fmt::format("mod_nw_ttl:{}", a.ttl); }
  std::string operator()(const DecIpTtl&) const { return "dec_ttl"; }
  std::string operator()(const CopyTtlOut&) const { return "copy_ttl_out"; }
  std::string operator()(const CopyTtlIn&) const { return "copy_ttl_in"; }
  std::string operator()(const SetQueue& a) const {
    return fmt::format("set_queue:{}", a.queue_id);
  }
  std::string operator()(const Group& a) const { return fmt::format("group:{}", a.group_id); }
};

std::string join(const ActionList& actions) {
  std::string out;
  for (const Action& a : actions) {
    if (!out.empty()) out += ',';
    out += std::visit(Print{}, a);
  }
  return out;
}

}  // namespace

Instructions Instructions::apply_only(ActionList actions) {
  Instructions i;
  i.apply = std::move(actions);
  return i;
}

std::string to_string(const ActionList& actions) {
  return actions.empty() ? "drop" : join(actions);
}

std::string to_string(const Instructions& in) {
  std::string out;
  const auto add = [&out](std::string_view s) {
    if (s.empty()) return;
    if (!out.empty()) out += ',';
    out += s;
  };
  if (in.meter) add(fmt::format("meter:{}", *in.meter));
  if (in.apply) add(join(*in.apply));
  if (in.clear) add("clear_actions");
  if (in.write) add(fmt::format("write_actions({})", to_string(*in.write)));
  if (in.metadata) {
    add(fmt::format("write_metadata:{:#x}", in.metadata->value.host()));
    if (in.metadata->mask != be64::all_ones())
      out += fmt::format("/{:#x}", in.metadata->mask.host());
  }
  if (in.goto_table) add(fmt::format("goto_table:{}", *in.goto_table));
  return out.empty() ? "drop" : out;
}

}  // namespace lifeline::flow
