#include "datapath/guard_state.h"

#include <algorithm>

#include "packet/dhcp_view.h"
#include "packet/nd_view.h"
#include "packet/parse.h"
#include "packet/path_mtu_view.h"

namespace lifeline::datapath {

using packet::FlowKey;

GuardState::GuardState(const flow::Guards& guards) : guards_(guards), sieve_(guards) {
  std::sort(guards_.next_hops.begin(), guards_.next_hops.end());
  std::sort(guards_.remotes.begin(), guards_.remotes.end());
  std::sort(guards_.next_hops_v6.begin(), guards_.next_hops_v6.end());
}

bool GuardState::in_management_vlan(const FlowKey& key) const {
  switch (guards_.vlan.kind) {
    case flow::ManagementVlan::Kind::kAny: return true;
    case flow::ManagementVlan::Kind::kVid:
      return key.has_vlan() && key.vlan_vid() == guards_.vlan.vid && key.inner_vlan == 0;
    case flow::ManagementVlan::Kind::kUntagged:
      return (!key.has_vlan() || key.vlan_vid() == 0) && key.inner_vlan == 0;
  }
  return false;
}

// There are a handful: what takes one is rare enough not to sort for.
bool GuardState::is_protected(const MacAddress& mac) const {
  const auto& macs = guards_.protected_macs;
  return std::find(macs.begin(), macs.end(), mac) != macs.end();
}

bool GuardState::wants_dhcp(const FlowKey& key) const {
  return guards_.enabled && guards_.local_mac.has_value() && !guards_.local_mac->is_zero() &&
         key.in_port != flow::kPortLocal && key.is_ipv4() && key.ip_frag == 0 &&
         key.ip_proto == packet::kProtoUdp && key.tp_src == be16{packet::kDhcpServerPort} &&
         key.tp_dst == be16{packet::kDhcpClientPort} && in_management_vlan(key);
}

bool GuardState::wants_next_hop_arp(const FlowKey& key) const {
  return guards_.enabled && key.in_port != flow::kPortLocal && key.is_arp() &&
         in_management_vlan(key) && !key.ipv4_src.is_zero() &&
         std::binary_search(guards_.next_hops.begin(), guards_.next_hops.end(), key.ipv4_src);
}

const flow::GuardedRemote* GuardState::find(const IpAddress& ip, std::uint16_t port) const {
  const auto at = std::lower_bound(guards_.remotes.begin(), guards_.remotes.end(),
                                   flow::GuardedRemote{ip, port, {}});
  return at != guards_.remotes.end() && at->ip == ip && at->port == port ? &*at : nullptr;
}

bool GuardState::has_address(const IpAddress& ip) const {
  const auto at = std::lower_bound(guards_.remotes.begin(), guards_.remotes.end(),
                                   flow::GuardedRemote{ip, 0, {}});
  return at != guards_.remotes.end() && at->ip == ip;
}

bool GuardState::wants_path_mtu(const FlowKey& key) const {
  if (!guards_.enabled || guards_.remotes.empty() || key.in_port == flow::kPortLocal ||
      key.ip_frag != 0 || !guards_.local_mac || key.eth_dst != *guards_.local_mac ||
      !in_management_vlan(key)) {
    return false;
  }
  if (key.is_ipv4()) {
    return key.ip_proto == packet::kProtoIcmp && key.tp_src == be16{packet::kIcmpUnreachable} &&
           key.tp_dst == be16{packet::kIcmpFragmentationNeeded};
  }
  return key.is_ipv6() && key.ip_proto == packet::kProtoIcmpv6 &&
         key.tp_src == be16{packet::kIcmpv6PacketTooBig} && key.tp_dst == be16{0};
}

bool GuardState::is_control_fragment(const FlowKey& key) const {
  if (key.ip_frag == 0 || key.ip_proto != packet::kProtoTcp || !guards_.enabled ||
      !in_management_vlan(key) || !(key.is_ipv4() || key.is_ipv6())) {
    return false;
  }
  const IpAddress src = key.is_ipv4() ? IpAddress{key.ipv4_src} : IpAddress{key.ipv6_src};
  const IpAddress dst = key.is_ipv4() ? IpAddress{key.ipv4_dst} : IpAddress{key.ipv6_dst};
  // Later fragments have no ports.
  if ((key.ip_frag & packet::kFragLater) != 0) return has_address(src) || has_address(dst);
  return is_remote(src, key.tp_src.host()) || is_remote(dst, key.tp_dst.host());
}

// A solicitation says by its source who asks, an advertisement by its target who speaks.
bool GuardState::wants_next_hop_nd(const FlowKey& key) const {
  if (!ipv6() || key.in_port == flow::kPortLocal || !key.is_ipv6() || key.ip_frag != 0 ||
      key.ip_proto != packet::kProtoIcmpv6 || key.icmpv6_hop_255 == 0 || bool{key.tp_dst} ||
      key.nd_target.is_zero() || !in_management_vlan(key)) {
    return false;
  }
  const bool solicitation = key.tp_src == be16{packet::kNdNeighborSolicitation};
  const Ipv6Address& who = solicitation ? key.ipv6_src : key.nd_target;
  return std::binary_search(guards_.next_hops_v6.begin(), guards_.next_hops_v6.end(), who);
}

void DhcpXids::record(std::uint32_t xid, std::uint32_t now_s) {
  std::size_t oldest = 0;
  for (std::size_t i = 0; i < kCells; ++i) {
    const std::uint64_t cell = cells_[i].load(std::memory_order_relaxed);
    if (cell != 0 && static_cast<std::uint32_t>(cell) == xid) {
      oldest = i;
      break;
    }
    if (cell >> 32 < cells_[oldest].load(std::memory_order_relaxed) >> 32) oldest = i;
  }
  cells_[oldest].store((std::uint64_t{now_s} + 1) << 32 | xid, std::memory_order_release);
}

bool DhcpXids::asked(std::uint32_t xid, std::uint32_t now_s) const {
  for (const auto& c : cells_) {
    const std::uint64_t cell = c.load(std::memory_order_acquire);
    if (cell == 0 || static_cast<std::uint32_t>(cell) != xid) continue;
    const std::uint64_t asked_s = (cell >> 32) - 1;
    if (asked_s + kLife_s >= now_s) return true;
  }
  return false;
}

bool is_our_dhcp_reply(std::span<const std::byte> frame, std::uint16_t l4, const GuardState& guards,
                       const DhcpXids& xids, std::uint32_t now_s) {
  if (!guards.enabled() || !guards.local_mac() || l4 == 0 || l4 >= frame.size()) return false;
  const auto view = packet::parse_dhcp(frame.subspan(l4));
  return view && view->is_reply() && view->chaddr == *guards.local_mac() &&
         xids.asked(view->xid, now_s);
}

bool is_our_path_mtu(std::span<const std::byte> frame, const FlowKey& key, std::uint16_t l4,
                     const GuardState& guards) {
  if (l4 == 0 || l4 >= frame.size()) return false;
  const bool v4 = key.is_ipv4();
  const auto view = v4 ? packet::parse_fragmentation_needed(frame.subspan(l4))
                       : packet::parse_packet_too_big(frame.subspan(l4));
  const IpAddress to = v4 ? IpAddress{key.ipv4_dst} : IpAddress{key.ipv6_dst};
  return view && view->src == to && guards.is_remote(view->dst, view->dst_port);
}

void note_dhcp_request(std::span<const std::byte> frame, const GuardState& guards, DhcpXids& xids,
                       std::uint32_t now_s) {
  if (!guards.enabled() || !guards.local_mac()) return;
  packet::Layers layers;
  const FlowKey key = packet::parse(frame, flow::kPortLocal, &layers);
  if (!key.is_ipv4() || key.ip_proto != packet::kProtoUdp || layers.l4 == 0 ||
      key.tp_src != be16{packet::kDhcpClientPort} || key.tp_dst != be16{packet::kDhcpServerPort}) {
    return;
  }
  const auto view = packet::parse_dhcp(frame.subspan(layers.l4));
  if (view && view->is_request() && view->chaddr == *guards.local_mac()) {
    xids.record(view->xid, now_s);
  }
}

}  // namespace lifeline::datapath
