// NIC rules against wishes, on NICs as they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "offload/reconciler.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "unit/offload/facts_fixture.h"
#include "unit/offload/fake_nic.h"

namespace lifeline::offload::test {
namespace {

using inband::steering_intents;
using packet::PacketBuilder;
using testing::HasSubstr;

TimePoint at(std::chrono::seconds s) { return TimePoint{} + std::chrono::hours{1} + s; }
const TimePoint kStart = at(std::chrono::seconds{0});

// "i:exact h:software b:type-only …"
std::string rungs(const Report& report) {
  std::string out;
  for (const auto& r : report.intents) {
    if (!out.empty()) out += ' ';
    out += fmt::format("{}:{}", names({r.intent}), rung_name(r.rung));
  }
  return out;
}

const IntentReport& of(const Report& report, std::string_view what) {
  for (const auto& r : report.intents)
    if (names({r.intent}) == what) return r;
  return report.intents.front();
}

inband::Facts both() {
  inband::Facts f = facts4();
  add_remote(f, kController6, 6653, kRouter6, kGatewayMac);
  return f;
}

TEST(Reconciler, ANicThatCanDoEverythingHasEveryRuleExact) {
  FakeNic nic = ice();
  Reconciler r(nic);
  const auto intents = steering_intents(both());
  const Report report = r.reconcile(intents, kStart);
  for (const auto& i : report.intents) {
    EXPECT_EQ(i.rung, Rung::kExact) << i.intent.name;
    EXPECT_EQ(i.why_not_better, "");
  }
  // The next hop's advertisements may go to anybody, so that rule is (p), (r) and (t) as well.
  EXPECT_EQ(report.nic_rules, intents.size() - 3);
  EXPECT_FALSE(report.retry_at);
}

TEST(Reconciler, IntentsThatFallToOneCoarseFormShareItsRule) {
  FakeNic nic = mlx5();
  Reconciler r(nic);
  const Report report = r.reconcile(steering_intents(facts4()), kStart);
  EXPECT_EQ(rungs(report),
            "i:exact h:exact b:type-only dhcp-reply:exact d:type-only e:type-only "
            "next-hop-arp:type-only f:type-only g:type-only");
  EXPECT_EQ(nic.rules.size(), 4u);
  EXPECT_TRUE(of(report, "d").shared);
  EXPECT_EQ(of(report, "f").why_not_better, "mlx5: item ARP is not supported");
}

TEST(Reconciler, I40eKeepsTheInputSetOfTheMostValuable) {
  FakeNic nic = i40e();
  Reconciler r(nic);
  const Report report = r.reconcile(steering_intents(facts4()), kStart);
  EXPECT_EQ(of(report, "i").rung, Rung::kExact);
  EXPECT_EQ(of(report, "h").rung, Rung::kSoftware);
  EXPECT_THAT(of(report, "h").why_not_better,
              HasSubstr("Conflict with the first rule's input set"));
  EXPECT_EQ(of(report, "dhcp-reply").rung, Rung::kExact);  // UDP is another packet type
  EXPECT_EQ(of(report, "e").rung, Rung::kTypeOnly);
}

TEST(Reconciler, IxgbeHasIpv4OnlyAndAllOfArp) {
  FakeNic nic = ixgbe();
  Reconciler r(nic);
  const Report report = r.reconcile(steering_intents(both()), kStart);
  EXPECT_EQ(of(report, "i").rung, Rung::kExact);
  EXPECT_EQ(of(report, "w").rung, Rung::kSoftware);
  EXPECT_EQ(of(report, "p").rung, Rung::kSoftware);
  EXPECT_EQ(of(report, "b").rung, Rung::kTypeOnly);
}

TEST(Reconciler, TapFallsToMacAndTypeWhereAllHaveAMac) {
  FakeNic nic = tap();
  Reconciler r(nic);
  const auto all = steering_intents(facts4());
  std::vector<flow::SteeringIntent> own;
  for (const auto& i : all)
    if (std::string("ibe").find(i.letter == 0 ? '-' : i.letter) != std::string::npos)
      own.push_back(i);
  EXPECT_EQ(rungs(r.reconcile(own, kStart)), "i:exact b:mac-and-type e:mac-and-type");
  // Others need the type alone: these share it, and their own rules go.
  const Report report = r.reconcile(all, kStart);
  EXPECT_EQ(of(report, "b").rung, Rung::kTypeOnly);
  EXPECT_EQ(nic.count([](const Form& f) { return f.eth_type == packet::kEthTypeArp; }), 1u);
}

TEST(Reconciler, WhatAFullNicHasNoRoomForIsTheLeastValuable) {
  FakeNic nic = igb();
  Reconciler r(nic);
  inband::Facts facts = facts4();
  // Five remotes: five (i), five (h) and the DHCP replies for eight places.
  for (std::uint8_t n = 2; n <= 5; ++n)
    add_remote(facts, Ipv4Address::of(192, 0, 2, n), 6653, kGatewayIp, kGatewayMac);
  const Report report = r.reconcile(steering_intents(facts), kStart);
  std::size_t from_remote = 0;
  std::size_t in_nic = 0;
  for (const auto& i : report.intents) {
    if (!i.form || i.form->eth_type != packet::kEthTypeIpv4) continue;
    ++in_nic;
    if (i.intent.letter == 'i') ++from_remote;
  }
  EXPECT_EQ(from_remote, 5u);
  EXPECT_EQ(in_nic, 8u);
  EXPECT_EQ(of(report, "dhcp-reply").rung, Rung::kSoftware);
  EXPECT_THAT(of(report, "dhcp-reply").why_not_better, HasSubstr("Function not implemented"));
}

TEST(Reconciler, TheLessValuableMakeRoomInAFullNic) {
  FakeNic nic = igb();
  Reconciler r(nic);
  inband::Facts facts = facts4();
  for (std::uint8_t n = 2; n <= 4; ++n)
    add_remote(facts, Ipv4Address::of(192, 0, 2, n), 6653, kGatewayIp, kGatewayMac);
  (void)r.reconcile(steering_intents(facts), kStart);  // 4 (i), 4 (h): full
  add_remote(facts, Ipv4Address::of(192, 0, 2, 5), 6653, kGatewayIp, kGatewayMac);
  const Report report = r.reconcile(steering_intents(facts), kStart);
  std::size_t from_remote = 0;
  for (const auto& i : report.intents)
    if (i.intent.letter == 'i' && i.rung == Rung::kExact) ++from_remote;
  EXPECT_EQ(from_remote, 5u) << rungs(report);
  EXPECT_EQ(nic.count([](const Form& f) { return f.ip_dst.has_value(); }), 3u);
}

TEST(Reconciler, RoomThatIsFreedIsUsedAtOnce) {
  FakeNic nic = igb();
  Reconciler r(nic);
  inband::Facts facts = facts4();
  for (std::uint8_t n = 2; n <= 5; ++n)
    add_remote(facts, Ipv4Address::of(192, 0, 2, n), 6653, kGatewayIp, kGatewayMac);
  (void)r.reconcile(steering_intents(facts), kStart);
  facts.remotes.resize(1);
  const Report report = r.reconcile(steering_intents(facts), kStart);
  EXPECT_EQ(of(report, "dhcp-reply").rung, Rung::kExact);
  EXPECT_EQ(nic.count(is_tuple), 3u);
}

TEST(Reconciler, NewRulesStandBeforeOldOnesGo) {
  FakeNic nic = ice();
  Reconciler r(nic);
  inband::Facts facts = facts4();
  (void)r.reconcile(steering_intents(facts), kStart);
  nic.log.clear();
  facts.remotes[0].next_hops[0].mac = MacAddress::from_u64(0x020000000077);
  (void)r.reconcile(steering_intents(facts), kStart);
  ASSERT_EQ(nic.log.size(), 4u);  // (d) and (e), in and out
  EXPECT_EQ(nic.log[0][0], '+');
  EXPECT_EQ(nic.log[1][0], '+');
  EXPECT_EQ(nic.log[2][0], '-');
  EXPECT_EQ(nic.log[3][0], '-');
}

TEST(Reconciler, WhatStandsIsLeftAlone) {
  for (FakeNic& nic : std::vector<FakeNic>(all_nics())) {
    Reconciler r(nic);
    const auto intents = steering_intents(both());
    const std::string first = rungs(r.reconcile(intents, kStart));
    nic.log.clear();
    const std::size_t creates = nic.creates;
    EXPECT_EQ(rungs(r.reconcile(intents, kStart)), first) << nic.name;
    EXPECT_EQ(nic.creates, creates) << nic.name;
    EXPECT_TRUE(nic.log.empty()) << nic.name;
  }
}

TEST(Reconciler, RulesAreMadeAnewAfterAReset) {
  FakeNic nic = mlx5();
  Reconciler r(nic);
  const auto intents = steering_intents(both());
  (void)r.reconcile(intents, kStart);
  const auto before = nic.texts();
  nic.rules.clear();
  r.nic_was_reset();
  const Report report = r.reconcile(intents, kStart);
  EXPECT_EQ(nic.texts(), before);
  EXPECT_EQ(report.restored, before.size());
}

TEST(Reconciler, NothingIsLeftBehind) {
  for (FakeNic& nic : std::vector<FakeNic>(all_nics())) {
    Reconciler r(nic);
    (void)r.reconcile(steering_intents(both()), kStart);
    r.remove_all();
    EXPECT_TRUE(nic.rules.empty()) << nic.name;
    (void)r.reconcile(steering_intents(both()), kStart);
    (void)r.reconcile({}, kStart);
    EXPECT_TRUE(nic.rules.empty()) << nic.name;
  }
}

TEST(Reconciler, ADriverThatValidatesAndRefusesIsNoticed) {
  FakeNic nic = refuses_to_create();
  Reconciler r(nic);
  const Report report = r.reconcile(steering_intents(facts4()), kStart);
  EXPECT_EQ(report.nic_rules, 0u);
  EXPECT_GT(report.liar_creates, 0u);
  EXPECT_EQ(of(report, "i").rung, Rung::kSoftware);
  EXPECT_THAT(of(report, "i").why_not_better,
              HasSubstr("validated, but not created: net_tap: Kernel refused TC filter"));
}

TEST(Reconciler, OneThatKeepsRefusingIsAskedEverLessOften) {
  FakeNic nic = refuses_to_create();
  Reconciler r(nic);
  const auto intents = steering_intents(facts4());
  Report report = r.reconcile(intents, kStart);
  TimePoint now = kStart;
  Duration last{};
  std::size_t asked = 0;
  while (report.retry_at && now < kStart + std::chrono::hours{24}) {
    const Duration wait = *report.retry_at - now;
    EXPECT_GE(wait, last);
    EXPECT_LE(wait, std::chrono::hours{1});
    last = wait;
    now = *report.retry_at;
    report = r.reconcile(intents, now);
    ++asked;
  }
  EXPECT_GT(asked, 24u);
  EXPECT_LT(asked, 60u);
  EXPECT_EQ(last, std::chrono::hours{1});
}

TEST(Reconciler, ADriverThatComesRoundGetsItsRules) {
  FakeNic nic = refuses_to_create();
  Reconciler r(nic);
  const auto intents = steering_intents(facts4());
  const Report report = r.reconcile(intents, kStart);
  nic.create_check = tap().create_check;
  ASSERT_TRUE(report.retry_at);
  EXPECT_EQ(of(r.reconcile(intents, *report.retry_at), "i").rung, Rung::kExact);
}

TEST(Reconciler, ARuleThatIsLostIsMadeAnewAndThenGivenUp) {
  FakeNic nic = accepts_and_loses();
  Reconciler r(nic);
  const auto intents = steering_intents(facts4());
  Report report = r.reconcile(intents, kStart);
  const Form form = *of(report, "i").form;
  r.rule_is_lost(form, kStart);
  report = r.reconcile(intents, kStart);
  EXPECT_EQ(of(report, "i").rung, Rung::kExact);
  EXPECT_EQ(report.lost, 1u);
  EXPECT_EQ(report.restored, 1u);
  r.rule_is_lost(form, kStart);
  report = r.reconcile(intents, kStart);
  EXPECT_EQ(of(report, "i").rung, Rung::kReduced);
  EXPECT_THAT(of(report, "i").why_not_better, HasSubstr("by the data queues"));
  ASSERT_TRUE(report.retry_at);
  EXPECT_EQ(of(r.reconcile(intents, *report.retry_at), "i").rung, Rung::kExact);
}

TEST(Reconciler, WhatIsReportedIsWhatTheNicDoes) {
  const auto tcp = packet::parse(PacketBuilder()
                                     .eth(kGatewayMac, kLocalMac)
                                     .ipv4(kController, Ipv4Address::of(10, 0, 0, 1))
                                     .tcp(6653, 40000)
                                     .build(60),
                                 1);
  const auto arp =
      packet::parse(PacketBuilder()
                        .eth(kGatewayMac, kLocalMac)
                        .arp(2, kGatewayMac, kGatewayIp, kLocalMac, Ipv4Address::of(10, 0, 0, 1))
                        .build(60),
                    1);
  for (FakeNic& nic : std::vector<FakeNic>(all_nics())) {
    if (nic.loses) continue;
    Reconciler r(nic);
    const Report report = r.reconcile(steering_intents(both()), kStart);
    EXPECT_EQ(nic.steers(tcp), of(report, "i").rung != Rung::kSoftware) << nic.name;
    EXPECT_EQ(nic.steers(arp), of(report, "b").rung != Rung::kSoftware) << nic.name;
    EXPECT_EQ(report.nic_rules, nic.rules.size()) << nic.name;
  }
}

}  // namespace
}  // namespace lifeline::offload::test
