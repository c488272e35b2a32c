#include "datapath/nd_guard.h"

#include "packet/dhcpv6_view.h"
#include "packet/nd_view.h"
#include "packet/parse.h"

namespace lifeline::datapath {

using packet::FlowKey;

namespace {

constexpr std::size_t kRaBytes = 16;     // RFC 4861, 4.2
constexpr std::size_t kQueryBytes = 24;  // RFC 2710, 3; of MLDv2 28 and more
constexpr std::uint8_t kMldHopLimit = 1;
constexpr std::size_t kIpv6HopLimitAt = 7;

bool looked_at(const GuardState& guards, const FlowKey& key) {
  return guards.ipv6() && guards.local_mac() && key.in_port != flow::kPortLocal && key.is_ipv6() &&
         key.ip_frag == 0 && guards.in_management_vlan(key);
}

bool is_icmpv6(const FlowKey& key, std::uint8_t type) {
  return key.ip_proto == packet::kProtoIcmpv6 && key.tp_src == be16{type} && !bool{key.tp_dst};
}

bool is_mine_or_multicast(const GuardState& guards, const FlowKey& key) {
  return key.eth_dst == *guards.local_mac() ||
         (key.eth_dst.is_multicast() && key.ipv6_dst.is_multicast());
}

// An address as 32 bits, for a table that only says "asked lately": FNV-1a.
std::uint32_t token_of(const Ipv6Address& ip) {
  std::uint32_t h = 0x811c9dc5;
  for (const std::uint8_t b : ip.bytes) h = (h ^ b) * 0x01000193;
  return h;
}

}  // namespace

bool wants_dhcpv6(const GuardState& guards, const FlowKey& key) {
  return looked_at(guards, key) && key.ip_proto == packet::kProtoUdp &&
         key.tp_src == be16{packet::kDhcpv6ServerPort} &&
         key.tp_dst == be16{packet::kDhcpv6ClientPort} && key.eth_dst == *guards.local_mac();
}

bool wants_solicitation(const GuardState& guards, const FlowKey& key) {
  return looked_at(guards, key) && is_icmpv6(key, packet::kNdNeighborSolicitation) &&
         key.icmpv6_hop_255 != 0 && !key.nd_target.is_zero() && is_mine_or_multicast(guards, key);
}

bool wants_router(const GuardState& guards, const FlowKey& key) {
  if (!looked_at(guards, key) || !key.ipv6_src.is_link_local() ||
      !is_mine_or_multicast(guards, key)) {
    return false;
  }
  return (is_icmpv6(key, packet::kNdRouterAdvertisement) && key.icmpv6_hop_255 != 0) ||
         is_icmpv6(key, packet::kMldQuery);
}

bool is_our_dhcpv6_reply(std::span<const std::byte> frame, std::uint16_t l4,
                         const GuardState& guards, const Dhcpv6Exchanges& exchanges,
                         std::uint32_t now_s) {
  if (!guards.ipv6() || l4 == 0 || l4 >= frame.size()) return false;
  const auto view = packet::parse_dhcpv6(frame.subspan(l4));
  return view && view->is_reply() && exchanges.ids.asked(view->exchange(), now_s);
}

bool asks_for_our_address(const FlowKey& key, const Dhcpv6Exchanges& exchanges,
                          std::uint32_t now_s) {
  return exchanges.addresses.asked(token_of(key.nd_target), now_s);
}

bool is_router_message(std::span<const std::byte> frame, const packet::Layers& layers) {
  if (layers.l3 == 0 || layers.l4 == 0 || layers.l4 >= frame.size()) return false;
  const std::size_t left = frame.size() - layers.l4;
  if (std::to_integer<std::uint8_t>(frame[layers.l4]) == packet::kNdRouterAdvertisement)
    return left >= kRaBytes;
  const auto hop_limit = std::to_integer<std::uint8_t>(frame[layers.l3 + kIpv6HopLimitAt]);
  return left >= kQueryBytes && hop_limit == kMldHopLimit;
}

void note_dhcpv6_request(std::span<const std::byte> frame, const GuardState& guards,
                         Dhcpv6Exchanges& exchanges, std::uint32_t now_s) {
  if (!guards.ipv6() || !guards.local_mac()) return;
  packet::Layers layers;
  const FlowKey key = packet::parse(frame, flow::kPortLocal, &layers);
  if (!key.is_ipv6() || key.ip_proto != packet::kProtoUdp || layers.l4 == 0 ||
      key.tp_src != be16{packet::kDhcpv6ClientPort} ||
      key.tp_dst != be16{packet::kDhcpv6ServerPort} || key.eth_src != *guards.local_mac()) {
    return;
  }
  const auto view = packet::parse_dhcpv6(frame.subspan(layers.l4));
  if (!view || !view->is_request()) return;
  exchanges.ids.record(view->exchange(), now_s);
  exchanges.addresses.record(token_of(key.ipv6_src), now_s);
}

bool is_guards_affair(const GuardState& guards, const packet::FlowKey& key) {
  return guards.wants_dhcp(key) || guards.wants_next_hop_arp(key) ||
         guards.wants_next_hop_nd(key) || guards.wants_path_mtu(key) ||
         (guards.ipv6() && (wants_dhcpv6(guards, key) || wants_solicitation(guards, key) ||
                            wants_router(guards, key)));
}

}  // namespace lifeline::datapath
