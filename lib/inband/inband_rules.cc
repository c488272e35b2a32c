#include "inband/inband_rules.h"

#include <algorithm>

#include "inband/rules_v6.h"
#include "packet/flow_key.h"

namespace lifeline::inband {
namespace {

using flow::Match;

// Of (a); each later letter has one less, whatever kinds are added behind.
constexpr std::uint32_t kPriorityOfFirst = 18181809;
constexpr std::size_t kLetters = 26;
constexpr std::uint16_t kArpRequest = 1;
constexpr std::uint16_t kArpReply = 2;
constexpr std::uint16_t kDhcpClientPort = 68;
constexpr std::uint16_t kDhcpServerPort = 67;

constexpr std::array<std::string_view, kLetters> kNames = {"from-local-dhcp",
                                                           "to-local-arp",
                                                           "from-local-arp",
                                                           "to-next-hop-arp",
                                                           "from-next-hop-arp",
                                                           "to-remote-arp",
                                                           "from-remote-arp",
                                                           "to-remote-tcp",
                                                           "from-remote-tcp",
                                                           "",
                                                           "",
                                                           "from-local-dhcpv6",
                                                           "from-local-rs",
                                                           "from-local-mld",
                                                           "from-local-na",
                                                           "to-local-na",
                                                           "from-local-ns",
                                                           "to-next-hop-na",
                                                           "from-next-hop-ns",
                                                           "to-remote-na",
                                                           "from-remote-ns",
                                                           "to-remote-tcp6",
                                                           "from-remote-tcp6"};

constexpr std::size_t index_of(Kind kind) { return static_cast<std::size_t>(kind); }

// A rule for an all-zero MAC would match what senders with broken stacks emit; for a group
// address, everybody.
bool names_a_station(const std::optional<MacAddress>& mac) {
  return mac && !mac->is_zero() && !mac->is_multicast();
}

template <class T>
void add_once(std::vector<T>& list, const T& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

void add_vlan(Match& m, const flow::ManagementVlan& vlan) {
  using Vlan = flow::ManagementVlan::Kind;
  if (vlan.kind == Vlan::kAny) return;
  if (vlan.kind == Vlan::kVid)
    m.vlan_vid(vlan.vid);
  else
    m.vlan_none_or_priority();
  m.mask.inner_vlan = 0xff;
}

Match arp(std::uint16_t op) {
  Match m;
  m.eth_type(packet::kEthTypeArp).arp_op(op);
  return m;
}

Match ipv4(std::uint8_t proto) {
  Match m;
  m.eth_type(packet::kEthTypeIpv4).ip_proto(proto).ip_frag(0, packet::kFragAny);
  return m;
}

// Collects rules, each once: a second reason for a rule that stands is added to its `why`.
class Collector {
 public:
  explicit Collector(const flow::ManagementVlan& vlan) : vlan_(vlan) {}

  void add(Kind kind, Match match, std::string why) {
    add_vlan(match, vlan_);
    HiddenRule rule{kind, match, kind_priority(kind), {}};
    auto& rules = by_kind_[index_of(kind)];
    auto it = std::find_if(rules.begin(), rules.end(),
                           [&](const HiddenRule& r) { return r.same_rule(rule); });
    if (it == rules.end()) it = rules.insert(rules.end(), std::move(rule));
    if (std::find(it->why.begin(), it->why.end(), why) == it->why.end())
      it->why.push_back(std::move(why));
  }

  void add(const std::vector<KindMatch>& rules, const std::string& why) {
    for (const auto& [kind, match] : rules) add(kind, match, why);
  }

  std::vector<HiddenRule> take() {
    std::vector<HiddenRule> all;
    for (auto& rules : by_kind_) std::move(rules.begin(), rules.end(), std::back_inserter(all));
    return all;
  }

 private:
  const flow::ManagementVlan vlan_;
  std::array<std::vector<HiddenRule>, kLetters> by_kind_;
};

void add_local(Collector& rules, MacAddress mac) {
  Match dhcp = ipv4(packet::kProtoUdp);
  dhcp.in_port(flow::kPortLocal).eth_src(mac).tp_src(kDhcpClientPort).tp_dst(kDhcpServerPort);
  rules.add(Kind::kFromLocalDhcp, dhcp, "local port");
  rules.add(Kind::kToLocalArp, arp(kArpReply).eth_dst(mac), "local port");
  rules.add(Kind::kFromLocalArp, arp(kArpRequest).eth_src(mac), "local port");
}

void add_next_hops(Collector& rules, const RemoteFacts& remote, bool relay_arp) {
  for (const NextHop& hop : remote.next_hops) {
    if (!names_a_station(hop.mac)) continue;
    const std::string why = fmt::format("next hop {} of {}", hop.ip.to_string(), remote.remote.id);
    if (hop.ip.is_v6()) {
      rules.add(next_hop_rules_v6(*hop.mac), why);
      continue;
    }
    rules.add(Kind::kToNextHopArp, arp(kArpReply).eth_dst(*hop.mac), why);
    rules.add(Kind::kFromNextHopArp, arp(kArpRequest).eth_src(*hop.mac), why);
    if (!relay_arp) continue;
    rules.add(Kind::kToNextHopArp, arp(kArpRequest).arp_tpa(hop.ip.v4()), why);
    rules.add(Kind::kFromNextHopArp, arp(kArpReply).eth_src(*hop.mac).arp_spa(hop.ip.v4()), why);
  }
}

// Where a remote is, as far as it is known: its next hops', or this host's.
std::vector<MacAddress> macs_of(const RemoteFacts& remote, const Facts& facts) {
  std::vector<MacAddress> macs;
  for (const NextHop& hop : remote.next_hops)
    if (names_a_station(hop.mac)) add_once(macs, *hop.mac);
  if (remote.reach == Reach::kOwnAddress && names_a_station(facts.local_mac))
    add_once(macs, *facts.local_mac);
  return macs;
}

void add_remote(Collector& rules, const RemoteFacts& remote_facts, const Facts& facts) {
  const Remote& remote = remote_facts.remote;
  const std::string why = fmt::format("remote {}", remote.id);
  if (remote.ip.is_v6()) {
    for (const auto& [kind, match] : remote_rules_v6(remote.ip.v6(), remote.port)) {
      if (!facts.strict || kind != Kind::kToRemoteTcp6) {
        rules.add(kind, match, why);
        continue;
      }
      for (const MacAddress& mac : macs_of(remote_facts, facts))
        rules.add(kind, Match(match).eth_dst(mac), why);
    }
    return;
  }
  const Ipv4Address ip = remote.ip.v4();
  rules.add(Kind::kToRemoteArp, arp(kArpReply).arp_tpa(ip), why);
  rules.add(Kind::kFromRemoteArp, arp(kArpRequest).arp_spa(ip), why);
  Match to_remote = ipv4(packet::kProtoTcp);
  to_remote.ipv4_dst(ip).tp_dst(remote.port);
  if (facts.strict) {
    for (const MacAddress& mac : macs_of(remote_facts, facts))
      rules.add(Kind::kToRemoteTcp, Match(to_remote).eth_dst(mac), why);
  } else {
    rules.add(Kind::kToRemoteTcp, to_remote, why);
  }
  rules.add(Kind::kFromRemoteTcp, ipv4(packet::kProtoTcp).ipv4_src(ip).tp_src(remote.port), why);
}

bool serves_ipv6(const Facts& facts) {
  return std::any_of(facts.remotes.begin(), facts.remotes.end(), [](const RemoteFacts& r) {
    if (r.reach == Reach::kLoopback) return false;
    return r.remote.ip.is_v6() || std::any_of(r.next_hops.begin(), r.next_hops.end(),
                                              [](const NextHop& h) { return h.ip.is_v6(); });
  });
}

}  // namespace

char kind_letter(Kind kind) { return static_cast<char>('a' + index_of(kind)); }
std::string_view kind_name(Kind kind) { return kNames[index_of(kind)]; }
std::uint32_t kind_priority(Kind kind) {
  return kPriorityOfFirst - static_cast<std::uint32_t>(index_of(kind));
}

std::string HiddenRule::to_string() const {
  return fmt::format("({}) {} priority={},{}", kind_letter(kind), kind_name(kind), priority,
                     match.to_string());
}

// By hand: gcc 12 at -O3 warns about the inside of fmt::join.
std::string HiddenRule::why_text() const {
  std::string out;
  for (const std::string& reason : why) {
    if (!out.empty()) out += ", ";
    out += reason;
  }
  return out;
}

std::vector<HiddenRule> hidden_rules(const Facts& facts) {
  if (!facts.enabled) return {};
  const bool serves_anybody =
      std::any_of(facts.remotes.begin(), facts.remotes.end(),
                  [](const RemoteFacts& r) { return r.reach != Reach::kLoopback; });
  // Without a remote there is no control connection to keep, and (a) to (c) would only take ARP
  // and DHCP from the controller's policy.
  if (!serves_anybody) return {};
  Collector rules(facts.vlan);
  if (names_a_station(facts.local_mac)) {
    add_local(rules, *facts.local_mac);
    if (serves_ipv6(facts)) rules.add(local_rules_v6(*facts.local_mac), "local port");
  }
  for (const RemoteFacts& remote : facts.remotes) {
    if (remote.reach == Reach::kLoopback) continue;
    add_next_hops(rules, remote, facts.relay_arp);
    add_remote(rules, remote, facts);
  }
  return rules.take();
}

flow::Instructions hidden_instructions() {
  return flow::Instructions::apply_only({flow::Output{flow::kPortNormal}});
}

flow::Guards guards(const Facts& facts) {
  flow::Guards g;
  g.vlan = facts.vlan;
  g.strict = facts.strict;
  g.trusted_ports = facts.trusted_ports;
  // Static on LOCAL whether in-band is on or not: the FDB is not to learn it anywhere else.
  if (names_a_station(facts.local_mac)) g.local_mac = facts.local_mac;
  if (!facts.enabled) return g;
  g.ipv6 = serves_ipv6(facts);
  for (const RemoteFacts& remote : facts.remotes) {
    if (remote.reach == Reach::kLoopback) continue;
    g.enabled = true;
    g.remotes.push_back({remote.remote.ip, remote.remote.port, macs_of(remote, facts)});
    for (const NextHop& hop : remote.next_hops) {
      if (hop.ip.is_v4())
        add_once(g.next_hops, hop.ip.v4());
      else
        add_once(g.next_hops_v6, hop.ip.v6());
      if (names_a_station(hop.mac) && hop.mac != facts.local_mac)
        add_once(g.protected_macs, *hop.mac);
    }
  }
  std::sort(g.remotes.begin(), g.remotes.end());
  g.remotes.erase(std::unique(g.remotes.begin(), g.remotes.end()), g.remotes.end());
  return g;
}

Diff diff(const std::vector<HiddenRule>& from, const std::vector<HiddenRule>& to) {
  const auto find = [](const std::vector<HiddenRule>& set, const HiddenRule& rule) {
    return std::find_if(set.begin(), set.end(),
                        [&](const HiddenRule& r) { return r.same_rule(rule); });
  };
  Diff d;
  for (const HiddenRule& rule : to) {
    const auto old = find(from, rule);
    if (old == from.end())
      d.add.push_back(rule);
    else if (old->why != rule.why)
      d.reworded.push_back(rule);
  }
  for (const HiddenRule& rule : from)
    if (find(to, rule) == to.end()) d.remove.push_back(rule);
  return d;
}

}  // namespace lifeline::inband
