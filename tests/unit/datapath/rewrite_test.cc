// Rewriting, through the whole switch: what comes out is what the builder would have built, and
// every checksum is right.
#include <functional>

#include "flow/field.h"
#include "packet/checksum.h"
#include "packet/parse.h"
#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

using flow::FieldId;

const Ipv6Address k6A = *Ipv6Address::parse("2001:db8::a");
const Ipv6Address k6B = *Ipv6Address::parse("2001:db8::b");
const Ipv6Address k6C = *Ipv6Address::parse("2001:db8:1:2:3:4:5:6");

flow::Action set(FieldId id, std::uint64_t v) {
  return flow::SetField{id, flow::FieldValue::from_u64(id, v)};
}
flow::Action set6(FieldId id, const Ipv6Address& a) {
  flow::FieldValue v;
  v.bytes = a.bytes;
  return flow::SetField{id, v};
}

// One packet through in_port=1 -> actions, output:2.
Frame through(const Frame& in, flow::ActionList actions) {
  TestSwitch s;
  actions.push_back(flow::Output{2});
  s.add(flow::Match().in_port(1), 1, std::move(actions));
  s.send(1, in);
  const auto out = s.received(2);
  EXPECT_EQ(out.size(), 1u);
  if (out.empty()) return {};
  EXPECT_TRUE(packet::checksums_ok(out[0]));
  return out[0];
}

PacketBuilder eth() { return PacketBuilder().eth(kHostA, kHostB); }
const Ipv4Address kNew = Ipv4Address::of(198, 51, 100, 7);

TEST(Rewrite, SetFieldOfIpv4AndTransportKeepsChecksumsRight) {
  const auto ip_pair = [](Ipv4Address a, Ipv4Address b) { return eth().ipv4(a, b); };
  const flow::ActionList nat = {set(FieldId::kIpv4Src, kNew.value.host()),
                                set(FieldId::kTcpSrc, 7777)};
  EXPECT_EQ(through(ip_pair(kIpA, kIpB).tcp(1, 2).payload("hello").build(), nat),
            ip_pair(kNew, kIpB).tcp(7777, 2).payload("hello").build());
  EXPECT_EQ(through(ip_pair(kIpA, kIpB).udp(1, 2).payload("odd").build(),
                    {set(FieldId::kIpv4Dst, kNew.value.host()), set(FieldId::kUdpDst, 53)}),
            ip_pair(kIpA, kNew).udp(1, 53).payload("odd").build());
  EXPECT_EQ(through(ip_pair(kIpA, kIpB).udp(1, 2).no_udp_checksum().payload("x").build(),
                    {set(FieldId::kIpv4Dst, kNew.value.host()), set(FieldId::kUdpDst, 53)}),
            ip_pair(kIpA, kNew).udp(1, 53).no_udp_checksum().payload("x").build())
      << "zero stays zero";
  EXPECT_EQ(
      through(ip_pair(kIpA, kIpB).sctp(1, 2).payload("data").build(), {set(FieldId::kSctpSrc, 9)}),
      ip_pair(kIpA, kIpB).sctp(9, 2).payload("data").build());
  EXPECT_EQ(through(ip_pair(kIpA, kIpB).icmp(8, 0, 5).payload("ping").build(),
                    {set(FieldId::kIcmpv4Type, 0), set(FieldId::kIpv4Src, kNew.value.host())}),
            ip_pair(kNew, kIpB).icmp(0, 0, 5).payload("ping").build());
  EXPECT_EQ(through(ip_pair(kIpA, kIpB).tos(3).udp(1, 2).build(), {set(FieldId::kIpDscp, 46)}),
            ip_pair(kIpA, kIpB).tos(46 << 2 | 3).udp(1, 2).build());
}

TEST(Rewrite, SetFieldOfIpv6AndNeighbourDiscovery) {
  EXPECT_EQ(through(eth().ipv6(k6A, k6B).tcp(1, 2).payload("x").build(),
                    {set6(FieldId::kIpv6Src, k6C), set(FieldId::kIpv6Flabel, 0xabcde)}),
            eth().ipv6(k6C, k6B, 64, 0xabcde).tcp(1, 2).payload("x").build());
  EXPECT_EQ(
      through(eth().ipv6(k6A, k6B).udp(1, 2).payload("x").build(),
              {set6(FieldId::kIpv6Dst, k6C), set(FieldId::kUdpSrc, 9), set(FieldId::kIpDscp, 10)}),
      eth().ipv6(k6A, k6C).tos(40).udp(9, 2).payload("x").build());
  EXPECT_EQ(through(eth().ipv6(k6A, k6B).neighbor_solicitation(k6B, kHostA).build(),
                    {set6(FieldId::kIpv6NdTarget, k6C), set(FieldId::kIpv6NdSll, kHostB.to_u64())}),
            eth().ipv6(k6A, k6B).neighbor_solicitation(k6C, kHostB).build());
  EXPECT_EQ(through(eth().ipv6(k6A, k6B).icmpv6(128, 0).payload("x").build(),
                    {set(FieldId::kIcmpv6Type, 129), set6(FieldId::kIpv6Src, k6C)}),
            eth().ipv6(k6C, k6B).icmpv6(129, 0).payload("x").build());
}

TEST(Rewrite, SetFieldOfEthernetAndArp) {
  EXPECT_EQ(through(udp(), {set(FieldId::kEthDst, kGatewayMac.to_u64()),
                            set(FieldId::kEthSrc, kHostB.to_u64())}),
            PacketBuilder()
                .eth(kHostB, kGatewayMac)
                .ipv4(kIpA, kIpB)
                .udp(1000, 2000)
                .payload("x")
                .build(60));
  EXPECT_EQ(through(eth().arp(1, kHostA, kIpA, {}, kIpB).build(60),
                    {set(FieldId::kArpOp, 2), set(FieldId::kArpSpa, kNew.value.host()),
                     set(FieldId::kArpTha, kHostB.to_u64())}),
            eth().arp(2, kHostA, kNew, kHostB, kIpB).build(60));
}

TEST(Rewrite, AFieldThatThePacketLacksChangesNothing) {
  const Frame in = eth().ipv4(kIpA, kIpB).udp(1, 2).build(60);
  EXPECT_EQ(through(in, {set(FieldId::kTcpSrc, 9), set(FieldId::kVlanVid, 0x1005),
                         set(FieldId::kArpOp, 2), set(FieldId::kMplsLabel, 3)}),
            in);
}

TEST(Rewrite, VlanTags) {
  const auto inner = [](PacketBuilder b) { return b.ipv4(kIpA, kIpB).udp(1, 2).build(); };
  PacketBuilder plain = eth();
  const Frame untagged = inner(plain);
  PacketBuilder b5 = eth().vlan(5, 3);
  const Frame tagged5 = inner(b5);
  PacketBuilder b7 = eth().vlan(7, 0);
  PacketBuilder qinq = eth().vlan(9, 3, packet::kEthTypeQinQ).vlan(5, 3);
  EXPECT_EQ(through(untagged, {flow::PushVlan{}, set(FieldId::kVlanVid, 0x1007)}), inner(b7));
  EXPECT_EQ(through(tagged5, {flow::PopVlan{}}), untagged);
  EXPECT_EQ(
      through(tagged5, {flow::PushVlan{packet::kEthTypeQinQ}, set(FieldId::kVlanVid, 0x1009)}),
      inner(qinq));
  EXPECT_EQ(through(untagged, {flow::PopVlan{}}), untagged);
  EXPECT_EQ(through(untagged, {flow::SetVlanVid10{7}}), inner(b7)) << "1.0 pushes a tag";
  EXPECT_EQ(through(tagged5, {flow::SetVlanPcp10{0}, flow::SetVlanVid10{7}}), inner(b7));
}

TEST(Rewrite, MplsAndTtls) {
  const auto ip = [](std::uint8_t ttl) {
    return eth().ipv4(kIpA, kIpB, ttl).udp(1, 2).payload("x").build();
  };
  const auto mpls = [](std::uint32_t label, std::uint8_t ttl, std::uint8_t ip_ttl) {
    return eth().mpls(label, 0, ttl).ipv4(kIpA, kIpB, ip_ttl).udp(1, 2).payload("x").build();
  };
  EXPECT_EQ(through(ip(33), {flow::PushMpls{}, set(FieldId::kMplsLabel, 77)}), mpls(77, 33, 33));
  EXPECT_EQ(through(mpls(77, 9, 33), {flow::PopMpls{}}), ip(33));
  EXPECT_EQ(through(mpls(77, 9, 33), {flow::CopyTtlIn{}}), mpls(77, 9, 9));
  EXPECT_EQ(through(mpls(77, 9, 33), {flow::CopyTtlOut{}}), mpls(77, 33, 33));
  EXPECT_EQ(through(mpls(77, 9, 33), {flow::DecMplsTtl{}}), mpls(77, 8, 33));
  EXPECT_EQ(through(ip(33), {flow::DecIpTtl{}}), ip(32));
  EXPECT_EQ(through(ip(33), {flow::SetIpTtl{200}}), ip(200));
  EXPECT_EQ(through(eth().ipv6(k6A, k6B, 5).udp(1, 2).build(), {flow::DecIpTtl{}}),
            eth().ipv6(k6A, k6B, 4).udp(1, 2).build());
}

TEST(Rewrite, PbbPushAndPopAreInverse) {
  const Frame in = eth().vlan(5, 3).ipv4(kIpA, kIpB).udp(1, 2).build(60);
  const Frame pushed = through(in, {flow::PushPbb{}, set(FieldId::kPbbIsid, 0x123456)});
  const packet::FlowKey key = packet::parse(pushed, 1);
  EXPECT_EQ(key.eth_type, be16{packet::kEthTypePbb});
  EXPECT_EQ(key.pbb_isid, be32{0x123456});
  EXPECT_EQ(key.eth_dst, kHostB);
  EXPECT_EQ(pushed.size(), in.size() + 18);
  EXPECT_EQ(through(pushed, {flow::PopPbb{}}), in);
}

TEST(Rewrite, ATtlThatWouldReachZeroEndsAsPacketIn) {
  TestSwitch s;
  s.add(flow::Match().in_port(1), 1, {flow::Output{3}, flow::DecIpTtl{}, flow::Output{2}});
  s.send(1, eth().ipv4(kIpA, kIpB, 1).udp(1, 2).build(60));
  EXPECT_EQ(s.count(3), 1u) << "outputs before it stand";
  EXPECT_EQ(s.count(2), 0u);
  const auto ins = s.take_packet_ins();
  ASSERT_EQ(ins.size(), 1u);
  EXPECT_EQ(ins[0].info.reason, PacketInReason::kInvalidTtl);
  EXPECT_EQ(s.drops("ttl_invalid"), 1u);
}

TEST(Rewrite, LaterTablesMatchWhatActionsMade) {
  const auto one = [](const Frame& in, flow::ActionList first, const flow::Match& second) {
    TestSwitch s;
    flow::Rule r = TestSwitch::rule(flow::Match().in_port(1), 1, std::move(first));
    r.instructions.goto_table = 1;
    s.add(r);
    s.add(TestSwitch::rule(second, 1, {flow::Output{2}}, 1));
    for (int i = 0; i < 2; ++i) s.send(1, in);
    return s.count(2);
  };
  const Frame qinq = eth().vlan(5).vlan(6).ipv4(kIpA, kIpB).udp(1, 2).build();
  const Frame mpls = eth().mpls(77).ipv4(kIpA, kIpB).udp(1, 2).build();
  EXPECT_EQ(
      one(udp(), {flow::PushVlan{}, set(FieldId::kVlanVid, 0x1007)}, flow::Match().vlan_vid(7)),
      2u);
  EXPECT_EQ(
      one(udp(), {flow::PushVlan{}, set(FieldId::kVlanVid, 0x1007)}, flow::Match().vlan_none()),
      0u);
  EXPECT_EQ(one(qinq, {flow::PopVlan{}}, flow::Match().vlan_vid(6)), 2u)
      << "the inner tag is not in the key";
  EXPECT_EQ(one(mpls, {flow::PopMpls{}}, flow::Match().eth_type(0x0800).ipv4_dst(kIpB)), 2u);
  EXPECT_EQ(one(udp(), {set(FieldId::kIpv4Dst, kNew.value.host())},
                flow::Match().eth_type(0x0800).ipv4_dst(kNew)),
            2u);
}

}  // namespace
}  // namespace lifeline::datapath::test
