#include "inband/inband_rules.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "inband/guard_book.h"
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
constexpr std::uint16_t kDnsPort = 53;

constexpr std::array<std::string_view, kLetters> kNames = {
    "from-local-dhcp",   "to-local-arp",    "from-local-arp",    "to-next-hop-arp",
    "from-next-hop-arp", "to-remote-arp",   "from-remote-arp",   "to-remote-tcp",
    "from-remote-tcp",   "to-resolver-dns", "from-resolver-dns", "from-local-dhcpv6",
    "from-local-rs",     "from-local-mld",  "from-local-na",     "to-local-na",
    "from-local-ns",     "to-next-hop-na",  "from-next-hop-ns",  "to-remote-na",
    "from-remote-ns",    "to-remote-tcp6",  "from-remote-tcp6"};

constexpr std::size_t index_of(Kind kind) { return static_cast<std::size_t>(kind); }

template <class T>
void add_once(std::vector<T>& list, const T& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
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

Match ipv6(std::uint8_t proto) {
  Match m;
  m.eth_type(packet::kEthTypeIpv6).ip_proto(proto).ip_frag(0, packet::kFragAny);
  return m;
}

// Collects rules, each once: a second reason for a rule that stands is added to its `why`.
class Collector {
 public:
  explicit Collector(const flow::ManagementVlan& vlan) : vlan_(vlan) {}

  void add(Kind kind, Match match, const std::string& why) {
    vlan_.narrow(match);
    merge({kind, match, kind_priority(kind), {why}});
  }

  void add(const std::vector<KindMatch>& rules, const std::string& why) {
    for (const auto& [kind, match] : rules) add(kind, match, why);
  }

  // A rule that has its VLAN.
  void merge(HiddenRule rule) {
    const auto [first, last] = places_.equal_range(name_hash(rule.kind, rule.match));
    const auto same =
        std::find_if(first, last, [&](const auto& p) { return rules_[p.second].same_rule(rule); });
    if (same == last) {
      places_.emplace(name_hash(rule.kind, rule.match), rules_.size());
      rules_.push_back(std::move(rule));
      return;
    }
    for (const std::string& why : rule.why) add_once(rules_[same->second].why, why);
  }

  // In the order of the letters, then as they came.
  std::vector<HiddenRule> take() {
    std::stable_sort(rules_.begin(), rules_.end(),
                     [](const HiddenRule& a, const HiddenRule& b) { return a.kind < b.kind; });
    return std::move(rules_);
  }

 private:
  const flow::ManagementVlan vlan_;
  std::vector<HiddenRule> rules_;
  std::unordered_multimap<std::size_t, std::size_t> places_;  // of a name in rules_
};

void add_local(Collector& rules, MacAddress mac) {
  Match dhcp = ipv4(packet::kProtoUdp);
  dhcp.in_port(flow::kPortLocal).eth_src(mac).tp_src(kDhcpClientPort).tp_dst(kDhcpServerPort);
  rules.add(Kind::kFromLocalDhcp, dhcp, "local port");
  rules.add(Kind::kToLocalArp, arp(kArpReply).eth_dst(mac), "local port");
  rules.add(Kind::kFromLocalArp, arp(kArpRequest).eth_src(mac), "local port");
}

void add_next_hop(Collector& rules, const NextHop& hop, const std::string& why, bool relay_arp) {
  if (!names_a_station(hop.mac)) return;
  if (hop.ip.is_v6()) {
    rules.add(next_hop_rules_v6(*hop.mac), why);
    if (relay_arp && !hop.ip.is_zero()) rules.add(relay_rules_v6(*hop.mac, hop.ip.v6()), why);
    return;
  }
  rules.add(Kind::kToNextHopArp, arp(kArpReply).eth_dst(*hop.mac), why);
  rules.add(Kind::kFromNextHopArp, arp(kArpRequest).eth_src(*hop.mac), why);
  if (!relay_arp || hop.ip.is_zero()) return;
  rules.add(Kind::kToNextHopArp, arp(kArpRequest).arp_tpa(hop.ip.v4()), why);
  rules.add(Kind::kFromNextHopArp, arp(kArpReply).eth_src(*hop.mac).arp_spa(hop.ip.v4()), why);
}

void add_next_hops(Collector& rules, const RemoteFacts& facts, bool relay_arp) {
  const Remote& remote = facts.remote;
  for (const NextHop& hop : facts.next_hops)
    add_next_hop(rules, hop, fmt::format("next hop {} of {}", hop.ip.to_string(), remote.id),
                 relay_arp);
  if (!names_a_station(remote.mac)) return;
  add_next_hop(rules, {IpAddress{}, remote.mac, 0, ""}, remote.id, false);
  add_next_hop(rules, {IpAddress{Ipv6Address{}}, remote.mac, 0, ""}, remote.id, false);
}

// Where a remote is, as far as it is known: its next hops', or this host's.
std::vector<MacAddress> macs_of(const RemoteFacts& remote, const Scope& scope) {
  std::vector<MacAddress> macs;
  for (const NextHop& hop : remote.next_hops)
    if (names_a_station(hop.mac)) add_once(macs, *hop.mac);
  if (remote.reach == Reach::kOwnAddress && names_a_station(scope.local_mac))
    add_once(macs, *scope.local_mac);
  return macs;
}

// (h) or (v): with `strict`, one for each place where the remote is.
void add_to_remote(Collector& rules, Kind kind, const Match& match, const RemoteFacts& remote,
                   const Scope& scope, const std::string& why) {
  if (!scope.strict) return rules.add(kind, match, why);
  for (const MacAddress& mac : macs_of(remote, scope))
    rules.add(kind, Match(match).eth_dst(mac), why);
}

void add_session(Collector& rules, const RemoteFacts& facts, const Scope& scope) {
  const Remote& remote = facts.remote;
  const std::string why = fmt::format("remote {}", remote.id);
  if (remote.ip.is_v6()) {
    for (const auto& [kind, match] : remote_rules_v6(remote.ip.v6(), remote.port)) {
      if (kind == Kind::kToRemoteTcp6)
        add_to_remote(rules, kind, match, facts, scope, why);
      else
        rules.add(kind, match, why);
    }
    return;
  }
  const Ipv4Address ip = remote.ip.v4();
  rules.add(Kind::kToRemoteArp, arp(kArpReply).arp_tpa(ip), why);
  rules.add(Kind::kFromRemoteArp, arp(kArpRequest).arp_spa(ip), why);
  add_to_remote(rules, Kind::kToRemoteTcp, ipv4(packet::kProtoTcp).ipv4_dst(ip).tp_dst(remote.port),
                facts, scope, why);
  rules.add(Kind::kFromRemoteTcp, ipv4(packet::kProtoTcp).ipv4_src(ip).tp_src(remote.port), why);
}

Match to_ip(Match m, const IpAddress& ip) {
  return ip.is_v4() ? m.ipv4_dst(ip.v4()) : m.ipv6_dst(ip.v6());
}

Match from_ip(Match m, const IpAddress& ip) {
  return ip.is_v4() ? m.ipv4_src(ip.v4()) : m.ipv6_src(ip.v6());
}

void add_resolver(Collector& rules, const Remote& remote, const Scope& scope) {
  if (!names_a_station(scope.local_mac)) return;
  for (const std::uint8_t proto : {packet::kProtoUdp, packet::kProtoTcp}) {
    const Match ip = remote.ip.is_v4() ? ipv4(proto) : ipv6(proto);
    rules.add(
        Kind::kToResolverDns,
        to_ip(ip, remote.ip).in_port(flow::kPortLocal).eth_src(*scope.local_mac).tp_dst(kDnsPort),
        remote.id);
    rules.add(Kind::kFromResolverDns,
              from_ip(ip, remote.ip).eth_dst(*scope.local_mac).tp_src(kDnsPort), remote.id);
  }
}

Scope scope_of(const Facts& facts) {
  return {facts.local_mac, facts.vlan, facts.relay_arp, facts.strict};
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

// A rule for an all-zero MAC would match what senders with broken stacks emit; for a group
// address, everybody.
bool names_a_station(const std::optional<MacAddress>& mac) {
  return mac && !mac->is_zero() && !mac->is_multicast();
}

bool has_session(const Remote& remote) {
  return remote.role == Role::kController || remote.role == Role::kAlsoReach;
}

bool calls_for_rules(const Remote& remote, Reach reach) {
  return reach != Reach::kLoopback && remote.role != Role::kNextHop;
}

bool calls_for_ipv6(const RemoteFacts& facts) {
  if (facts.reach == Reach::kLoopback) return false;
  return facts.remote.ip.is_v6() || std::any_of(facts.next_hops.begin(), facts.next_hops.end(),
                                                [](const NextHop& h) { return h.ip.is_v6(); });
}

std::vector<HiddenRule> rules_of_local(const Scope& scope, bool ipv6) {
  Collector rules(scope.vlan);
  if (names_a_station(scope.local_mac)) {
    add_local(rules, *scope.local_mac);
    if (ipv6) rules.add(local_rules_v6(*scope.local_mac), "local port");
  }
  return rules.take();
}

std::vector<HiddenRule> rules_of_remote(const RemoteFacts& remote, const Scope& scope) {
  if (remote.reach == Reach::kLoopback) return {};
  Collector rules(scope.vlan);
  add_next_hops(rules, remote, scope.relay_arp);
  if (has_session(remote.remote)) add_session(rules, remote, scope);
  if (remote.remote.role == Role::kResolver) add_resolver(rules, remote.remote, scope);
  return rules.take();
}

std::vector<HiddenRule> hidden_rules(const Facts& facts) {
  const auto serves = [](const RemoteFacts& r) { return calls_for_rules(r.remote, r.reach); };
  const bool any = std::any_of(facts.remotes.begin(), facts.remotes.end(), serves);
  if (!facts.enabled || (!any && !facts.awaits_names)) return {};
  const Scope scope = scope_of(facts);
  const bool ipv6 =
      facts.awaits_names || std::any_of(facts.remotes.begin(), facts.remotes.end(), calls_for_ipv6);
  Collector all(facts.vlan);
  for (HiddenRule& rule : rules_of_local(scope, ipv6)) all.merge(std::move(rule));
  for (const RemoteFacts& remote : facts.remotes)
    for (HiddenRule& rule : rules_of_remote(remote, scope)) all.merge(std::move(rule));
  return all.take();
}

// FNV's multiplication over the words that the mask names.
std::size_t name_hash(Kind kind, const flow::Match& match) {
  std::uint64_t h = 0xcbf29ce484222325 ^ static_cast<std::uint64_t>(kind);
  for (std::size_t i = 0; i < packet::FlowKey::kWords; ++i) {
    if (match.mask.words()[i] == 0) continue;
    h = (h ^ match.key.words()[i] ^ match.mask.words()[i] * 3) * 0x100000001b3;
    h ^= h >> 29;
  }
  return static_cast<std::size_t>(h);
}

flow::Instructions hidden_instructions() {
  return flow::Instructions::apply_only({flow::Output{flow::kPortNormal}});
}

flow::Guards guards(const Facts& facts) {
  GuardBook book;
  GuardBook::Owner owner = 0;
  for (const RemoteFacts& remote : facts.remotes) book.set(owner++, remote, facts.strict);
  book.await_names(facts.awaits_names);
  flow::Guards g = book.guards(facts.enabled, scope_of(facts));
  g.trusted_ports = facts.trusted_ports;
  g.relay_dhcp = facts.relay_dhcp;
  return g;
}

}  // namespace lifeline::inband
