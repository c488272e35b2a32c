#include "inband/rules_v6.h"

#include "packet/dhcpv6_view.h"
#include "packet/flow_key.h"
#include "packet/nd_view.h"

namespace lifeline::inband {
namespace {

using flow::Match;

Match ipv6(std::uint8_t proto) {
  Match m;
  m.eth_type(packet::kEthTypeIpv6).ip_proto(proto).ip_frag(0, packet::kFragAny);
  return m;
}

Match icmpv6(std::uint8_t type) {
  Match m = ipv6(packet::kProtoIcmpv6);
  m.tp_src(type).tp_dst(0);
  return m;
}

// What a router forwarded is no neighbour's (RFC 4861, 7.1).
Match neighbour(std::uint8_t type) { return icmpv6(type).icmpv6_hop_255(); }

}  // namespace

std::vector<KindMatch> local_rules_v6(MacAddress mac) {
  using namespace packet;
  const auto from_local = [&](Match m) { return m.in_port(flow::kPortLocal).eth_src(mac); };
  return {
      {Kind::kFromLocalDhcpv6,
       from_local(ipv6(kProtoUdp).tp_src(kDhcpv6ClientPort).tp_dst(kDhcpv6ServerPort))},
      {Kind::kFromLocalRs, from_local(neighbour(kNdRouterSolicitation))},
      {Kind::kFromLocalMld, from_local(icmpv6(kMldV1Report))},
      {Kind::kFromLocalMld, from_local(icmpv6(kMldV2Report))},
      {Kind::kFromLocalNa, from_local(neighbour(kNdNeighborAdvertisement))},
      {Kind::kToLocalNa, neighbour(kNdNeighborAdvertisement).eth_dst(mac)},
      {Kind::kFromLocalNs, neighbour(kNdNeighborSolicitation).eth_src(mac)},
  };
}

std::vector<KindMatch> next_hop_rules_v6(MacAddress mac) {
  return {
      {Kind::kToNextHopNa, neighbour(packet::kNdNeighborAdvertisement).eth_dst(mac)},
      {Kind::kFromNextHopNs, neighbour(packet::kNdNeighborSolicitation).eth_src(mac)},
  };
}

std::vector<KindMatch> relay_rules_v6(MacAddress mac, const Ipv6Address& ip) {
  using namespace packet;
  return {
      {Kind::kToNextHopNa, neighbour(kNdNeighborSolicitation).nd_target(ip)},
      {Kind::kToNextHopNa, neighbour(kNdRouterSolicitation)},
      {Kind::kFromNextHopNs, neighbour(kNdNeighborAdvertisement).eth_src(mac).nd_target(ip)},
  };
}

std::vector<KindMatch> remote_rules_v6(const Ipv6Address& ip, std::uint16_t port) {
  return {
      {Kind::kToRemoteNa, neighbour(packet::kNdNeighborAdvertisement).ipv6_dst(ip)},
      {Kind::kFromRemoteNs, neighbour(packet::kNdNeighborSolicitation).ipv6_src(ip)},
      {Kind::kToRemoteTcp6, ipv6(packet::kProtoTcp).ipv6_dst(ip).tp_dst(port)},
      {Kind::kFromRemoteTcp6, ipv6(packet::kProtoTcp).ipv6_src(ip).tp_src(port)},
  };
}

}  // namespace lifeline::inband
