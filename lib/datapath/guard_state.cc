#include "datapath/guard_state.h"

#include <algorithm>

#include "packet/dhcp_view.h"
#include "packet/parse.h"

namespace lifeline::datapath {

using packet::FlowKey;

GuardState::GuardState(const flow::Guards& guards) : guards_(guards) {
  std::sort(guards_.next_hops.begin(), guards_.next_hops.end());
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
         key.in_port != flow::kPortLocal && key.is_ipv4() && key.ip_proto == packet::kProtoUdp &&
         key.tp_src == be16{packet::kDhcpServerPort} &&
         key.tp_dst == be16{packet::kDhcpClientPort} && in_management_vlan(key);
}

bool GuardState::wants_next_hop_arp(const FlowKey& key) const {
  return guards_.enabled && key.in_port != flow::kPortLocal && key.is_arp() &&
         in_management_vlan(key) && !key.ipv4_src.is_zero() &&
         std::binary_search(guards_.next_hops.begin(), guards_.next_hops.end(), key.ipv4_src);
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
