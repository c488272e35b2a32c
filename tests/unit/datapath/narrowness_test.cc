// Under a drop-all exactly what the specification's tables say passes, through the real worker: of
// each rule and guard a packet just inside and others just outside, and random packets against a
// model that is written from the tables and shares nothing with the code.
#include <functional>

#include "inband_switch.h"
#include "support/random.h"

namespace lifeline::datapath::test {
namespace {

constexpr std::uint32_t kXid = 0x1234;

// A packet by its values; each is changed alone to step outside.
struct Probe {
  enum class Tags : std::uint8_t { kNone, kPriority, kVid7, kQinQ, kQinQPriority };
  enum class Type : std::uint8_t { kArp, kTcp, kUdp, kDhcpReply, kPathMtu };

  PortNo in = 1;
  Tags tags = Tags::kNone;
  MacAddress src = kHostB;
  MacAddress dst = MacAddress::broadcast();
  Type type = Type::kArp;
  std::uint16_t op = 1;         // ARP
  Ipv4Address sip = kIpA;       // of ARP the sender's address
  Ipv4Address dip = kIpB;       // of ARP the target's
  std::uint16_t sport = 40000;  // TCP, UDP
  std::uint16_t dport = 40001;
  std::uint16_t frag_offset = 0;  // with `fragment`
  bool fragment = false;
  MacAddress chaddr = kLocalMac;  // DHCP reply
  std::uint32_t xid = kXid;
  Ipv4Address quoted = kController;  // path MTU: the packet from `dip` to there
  std::uint16_t quoted_port = 6653;

  Frame build() const {
    PacketBuilder b;
    b.eth(src, dst);
    switch (tags) {
      case Tags::kNone: break;
      case Tags::kPriority: b.vlan(0, 5); break;
      case Tags::kVid7: b.vlan(7); break;
      case Tags::kQinQ: b.vlan(7, 0, packet::kEthTypeQinQ).vlan(8); break;
      case Tags::kQinQPriority: b.vlan(0).vlan(7); break;
    }
    if (type == Type::kArp) return b.arp(op, src, sip, {}, dip).build(60);
    b.ipv4(sip, dip);
    if (fragment) b.fragment(frag_offset, frag_offset == 0);
    switch (type) {
      case Type::kArp:
      case Type::kTcp: tcp_or_later(b, packet::kProtoTcp); break;
      case Type::kUdp: tcp_or_later(b, packet::kProtoUdp); break;
      case Type::kDhcpReply:
        b.udp(sport, dport)
            .dhcp({.op = packet::DhcpView::Op::kReply,
                   .type = packet::DhcpView::Type::kAck,
                   .xid = xid,
                   .chaddr = chaddr});
        break;
      case Type::kPathMtu: {
        const Frame q = PacketBuilder().eth(src, dst).ipv4(dip, quoted).tcp(1, quoted_port).build();
        b.icmp(3, 4, 1400).payload(std::span(q).subspan(14));
        break;
      }
    }
    return b.payload_bytes(24).build(60);
  }
  void tcp_or_later(PacketBuilder& b, std::uint8_t proto) const {
    if (fragment && frag_offset != 0)
      b.ip_proto(proto);
    else if (proto == packet::kProtoTcp)
      b.tcp(sport, dport);
    else
      b.udp(sport, dport);
  }
  std::string text() const {
    return fmt::format(
        "in={} tags={} src={} dst={} type={} op={} sip={} dip={} sport={} dport={} frag={}/{} "
        "chaddr={} xid={:#x} quoted={}:{}",
        in, static_cast<int>(tags), src.to_string(), dst.to_string(), static_cast<int>(type), op,
        sip.to_string(), dip.to_string(), sport, dport, fragment, frag_offset, chaddr.to_string(),
        xid, quoted.to_string(), quoted_port);
  }
};

using Type = Probe::Type;
using Tags = Probe::Tags;

struct Narrowness : testing::Test {
  void SetUp() override {
    s.from_local(
        PacketBuilder()
            .eth(kLocalMac, MacAddress::broadcast())
            .ipv4({}, Ipv4Address::of(255, 255, 255, 255))
            .udp(68, 67)
            .dhcp({.type = packet::DhcpView::Type::kDiscover, .xid = kXid, .chaddr = kLocalMac})
            .build());
    clear();
    s.counted();
  }
  void clear() {
    for (PortNo p = 1; p <= 3; ++p) s.received(p);
    s.take_local();
  }
  // What became of it: the letters of the rules that took it, "L" if a guard copied it to LOCAL.
  std::string fate(const Probe& p) {
    clear();
    const std::uint64_t dropped = s.drops("rule_drop") + s.drops("local_mac_spoofed");
    if (p.in == flow::kPortLocal)
      s.from_local(p.build());
    else
      s.send(p.in, p.build());
    std::string out = s.counted();
    const bool was_dropped = s.drops("rule_drop") + s.drops("local_mac_spoofed") != dropped;
    EXPECT_EQ(out.empty(), was_dropped) << "by a hidden rule or by the drop-all: " << p.text();
    const std::size_t to_ports = s.count(1) + s.count(2) + s.count(3);
    const std::size_t to_local = s.take_local().size();
    EXPECT_LE(to_local, 1u) << "once: " << p.text();
    if (out.empty()) {
      EXPECT_EQ(to_ports, 0u) << "dropped, and yet sent: " << p.text();
      if (to_local != 0) out = "L";
    }
    return out;
  }
  InbandSwitch s{{.inband_per_s = 1'000'000,
                  .dhcp_replies_per_s = 1'000'000,
                  .relays_per_s = 1'000'000,
                  .next_hop_arps_per_s = 1'000'000,
                  .path_mtu_per_s = 1'000'000}};
};

// ---- one packet just inside, others just outside

struct Step {
  const char* what;
  std::function<void(Probe&)> change;
};

struct Case {
  const char* expected;  // fate of the packet inside
  Probe inside;
  std::vector<Step> outside;
};

const Ipv4Address kBesideController = Ipv4Address::of(192, 0, 2, 2);

std::vector<Step> arp_steps(std::uint16_t other_op) {
  return {{"the other opcode", [=](Probe& p) { p.op = other_op; }},
          {"RARP's opcode", [](Probe& p) { p.op = 3; }}};
}

std::vector<Case> cases() {
  const auto other_src = [](Probe& p) { p.src = kHostA; };
  const auto other_dst = [](Probe& p) { p.dst = kHostA; };
  std::vector<Case> all;
  all.push_back(
      {"a",
       {.in = flow::kPortLocal, .src = kLocalMac, .type = Type::kUdp, .sport = 68, .dport = 67},
       {{"from a data port", [](Probe& p) { p.in = 1; }},
        {"another's MAC", other_src},
        {"TCP", [](Probe& p) { p.type = Type::kTcp; }},
        {"source port", [](Probe& p) { p.sport = 69; }},
        {"destination port", [](Probe& p) { p.dport = 68; }},
        {"first fragment", [](Probe& p) { p.fragment = true; }}}});
  all.push_back({"b", {.dst = kLocalMac, .op = 2}, arp_steps(1)});
  all.back().outside.push_back({"another's MAC", other_dst});
  all.push_back({"c", {.in = flow::kPortLocal, .src = kLocalMac}, arp_steps(2)});
  all.back().outside.push_back({"another's MAC", other_src});
  all.push_back({"d", {.in = 2, .src = kHostA, .dst = kGatewayMac, .op = 2}, arp_steps(1)});
  all.back().outside.push_back({"another's MAC", other_dst});
  all.push_back({"e", {.src = kGatewayMac}, arp_steps(2)});
  all.back().outside.push_back({"another's MAC", other_src});
  all.push_back({"f", {.op = 2, .dip = kController}, arp_steps(1)});
  all.back().outside.push_back({"an address beside", [](Probe& p) { p.dip = kBesideController; }});
  all.push_back({"g", {.sip = kController}, arp_steps(2)});
  all.back().outside.push_back({"an address beside", [](Probe& p) { p.sip = kBesideController; }});
  const std::vector<Step> tcp = {
      {"UDP", [](Probe& p) { p.type = Type::kUdp; }},
      {"an address beside",
       [](Probe& p) { (p.dip == kController ? p.dip : p.sip) = kBesideController; }},
      {"a port beside", [](Probe& p) { ++(p.dip == kController ? p.dport : p.sport); }},
      {"the ports exchanged", [](Probe& p) { std::swap(p.sport, p.dport); }},
      {"first fragment", [](Probe& p) { p.fragment = true; }},
      {"later fragment", [](Probe& p) { p.fragment = true, p.frag_offset = 64; }}};
  all.push_back({"h", {.type = Type::kTcp, .dip = kController, .dport = 6653}, tcp});
  all.push_back({"i", {.type = Type::kTcp, .sip = kController, .sport = 6653}, tcp});
  all.push_back({"L",
                 {.type = Type::kDhcpReply, .sport = 67, .dport = 68},
                 {{"from LOCAL", [](Probe& p) { p.in = flow::kPortLocal; }},
                  {"another client", [](Probe& p) { p.chaddr = kHostA; }},
                  {"another request", [](Probe& p) { ++p.xid; }},
                  {"source port", [](Probe& p) { p.sport = 68; }},
                  {"destination port", [](Probe& p) { p.dport = 67; }}}});
  all.push_back({"L",
                 {.op = 2, .sip = kGatewayIp, .dip = kGatewayIp},
                 {{"from LOCAL", [](Probe& p) { p.in = flow::kPortLocal; }},
                  {"an address beside", [](Probe& p) { p.sip = kIpB; }}}});
  all.push_back({"L",
                 {.dst = kLocalMac, .type = Type::kPathMtu, .dip = kLocalIp},
                 {{"from LOCAL", [](Probe& p) { p.in = flow::kPortLocal; }},
                  {"another's MAC", other_dst},
                  {"an address beside", [](Probe& p) { p.quoted = kBesideController; }},
                  {"a port beside", [](Probe& p) { ++p.quoted_port; }},
                  {"fragment", [](Probe& p) { p.fragment = true; }}}});
  // Of every one: the management VLAN and no other.
  for (Case& c : all) {
    c.outside.push_back({"a tenant's VLAN", [](Probe& p) { p.tags = Tags::kVid7; }});
    c.outside.push_back({"QinQ", [](Probe& p) { p.tags = Tags::kQinQ; }});
    c.outside.push_back({"QinQ below VID 0", [](Probe& p) { p.tags = Tags::kQinQPriority; }});
  }
  return all;
}

TEST_F(Narrowness, APacketJustInsidePassesAndEachJustOutsideDoesNot) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.inside.text());
    EXPECT_EQ(fate(c.inside), c.expected);
    Probe priority = c.inside;
    priority.tags = Tags::kPriority;
    EXPECT_EQ(fate(priority), c.expected) << "a priority tag is no VLAN";
    for (const Step& step : c.outside) {
      Probe outside = c.inside;
      step.change(outside);
      EXPECT_EQ(fate(outside), "") << step.what;
    }
  }
}

// ---- random packets

// From the tables of the specification; the first letter that matches counts.
std::string model(const Probe& p) {
  const bool local = p.in == flow::kPortLocal;
  if (!local && p.src == kLocalMac) return "";  // spoofed
  if (p.tags != Tags::kNone && p.tags != Tags::kPriority) return "";
  if (p.type == Type::kArp) {
    const bool request = p.op == 1;
    const bool reply = p.op == 2;
    if (reply && p.dst == kLocalMac) return "b";
    if (request && p.src == kLocalMac) return "c";
    if (reply && p.dst == kGatewayMac) return "d";
    if (request && p.src == kGatewayMac) return "e";
    if (reply && p.dip == kController) return "f";
    if (request && p.sip == kController) return "g";
    return !local && p.sip == kGatewayIp ? "L" : "";
  }
  const bool whole = !p.fragment;
  if (p.type == Type::kTcp && whole) {
    if (p.dip == kController && p.dport == 6653) return "h";
    if (p.sip == kController && p.sport == 6653) return "i";
  }
  const bool is_udp = p.type == Type::kUdp || p.type == Type::kDhcpReply;
  if (local && is_udp && whole && p.src == kLocalMac && p.sport == 68 && p.dport == 67) return "a";
  if (local || !whole) return "";
  if (p.type == Type::kDhcpReply)
    return p.sport == 67 && p.dport == 68 && p.chaddr == kLocalMac && p.xid == kXid ? "L" : "";
  if (p.type == Type::kPathMtu)
    return p.dst == kLocalMac && p.quoted == kController && p.quoted_port == 6653 ? "L" : "";
  return "";
}

template <class T, std::size_t N>
T one_of(lifeline::test::Random& random, const T (&values)[N]) {
  return values[random.below(N)];
}

// Values that matter, and their neighbours, often enough that all of a rule's come together.
Probe random_probe(lifeline::test::Random& r) {
  const MacAddress macs[] = {kLocalMac, kGatewayMac, kHostA, kHostB, MacAddress::broadcast()};
  const Ipv4Address ips[] = {kController, kController, kBesideController,
                             kGatewayIp,  kLocalIp,    kIpA};
  const std::uint16_t ports[] = {6653, 6653, 6654, 67, 68, 67, 68, 40000};
  Probe p;
  p.in = one_of(
      r, {PortNo{1}, PortNo{2}, PortNo{3}, PortNo{flow::kPortLocal}, PortNo{flow::kPortLocal}});
  p.tags = r.one_in(3) ? static_cast<Tags>(r.below(5)) : Tags::kNone;
  p.src = macs[r.below(4)];
  p.dst = one_of(r, macs);
  p.type = static_cast<Type>(r.below(5));
  p.op = static_cast<std::uint16_t>(1 + r.below(3));
  p.sip = one_of(r, ips);
  p.dip = one_of(r, ips);
  p.sport = one_of(r, ports);
  p.dport = one_of(r, ports);
  p.fragment = p.type != Type::kDhcpReply && r.one_in(6);
  p.frag_offset = r.one_in(2) ? 64 : 0;
  // A later fragment of ICMP would need a body of its own; its first one is enough.
  if (p.type == Type::kPathMtu) p.frag_offset = 0;
  p.chaddr = one_of(r, {kLocalMac, kLocalMac, kHostA});
  p.xid = one_of(r, {kXid, kXid, kXid + 1});
  p.quoted = one_of(r, ips);
  p.quoted_port = one_of(r, ports);
  return p;
}

TEST_F(Narrowness, OfRandomPacketsExactlyWhatTheTablesSayPasses) {
  lifeline::test::Random random;
  std::map<std::string, int> seen;
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    const Probe p = random_probe(random);
    const std::string expected = model(p);
    ++seen[expected];
    EXPECT_EQ(fate(p), expected) << p.text();
  }
  for (const char* each : {"", "a", "b", "c", "d", "e", "f", "g", "h", "i", "L"})
    EXPECT_GE(seen[each], 5) << "the random packets are to reach rule '" << each << "'";
}

}  // namespace
}  // namespace lifeline::datapath::test
