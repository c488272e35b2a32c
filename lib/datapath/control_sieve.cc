#include "datapath/control_sieve.h"

#include <cstring>

#include "packet/dhcp_view.h"
#include "packet/dhcpv6_view.h"
#include "packet/flow_key.h"
#include "packet/nd_view.h"
#include "packet/parse.h"
#include "packet/path_mtu_view.h"

namespace lifeline::datapath {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kArpBytes = 28;
constexpr std::size_t kMostTags = 2;  // a third is no tag to the parser either

std::uint16_t u16(const std::uint8_t* p) { return static_cast<std::uint16_t>(p[0] << 8 | p[1]); }

std::uint32_t u32(const std::uint8_t* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

std::uint64_t u64(const std::uint8_t* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

std::uint64_t mac(const std::uint8_t* p) {
  return std::uint64_t{u32(p)} << 16 | static_cast<std::uint64_t>(p[4] << 8 | p[5]);
}

std::uint64_t mac(const MacAddress& address) { return mac(address.bytes.data()); }

std::uint64_t session(std::uint64_t address, std::uint16_t port) {
  return address * 0x9e3779b97f4a7c15ULL ^ port;
}

std::uint64_t fold_v6(const std::uint8_t* p) { return u64(p) * 31 ^ u64(p + 8); }

std::uint64_t fold(const IpAddress& address) {
  return address.is_v4() ? address.v4().value.raw() : fold_v6(address.v6().bytes.data());
}

bool is_dhcp(std::uint16_t src, std::uint16_t dst) {
  return (src == packet::kDhcpServerPort && dst == packet::kDhcpClientPort) ||
         (src == packet::kDhcpClientPort && dst == packet::kDhcpServerPort) ||
         (src == packet::kDhcpServerPort && dst == packet::kDhcpServerPort);
}

constexpr std::uint16_t kDnsPort = 53;

bool is_dhcpv6(std::uint16_t src, std::uint16_t dst) {
  const auto is = [](std::uint16_t port) {
    return port == packet::kDhcpv6ClientPort || port == packet::kDhcpv6ServerPort;
  };
  return is(src) || is(dst);
}

bool is_nd(std::uint8_t type) {
  return (type >= packet::kMldQuery && type <= packet::kNdNeighborAdvertisement) ||
         type == packet::kMldV2Report || type == packet::kIcmpv6PacketTooBig;
}

}  // namespace

ControlSieve::ControlSieve(const flow::Guards& guards)
    : enabled_(guards.enabled),
      ipv6_(guards.ipv6),
      relays_v6_(guards.relay_routers || !guards.relay_dhcp.empty()) {
  if (guards.local_mac) macs_.add(mac(*guards.local_mac));
  for (const MacAddress& m : guards.protected_macs) macs_.add(mac(m));
  for (const Ipv4Address& ip : guards.next_hops) ipv4_.add(ip.value.raw());
  for (const flow::GuardedRemote& remote : guards.remotes) {
    sessions_.add(session(fold(remote.ip), remote.port));
    if (remote.ip.is_v4()) {
      ipv4_.add(remote.ip.v4().value.raw());
    } else {
      ipv6_ = true;
    }
    for (const MacAddress& m : remote.macs) macs_.add(mac(m));
  }
}

bool ControlSieve::may_be_control(Bytes frame) const {
  if (!enabled_ || frame.size() < 14) return false;
  std::size_t at = 12;
  std::uint16_t type = u16(frame.data() + at);
  for (std::size_t tags = 0;
       tags < kMostTags && (type == packet::kEthTypeVlan || type == packet::kEthTypeQinQ); ++tags) {
    at += 4;
    if (at + 2 > frame.size()) return false;
    type = u16(frame.data() + at);
  }
  const std::size_t l3 = at + 2;
  switch (type) {
    case packet::kEthTypeIpv4: return ipv4(frame, l3);
    case packet::kEthTypeIpv6: return ipv6(frame, l3);
    case packet::kEthTypeArp: return arp(frame, l3);
    // A length: what SNAP says is behind it. Rare, so the tables may say.
    default: return type < 0x0600;
  }
}

// (k): whose answer it is the tables know.
bool ControlSieve::is_resolver_answer(Bytes frame, std::uint8_t proto,
                                      const std::uint8_t* ports) const {
  return (proto == packet::kProtoUdp || proto == packet::kProtoTcp) && u16(ports) == kDnsPort &&
         macs_.has(mac(frame.data()));
}

bool ControlSieve::arp(Bytes frame, std::size_t l3) const {
  if (macs_.has(mac(frame.data())) || macs_.has(mac(frame.data() + 6))) return true;
  if (frame.size() < l3 + kArpBytes) return false;
  const std::uint8_t* p = frame.data() + l3;
  return ipv4_.has(u32(p + 14)) || ipv4_.has(u32(p + 24));
}

bool ControlSieve::ipv4(Bytes frame, std::size_t l3) const {
  if (frame.size() < l3 + kIpv4Bytes) return false;
  const std::uint8_t* p = frame.data() + l3;
  const std::size_t l4 = l3 + (p[0] & 0x0fU) * 4U;
  if ((u16(p + 6) & 0x3fff) != 0 || frame.size() < l4 + 4) return false;  // a fragment
  const std::uint8_t* ports = frame.data() + l4;
  if (is_resolver_answer(frame, p[9], ports)) return true;
  switch (p[9]) {
    case packet::kProtoTcp:
      return sessions_.has(session(u32(p + 12), u16(ports))) ||
             sessions_.has(session(u32(p + 16), u16(ports + 2)));
    case packet::kProtoUdp: return is_dhcp(u16(ports), u16(ports + 2));
    case packet::kProtoIcmp:
      return ports[0] == packet::kIcmpUnreachable && ports[1] == packet::kIcmpFragmentationNeeded &&
             macs_.has(mac(frame.data()));
    default: return false;
  }
}

bool ControlSieve::ipv6(Bytes frame, std::size_t l3) const {
  if (frame.size() < l3 + kIpv6Bytes + 4) return false;
  const std::uint8_t* p = frame.data() + l3;
  const std::uint8_t* ports = p + kIpv6Bytes;
  if (is_resolver_answer(frame, p[6], ports)) return true;
  if (!ipv6_ && !relays_v6_) return false;
  switch (p[6]) {
    case packet::kProtoTcp:
      return sessions_.has(session(fold_v6(p + 8), u16(ports))) ||
             sessions_.has(session(fold_v6(p + 24), u16(ports + 2)));
    case packet::kProtoUdp: return is_dhcpv6(u16(ports), u16(ports + 2));
    case packet::kProtoIcmpv6: return is_nd(ports[0]);
    // What is behind them the tables may say: MLD has a hop-by-hop header (RFC 3810, 5).
    default: return packet::is_ipv6_extension(p[6]);
  }
}

}  // namespace lifeline::datapath
