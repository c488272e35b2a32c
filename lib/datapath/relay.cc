#include "datapath/relay.h"

#include "datapath/nd_guard.h"
#include "packet/dhcp_view.h"
#include "packet/dhcpv6_view.h"
#include "packet/nd_view.h"

namespace lifeline::datapath {

using packet::FlowKey;

namespace {

constexpr std::uint64_t kAllDhcpServersMac = 0x333300010002;  // of ff02::1:2 (RFC 2464, 7)

bool is_udp(const FlowKey& key, std::uint16_t from, std::uint16_t to) {
  return key.tp_src == be16{from} && key.tp_dst == be16{to};
}

// Another station's, and one that the operator named.
bool is_relayed_station(const GuardState& guards, const MacAddress& mac) {
  return mac != guards.local_mac() && !mac.is_zero() && !mac.is_multicast() &&
         guards.relays_dhcp_of(mac);
}

std::optional<Relay> dhcp(const GuardState& guards, const FlowKey& key) {
  if (is_udp(key, packet::kDhcpServerPort, packet::kDhcpClientPort)) return Relay::kDhcpReply;
  if (is_udp(key, packet::kDhcpClientPort, packet::kDhcpServerPort) &&
      is_relayed_station(guards, key.eth_src))
    return Relay::kDhcpRequest;
  return std::nullopt;
}

std::optional<Relay> dhcpv6(const GuardState& guards, const FlowKey& key) {
  if (is_udp(key, packet::kDhcpv6ServerPort, packet::kDhcpv6ClientPort) &&
      is_relayed_station(guards, key.eth_dst))
    return Relay::kDhcpv6Reply;
  if (is_udp(key, packet::kDhcpv6ClientPort, packet::kDhcpv6ServerPort) &&
      key.eth_dst.to_u64() == kAllDhcpServersMac && is_relayed_station(guards, key.eth_src))
    return Relay::kDhcpv6Request;
  return std::nullopt;
}

}  // namespace

std::optional<Relay> wants_relay(const GuardState& guards, const FlowKey& key) {
  const bool ipv6 = key.is_ipv6();
  if (!(ipv6 || key.is_ipv4()) || key.ip_frag != 0 || !guards.in_management_vlan(key))
    return std::nullopt;
  if (key.ip_proto == packet::kProtoUdp && guards.relays_dhcp())
    return ipv6 ? dhcpv6(guards, key) : dhcp(guards, key);
  const bool advertisement = ipv6 && key.ip_proto == packet::kProtoIcmpv6 &&
                             key.tp_src == be16{packet::kNdRouterAdvertisement} &&
                             !bool{key.tp_dst} && key.icmpv6_hop_255 != 0 &&
                             key.ipv6_src.is_link_local() && key.in_port != flow::kPortLocal;
  if (advertisement && guards.relays_routers() && guards.ipv6()) return Relay::kRouterAdvertisement;
  return std::nullopt;
}

bool is_relayed(std::span<const std::byte> frame, const FlowKey& key, const packet::Layers& layers,
                const GuardState& guards, Relay relay) {
  if (layers.l4 == 0 || layers.l4 >= frame.size()) return false;
  const auto message = frame.subspan(layers.l4);
  switch (relay) {
    case Relay::kDhcpRequest: {
      const auto view = packet::parse_dhcp(message);
      return view && view->is_request() && view->chaddr == key.eth_src;
    }
    case Relay::kDhcpReply: {
      const auto view = packet::parse_dhcp(message);
      return view && view->is_reply() && is_relayed_station(guards, view->chaddr);
    }
    case Relay::kDhcpv6Request: {
      const auto view = packet::parse_dhcpv6(message);
      return view && view->is_request();
    }
    case Relay::kDhcpv6Reply: {
      const auto view = packet::parse_dhcpv6(message);
      return view && view->is_reply();
    }
    case Relay::kRouterAdvertisement: return is_router_message(frame, layers);
  }
  return false;
}

}  // namespace lifeline::datapath
