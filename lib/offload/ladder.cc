#include "offload/ladder.h"

#include "packet/nd_view.h"

namespace lifeline::offload {
namespace {

using packet::FlowKey;

Form exact_form(const flow::Match& match) {
  const FlowKey& k = match.key;
  const FlowKey& m = match.mask;
  const MacAddress all_macs = MacAddress::broadcast();
  Form f;
  f.eth_type = k.eth_type.host();
  if (k.has_vlan()) f.vlan_vid = k.vlan_vid();
  if (m.eth_dst == all_macs) f.eth_dst = k.eth_dst;
  if (m.eth_src == all_macs) f.eth_src = k.eth_src;
  const bool has_v4_src = !m.ipv4_src.is_zero();
  const bool has_v4_dst = !m.ipv4_dst.is_zero();
  if (f.eth_type == packet::kEthTypeArp) {
    if (m.arp_op.host() != 0) f.arp_op = k.arp_op.host();
    if (has_v4_src) f.arp_spa = k.ipv4_src;
    if (has_v4_dst) f.arp_tpa = k.ipv4_dst;
    return f;
  }
  if (m.ip_proto != 0) f.ip_proto = k.ip_proto;
  if (has_v4_src) f.ip_src = k.ipv4_src;
  if (has_v4_dst) f.ip_dst = k.ipv4_dst;
  if (!m.ipv6_src.is_zero()) f.ip_src = k.ipv6_src;
  if (!m.ipv6_dst.is_zero()) f.ip_dst = k.ipv6_dst;
  if (f.ip_proto == packet::kProtoIcmpv6) {
    if (m.tp_src.host() != 0) f.icmpv6_type = static_cast<std::uint8_t>(k.tp_src.host());
    return f;
  }
  if (m.tp_src.host() != 0) f.tp_src = k.tp_src.host();
  if (m.tp_dst.host() != 0) f.tp_dst = k.tp_dst.host();
  return f;
}

// Only the MACs, the type and the VLAN of `f`.
Form mac_and_type(const Form& f) {
  Form out;
  out.eth_type = f.eth_type;
  out.vlan_vid = f.vlan_vid;
  out.eth_dst = f.eth_dst;
  out.eth_src = f.eth_src;
  return out;
}

Form type_only(const Form& f) {
  Form out;
  out.eth_type = f.eth_type;
  out.vlan_vid = f.vlan_vid;
  return out;
}

class Ladder {
 public:
  void add(Rung rung, const Form& form) {
    if (steps_.empty() || steps_.back().form != form) steps_.push_back({rung, form});
  }
  std::vector<Step> take() { return std::move(steps_); }

 private:
  std::vector<Step> steps_;
};

}  // namespace

std::string_view rung_name(Rung rung) {
  switch (rung) {
    case Rung::kExact: return "exact";
    case Rung::kReduced: return "reduced";
    case Rung::kMacAndType: return "mac-and-type";
    case Rung::kTypeOnly: return "type-only";
    case Rung::kSoftware: return "software";
  }
  return "?";
}

std::vector<Step> ladder(const flow::SteeringIntent& intent) {
  Ladder out;
  const Form exact = exact_form(intent.match);
  out.add(Rung::kExact, exact);
  const bool has_mac = exact.eth_dst || exact.eth_src;
  if (exact.eth_type == packet::kEthTypeArp) {
    // Without operation and addresses nothing is left but MACs and type: one rung.
    if (has_mac) out.add(Rung::kMacAndType, mac_and_type(exact));
    out.add(Rung::kTypeOnly, type_only(exact));
    return out.take();
  }
  Form reduced = exact;
  reduced.icmpv6_type.reset();
  // Addresses must be left to say whose it is; else it would be all UDP or TCP.
  if (exact.ip_src || exact.ip_dst) {
    reduced.tp_src.reset();
    reduced.tp_dst.reset();
  }
  const bool icmpv6 = exact.ip_proto == packet::kProtoIcmpv6;
  Form all_icmpv6 = type_only(exact);
  all_icmpv6.ip_proto = exact.ip_proto;
  out.add(icmpv6 && reduced == all_icmpv6 ? Rung::kTypeOnly : Rung::kReduced, reduced);
  if (intent.to_local_port) {
    Form coarse = mac_and_type(exact);
    coarse.eth_src.reset();
    out.add(Rung::kMacAndType, coarse);
    return out.take();
  }
  if (icmpv6) out.add(Rung::kTypeOnly, all_icmpv6);
  return out.take();
}

}  // namespace lifeline::offload
