// As narrowness_test.cc, for whole configurations: random remotes of both families, next hops known
// and unknown, relays, management VLANs and VLANs of ports, and under each of them random packets
// against narrowness_model.h.
#include "narrowness_model.h"

#include "inband/inband_rules.h"
#include "packet/parse.h"
#include "support/random.h"

namespace lifeline::datapath::test::model {
namespace {

using lifeline::test::Random;

Mode random_mode(Random& r) {
  switch (r.below(6)) {
    case 0: return {.takes_tagged = false, .untagged = kVlan, .vlans = {{kVlan}}};
    case 1: return {.takes_tagged = false, .untagged = 7, .vlans = {{7}}};
    case 2: return {.vlans = {{0, kVlan}}};
    case 3: return {.untagged = kVlan, .vlans = {{7, kVlan}}};
    default: return {};
  }
}

Setting random_setting(Random& r) {
  Setting s;
  const bool vlans = !r.one_in(3);
  for (const PortNo p : {PortNo{1}, PortNo{2}, PortNo{3}, flow::kPortLocal})
    s.modes[p] = vlans ? random_mode(r) : Mode{};
  s.management.kind = static_cast<flow::ManagementVlan::Kind>(r.below(3));
  if (s.management.kind == flow::ManagementVlan::Kind::kVid) s.management.vid = kVlan;
  s.relay_arp = r.one_in(2);
  if (r.one_in(2)) s.relay_dhcp = {r.one_in(3) ? MacPrefix{} : *MacPrefix::parse("52:54:00")};
  const auto known = [&](MacAddress mac) {
    return r.one_in(4) ? std::nullopt : std::optional(mac);
  };
  s.remotes.emplace_back(kController, std::uint16_t{6653});
  s.hops.push_back({kGatewayIp, known(kGatewayMac)});
  if (r.one_in(2)) s.remotes.emplace_back(kController, std::uint16_t{6633});
  if (r.one_in(2)) {
    s.remotes.emplace_back(kOnLinkIp, std::uint16_t{6653});
    s.hops.push_back({kOnLinkIp, known(kOnLink)});
  }
  if (!r.one_in(3)) {
    s.remotes.emplace_back(kRemote6, std::uint16_t{6653});
    s.hops.push_back({kRouter6, known(kRouterMac)});
  }
  if (r.one_in(3)) s.hop_macs.push_back(kHostB);
  return s;
}

template <class T, std::size_t N>
T one_of(Random& random, const T (&values)[N]) {
  return values[random.below(N)];
}

Probe random_probe(Random& r) {
  Probe p;
  p.in = one_of(r, {PortNo{1}, PortNo{1}, PortNo{2}, PortNo{3}, PortNo{flow::kPortLocal},
                    PortNo{flow::kPortLocal}});
  switch (r.below(6)) {
    case 0: p.tags = {0}; break;
    case 1: p.tags = {7}; break;
    case 2: p.tags = {one_of(r, {kVlan, std::uint16_t{0}}), 7}; break;
    case 3: p.tags = {kVlan}; break;
    default: break;
  }
  p.service_tag = r.one_in(5);
  p.src = one_of(r, {kLocalMac, kLocalMac, kGatewayMac, kOnLink, kRouterMac, kHostB, kBehind});
  p.dst = one_of(r, {kLocalMac, kGatewayMac, kOnLink, kRouterMac, kHostB, kBehind, kDhcpv6Group,
                     kAllNodesMac, MacAddress::broadcast()});
  p.type = static_cast<Type>(r.below(kTypes));
  p.op = static_cast<std::uint16_t>(1 + r.below(p.type == Type::kArp ? 3 : 2));
  const Ipv4Address ips[] = {kController, kOnLinkIp, kGatewayIp, kLocalIp, kIpA};
  p.sip = one_of(r, ips);
  p.dip = one_of(r, ips);
  const Ipv6Address ips6[] = {kRemote6, kRouter6, kOur6, kHost6};
  p.sip6 = one_of(r, ips6);
  p.dip6 = r.one_in(3) ? kAllNodes : one_of(r, ips6);
  p.target = one_of(r, ips6);
  const std::uint16_t ports[] = {6653, 6653, 6633, 6654, 40000};
  p.sport = one_of(r, ports);
  p.dport = one_of(r, ports);
  const bool v6 = p.type == Type::kDhcpv6;
  if (v6 || p.type == Type::kDhcp || (p.type == Type::kUdp && r.one_in(2))) {
    const std::uint16_t client = v6 ? 546 : 68, server = v6 ? 547 : 67;
    const bool up = r.one_in(8) ? r.one_in(2) : p.op == 1;
    p.sport = up ? client : server;
    p.dport = up ? server : client;
  }
  p.fragment =
      (p.type == Type::kTcp || p.type == Type::kTcp6 || p.type == Type::kUdp) && r.one_in(6);
  p.chaddr = one_of(r, {kLocalMac, kBehind, kBehind, kHostB});
  p.xid = r.one_in(4) ? kXid + 1 : kXid;
  p.icmp_type = one_of(r, {std::uint8_t{135}, std::uint8_t{136}, std::uint8_t{135},
                           std::uint8_t{136}, std::uint8_t{133}, std::uint8_t{134},
                           std::uint8_t{130}, std::uint8_t{131}, std::uint8_t{143}});
  p.hop_limit = one_of(r, {std::uint8_t{255}, std::uint8_t{255}, std::uint8_t{1}});
  p.quoted_port = one_of(r, ports);
  // Else it would be asked for from here on, by that address.
  if (p.in == flow::kPortLocal && v6) p.sip6 = kOur6;
  if (p.in == flow::kPortLocal) p.xid = kXid;
  return p;
}

// ---- the switch

struct SwitchInIt {
  explicit SwitchInIt(const Setting& setting) : setting_(setting) {
    std::vector<std::pair<PortNo, flow::PortVlan>> vlans;
    for (const auto& [port, mode] : setting.modes) {
      if (!mode.takes_tagged) {
        vlans.emplace_back(port, flow::PortVlan::access(mode.untagged));
        continue;
      }
      std::optional<std::vector<std::uint16_t>> trunk;
      if (mode.vlans) trunk.emplace(mode.vlans->begin(), mode.vlans->end());
      vlans.emplace_back(port, flow::PortVlan::trunk(trunk, mode.untagged));
    }
    s.datapath->set_port_vlans(vlans);
    const inband::Facts facts = setting.facts();
    for (const auto& r : inband::hidden_rules(facts))
      letters_[s.add_hidden(r.match, r.priority)] = inband::kind_letter(r.kind);
    s.datapath->set_guards(inband::guards(facts));
    s.add({}, 65535, {});
    // Requests of ours, for what may answer them.
    const auto ask = [&](Probe p) {
      p.in = flow::kPortLocal;
      p.src = kLocalMac;
      p.op = 1;
      s.from_local(p.build());
    };
    Probe dhcp4{.dst = MacAddress::broadcast(), .type = Type::kDhcp, .sport = 68, .dport = 67};
    dhcp4.chaddr = kLocalMac;
    ask(dhcp4);
    Probe dhcp6{.dst = kDhcpv6Group, .type = Type::kDhcpv6, .sport = 546, .dport = 547};
    dhcp6.sip6 = kOur6;
    dhcp6.dip6 = ip6("ff02::1:2");
    ask(dhcp6);
    counted();
  }
  std::string counted() {
    std::string out;
    for (const auto& [id, letter] : letters_) {
      const std::uint64_t n = s.tables.hidden().counters(id).packets;
      if (n != std::exchange(seen_[id], n)) out += letter;
    }
    return out;
  }
  std::string fate(const Probe& p) {
    clear();
    const std::uint64_t relayed = s.events("relayed");
    if (p.in == flow::kPortLocal)
      s.from_local(p.build());
    else
      s.send(p.in, p.build());
    std::string out = counted();
    if (s.events("relayed") != relayed) out += 'R';
    const auto vlan = setting_.modes.at(p.in).vlan_of(p.vid());
    std::size_t to_ports = 0;
    for (const PortNo port : {PortNo{1}, PortNo{2}, PortNo{3}})
      for (const Frame& f : s.received(port)) to_ports += check_form(port, f, vlan);
    const auto to_local = s.take_local();
    for (const Frame& f : to_local) check_form(flow::kPortLocal, f, vlan);
    EXPECT_LE(to_local.size(), 1u) << "once";
    if (out.empty()) {
      EXPECT_EQ(to_ports, 0u) << "dropped, and yet sent";
      if (!to_local.empty()) out = "L";
    }
    return out;
  }
  // In a VLAN of the port, tagged as it is there.
  std::size_t check_form(PortNo port, const Frame& f, std::optional<std::uint16_t> vlan) {
    const Mode& mode = setting_.modes.at(port);
    if (!vlan) {
      ADD_FAILURE() << "of no VLAN, and yet sent";
      return 1;
    }
    EXPECT_TRUE(mode.carries(*vlan)) << "by port " << port;
    const auto key = packet::parse(f, port);
    if (*vlan != 0) {
      EXPECT_EQ(key.vlan_vid(), *vlan == mode.untagged ? inner_vid_ : *vlan) << "by port " << port;
    }
    return 1;
  }
  void clear() {
    for (PortNo p = 1; p <= 3; ++p) s.received(p);
    s.take_local();
  }

  TestSwitch s{{.inband_per_s = 1'000'000,
                .dhcp_replies_per_s = 1'000'000,
                .relays_per_s = 1'000'000,
                .next_hop_arps_per_s = 1'000'000,
                .path_mtu_per_s = 1'000'000}};
  std::uint16_t inner_vid_ = 0;  // of the packet in hand: what an untagged port shows of QinQ

 private:
  const Setting& setting_;
  std::map<flow::RuleId, char> letters_;
  std::map<flow::RuleId, std::uint64_t> seen_;
};

TEST(NarrownessModel, UnderRandomConfigurationsExactlyWhatTheTablesSayPasses) {
  Random random;
  std::map<std::string, int> seen;
  // What the random packets are to reach: the letters of all rules, and what is none.
  const char* const fates[] = {"",  "a", "b", "c", "d", "e", "f", "g", "h", "i", "l", "m",
                               "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "R", "L"};
  const auto all_seen = [&] {
    return std::all_of(std::begin(fates), std::end(fates), [&](auto f) { return seen[f] >= 3; });
  };
  for (int round = 0; round < 60 || (!all_seen() && round < 2000); ++round) {
    if (testing::Test::HasFailure()) break;
    const Setting setting = random_setting(random);
    SwitchInIt world(setting);
    for (int i = 0; i < 500 && !testing::Test::HasFailure(); ++i) {
      const Probe p = random_probe(random);
      const std::string expected = fate_of(setting, p);
      ++seen[expected];
      world.inner_vid_ = p.tags.size() > 1 ? p.tags[1] : std::uint16_t{0};
      EXPECT_EQ(world.fate(p), expected) << p.text();
    }
    if (testing::Test::HasFailure()) {
      for (const auto& rule : inband::hidden_rules(setting.facts()))
        ADD_FAILURE() << rule.to_string();
      for (const PortNo p : {PortNo{1}, PortNo{2}, PortNo{3}, flow::kPortLocal})
        ADD_FAILURE() << p << ": " << world.s.ports->view()->find(p)->vlan.to_string();
    }
  }
  for (const char* each : fates)
    EXPECT_GE(seen[each], 3) << "the random packets are to reach rule '" << each << "'";
}

}  // namespace
}  // namespace lifeline::datapath::test::model
