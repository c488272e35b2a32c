// What an attacker on a data port may try against the control connection, each as an attack.
#include <chrono>

#include "inband_switch.h"

namespace lifeline::datapath::test {
namespace {

const MacAddress kLiar = *MacAddress::parse("02:00:00:00:66:66");

std::size_t delivered(TestSwitch& s, PortNo port, const Frame& f, int n = 1) {
  for (int i = 0; i < n; ++i) s.send(port, f);
  return s.take_local().size();
}

// Turns until the condition holds, for at most ten seconds.
template <class Condition>
bool comes_true(TestSwitch& s, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    s.settle();
  }
  return true;
}

TEST(Abuse, ASpoofedLocalMacIsDroppedCountedAndMovesNothing) {
  InbandSwitch s;
  s.send(3, PacketBuilder()
                .eth(kLocalMac, MacAddress::broadcast())
                .arp(1, kLocalMac, kLocalIp, {}, kLocalIp)
                .build(60));
  s.send(3, InbandSwitch::to_controller(kLocalMac));
  EXPECT_EQ(s.count(1) + s.count(2), 0u);
  EXPECT_EQ(s.drops("local_mac_spoofed"), 2u);
  EXPECT_EQ(delivered(s, 1, InbandSwitch::from_controller()), 1u) << "what is for us comes to us";
  EXPECT_EQ(s.count(3), 0u);
}

TEST(Abuse, ALiarIsNotTakenForTheNextHopThatAnswersItsProbe) {
  InbandSwitch s({.move_confirm_ms = 20});
  s.send(3, InbandSwitch::from_controller());  // with the gateway's MAC
  EXPECT_EQ(s.drops("fdb_move_refused"), 1u);
  ASSERT_EQ(s.probed, std::vector{kGatewayMac});
  s.send(1, InbandSwitch::gateway_answers());
  ASSERT_TRUE(comes_true(s, [&] {  // until it may be asked again, so the claim has been decided
    s.send(1, InbandSwitch::gateway_answers());
    s.send(3, InbandSwitch::from_controller());
    return s.probed.size() > 1;
  }));
  EXPECT_EQ(s.fdb.lookup(0, kGatewayMac), std::optional<PortNo>(1));
  EXPECT_EQ(s.events("fdb_move_confirmed"), 0u);
  s.received(1);
  s.from_local(InbandSwitch::to_controller(kLocalMac));
  EXPECT_EQ(s.count(1), 1u);
  EXPECT_EQ(s.count(3), 0u);
}

TEST(Abuse, ANextHopThatDoesNotAnswerWhereItWasHasMoved) {
  InbandSwitch s({.move_confirm_ms = 20});
  s.send(3, InbandSwitch::from_controller());
  ASSERT_EQ(s.probed.size(), 1u);
  EXPECT_EQ(s.fdb.lookup(0, kGatewayMac), std::optional<PortNo>(1)) << "not before it was asked";
  EXPECT_TRUE(comes_true(s, [&] { return s.fdb.lookup(0, kGatewayMac) == PortNo{3}; }));
  EXPECT_EQ(s.events("fdb_move_confirmed"), 1u);
}

TEST(Abuse, AFlowInTheFastPathShowsThatTheNextHopIsStillThere) {
  InbandSwitch s({.move_confirm_ms = 50});
  for (int i = 0; i < 3; ++i) s.send(1, InbandSwitch::from_controller(kGatewayMac, kHostA));
  s.send(3, InbandSwitch::from_controller(kGatewayMac, kHostB));
  ASSERT_EQ(s.probed.size(), 1u);
  s.send(1, InbandSwitch::from_controller(kGatewayMac, kHostA));
  ASSERT_TRUE(comes_true(s, [&] {
    s.send(1, InbandSwitch::from_controller(kGatewayMac, kHostA));
    s.send(3, InbandSwitch::from_controller(kGatewayMac, kHostB));
    return s.probed.size() > 1;
  }));
  EXPECT_EQ(s.events("fdb_move_confirmed"), 0u);
}

TEST(Abuse, ARogueDhcpServerIsNotHeard) {
  const auto reply = [](MacAddress chaddr, std::uint32_t xid) {
    return PacketBuilder()
        .eth(kLiar, MacAddress::broadcast())
        .ipv4(kIpB, Ipv4Address::of(255, 255, 255, 255))
        .udp(67, 68)
        .dhcp({.op = packet::DhcpView::Op::kReply,
               .type = packet::DhcpView::Type::kOffer,
               .xid = xid,
               .chaddr = chaddr})
        .build();
  };
  InbandSwitch s;
  EXPECT_EQ(delivered(s, 3, reply(kLocalMac, 7)), 0u) << "nobody has asked";
  s.from_local(PacketBuilder()
                   .eth(kLocalMac, MacAddress::broadcast())
                   .ipv4({}, Ipv4Address::of(255, 255, 255, 255))
                   .udp(68, 67)
                   .dhcp({.type = packet::DhcpView::Type::kDiscover, .xid = 7, .chaddr = kLocalMac})
                   .build());
  EXPECT_EQ(delivered(s, 3, reply(kHostA, 7)), 0u) << "another client's address";
  EXPECT_EQ(delivered(s, 3, reply(kLocalMac, 8)), 0u) << "another request's number";
  EXPECT_EQ(delivered(s, 3, reply(kLocalMac, 7)), 1u);
}

// Hosts A (port 2) and the liar (port 3) use (h) and (i) as a tunnel.
TEST(Abuse, WithoutStrictTheTunnelHasARateAndIsCounted) {
  InbandSwitch s({.inband_per_s = 10});
  s.received(2);
  for (int i = 0; i < 50; ++i) s.send(3, InbandSwitch::from_controller(kLiar, kHostA));
  const std::size_t n = s.count(2);
  EXPECT_GE(n, 1u) << "documented: without strict it is there";
  EXPECT_LT(n, 50u);
  EXPECT_EQ(s.drops("inband_metered"), 50 - n);
  s.received(3);
  for (int i = 0; i < 50; ++i) s.send(1, InbandSwitch::from_controller(kGatewayMac, kHostA));
  EXPECT_EQ(s.count(2), 50u) << "the next hop's own traffic is not limited";
}

struct Strict : testing::Test {
  void SetUp() override {
    s.received(1);
    s.received(2);
    s.received(3);
  }
  InbandSwitch s{{}, true};
};

TEST_F(Strict, AForgedControllerOnAnotherPortReachesNobody) {
  EXPECT_EQ(delivered(s, 3, InbandSwitch::from_controller(kLiar)), 0u);
  EXPECT_EQ(delivered(s, 3, InbandSwitch::from_controller(kLiar, kHostA)), 0u);
  EXPECT_EQ(delivered(s, 3, InbandSwitch::from_controller(kGatewayMac)), 0u) << "with its MAC too";
  EXPECT_EQ(s.count(1) + s.count(2), 0u);
  EXPECT_EQ(s.drops("strict_port"), 3u);
}

TEST_F(Strict, TheControllersOwnTrafficPassesToUsAndToSwitchesBehindUs) {
  EXPECT_EQ(delivered(s, 1, InbandSwitch::from_controller(), 3), 3u);
  const MacAddress router = *MacAddress::parse("02:00:00:00:00:fd");
  EXPECT_EQ(delivered(s, 1, InbandSwitch::from_controller(router)), 1u)
      << "VRRP: answers carry the router's own MAC, by the port of the virtual one";
  s.send(1, InbandSwitch::from_controller(kGatewayMac, kHostA));
  EXPECT_EQ(s.count(2), 1u);
  s.send(2, InbandSwitch::to_controller(kHostA));
  s.from_local(InbandSwitch::to_controller(kLocalMac));
  EXPECT_EQ(s.count(1), 2u);
}

TEST_F(Strict, NothingGoesToTheControllersAddressButByTheNextHop) {
  s.send(2, InbandSwitch::to_controller(kHostA, kLiar));
  s.send(2, InbandSwitch::to_controller(kHostA, MacAddress::broadcast()));
  EXPECT_EQ(s.count(1) + s.count(3), 0u);
  EXPECT_EQ(s.drops("rule_drop"), 2u) << "no hidden rule";
}

TEST_F(Strict, NothingIsFloodedAndAForgottenNextHopIsAskedFor) {
  s.send(1, InbandSwitch::from_controller(kGatewayMac, kHostB));  // nobody knows where
  s.send(1, InbandSwitch::from_controller(kGatewayMac, MacAddress::broadcast()));
  EXPECT_EQ(s.count(2) + s.count(3) + s.take_local().size(), 0u);
  EXPECT_EQ(s.drops("strict_unknown"), 2u);
  EXPECT_TRUE(s.probed.empty()) << "host B is no next hop";
  s.fdb.forget(0, kGatewayMac);
  s.from_local(InbandSwitch::to_controller(kLocalMac));
  EXPECT_EQ(s.count(1) + s.count(2) + s.count(3), 0u);
  EXPECT_EQ(s.probed, std::vector{kGatewayMac});
  s.send(1, InbandSwitch::gateway_answers());
  s.from_local(InbandSwitch::to_controller(kLocalMac));
  EXPECT_EQ(s.count(1), 1u);
}

TEST(Abuse, ALearningFloodTakesNoEntryOfTheControlConnectionNorOfOtherPorts) {
  InbandSwitch s({.inband_per_s = 1'000'000});
  for (std::uint32_t i = 0; i < 9000; ++i) {
    const MacAddress src = MacAddress::from_u64(0x060000000000 + i);
    s.inject(3,
             PacketBuilder().eth(src, kLocalMac).arp(2, src, kIpB, kLocalMac, kLocalIp).build(60));
    if (i % 64 == 63) s.settle();
  }
  s.settle();
  s.take_local();
  EXPECT_LE(s.fdb.learned_on(3), table::FdbConfig{}.max_entries_per_port);
  EXPECT_GE(s.fdb.learned_on(3), 64u);
  EXPECT_EQ(s.fdb.lookup(0, kGatewayMac), std::optional<PortNo>(1));
  EXPECT_EQ(s.fdb.lookup(0, kHostA), std::optional<PortNo>(2));
  EXPECT_EQ(delivered(s, 1, InbandSwitch::from_controller()), 1u);
}

TEST(Abuse, AFloodOfGratuitousArpForTheNextHopReachesTheHostAtItsRateOnly) {
  InbandSwitch s({.next_hop_arps_per_s = 10});
  const Frame lie = PacketBuilder()
                        .eth(kLiar, MacAddress::broadcast())
                        .arp(2, kLiar, kGatewayIp, {}, kGatewayIp)
                        .build(60);
  const std::size_t n = delivered(s, 3, lie, 200);
  EXPECT_GE(n, 10u);
  EXPECT_LT(n, 100u);
  EXPECT_EQ(s.drops("next_hop_metered"), 200 - n);
  EXPECT_EQ(s.fdb.lookup(0, kGatewayMac), std::optional<PortNo>(1));
  EXPECT_EQ(delivered(s, 1, InbandSwitch::from_controller(), 20), 20u) << "the session goes on";
}

}  // namespace
}  // namespace lifeline::datapath::test
