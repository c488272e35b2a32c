// The sieve never says no to what a hidden rule, a guard or the relay is about.
#include <gtest/gtest.h>

#include <set>

#include "datapath/guard_state.h"
#include "datapath/nd_guard.h"
#include "datapath/relay.h"
#include "inband/inband_rules.h"
#include "packet/parse.h"
#include "support/frames.h"
#include "support/random.h"
#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

using Random = lifeline::test::Random;

const Ipv6Address kController6 = *Ipv6Address::parse("2001:db8::1");
const Ipv6Address kGateway6 = *Ipv6Address::parse("fe80::fe");
const Ipv6Address kLocal6 = *Ipv6Address::parse("fe80::1");

inband::Facts facts_of(flow::ManagementVlan vlan, bool relay, bool strict) {
  inband::Facts facts;
  facts.enabled = true;
  facts.local_mac = kLocalMac;
  facts.vlan = vlan;
  facts.relay_arp = relay;
  facts.strict = strict;
  if (relay) facts.relay_dhcp = {*MacPrefix::parse("02:00:00:00:00:0a")};
  for (const IpAddress& ip : {IpAddress{kController}, IpAddress{kController6}}) {
    inband::RemoteFacts& remote = facts.remotes.emplace_back();
    remote.remote.id = "tcp:" + ip.to_string();
    remote.remote.ip = ip;
    remote.remote.port = 6653;
    remote.reach = inband::Reach::kRouted;
    inband::NextHop& hop = remote.next_hops.emplace_back();
    hop.ip = ip.is_v4() ? IpAddress{kGatewayIp} : IpAddress{kGateway6};
    hop.mac = kGatewayMac;
  }
  return facts;
}

// What is near the rules: their addresses and ports, their neighbours' too.
Frame random_frame(Random& random) {
  const std::vector<MacAddress> macs{kLocalMac, kGatewayMac, kHostA, kHostB,
                                     MacAddress::broadcast()};
  const std::vector<Ipv4Address> ips{kIpA, kLocalIp, kGatewayIp, kController};
  const std::vector<Ipv6Address> ips6{kController6, kGateway6, kLocal6,
                                      *Ipv6Address::parse("ff02::1:2")};
  const std::vector<std::uint16_t> ports{6653, 67, 68, 546, 547, 40000};
  const std::vector<std::uint8_t> types{2, 128, 130, 131, 133, 134, 135, 136, 143};
  PacketBuilder b;
  b.eth(random.pick(macs), random.pick(macs));
  for (std::size_t tags = random.below(3); tags != 0 && random.one_in(2); --tags)
    b.vlan(random.one_in(2) ? 7 : 0, 0,
           random.one_in(2) ? packet::kEthTypeVlan : packet::kEthTypeQinQ);
  const auto hops = static_cast<std::uint8_t>(random.one_in(4) ? 64 : 255);
  const std::size_t kind = random.below(8);
  if (kind == 0)
    return b
        .arp(static_cast<std::uint16_t>(1 + random.below(2)), random.pick(macs), random.pick(ips),
             random.pick(macs), random.pick(ips))
        .build(60);
  if (kind < 4) {
    b.ipv4(random.pick(ips), random.pick(ips));
  } else {
    b.ipv6(random.pick(ips6), random.pick(ips6), hops);
    if (random.one_in(8)) b.ext_header(random.one_in(2) ? 0 : 60);
  }
  switch (kind) {
    case 1: return b.icmp(3, static_cast<std::uint8_t>(3 + random.below(2))).build(60);
    case 5: return b.icmpv6(random.pick(types), 0).payload_bytes(20).build(60);
    case 6:
      if (random.one_in(2)) return b.neighbor_solicitation(random.pick(ips6), {}).build(60);
      return b.neighbor_advertisement(random.pick(ips6), {}).build(60);
    default: break;
  }
  const std::uint16_t src = random.pick(ports);
  const std::uint16_t dst = random.pick(ports);
  return (random.one_in(2) ? b.udp(src, dst) : b.tcp(src, dst)).payload_bytes(20).build(60);
}

std::span<const std::uint8_t> bytes_of(const Frame& f) {
  return {reinterpret_cast<const std::uint8_t*>(f.data()), f.size()};
}

struct World {
  explicit World(const inband::Facts& facts) : guards(inband::guards(facts)) {
    for (const inband::HiddenRule& r : inband::hidden_rules(facts)) {
      flow::Rule rule;
      rule.priority = r.priority;
      rule.match = r.match;
      rule.instructions = inband::hidden_instructions();
      letters[*tables.hidden().add(rule)] = inband::kind_letter(r.kind);
    }
    tables.hidden().publish();
  }
  // What the packet is to the switch, on data port 1: a letter, 'G' or 'R' of guards and relay; 0.
  char affair(const packet::FlowKey& key) const {
    if (const auto* rule = tables.lookup_hidden(key, tables.version())) return letters.at(rule->id);
    if (is_guards_affair(guards, key)) return 'G';
    return wants_relay(guards, key) ? 'R' : '\0';
  }

  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  table::Tables tables{qsbr, retired, {}};
  GuardState guards;
  std::map<flow::RuleId, char> letters;
};

TEST(Sieve, LetsThroughAllThatAHiddenRuleAGuardOrTheRelayIsAbout) {
  using Kind = flow::ManagementVlan::Kind;
  Random random;
  std::set<char> met;
  for (const auto vlan : {flow::ManagementVlan{}, flow::ManagementVlan{Kind::kVid, 7},
                          flow::ManagementVlan{Kind::kAny, 0}}) {
    for (const bool relay : {false, true}) {
      const World world(facts_of(vlan, relay, relay));
      for (int n = 0; n < 20'000; ++n) {
        const Frame frame = random_frame(random);
        const packet::FlowKey key = packet::parse(frame, 1);
        const char affair = world.affair(key);
        if (affair == 0 || key.eth_src == kLocalMac) continue;
        met.insert(affair);
        ASSERT_TRUE(world.guards.sieve().may_be_control(bytes_of(frame)))
            << affair << ' ' << lifeline::test::to_hex(frame);
      }
    }
  }
  // All that does not come from LOCAL: (a), (c), (l) to (o) and (q) do.
  for (const char letter : std::string("bdefghiprstuvwGR"))
    EXPECT_TRUE(met.contains(letter)) << "no packet of " << letter;
}

TEST(Sieve, HoldsBackWhatAFloodIsMadeOf) {
  const World world(facts_of({}, false, false));
  Random random;
  std::size_t passed = 0;
  constexpr std::size_t kPackets = 20'000;
  for (std::size_t n = 0; n < kPackets; ++n) {
    const auto ip = [&] { return Ipv4Address::of(10, random.u8(), random.u8(), random.u8()); };
    const auto port = [&] { return static_cast<std::uint16_t>(1024 + random.below(4000)); };
    const MacAddress mac = MacAddress::from_u64(0x020000000000 + random.below(1u << 30));
    PacketBuilder b;
    b.eth(random.one_in(2) ? kGatewayMac : mac, mac);
    Frame frame;
    switch (random.below(3)) {
      case 0: frame = b.ipv4(ip(), ip()).udp(port(), port()).build(60); break;
      case 1: frame = b.ipv4(ip(), ip()).tcp(port(), port()).build(60); break;
      default:
        frame =
            PacketBuilder().eth(mac, MacAddress::broadcast()).arp(1, mac, ip(), {}, ip()).build(60);
    }
    passed += world.guards.sieve().may_be_control(bytes_of(frame)) ? 1 : 0;
  }
  EXPECT_LE(passed, kPackets / 20);
}

TEST(Sieve, ReadsNothingBehindTheEndAndLetsNothingThroughWhenDisabled) {
  const World world(facts_of({}, true, false));
  Random random;
  const ControlSieve disabled;
  for (int n = 0; n < 20'000; ++n) {
    Frame frame = random_frame(random);
    frame.resize(random.below(frame.size() + 1));
    frame.shrink_to_fit();  // so that a sanitizer sees the end
    for (std::size_t i = random.below(4); i != 0 && !frame.empty(); --i)
      frame[random.below(frame.size())] = std::byte{random.u8()};
    (void)world.guards.sieve().may_be_control(bytes_of(frame));
    EXPECT_FALSE(disabled.may_be_control(bytes_of(frame)));
  }
}

}  // namespace
}  // namespace lifeline::datapath::test
