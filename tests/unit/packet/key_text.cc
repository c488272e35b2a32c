#include "key_text.h"

#include <fmt/format.h>

namespace lifeline::packet::test {

std::string key_text(const FlowKey& k) {
  std::string out;
  const auto add = [&out](std::string_view name, const std::string& value) {
    if (!out.empty()) out += ' ';
    out += fmt::format("{}={}", name, value);
  };
  const auto hex = [&add](std::string_view name, std::uint64_t v) {
    if (v != 0) add(name, fmt::format("{:x}", v));
  };
  const auto text = [&add](std::string_view name, const auto& v) {
    if (!v.is_zero()) add(name, v.to_string());
  };
  hex("metadata", k.metadata.host());
  hex("tunnel_id", k.tunnel_id.host());
  hex("in_port", k.in_port);
  hex("vlan_tci", k.vlan_tci.host());
  hex("eth_type", k.eth_type.host());
  text("eth_dst", k.eth_dst);
  text("eth_src", k.eth_src);
  hex("mpls_lse", k.mpls_lse.host());
  hex("ip_proto", k.ip_proto);
  hex("ip_tos", k.ip_tos);
  hex("ip_frag", k.ip_frag);
  hex("inner_vlan", k.inner_vlan);
  hex("tp_src", k.tp_src.host());
  hex("tp_dst", k.tp_dst.host());
  text("ipv4_src", k.ipv4_src);
  text("ipv4_dst", k.ipv4_dst);
  hex("arp_op", k.arp_op.host());
  text("arp_sha", k.arp_sha);
  text("arp_tha", k.arp_tha);
  hex("zero1", k.zero1.host());
  hex("ipv6_label", k.ipv6_label.host());
  hex("ipv6_exthdr", k.ipv6_exthdr.host());
  hex("zero2", k.zero2);
  hex("icmpv6_hop_255", k.icmpv6_hop_255);
  text("ipv6_src", k.ipv6_src);
  text("ipv6_dst", k.ipv6_dst);
  text("nd_target", k.nd_target);
  text("nd_sll", k.nd_sll);
  text("nd_tll", k.nd_tll);
  hex("pbb_isid", k.pbb_isid.host());
  return out;
}

}  // namespace lifeline::packet::test
