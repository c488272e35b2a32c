// What may be asked of a NIC for each intent, and in which order.
#include <gtest/gtest.h>

#include "offload/ladder.h"
#include "packet/parse.h"
#include "support/random.h"
#include "unit/offload/facts_fixture.h"

namespace lifeline::offload::test {
namespace {

using inband::steering_intents;

std::string text(const std::vector<flow::SteeringIntent>& intents, std::string_view what) {
  std::string out;
  for (const Step& s : ladder(intent(intents, what)))
    out += fmt::format("{} {}\n", rung_name(s.rung), s.form.to_string());
  return out;
}

TEST(Ladder, OfTheConnectionNeverEndsInAllOfIp) {
  const auto i = steering_intents(facts4());
  EXPECT_EQ(text(i, "i"),
            "exact eth_type=0x0800,ip_proto=6,ip_src=192.0.2.1,tp_src=6653\n"
            "reduced eth_type=0x0800,ip_proto=6,ip_src=192.0.2.1\n");
  EXPECT_EQ(text(i, "h"),
            "exact eth_type=0x0800,ip_proto=6,ip_dst=192.0.2.1,tp_dst=6653\n"
            "reduced eth_type=0x0800,ip_proto=6,ip_dst=192.0.2.1\n");
  EXPECT_EQ(text(i, "dhcp-reply"), "exact eth_type=0x0800,ip_proto=17,tp_src=67,tp_dst=68\n");
}

TEST(Ladder, OfArpGoesFromTheOperationToTheMacToTheType) {
  const auto i = steering_intents(facts4());
  EXPECT_EQ(text(i, "b"),
            "exact eth_type=0x0806,eth_dst=02:00:00:00:00:01,arp_op=2\n"
            "mac-and-type eth_type=0x0806,eth_dst=02:00:00:00:00:01\n"
            "type-only eth_type=0x0806\n");
  EXPECT_EQ(text(i, "d"),
            "exact eth_type=0x0806,eth_dst=02:00:00:00:00:fe,arp_op=2\n"
            "mac-and-type eth_type=0x0806,eth_dst=02:00:00:00:00:fe\n"
            "type-only eth_type=0x0806\n");
  EXPECT_EQ(text(i, "e"),
            "exact eth_type=0x0806,eth_src=02:00:00:00:00:fe,arp_op=1\n"
            "mac-and-type eth_type=0x0806,eth_src=02:00:00:00:00:fe\n"
            "type-only eth_type=0x0806\n");
  EXPECT_EQ(text(i, "f"),
            "exact eth_type=0x0806,arp_op=2,arp_tpa=192.0.2.1\n"
            "type-only eth_type=0x0806\n");
  EXPECT_EQ(text(i, "g"),
            "exact eth_type=0x0806,arp_op=1,arp_spa=192.0.2.1\n"
            "type-only eth_type=0x0806\n");
  EXPECT_EQ(text(i, "next-hop-arp"),
            "exact eth_type=0x0806,arp_spa=10.0.0.254\n"
            "type-only eth_type=0x0806\n");
}

TEST(Ladder, OfNeighbourDiscoveryEndsInAllOfIcmpv6) {
  const auto i = steering_intents(facts6());
  EXPECT_EQ(text(i, "p"),
            "exact eth_type=0x86dd,eth_dst=02:00:00:00:00:01,ip_proto=58,icmpv6_type=136\n"
            "reduced eth_type=0x86dd,eth_dst=02:00:00:00:00:01,ip_proto=58\n"
            "mac-and-type eth_type=0x86dd,eth_dst=02:00:00:00:00:01\n");
  EXPECT_EQ(text(i, "r"),
            "exact eth_type=0x86dd,eth_dst=02:00:00:00:00:fe,ip_proto=58,icmpv6_type=136\n"
            "reduced eth_type=0x86dd,eth_dst=02:00:00:00:00:fe,ip_proto=58\n"
            "type-only eth_type=0x86dd,ip_proto=58\n");
  EXPECT_EQ(text(i, "u"),
            "exact eth_type=0x86dd,ip_proto=58,ip_src=2001:db8::7,icmpv6_type=135\n"
            "reduced eth_type=0x86dd,ip_proto=58,ip_src=2001:db8::7\n"
            "type-only eth_type=0x86dd,ip_proto=58\n");
  EXPECT_EQ(text(i, "w"),
            "exact eth_type=0x86dd,ip_proto=6,ip_src=2001:db8::7,tp_src=6653\n"
            "reduced eth_type=0x86dd,ip_proto=6,ip_src=2001:db8::7\n");
  EXPECT_EQ(text(i, "dhcpv6-reply"), "exact eth_type=0x86dd,ip_proto=17,tp_src=547,tp_dst=546\n");
  EXPECT_EQ(text(i, "router-advertisement"),
            "exact eth_type=0x86dd,ip_proto=58,icmpv6_type=134\n"
            "type-only eth_type=0x86dd,ip_proto=58\n");
}

TEST(Ladder, KeepsTheVlanOnEveryRung) {
  for (inband::Facts facts : {facts4(), facts6()}) {
    facts.vlan = {.kind = flow::ManagementVlan::Kind::kVid, .vid = 7};
    for (const auto& i : steering_intents(facts)) {
      const auto steps = ladder(i);
      ASSERT_FALSE(steps.empty()) << i.name;
      for (const Step& s : steps) EXPECT_EQ(s.form.vlan_vid, 7) << i.name;
    }
  }
}

TEST(Ladder, EveryRungCoversTheOneAboveItAndNoneIsAllOfIp) {
  for (const inband::Facts& facts : {facts4(), facts6()}) {
    for (const auto& i : steering_intents(facts)) {
      const auto steps = ladder(i);
      for (std::size_t s = 0; s < steps.size(); ++s) {
        const Form& f = steps[s].form;
        if (s != 0) {
          EXPECT_TRUE(f.covers(steps[s - 1].form)) << i.name;
          EXPECT_GT(steps[s].rung, steps[s - 1].rung) << i.name;
        }
        const bool says_whose = f.ip_src || f.ip_dst || f.tp_src || f.tp_dst ||
                                f.ip_proto == packet::kProtoIcmpv6 || f.eth_dst == kLocalMac;
        EXPECT_TRUE(f.eth_type == packet::kEthTypeArp || says_whose) << f.to_string();
      }
    }
  }
}

// A key that the intent's match matches, all else random.
packet::FlowKey random_inside(const flow::Match& match, lifeline::test::Random& random) {
  packet::FlowKey key;
  for (std::size_t w = 0; w < packet::FlowKey::kWords; ++w)
    key.words()[w] = (random.u64() & ~match.mask.words()[w]) | match.key.words()[w];
  return key;
}

TEST(Ladder, EveryRungSteersWhatTheIntentMeans) {
  lifeline::test::Random random;
  for (const inband::Facts& facts : {facts4(), facts6()}) {
    for (const auto& i : steering_intents(facts)) {
      for (int n = 0; n < 200; ++n) {
        packet::FlowKey key = random_inside(i.match, random);
        key.vlan_tci = {};
        key.ip_frag = 0;
        for (const Step& s : ladder(i))
          ASSERT_TRUE(s.form.matches(key)) << i.name << ": " << s.form.to_string();
      }
    }
  }
}

TEST(Ladder, AnExactRungSteersNothingElse) {
  lifeline::test::Random random;
  for (const inband::Facts& facts : {facts4(), facts6()}) {
    for (const auto& i : steering_intents(facts)) {
      const Form exact = ladder(i).front().form;
      for (int n = 0; n < 2000; ++n) {
        packet::FlowKey key = random_inside(i.match, random);
        key.vlan_tci = {};
        key.ip_frag = 0;
        key.inner_vlan = 0;
        key.icmpv6_hop_255 = 1;  // no NIC looks at the hop limit
        key.tp_dst =
            key.ip_proto == packet::kProtoIcmpv6 ? be16{0} : key.tp_dst;  // nor at the code
        // Any one bit of the fields that forms have.
        const std::size_t at = random.below(packet::FlowKey::kWords);
        const std::uint64_t flip =
            i.match.mask.words()[at] & (std::uint64_t{1} << random.below(64));
        packet::FlowKey near = key;
        near.words()[at] ^= flip;
        near.vlan_tci = {};
        near.ip_frag = 0;
        near.icmpv6_hop_255 = 1;
        if (near.ip_proto == packet::kProtoIcmpv6) near.tp_dst = {};
        ASSERT_EQ(exact.matches(near), i.match.matches(near)) << i.name;
      }
    }
  }
}

}  // namespace
}  // namespace lifeline::offload::test
