#include "offload/form.h"

#include <fmt/format.h>

namespace lifeline::offload {
namespace {

template <class T, class V>
bool equal(const std::optional<T>& want, const V& have) {
  return !want || *want == have;
}

template <class T>
bool covers_field(const std::optional<T>& wide, const std::optional<T>& narrow) {
  return !wide || wide == narrow;
}

bool equal_ip(const std::optional<IpAddress>& want, const packet::FlowKey& key, bool source) {
  if (!want) return true;
  if (want->is_v4()) return key.is_ipv4() && want->v4() == (source ? key.ipv4_src : key.ipv4_dst);
  return key.is_ipv6() && want->v6() == (source ? key.ipv6_src : key.ipv6_dst);
}

}  // namespace

bool Form::matches(const packet::FlowKey& key) const {
  if (key.inner_vlan != 0 || key.eth_type.host() != eth_type) return false;
  if (vlan_vid ? !key.has_vlan() || key.vlan_vid() != *vlan_vid : key.has_vlan()) return false;
  if (!equal(eth_dst, key.eth_dst) || !equal(eth_src, key.eth_src)) return false;
  if (!equal(arp_op, key.arp_op.host()) || !equal(arp_spa, key.ipv4_src) ||
      !equal(arp_tpa, key.ipv4_dst))
    return false;
  if (!equal(ip_proto, key.ip_proto)) return false;
  if (!equal_ip(ip_src, key, true) || !equal_ip(ip_dst, key, false)) return false;
  // A later fragment has no ports; hardware sees none either.
  if ((tp_src || tp_dst || icmpv6_type) && (key.ip_frag & packet::kFragLater) != 0) return false;
  return equal(tp_src, key.tp_src.host()) && equal(tp_dst, key.tp_dst.host()) &&
         equal(icmpv6_type, key.tp_src.host());
}

bool Form::covers(const Form& n) const {
  return eth_type == n.eth_type && vlan_vid == n.vlan_vid && covers_field(eth_dst, n.eth_dst) &&
         covers_field(eth_src, n.eth_src) && covers_field(arp_op, n.arp_op) &&
         covers_field(arp_spa, n.arp_spa) && covers_field(arp_tpa, n.arp_tpa) &&
         covers_field(ip_proto, n.ip_proto) && covers_field(ip_src, n.ip_src) &&
         covers_field(ip_dst, n.ip_dst) && covers_field(tp_src, n.tp_src) &&
         covers_field(tp_dst, n.tp_dst) && covers_field(icmpv6_type, n.icmpv6_type);
}

std::uint32_t Form::shape() const {
  std::uint32_t bits = std::uint32_t{eth_type} << 16;
  std::uint32_t bit = 1;
  const auto add = [&](bool is_set) {
    if (is_set) bits |= bit;
    bit <<= 1;
  };
  add(vlan_vid.has_value());
  add(eth_dst.has_value());
  add(eth_src.has_value());
  add(arp_op.has_value());
  add(arp_spa.has_value());
  add(arp_tpa.has_value());
  add(ip_proto.has_value());
  add(ip_src.has_value());
  add(ip_dst.has_value());
  add(tp_src.has_value());
  add(tp_dst.has_value());
  add(icmpv6_type.has_value());
  return bits;
}

std::string Form::to_string() const {
  std::string out = fmt::format("eth_type={:#06x}", eth_type);
  const auto add = [&out](const char* name, const auto& value) {
    out += fmt::format(",{}={}", name, value);
  };
  if (vlan_vid) add("vlan_vid", *vlan_vid);
  if (eth_dst) add("eth_dst", eth_dst->to_string());
  if (eth_src) add("eth_src", eth_src->to_string());
  if (arp_op) add("arp_op", *arp_op);
  if (arp_spa) add("arp_spa", arp_spa->to_string());
  if (arp_tpa) add("arp_tpa", arp_tpa->to_string());
  if (ip_proto) add("ip_proto", *ip_proto);
  if (ip_src) add("ip_src", ip_src->to_string());
  if (ip_dst) add("ip_dst", ip_dst->to_string());
  if (tp_src) add("tp_src", *tp_src);
  if (tp_dst) add("tp_dst", *tp_dst);
  if (icmpv6_type) add("icmpv6_type", *icmpv6_type);
  return out;
}

}  // namespace lifeline::offload
