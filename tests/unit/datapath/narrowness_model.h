// A configuration, a packet, and what the specification's tables say becomes of it: a model that
// shares nothing with the code. For narrowness_model_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "inband/facts.h"
#include "packet/nd_view.h"
#include "test_switch.h"

namespace lifeline::datapath::test::model {

inline Ipv6Address ip6(const char* text) { return *Ipv6Address::parse(text); }

inline constexpr std::uint16_t kVlan = 100;
inline constexpr std::uint32_t kXid = 0x77;
inline constexpr PortNo kTrusted = 1;
inline const MacAddress kBehind = *MacAddress::parse("52:54:00:00:00:01");
inline const MacAddress kOnLink = *MacAddress::parse("02:00:00:00:00:c0");
inline const MacAddress kRouterMac = *MacAddress::parse("02:00:00:00:00:f6");
inline const MacAddress kDhcpv6Group = *MacAddress::parse("33:33:00:01:00:02");
inline const MacAddress kAllNodesMac = *MacAddress::parse("33:33:00:00:00:01");
inline const Ipv4Address kOnLinkIp = Ipv4Address::of(10, 0, 0, 9);
inline const Ipv6Address kRemote6 = ip6("2001:db8::7");
inline const Ipv6Address kRouter6 = ip6("fe80::fe");
inline const Ipv6Address kOur6 = ip6("fe80::1");
inline const Ipv6Address kHost6 = ip6("2001:db8::55");
inline const Ipv6Address kAllNodes = ip6("ff02::1");

// ---- a configuration

struct Mode {
  bool takes_tagged = true;
  std::uint16_t untagged = 0;
  std::optional<std::set<std::uint16_t>> vlans;  // unset: all

  std::optional<std::uint16_t> vlan_of(std::uint16_t vid) const {
    if (vid != 0 && !takes_tagged) return std::nullopt;
    const std::uint16_t v = vid != 0 ? vid : untagged;
    return carries(v) ? std::optional(v) : std::nullopt;
  }
  bool carries(std::uint16_t v) const {
    if (v == 0 && untagged != 0) return false;
    return !vlans || vlans->contains(v);
  }
};

struct Hop {
  IpAddress ip;
  std::optional<MacAddress> mac;
};

struct Setting {
  std::map<PortNo, Mode> modes;
  flow::ManagementVlan management;
  bool relay_arp = false;
  std::vector<MacPrefix> relay_dhcp;
  std::vector<std::pair<IpAddress, std::uint16_t>> remotes;
  std::vector<Hop> hops;
  std::vector<MacAddress> hop_macs;  // given as such: of both families

  bool ipv6() const {
    return std::any_of(remotes.begin(), remotes.end(), [](auto& r) { return r.first.is_v6(); });
  }
  bool is_remote(const IpAddress& ip, std::optional<std::uint16_t> port = {}) const {
    return std::any_of(remotes.begin(), remotes.end(),
                       [&](auto& r) { return r.first == ip && (!port || r.second == *port); });
  }
  bool is_hop(const IpAddress& ip) const {
    return std::any_of(hops.begin(), hops.end(), [&](auto& h) { return h.ip == ip; });
  }
  bool is_known_hop(const IpAddress& ip, std::optional<MacAddress> mac = {}) const {
    return std::any_of(hops.begin(), hops.end(),
                       [&](auto& h) { return h.ip == ip && h.mac && (!mac || h.mac == mac); });
  }
  bool is_hop_mac(const MacAddress& mac, bool v6) const {
    return std::find(hop_macs.begin(), hop_macs.end(), mac) != hop_macs.end() ||
           std::any_of(hops.begin(), hops.end(),
                       [&](auto& h) { return h.ip.is_v6() == v6 && h.mac == mac; });
  }
  bool relays_dhcp_of(const MacAddress& mac) const {
    return mac != kLocalMac && !mac.is_multicast() && !mac.is_zero() &&
           std::any_of(relay_dhcp.begin(), relay_dhcp.end(),
                       [&](auto& prefix) { return prefix.covers(mac); });
  }
  inband::Facts facts() const;
};

inline inband::Facts Setting::facts() const {
  inband::Facts f;
  f.enabled = true;
  f.local_mac = kLocalMac;
  f.vlan = management;
  f.relay_arp = relay_arp;
  f.relay_dhcp = relay_dhcp;
  f.trusted_ports = {kTrusted};
  for (const auto& [ip, port] : remotes) {
    inband::RemoteFacts& remote = f.remotes.emplace_back();
    remote.remote = {.id = fmt::format("{}:{}", ip.to_string(), port), .ip = ip, .port = port};
    remote.reach = inband::Reach::kRouted;
    const IpAddress hop_ip = ip.is_v6()                   ? IpAddress{kRouter6}
                             : ip == IpAddress{kOnLinkIp} ? ip
                                                          : IpAddress{kGatewayIp};
    for (const Hop& hop : hops)
      if (hop.ip == hop_ip) remote.next_hops.push_back({hop.ip, hop.mac, 1, "br0"});
  }
  for (const MacAddress& mac : hop_macs) {
    inband::RemoteFacts& remote = f.remotes.emplace_back();
    remote.remote = {.id = mac.to_string(),
                     .ip = IpAddress{},
                     .port = 0,
                     .role = inband::Role::kNextHop,
                     .mac = mac};
    remote.reach = inband::Reach::kGiven;
  }
  return f;
}

// ---- a packet

enum class Type : std::uint8_t {
  kArp,
  kTcp,
  kUdp,
  kDhcp,
  kPathMtu,
  kTcp6,
  kDhcpv6,
  kIcmpv6,
  kTooBig
};
inline constexpr std::size_t kTypes = 9;

struct Probe {
  PortNo in = 1;
  std::vector<std::uint16_t> tags;
  bool service_tag = false;
  MacAddress src, dst;
  Type type = Type::kArp;
  std::uint16_t op = 1;  // ARP; DHCP: 1 a request, 2 a reply
  Ipv4Address sip, dip;
  Ipv6Address sip6, dip6, target;
  std::uint16_t sport = 0, dport = 0;
  bool fragment = false;
  MacAddress chaddr;
  std::uint32_t xid = kXid;
  std::uint8_t icmp_type = 135, hop_limit = 255;
  std::uint16_t quoted_port = 6653;

  std::uint16_t vid() const { return tags.empty() ? std::uint16_t{0} : tags[0]; }
  bool is_v6() const { return type >= Type::kTcp6; }
  Frame build() const;
  std::string text() const {
    return fmt::format(
        "in={} tags={} src={} dst={} type={} op={} {} > {} {} > {} target={} ports={}>{} frag={} "
        "chaddr={} xid={:x} icmp={} hops={} quoted_port={}",
        in, tags.empty() ? "-" : fmt::format("{}x{}", tags[0], tags.size()), src.to_string(),
        dst.to_string(), static_cast<int>(type), op, sip.to_string(), dip.to_string(),
        sip6.to_string(), dip6.to_string(), target.to_string(), sport, dport, fragment,
        chaddr.to_string(), xid, icmp_type, hop_limit, quoted_port);
  }
};

inline Frame Probe::build() const {
  PacketBuilder b;
  b.eth(src, dst);
  for (std::size_t i = 0; i < tags.size(); ++i)
    b.vlan(tags[i], 0, i == 0 && service_tag ? packet::kEthTypeQinQ : packet::kEthTypeVlan);
  if (type == Type::kArp) return b.arp(op, src, sip, {}, dip).build(60);
  if (is_v6())
    b.ipv6(sip6, dip6, hop_limit);
  else
    b.ipv4(sip, dip);
  if (fragment) b.fragment(0, true);
  switch (type) {
    case Type::kArp: break;
    case Type::kTcp:
    case Type::kTcp6: b.tcp(sport, dport); break;
    case Type::kUdp: b.udp(sport, dport); break;
    case Type::kDhcp:
      b.udp(sport, dport)
          .dhcp({.op = op == 1 ? packet::DhcpView::Op::kRequest : packet::DhcpView::Op::kReply,
                 .type = op == 1 ? packet::DhcpView::Type::kDiscover : packet::DhcpView::Type::kAck,
                 .xid = xid,
                 .chaddr = chaddr});
      break;
    case Type::kDhcpv6: {
      const std::array<std::uint8_t, 9> bytes = {static_cast<std::uint8_t>(op == 1 ? 1 : 7),
                                                 0,
                                                 0,
                                                 static_cast<std::uint8_t>(xid),
                                                 0,
                                                 1,
                                                 0,
                                                 1,
                                                 9};
      b.udp(sport, dport).payload(std::as_bytes(std::span(bytes)));
      return b.build(60);
    }
    case Type::kIcmpv6:
      if (icmp_type == packet::kNdNeighborSolicitation)
        b.neighbor_solicitation(target, src);
      else if (icmp_type == packet::kNdNeighborAdvertisement)
        b.neighbor_advertisement(target, src);
      else
        b.icmpv6(icmp_type, 0).payload_bytes(20);
      return b.build(60);
    case Type::kPathMtu:
    case Type::kTooBig: {
      const Frame q =
          is_v6()
              ? PacketBuilder().eth(src, dst).ipv6(dip6, kRemote6).tcp(1, quoted_port).build()
              : PacketBuilder().eth(src, dst).ipv4(dip, kController).tcp(1, quoted_port).build();
      if (is_v6())
        b.icmpv6(2, 0, 1400);
      else
        b.icmp(3, 4, 1400);
      b.payload(std::span(q).subspan(14));
      break;
    }
  }
  return b.payload_bytes(24).build(60);
}

// ---- the model: the first letter of a table that matches; R: relayed; L: a guard's copy

inline std::string arp(const Setting& s, const Probe& p) {
  const bool request = p.op == 1;
  const bool reply = p.op == 2;
  if (reply && p.dst == kLocalMac) return "b";
  if (request && p.src == kLocalMac) return "c";
  if (reply && s.is_hop_mac(p.dst, false)) return "d";
  if (s.relay_arp && request && s.is_known_hop(p.dip)) return "d";
  if (request && s.is_hop_mac(p.src, false)) return "e";
  if (s.relay_arp && reply && s.is_known_hop(p.sip, p.src)) return "e";
  if (reply && s.is_remote(p.dip)) return "f";
  if (request && s.is_remote(p.sip)) return "g";
  return s.is_hop(p.sip) ? "L" : "";
}

inline std::string icmpv6(const Setting& s, const Probe& p) {
  const bool ours = s.ipv6();  // else what is ours has no rules
  const bool local = ours && p.in == flow::kPortLocal && p.src == kLocalMac;
  const bool near = p.hop_limit == 255;
  const bool rs = p.icmp_type == 133 && near, ra = p.icmp_type == 134 && near;
  const bool ns = p.icmp_type == 135 && near, na = p.icmp_type == 136 && near;
  if (local && rs) return "m";
  if (local && (p.icmp_type == 131 || p.icmp_type == 143)) return "n";
  if (local && na) return "o";
  if (ours && na && p.dst == kLocalMac) return "p";
  if (local && ns) return "q";
  if (na && s.is_hop_mac(p.dst, true)) return "r";
  const bool relay6 = s.relay_arp && s.is_known_hop(kRouter6);
  if (relay6 && ((ns && s.is_known_hop(p.target)) || rs)) return "r";
  if (ns && s.is_hop_mac(p.src, true)) return "s";
  if (relay6 && na && s.is_known_hop(p.target, p.src)) return "s";
  if (na && s.is_remote(p.dip6)) return "t";
  if (ns && s.is_remote(p.sip6)) return "u";
  if (!ours || p.in == flow::kPortLocal) return "";
  const bool from_router = p.in == kTrusted && (p.sip6 == kRouter6 || p.sip6 == kOur6);
  if (ra && from_router && s.relay_arp) return "R";
  if (ns && s.is_hop(p.sip6)) return "L";
  if (na && s.is_hop(p.target)) return "L";
  const bool to_us = p.dst == kLocalMac || (p.dst.is_multicast() && p.dip6 == kAllNodes);
  if (!to_us) return "";
  if (ns && p.target == kOur6) return "L";
  return from_router && (ra || (p.icmp_type == 130 && p.hop_limit == 1)) ? "L" : "";
}

inline std::string dhcp(const Setting& s, const Probe& p) {
  const bool v6 = p.type == Type::kDhcpv6;
  const bool up = p.sport == (v6 ? 546 : 68) && p.dport == (v6 ? 547 : 67);
  if (up && p.in == flow::kPortLocal && p.src == kLocalMac && (!v6 || s.ipv6()))
    return v6 ? "l" : "a";
  const bool request = up && p.op == 1;
  const bool reply = !up && p.op == 2;
  if (v6) {
    if (request && p.dst == kDhcpv6Group && s.relays_dhcp_of(p.src)) return "R";
    if (reply && s.relays_dhcp_of(p.dst)) return "R";
    return s.ipv6() && reply && p.dst == kLocalMac && p.xid == kXid ? "L" : "";
  }
  if (request && p.chaddr == p.src && s.relays_dhcp_of(p.src)) return "R";
  if (reply && s.relays_dhcp_of(p.chaddr)) return "R";
  return reply && p.chaddr == kLocalMac && p.xid == kXid ? "L" : "";
}

inline std::string by_tables(const Setting& s, const Probe& p) {
  switch (p.type) {
    case Type::kArp: return arp(s, p);
    case Type::kIcmpv6: return icmpv6(s, p);
    case Type::kDhcp:
    case Type::kDhcpv6: return dhcp(s, p);
    case Type::kUdp:
      return p.in == flow::kPortLocal && p.src == kLocalMac && !p.fragment && p.sport == 68 &&
                     p.dport == 67
                 ? "a"
                 : "";
    case Type::kTcp:
    case Type::kTcp6: {
      if (p.fragment) return "";
      const IpAddress src = p.is_v6() ? IpAddress{p.sip6} : IpAddress{p.sip};
      const IpAddress dst = p.is_v6() ? IpAddress{p.dip6} : IpAddress{p.dip};
      if (s.is_remote(dst, p.dport)) return p.is_v6() ? "v" : "h";
      return s.is_remote(src, p.sport) ? (p.is_v6() ? "w" : "i") : "";
    }
    case Type::kPathMtu:
    case Type::kTooBig: {
      const IpAddress remote = p.is_v6() ? IpAddress{kRemote6} : IpAddress{kController};
      return p.dst == kLocalMac && s.is_remote(remote, p.quoted_port) ? "L" : "";
    }
  }
  return "";
}

inline std::string fate_of(const Setting& s, const Probe& p) {
  const bool local = p.in == flow::kPortLocal;
  if (!local && p.src == kLocalMac) return "";  // spoofed
  const auto vlan = s.modes.at(p.in).vlan_of(p.vid());
  if (!vlan) return "";
  if (s.management.kind != flow::ManagementVlan::Kind::kAny &&
      (*vlan != s.management.vid || p.tags.size() > 1))
    return "";
  const std::string what = by_tables(s, p);
  if (what == "L" && (local || !s.modes.at(flow::kPortLocal).carries(*vlan))) return "";
  return what;
}

}  // namespace lifeline::datapath::test::model
