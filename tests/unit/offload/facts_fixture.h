// In-band facts as they are in a network, for the intents that follow from them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "inband/facts.h"
#include "inband/steering.h"

namespace lifeline::offload::test {

inline const MacAddress kLocalMac = MacAddress::from_u64(0x020000000001);
inline const MacAddress kGatewayMac = MacAddress::from_u64(0x0200000000fe);
inline const Ipv4Address kGatewayIp = Ipv4Address::of(10, 0, 0, 254);
inline const Ipv4Address kController = Ipv4Address::of(192, 0, 2, 1);
inline const Ipv6Address kController6 = *Ipv6Address::parse("2001:db8::7");
inline const Ipv6Address kRouter6 = *Ipv6Address::parse("fe80::1");

inline void add_remote(inband::Facts& facts, IpAddress remote_ip, std::uint16_t port,
                       IpAddress hop_ip, MacAddress hop_mac) {
  inband::RemoteFacts& r = facts.remotes.emplace_back();
  r.remote.id = fmt::format("tcp:{}:{}", remote_ip.to_string(), port);
  r.remote.ip = remote_ip;
  r.remote.port = port;
  r.reach = inband::Reach::kRouted;
  inband::NextHop& hop = r.next_hops.emplace_back();
  hop.ip = hop_ip;
  hop.mac = hop_mac;
}

inline inband::Facts facts4() {
  inband::Facts f;
  f.enabled = true;
  f.local_mac = kLocalMac;
  add_remote(f, kController, 6653, kGatewayIp, kGatewayMac);
  return f;
}

inline inband::Facts facts6() {
  inband::Facts f;
  f.enabled = true;
  f.local_mac = kLocalMac;
  add_remote(f, kController6, 6653, kRouter6, kGatewayMac);
  return f;
}

// Names only, one line.
inline std::string names(const std::vector<flow::SteeringIntent>& intents) {
  std::string out;
  for (const auto& i : intents) {
    if (!out.empty()) out += ' ';
    out += i.letter != 0 ? std::string(1, i.letter) : i.name.substr(6);
  }
  return out;
}

inline const flow::SteeringIntent& intent(const std::vector<flow::SteeringIntent>& intents,
                                          std::string_view what) {
  for (const auto& i : intents)
    if (i.letter != 0 ? what == std::string(1, i.letter) : i.name == fmt::format("guard {}", what))
      return i;
  static const flow::SteeringIntent none;
  return none;
}

}  // namespace lifeline::offload::test
