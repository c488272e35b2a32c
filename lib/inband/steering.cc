#include "inband/steering.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <utility>

#include "inband/inband_rules.h"
#include "packet/dhcpv6_view.h"
#include "packet/nd_view.h"

namespace lifeline::inband {
namespace {

using flow::Match;
using flow::SteeringIntent;
using flow::SteeringValue;

constexpr std::uint16_t kDhcpClientPort = 68;
constexpr std::uint16_t kDhcpServerPort = 67;

// The order of kinds within a value; nullopt: never comes from a wire. (i) is before (h): what a
// NIC has room for at all should be what the remote sends to us.
std::optional<SteeringValue> value_of(Kind kind) {
  switch (kind) {
    case Kind::kFromRemoteTcp:
    case Kind::kToRemoteTcp:
    case Kind::kFromRemoteTcp6:
    case Kind::kToRemoteTcp6: return SteeringValue::kConnection;
    case Kind::kToLocalArp:
    case Kind::kToLocalNa: return SteeringValue::kOwnAddress;
    case Kind::kToNextHopArp:
    case Kind::kFromNextHopArp:
    case Kind::kToNextHopNa:
    case Kind::kFromNextHopNs: return SteeringValue::kNextHop;
    case Kind::kToRemoteArp:
    case Kind::kFromRemoteArp:
    case Kind::kToRemoteNa:
    case Kind::kFromRemoteNs:
    case Kind::kFromResolverDns: return SteeringValue::kOtherRemote;
    case Kind::kFromLocalDhcp:
    case Kind::kFromLocalArp:
    case Kind::kToResolverDns:
    case Kind::kFromLocalDhcpv6:
    case Kind::kFromLocalRs:
    case Kind::kFromLocalMld:
    case Kind::kFromLocalNa:
    case Kind::kFromLocalNs: return std::nullopt;
    default: return SteeringValue::kOtherRemote;  // kinds of later days: steered, last
  }
}

bool is_from_remote(char letter) { return letter == 'i' || letter == 'w'; }

Match udp(std::uint16_t eth_type, std::uint16_t from, std::uint16_t to) {
  Match m;
  m.eth_type(eth_type).ip_proto(packet::kProtoUdp).tp_src(from).tp_dst(to);
  return m;
}

Match neighbour(std::uint8_t type) {
  Match m;
  m.eth_type(packet::kEthTypeIpv6).ip_proto(packet::kProtoIcmpv6).tp_src(type);
  return m;
}

std::string bytes_of(const Match& match) {
  std::string bytes(sizeof match.key + sizeof match.mask, '\0');
  std::memcpy(bytes.data(), &match.key, sizeof match.key);
  std::memcpy(bytes.data() + sizeof match.key, &match.mask, sizeof match.mask);
  return bytes;
}

class Collector {
 public:
  explicit Collector(const Facts& facts) : facts_(facts) {}

  void add(std::string name, char letter, SteeringValue value, const Match& match) {
    if (!seen_.insert(bytes_of(match)).second) return;
    const bool names_dst = match.mask.eth_dst == MacAddress::broadcast();
    intents_.push_back(
        {.name = std::move(name),
         .letter = letter,
         .value = value,
         .match = match,
         .to_local_port = names_dst && facts_.local_mac && match.key.eth_dst == *facts_.local_mac});
  }
  void guard(const char* name, SteeringValue value, Match match) {
    facts_.vlan.narrow(match);
    add(fmt::format("guard {}", name), 0, value, match);
  }
  std::vector<SteeringIntent> take() {
    std::stable_sort(intents_.begin(), intents_.end(), [](const auto& a, const auto& b) {
      if (a.value != b.value) return a.value < b.value;
      return is_from_remote(a.letter) && !is_from_remote(b.letter);
    });
    return std::move(intents_);
  }

 private:
  const Facts& facts_;
  std::vector<SteeringIntent> intents_;
  std::set<std::string> seen_;  // matches, as bytes
};

void add_guards(Collector& out, const flow::Guards& guards) {
  if (!guards.enabled) return;
  // Without a local MAC the DHCP guard matches nothing.
  if (guards.local_mac)
    out.guard("dhcp-reply", SteeringValue::kOwnAddress,
              udp(packet::kEthTypeIpv4, kDhcpServerPort, kDhcpClientPort));
  for (const Ipv4Address& ip : guards.next_hops) {
    Match m;
    m.eth_type(packet::kEthTypeArp).arp_spa(ip);
    out.guard("next-hop-arp", SteeringValue::kNextHop, m);
  }
  if (!guards.ipv6) return;
  if (guards.local_mac) {
    Match reply = udp(packet::kEthTypeIpv6, packet::kDhcpv6ServerPort, packet::kDhcpv6ClientPort);
    out.guard("dhcpv6-reply", SteeringValue::kOwnAddress, reply);
  }
  out.guard("router-advertisement", SteeringValue::kOwnAddress,
            neighbour(packet::kNdRouterAdvertisement));
  for (const Ipv6Address& ip : guards.next_hops_v6) {
    // The target of an advertisement is beyond what NICs match; its source may be any address.
    out.guard("next-hop-ns", SteeringValue::kNextHop,
              neighbour(packet::kNdNeighborSolicitation).ipv6_src(ip));
    out.guard("next-hop-na", SteeringValue::kNextHop, neighbour(packet::kNdNeighborAdvertisement));
  }
}

}  // namespace

std::vector<SteeringIntent> steering_intents(const Facts& facts) {
  Collector out(facts);
  for (const HiddenRule& rule : hidden_rules(facts)) {
    const auto value = value_of(rule.kind);
    if (!value || rule.match.mask.in_port != 0) continue;
    const char letter = kind_letter(rule.kind);
    out.add(fmt::format("({}) {}", letter, kind_name(rule.kind)), letter, *value, rule.match);
  }
  add_guards(out, guards(facts));
  return out.take();
}

}  // namespace lifeline::inband
