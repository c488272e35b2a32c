// Every field that may be set, on every kind of packet, through the worker: what comes out has that
// value and is otherwise what went in, all checksums right; a packet without the field passes as it
// is. What no other packet of the tests has: TTLs copied between headers.
#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "flow/field.h"
#include "packet/checksum.h"
#include "packet/parse.h"
#include "test_switch.h"

namespace lifeline::datapath::test {
namespace {

using flow::FieldId;
using flow::FieldValue;

const Ipv6Address k6A = *Ipv6Address::parse("2001:db8::a");
const Ipv6Address k6B = *Ipv6Address::parse("2001:db8::b");

PacketBuilder eth() { return PacketBuilder().eth(kHostA, kHostB); }
PacketBuilder ip4() { return eth().ipv4(kIpA, kIpB); }
PacketBuilder ip6() { return eth().ipv6(k6A, k6B, 64, 0x54321); }
const std::array kBody = {std::byte{1}, std::byte{4}, std::byte{},
                          std::byte{},  std::byte{},  std::byte{}};

struct Sample {
  std::string_view name;
  Frame frame;
  std::vector<FieldId> has;  // beside the MAC addresses
};

std::vector<FieldId> with(std::vector<FieldId> a, std::initializer_list<FieldId> b) {
  a.insert(a.end(), b);
  return a;
}

std::vector<Sample> samples() {
  using F = FieldId;
  const std::vector<F> v4 = {F::kIpDscp, F::kIpEcn, F::kIpv4Src, F::kIpv4Dst};
  const std::vector<F> v6 = {F::kIpDscp, F::kIpEcn, F::kIpv6Src, F::kIpv6Dst, F::kIpv6Flabel};
  const std::vector<F> arp = {F::kArpOp, F::kArpSpa, F::kArpTpa, F::kArpSha, F::kArpTha};
  const std::vector<F> mpls = {F::kMplsLabel, F::kMplsTc, F::kMplsBos};
  const auto tag = {F::kVlanVid, F::kVlanPcp};
  return {
      {"ARP", eth().arp(1, kHostA, kIpA, kHostB, kIpB).build(60), arp},
      {"ARP, tagged", eth().vlan(5, 3).arp(1, kHostA, kIpA, kHostB, kIpB).build(60),
       with(arp, tag)},
      {"TCP", ip4().tos(0xab).tcp(1, 2).payload("odd").build(), with(v4, {F::kTcpSrc, F::kTcpDst})},
      {"TCP with options of IP, padded", ip4().ip_options(kBody).tcp(1, 2).payload("x").build(100),
       with(v4, {F::kTcpSrc, F::kTcpDst})},
      {"TCP, two tags", eth().vlan(7, 1, 0x88a8).vlan(5, 3).ipv4(kIpA, kIpB).tcp(1, 2).build(),
       with(with(v4, {F::kTcpSrc, F::kTcpDst}), tag)},
      {"UDP", ip4().udp(1, 2).payload("x").build(60), with(v4, {F::kUdpSrc, F::kUdpDst})},
      {"UDP without a checksum", ip4().udp(1, 2).no_udp_checksum().payload("x").build(60),
       with(v4, {F::kUdpSrc, F::kUdpDst})},
      {"SCTP, padded", ip4().sctp(1, 2).payload("data").build(80),
       with(v4, {F::kSctpSrc, F::kSctpDst})},
      {"ICMP", ip4().icmp(8, 1, 5).payload("ping").build(),
       with(v4, {F::kIcmpv4Type, F::kIcmpv4Code})},
      {"a later fragment", ip4().ip_proto(17).fragment(1480, false).payload("0123456789").build(60),
       v4},
      {"TCP on IPv6", ip6().tos(0xab).tcp(1, 2).payload("odd").build(),
       with(v6, {F::kTcpSrc, F::kTcpDst})},
      {"UDP behind extension headers",
       ip6().ext_header(0, kBody).ext_header(60, kBody).udp(1, 2).payload("x").build(),
       with(v6, {F::kUdpSrc, F::kUdpDst})},
      {"SCTP on IPv6, tagged", eth().vlan(5).ipv6(k6A, k6B).sctp(1, 2).payload("data").build(80),
       with(with(v6, {F::kSctpSrc, F::kSctpDst}), tag)},
      {"SCTP behind an extension header", ip6().ext_header(60, kBody).sctp(1, 2).build(90),
       with(v6, {F::kSctpSrc, F::kSctpDst})},
      {"ICMPv6", ip6().icmpv6(128, 1).payload("ping").build(),
       with(v6, {F::kIcmpv6Type, F::kIcmpv6Code})},
      {"a later fragment of IPv6",
       ip6().fragment(1480, false).ip_proto(17).payload("0123456789").build(), v6},
      {"solicitation", ip6().neighbor_solicitation(k6B, kHostA).build(),
       with(v6, {F::kIpv6NdTarget, F::kIpv6NdSll})},
      {"advertisement", ip6().neighbor_advertisement(k6B, kHostA).build(),
       with(v6, {F::kIpv6NdTarget, F::kIpv6NdTll})},
      {"advertisement without an option", ip6().neighbor_advertisement(k6B, {}).build(),
       with(v6, {F::kIpv6NdTarget})},
      {"MPLS", eth().mpls(77, 5, 9).mpls(78).ipv4(kIpA, kIpB).tcp(1, 2).build(), mpls},
      {"MPLS, tagged", eth().vlan(5).mpls(77, 5, 9).ipv4(kIpA, kIpB).tcp(1, 2).build(),
       with(mpls, tag)},
      {"PBB",
       eth().pbb(0x123456).eth(kHostA, kHostB).ipv4(kIpA, kIpB).udp(1, 2).build(),
       {F::kPbbIsid}},
      {"a protocol that nobody knows", eth().eth_type(0x88b5).payload("0123456789").build(60), {}},
  };
}

// Not the fields that say what the rest is: those are compared with the suite's packets.
bool is_told_apart(FieldId id) {
  return id != FieldId::kEthType && id != FieldId::kIpProto && id != FieldId::kTunnelId;
}
bool is_nd(const Sample& s) {
  return std::find(s.has.begin(), s.has.end(), FieldId::kIpv6NdTarget) != s.has.end();
}
// With all significant bits the other way round.
FieldValue inverse(FieldId id, const FieldValue& value) {
  FieldValue out = flow::full_mask(id);
  for (std::size_t i = 0; i < out.bytes.size(); ++i)
    out.bytes[i] = static_cast<std::uint8_t>(out.bytes[i] & ~value.bytes[i]);
  if (id == FieldId::kVlanVid) return FieldValue::from_u64(id, out.to_u64(id) | 0x1000);
  return out;
}

class SetField : public testing::Test {
 protected:
  // One packet in by port 1 and, after the actions, out by port 2.
  Frame through(const Frame& in, flow::ActionList actions) {
    actions.push_back(flow::Output{2});
    const auto id = switch_.add(flow::Match().in_port(1), 1, std::move(actions));
    switch_.send(1, in);
    switch_.remove(id);
    const auto out = switch_.received(2);
    EXPECT_EQ(out.size(), 1u);
    return out.empty() ? Frame{} : out[0];
  }
  TestSwitch switch_;
};

TEST_F(SetField, ChangesThatFieldAndNothingElse) {
  for (const Sample& s : samples()) {
    ASSERT_TRUE(packet::checksums_ok(s.frame)) << s.name;
    for (std::size_t i = 0; i < flow::kFieldCount; ++i) {
      const auto id = static_cast<FieldId>(i);
      if (!flow::field_info(id).settable || !is_told_apart(id)) continue;
      const bool icmp = id == FieldId::kIcmpv6Type || id == FieldId::kIcmpv6Code;
      if (icmp && is_nd(s)) continue;  // another type would be another message
      SCOPED_TRACE(fmt::format("{} of: {}", flow::field_info(id).name, s.name));
      packet::FlowKey key = packet::parse(s.frame, 1);
      const FieldValue value = inverse(id, flow::get_field(key, id));
      const Frame out = through(s.frame, {flow::SetField{id, value}});
      const bool has = id == FieldId::kEthDst || id == FieldId::kEthSrc ||
                       std::find(s.has.begin(), s.has.end(), id) != s.has.end();
      if (!has) {
        EXPECT_EQ(out, s.frame);
        continue;
      }
      flow::set_field(key, id, value);
      EXPECT_TRUE(packet::parse(out, 1) == key);
      EXPECT_TRUE(packet::checksums_ok(out));
      EXPECT_EQ(out.size(), s.frame.size());
      EXPECT_EQ(through(out, {flow::SetField{id, flow::get_field(packet::parse(s.frame, 1), id)}}),
                s.frame)
          << "and back";
    }
  }
}

TEST_F(SetField, TtlsAreCopiedBetweenTheTwoOutermostHeaders) {
  const auto labels = [](std::uint8_t outer, std::uint8_t inner) {
    return eth().mpls(1, 0, outer).mpls(2, 0, inner).ipv4(kIpA, kIpB, 7).udp(1, 2).build();
  };
  EXPECT_EQ(through(labels(9, 33), {flow::CopyTtlOut{}}), labels(33, 33));
  EXPECT_EQ(through(labels(9, 33), {flow::CopyTtlIn{}}), labels(9, 9));
  const auto v6 = [](std::uint8_t outer, std::uint8_t inner) {
    return eth().vlan(5).mpls(1, 0, outer).ipv6(k6A, k6B, inner).udp(1, 2).build();
  };
  EXPECT_EQ(through(v6(9, 33), {flow::CopyTtlOut{}}), v6(33, 33));
  EXPECT_EQ(through(v6(9, 33), {flow::CopyTtlIn{}}), v6(9, 9));
  const auto v4 = [](std::uint8_t outer, std::uint8_t inner) {
    return eth().mpls(1, 0, outer).ipv4(kIpA, kIpB, inner).udp(1, 2).build();
  };
  EXPECT_EQ(through(v4(9, 33), {flow::CopyTtlOut{}}), v4(33, 33));
  const Frame in = through(v4(9, 33), {flow::CopyTtlIn{}});
  EXPECT_EQ(in, v4(9, 9));
  EXPECT_EQ(through(in, {flow::PopMpls{}}), eth().ipv4(kIpA, kIpB, 9).udp(1, 2).build())
      << "the header's checksum has followed";
  // One header with a TTL: nothing to copy.
  const Frame plain = ip4().udp(1, 2).build();
  EXPECT_EQ(through(plain, {flow::CopyTtlOut{}, flow::CopyTtlIn{}}), plain);
  const Frame arp_in_mpls = eth().mpls(1, 0, 9).arp(1, kHostA, kIpA, kHostB, kIpB).build(60);
  EXPECT_EQ(through(arp_in_mpls, {flow::CopyTtlOut{}, flow::CopyTtlIn{}}), arp_in_mpls);
}

TEST_F(SetField, ATtlOfOneOrZeroIsNotDecrementedAndTheControllerHears) {
  const std::vector<std::pair<Frame, flow::Action>> cases = {
      {eth().ipv4(kIpA, kIpB, 1).udp(1, 2).build(60), flow::DecIpTtl{}},
      {eth().ipv4(kIpA, kIpB, 0).udp(1, 2).build(60), flow::DecIpTtl{}},
      {eth().ipv6(k6A, k6B, 1).udp(1, 2).build(), flow::DecIpTtl{}},
      {eth().mpls(1, 0, 1).ipv4(kIpA, kIpB, 64).udp(1, 2).build(60), flow::DecMplsTtl{}},
      {eth().mpls(1, 0, 0).ipv4(kIpA, kIpB, 64).udp(1, 2).build(60), flow::DecMplsTtl{}},
  };
  for (const auto& [frame, action] : cases) {
    const auto id = switch_.add(flow::Match().in_port(1), 1, {action, flow::Output{2}});
    switch_.send(1, frame);
    switch_.remove(id);
    EXPECT_EQ(switch_.count(2), 0u);
    const auto ins = switch_.take_packet_ins();
    ASSERT_EQ(ins.size(), 1u);
    EXPECT_EQ(ins[0].info.reason, PacketInReason::kInvalidTtl);
    EXPECT_EQ(ins[0].frame, frame);
  }
  EXPECT_EQ(switch_.drops("ttl_invalid"), cases.size());
}

}  // namespace
}  // namespace lifeline::datapath::test
