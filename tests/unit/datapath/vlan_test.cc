// NORMAL with access and trunk ports, and in-band control in a management VLAN.
#include "inband_switch.h"

namespace lifeline::datapath::test {
namespace {

using flow::PortVlan;

struct Tag {
  std::uint16_t vid;
  std::uint8_t pcp = 0;
  std::uint16_t tpid = packet::kEthTypeVlan;
};

Frame frame(MacAddress src, MacAddress dst, std::vector<Tag> tags = {}) {
  PacketBuilder b;
  b.eth(src, dst);
  for (const Tag& t : tags) b.vlan(t.vid, t.pcp, t.tpid);
  return b.ipv4(kIpA, kIpB).udp(1, 2).payload_bytes(40).build();
}

std::string text_of(const Frame& f) {
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(f[i]); };
  std::string out;
  for (std::size_t i = 12; i + 4 <= f.size(); i += 4) {
    const unsigned type = at(i) << 8 | at(i + 1);
    if (type != packet::kEthTypeVlan && type != packet::kEthTypeQinQ) break;
    const unsigned tci = at(i + 2) << 8 | at(i + 3);
    out += fmt::format("{}{}{}", out.empty() ? "" : ".", tci & 0xfff,
                       tci >> 13 != 0 ? fmt::format("p{}", tci >> 13) : "");
  }
  return out.empty() ? "-" : out;
}

struct Vlans : testing::Test {
  void SetUp() override {
    s.add({}, 1, {flow::Output{flow::kPortNormal}});
    // For short: LOCAL has no part in the ports' VLANs.
    ports({{flow::kPortLocal, PortVlan::trunk(std::vector<std::uint16_t>{0}, 0)}});
  }
  void ports(std::vector<std::pair<PortNo, PortVlan>> vlans) { s.datapath->set_port_vlans(vlans); }
  // Where frames came out and how they were tagged: "2:- 3:100 L:-".
  std::string where() {
    std::string out;
    const auto add = [&](std::string_view port, const Frame& f) {
      out += fmt::format("{}{}:{}", out.empty() ? "" : " ", port, text_of(f));
    };
    for (PortNo p = 1; p <= 4; ++p)
      for (const Frame& f : s.received(p)) add(std::to_string(p), f);
    for (const Frame& f : s.take_local()) add("L", f);
    return out;
  }
  std::string sent(PortNo port, const Frame& f) {
    s.send(port, f);
    return where();
  }
  std::string sent_by_local(const Frame& f) {
    s.from_local(f);
    return where();
  }
  TestSwitch s{{}, 4};
  const MacAddress all = MacAddress::broadcast();
};

TEST_F(Vlans, AnAccessPortReachesAccessAndTrunkPortsOfItsVlanInTheFormOfEach) {
  ports({{1, PortVlan::access(10)},
         {2, PortVlan::access(10)},
         {3, PortVlan::trunk(std::vector<std::uint16_t>{10, 20}, 0)},
         {4, PortVlan::access(20)}});
  EXPECT_EQ(sent(1, frame(kHostA, all)), "2:- 3:10");
  EXPECT_EQ(sent(3, frame(kHostB, all, {{10}})), "1:- 2:-");
  EXPECT_EQ(sent(3, frame(kHostB, all, {{20}})), "4:-");
  EXPECT_EQ(sent(4, frame(kHostB, all)), "3:20");
}

TEST_F(Vlans, AFrameIsTheSameBehindItsTag) {
  ports({{1, PortVlan::access(10)}});
  const Frame plain = frame(kHostA, all);
  const Frame tagged = frame(kHostA, all, {{10}});
  s.send(1, plain);
  EXPECT_EQ(s.received(2), std::vector<Frame>{tagged});
  s.send(2, tagged);
  EXPECT_EQ(s.received(1), std::vector<Frame>{plain});
}

TEST_F(Vlans, AFrameThatLosesItsTagIsPaddedToTheShortestThatAWireTakes) {
  ports({{1, PortVlan::access(10)}});
  const auto short_frame = [&](bool tagged) {
    PacketBuilder b;
    b.eth(kHostA, all);
    if (tagged) b.vlan(10);
    return b.ipv4(kIpA, kIpB).udp(1, 2).build(60);
  };
  s.send(2, short_frame(true));
  EXPECT_EQ(s.received(1), std::vector<Frame>{short_frame(false)});
}

TEST_F(Vlans, UnicastIsLearnedAndForwardedInItsVlanAndRetaggedEachTime) {
  ports({{1, PortVlan::access(10)}, {2, PortVlan::access(20)}});
  sent(3, frame(kHostB, all, {{10}}));
  EXPECT_EQ(s.fdb.lookup(10, kHostB), std::optional<PortNo>(3));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sent(1, frame(kHostA, kHostB)), "3:10") << i;
  EXPECT_EQ(s.fdb.lookup(10, kHostA), std::optional<PortNo>(1));
  EXPECT_EQ(s.fdb.lookup(0, kHostA), std::nullopt);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sent(3, frame(kHostB, kHostA, {{10}})), "1:-") << i;
  // The same address in another VLAN is another station.
  EXPECT_EQ(sent(2, frame(kHostA, kHostB)), "3:20 4:20");
  EXPECT_EQ(sent(3, frame(kHostB, kHostA, {{20}})), "2:-");
}

TEST_F(Vlans, WhatAPortDoesNotTakeIsDroppedByNameAndTeachesNothing) {
  ports({{1, PortVlan::access(10)}, {3, PortVlan::trunk(std::vector<std::uint16_t>{10}, 0)}});
  EXPECT_EQ(sent(1, frame(kHostA, all, {{10}})), "") << "tagged on an access port, its own VLAN";
  EXPECT_EQ(sent(1, frame(kHostA, all, {{20}})), "");
  EXPECT_EQ(sent(1, frame(kHostA, all, {{10, 0, packet::kEthTypeQinQ}, {7}})), "");
  EXPECT_EQ(sent(3, frame(kHostA, all)), "") << "untagged on a trunk that does not list 0";
  EXPECT_EQ(sent(3, frame(kHostA, all, {{0, 5}})), "");
  EXPECT_EQ(sent(3, frame(kHostA, all, {{20}})), "");
  EXPECT_EQ(s.drops("vlan_not_carried"), 6u);
  EXPECT_EQ(s.fdb.size(), 0u);
}

TEST_F(Vlans, APriorityTagIsUntaggedAndItsPriorityStays) {
  ports({{1, PortVlan::access(10)}, {2, PortVlan::access(10)}});
  EXPECT_EQ(sent(1, frame(kHostA, all, {{0, 5}})), "2:- 3:10p5 4:10p5");
  EXPECT_EQ(sent(3, frame(kHostB, all, {{10, 6}})), "1:- 2:- 4:10p6");
  EXPECT_EQ(sent(3, frame(kHostB, all, {{0, 6}})), "4:0p6 L:0p6") << "VLAN 0 stays as it was";
}

TEST_F(Vlans, ANativeVlanIsUntaggedOnItsTrunk) {
  ports({{1, PortVlan::access(10)},
         {2, PortVlan::trunk(std::vector<std::uint16_t>{20}, 10)},
         {3, PortVlan::trunk(std::nullopt, 20)}});
  EXPECT_EQ(sent(1, frame(kHostA, all)), "2:- 3:10 4:10");
  EXPECT_EQ(sent(2, frame(kHostA, all)), "1:- 3:10 4:10");
  EXPECT_EQ(sent(2, frame(kHostA, all, {{20}})), "3:- 4:20");
  EXPECT_EQ(sent(3, frame(kHostA, all, {{10}})), "1:- 2:- 4:10");
  EXPECT_EQ(sent(4, frame(kHostA, all)), "L:-") << "VLAN 0: neither native port has it";
}

TEST_F(Vlans, ANativeTaggedVlanIsTakenInBothFormsAndLeavesTagged) {
  ports({{1, PortVlan::access(10)},
         {2, PortVlan::trunk(std::vector<std::uint16_t>{20}, 10, true)},
         {3, PortVlan::trunk(std::nullopt, 10)}});
  EXPECT_EQ(sent(1, frame(kHostA, all)), "2:10 3:- 4:10");
  EXPECT_EQ(sent(2, frame(kHostA, all)), "1:- 3:- 4:10");
  EXPECT_EQ(sent(2, frame(kHostA, all, {{10}})), "1:- 3:- 4:10");
  EXPECT_EQ(sent(2, frame(kHostA, all, {{0, 5}})), "1:- 3:- 4:10p5");
  EXPECT_EQ(sent(4, frame(kHostA, all, {{20}})), "2:20 3:20");
}

TEST_F(Vlans, OnlyTheOutermostTagCounts) {
  ports({{1, PortVlan::access(10)}});
  EXPECT_EQ(sent(2, frame(kHostA, all, {{10}, {7}})), "1:7 3:10.7 4:10.7");
  EXPECT_EQ(sent(2, frame(kHostA, all, {{7}, {10}})), "3:7.10 4:7.10");
}

TEST_F(Vlans, TheLocalPortIsAnAccessPortOfItsVlan) {
  s.guards();
  ports({{flow::kPortLocal, PortVlan::access(100)}, {1, PortVlan::access(100)}});
  EXPECT_EQ(sent_by_local(frame(kLocalMac, all)), "1:- 2:100 3:100 4:100");
  EXPECT_EQ(sent(2, frame(kHostA, all, {{100}})), "1:- 3:100 4:100 L:-");
  EXPECT_EQ(sent(2, frame(kHostA, kLocalMac, {{100}})), "L:-");
  EXPECT_EQ(sent(1, frame(kHostB, kLocalMac)), "L:-");
  EXPECT_EQ(sent_by_local(frame(kLocalMac, kHostA)), "2:100");
  EXPECT_EQ(sent_by_local(frame(kLocalMac, kHostB)), "1:-");
  // In another VLAN nobody is known to have its address, and it is not there.
  EXPECT_EQ(sent(2, frame(kHostA, kLocalMac)), "3:- 4:-");
  EXPECT_EQ(sent(2, frame(kHostA, all, {{7}})), "3:7 4:7");
  EXPECT_EQ(sent_by_local(frame(kLocalMac, all, {{100}})), "");
  EXPECT_EQ(s.drops("vlan_not_carried"), 1u);
}

TEST_F(Vlans, RulesSeeAndSendFramesAsTheyAre) {
  ports({{1, PortVlan::access(10)},
         {2, PortVlan::access(20)},
         {flow::kPortLocal, PortVlan::access(10)}});
  s.add(flow::Match().in_port(1).vlan_none(), 9,
        {flow::Output{2}, flow::Output{flow::kPortLocal}, flow::Output{flow::kPortNormal}});
  EXPECT_EQ(sent(1, frame(kHostA, all)), "2:- 3:10 4:10 L:-");
  EXPECT_EQ(sent(1, frame(kHostA, kHostB)), "2:- 3:10 4:10 L:-");
  s.add(flow::Match().in_port(1).vlan_vid(20), 9, {flow::Output{flow::kPortFlood}});
  EXPECT_EQ(sent(1, frame(kHostA, all, {{20}})), "2:20 3:20 4:20 L:20");
}

// The cached decisions of flows that go on while the operator changes his mind.
TEST_F(Vlans, AChangeTakesEffectOnTheNextPacketAndForgetsWhatWasLearnedThere) {
  sent(2, frame(kHostB, kHostA));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sent(1, frame(kHostA, kHostB)), "2:-");
  ports({{2, PortVlan::access(10)}});
  EXPECT_EQ(sent(1, frame(kHostA, kHostB)), "3:- 4:-") << "VLAN 0 is not behind port 2 any more";
  EXPECT_EQ(s.fdb.lookup(0, kHostB), std::nullopt);
  sent(2, frame(kHostB, all));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sent(1, frame(kHostA, kHostB, {{10}})), "2:-");
  ports({{2, PortVlan{}}});
  EXPECT_EQ(sent(2, frame(kHostB, all)), "1:- 3:- 4:- L:-");
  EXPECT_EQ(sent(1, frame(kHostA, kHostB)), "2:-");
  s.fdb.learn(10, kHostB, 2, s.datapath->now_s());
  ports({{2, PortVlan::access(20)}});
  s.fdb.learn(10, kHostB, 2, s.datapath->now_s());  // as by a report that was late
  EXPECT_EQ(sent(1, frame(kHostA, kHostB, {{10}})), "3:10 4:10");
}

TEST_F(Vlans, APacketOutIsInTheVlanOfItsInPort) {
  ports({{1, PortVlan::access(10)}, {2, PortVlan::access(10)}});
  const flow::ActionList normal{flow::Output{flow::kPortNormal}};
  ASSERT_TRUE(s.datapath->packet_out(frame(kHostA, all), 1, normal));
  s.settle();
  EXPECT_EQ(where(), "2:- 3:10 4:10");
  ASSERT_TRUE(s.datapath->packet_out(frame(kHostA, all, {{10}}), flow::kPortNone, normal));
  s.settle();
  EXPECT_EQ(where(), "1:- 2:- 3:10 4:10");
}

TEST_F(Vlans, ATraceSaysTheVlanAndWhereItEnds) {
  ports({{1, PortVlan::access(10)}, {2, PortVlan::access(10)}, {3, PortVlan::access(20)}});
  const auto trace = s.datapath->explain(frame(kHostA, all), 1);
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->outcome.size(), 1u);
  EXPECT_EQ(trace->outcome[0].ports, (std::vector<PortNo>{2, 4}));
  EXPECT_NE(trace->outcome[0].note.find("in VLAN 10"), std::string::npos);
  const auto dropped = s.datapath->explain(frame(kHostA, all, {{10}}), 1);
  ASSERT_TRUE(dropped);
  EXPECT_TRUE(dropped->outcome[0].ports.empty());
  EXPECT_NE(dropped->outcome[0].note.find("access port"), std::string::npos);
}

// ---- in-band control in VLAN 100: port 1 a trunk, 2 an access port of it, 3 one of VLAN 200

struct ManagementVlan : testing::Test {
  ManagementVlan() {
    s.datapath->set_port_vlans({{1, PortVlan::trunk(std::vector<std::uint16_t>{0, 100, 200}, 0)},
                                {2, PortVlan::access(100)},
                                {3, PortVlan::access(200)},
                                {flow::kPortLocal, PortVlan::access(100)}});
    s.use_vlan({.kind = flow::ManagementVlan::Kind::kVid, .vid = 100});
    clear();
  }
  void clear() {
    for (PortNo p = 1; p <= 3; ++p) s.received(p);
    s.take_local();
    s.counted();
  }
  // The letters of the rules that took it, and where it came out: "i L:-".
  std::string fate(PortNo in, const Frame& f) {
    clear();
    if (in == flow::kPortLocal)
      s.from_local(f);
    else
      s.send(in, f);
    std::string out = s.counted();
    for (PortNo p = 1; p <= 3; ++p)
      for (const Frame& each : s.received(p)) out += fmt::format(" {}:{}", p, text_of(each));
    for (const Frame& each : s.take_local()) out += fmt::format(" L:{}", text_of(each));
    return out;
  }
  static Frame tagged(const Frame& f, std::vector<Tag> tags) {
    Frame out(f.begin(), f.begin() + 12);
    for (const Tag& t : tags)
      for (const int v : {t.tpid >> 8, t.tpid & 0xff, t.pcp << 5 | t.vid >> 8, t.vid & 0xff})
        out.push_back(static_cast<std::byte>(v));
    out.insert(out.end(), f.begin() + 12, f.end());
    return out;
  }
  InbandSwitch s;
};

TEST_F(ManagementVlan, TheSessionTakesTheFormOfEachPort) {
  const Frame from = InbandSwitch::from_controller();
  const Frame to = InbandSwitch::to_controller(kLocalMac);
  EXPECT_EQ(fate(flow::kPortLocal, to), "h 1:100 2:-") << "the gateway is not known yet: flooded";
  EXPECT_EQ(fate(1, tagged(from, {{100}})), "i L:-");
  EXPECT_EQ(fate(1, tagged(InbandSwitch::gateway_answers(), {{100}})), "b L:-");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fate(flow::kPortLocal, to), "h 1:100");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fate(1, tagged(from, {{100, 3}})), "i L:-");
  // A switch behind us, on an access port.
  const Frame theirs = InbandSwitch::to_controller(kHostA);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fate(2, theirs), "h 1:100");
  EXPECT_EQ(fate(1, tagged(InbandSwitch::from_controller(kGatewayMac, kHostA), {{100}})), "i 2:-");
}

TEST_F(ManagementVlan, NothingPassesJustOutsideIt) {
  const Frame from = InbandSwitch::from_controller();
  EXPECT_EQ(fate(1, from), "") << "untagged on the trunk";
  EXPECT_EQ(fate(1, tagged(from, {{0, 5}})), "") << "a priority tag there is untagged";
  EXPECT_EQ(fate(1, tagged(from, {{200}})), "") << "another VLAN of the trunk";
  EXPECT_EQ(fate(1, tagged(from, {{101}})), "") << "one that it does not carry";
  EXPECT_EQ(fate(1, tagged(from, {{100}, {100}})), "") << "QinQ";
  EXPECT_EQ(fate(1, tagged(from, {{200, 0, packet::kEthTypeQinQ}, {100}})), "");
  EXPECT_EQ(fate(2, tagged(from, {{100}})), "") << "tagged on an access port of it";
  EXPECT_EQ(fate(2, tagged(from, {{0}, {100}})), "");
  EXPECT_EQ(fate(3, from), "") << "an access port of another";
  EXPECT_EQ(fate(3, tagged(from, {{100}})), "");
  EXPECT_EQ(fate(flow::kPortLocal, tagged(InbandSwitch::to_controller(kLocalMac), {{100}})), "");
  EXPECT_EQ(fate(2, tagged(from, {{0, 5}})), "i L:-") << "just inside: a priority tag";
}

TEST_F(ManagementVlan, GuardsWorkInItAndNowhereElseAndDeliverUntagged) {
  s.from_local(PacketBuilder()
                   .eth(kLocalMac, MacAddress::broadcast())
                   .ipv4({}, Ipv4Address::of(255, 255, 255, 255))
                   .udp(68, 67)
                   .dhcp({.type = packet::DhcpView::Type::kDiscover, .xid = 7, .chaddr = kLocalMac})
                   .build());
  EXPECT_EQ(s.counted(), "a");
  clear();
  const Frame reply = PacketBuilder()
                          .eth(kHostB, MacAddress::broadcast())
                          .ipv4(kGatewayIp, Ipv4Address::of(255, 255, 255, 255))
                          .udp(67, 68)
                          .dhcp({.op = packet::DhcpView::Op::kReply,
                                 .type = packet::DhcpView::Type::kAck,
                                 .xid = 7,
                                 .chaddr = kLocalMac})
                          .build();
  const Frame announced = PacketBuilder()
                              .eth(kHostB, MacAddress::broadcast())
                              .arp(2, kHostB, kGatewayIp, kHostB, kGatewayIp)
                              .build(60);
  for (const Frame& f : {reply, announced}) {
    EXPECT_EQ(fate(1, tagged(f, {{100}})), " L:-");
    EXPECT_EQ(fate(2, f), " L:-");
    EXPECT_EQ(fate(1, f), "");
    EXPECT_EQ(fate(1, tagged(f, {{200}})), "");
    EXPECT_EQ(fate(1, tagged(f, {{100}, {7}})), "");
    EXPECT_EQ(fate(2, tagged(f, {{100}})), "");
    EXPECT_EQ(fate(3, f), "");
  }
}

// A decision that was cached for untagged frames hangs on rules for tagged ones.
TEST_F(ManagementVlan, ACachedDecisionFollowsTheHiddenRulesOfItsVlan) {
  const Frame from = InbandSwitch::from_controller();
  EXPECT_EQ(fate(2, from), "i L:-");
  for (const auto& [id, letter] : std::map(s.letters))
    if (letter == 'i') {
      s.remove_hidden(id);
      s.letters.erase(id);
    }
  EXPECT_EQ(fate(2, from), "");
  EXPECT_EQ(fate(2, from), "");
  for (const inband::HiddenRule& r : inband::hidden_rules(s.facts))
    if (inband::kind_letter(r.kind) == 'i') s.letters[s.add_hidden(r.match, r.priority)] = 'i';
  EXPECT_EQ(fate(2, from), "i L:-");
}

TEST_F(ManagementVlan, OfAnyVlanOnlyThatOfTheLocalPortReachesIt) {
  s.use_vlan({.kind = flow::ManagementVlan::Kind::kAny});
  const Frame from = InbandSwitch::from_controller();
  EXPECT_EQ(fate(1, tagged(from, {{100}})), "i L:-");
  EXPECT_EQ(fate(1, tagged(from, {{200}})), "i 3:-") << "its own MAC is not in that VLAN";
  const Frame announced = PacketBuilder()
                              .eth(kHostB, MacAddress::broadcast())
                              .arp(2, kHostB, kGatewayIp, kHostB, kGatewayIp)
                              .build(60);
  EXPECT_EQ(fate(1, tagged(announced, {{200}})), "");
}

// ---- what PortVlan says of itself

TEST(PortVlanText, SaysWhatThePortCarries) {
  EXPECT_EQ(PortVlan{}.to_string(), "all");
  EXPECT_EQ(PortVlan::access(10).to_string(), "access 10");
  EXPECT_EQ(PortVlan::trunk(std::vector<std::uint16_t>{20, 0, 10}, 0).to_string(), "trunk 0,10,20");
  EXPECT_EQ(PortVlan::trunk(std::vector<std::uint16_t>{20}, 30).to_string(), "trunk 20 native 30");
  EXPECT_EQ(PortVlan::trunk(std::nullopt, 30).to_string(), "trunk all native 30");
  EXPECT_EQ(PortVlan::trunk(std::nullopt, 30, true).to_string(), "trunk all native-tagged 30");
  EXPECT_TRUE(PortVlan::trunk(std::nullopt, 0).is_plain());
}

}  // namespace
}  // namespace lifeline::datapath::test
