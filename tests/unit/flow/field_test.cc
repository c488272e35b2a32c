#include "flow/field.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "support/random.h"

namespace lifeline::flow {
namespace {

using packet::FlowKey;
using packet::FlowMask;
using test::Random;

class EveryField : public testing::TestWithParam<std::size_t> {
 protected:
  FieldId id() const { return static_cast<FieldId>(GetParam()); }
  const FieldInfo& info() const { return field_info(id()); }
};

// A random value within the field's significant bits.
FieldValue random_value(Random& random, FieldId id) {
  FieldValue v;
  const FieldValue ones = full_mask(id);
  for (std::size_t i = 0; i < v.bytes.size(); ++i) {
    v.bytes[i] = static_cast<std::uint8_t>(random.u8() & ones.bytes[i]);
  }
  return v;
}

TEST_P(EveryField, RoundTripsThroughTheKey) {
  Random random;
  for (int i = 0; i < 200; ++i) {
    FlowKey key;
    // Neighbours in the key must not shine through, nor be touched.
    for (std::size_t w = 0; w < FlowKey::kWords; ++w) key.words()[w] = random.u64();
    const FieldValue value = random_value(random, id());
    FlowKey changed = key;
    set_field(changed, id(), value);
    EXPECT_EQ(get_field(changed, id()), value);
    FlowMask place;
    set_field(place, id(), full_mask(id()));
    for (std::size_t w = 0; w < FlowKey::kWords; ++w) {
      EXPECT_EQ((key.words()[w] ^ changed.words()[w]) & ~place.words()[w], 0u);
    }
  }
}

TEST_P(EveryField, FullMaskHasTheSpecifiedBits) {
  unsigned bits = 0;
  for (const std::uint8_t b : full_mask(id()).bytes)
    bits += static_cast<unsigned>(std::popcount(b));
  EXPECT_EQ(bits, info().bits);
  EXPECT_LE(info().bits, info().oxm_bytes * 8);
  EXPECT_EQ(info().id, id());
}

TEST_P(EveryField, BitsOutsideTheFieldAreIgnored) {
  FlowKey key;
  FieldValue all;
  all.bytes.fill(0xff);
  set_field(key, id(), all);
  EXPECT_EQ(get_field(key, id()), full_mask(id()));
}

TEST_P(EveryField, NumbersGoInAndOut) {
  if (info().bits > 64) return;  // no number
  const std::uint64_t all =
      info().bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << info().bits) - 1;
  for (const std::uint64_t v : {std::uint64_t{0}, std::uint64_t{1}, all}) {
    EXPECT_EQ(FieldValue::from_u64(id(), v).to_u64(id()), v);
  }
  EXPECT_EQ(FieldValue::from_u64(id(), all), full_mask(id()));
}

INSTANTIATE_TEST_SUITE_P(Field, EveryField, testing::Range(std::size_t{0}, kFieldCount),
                         [](const auto& p) {
                           return std::string(field_info(static_cast<FieldId>(p.param)).name);
                         });

std::uint64_t number(const FlowKey& key, FieldId id) { return get_field(key, id).to_u64(id); }

TEST(Field, ReadsWhatThePacketSays) {
  using packet::PacketBuilder;
  const auto a = MacAddress::from_u64(0x020000000001);
  const auto b = MacAddress::from_u64(0x020000000002);
  const auto frame = PacketBuilder()
                         .eth(a, b)
                         .vlan(100, 3)
                         .ipv4(Ipv4Address::of(10, 0, 0, 1), Ipv4Address::of(10, 0, 0, 2))
                         .tos(46 << 2 | 1)
                         .tcp(1000, 2000)
                         .build();
  const FlowKey key = packet::parse(frame, 0xfffe);
  EXPECT_EQ(number(key, FieldId::kInPort), 0xfffeu);
  EXPECT_EQ(number(key, FieldId::kEthSrc), a.to_u64());
  EXPECT_EQ(number(key, FieldId::kEthDst), b.to_u64());
  EXPECT_EQ(number(key, FieldId::kVlanVid), 0x1000u | 100);
  EXPECT_EQ(number(key, FieldId::kVlanPcp), 3u);
  EXPECT_EQ(number(key, FieldId::kIpDscp), 46u);
  EXPECT_EQ(number(key, FieldId::kIpEcn), 1u);
  EXPECT_EQ(number(key, FieldId::kIpv4Src), 0x0a000001u);
  EXPECT_EQ(number(key, FieldId::kTcpDst), 2000u);
  const FlowKey mpls = packet::parse(PacketBuilder().eth(a, b).mpls(0xabcde, 5).build(), 1);
  EXPECT_EQ(number(mpls, FieldId::kMplsLabel), 0xabcdeu);
  EXPECT_EQ(number(mpls, FieldId::kMplsTc), 5u);
  EXPECT_EQ(number(mpls, FieldId::kMplsBos), 1u);
}

TEST(Field, OnlyHeaderFieldsCanBeSet) {
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    const auto id = static_cast<FieldId>(i);
    const bool header = id != FieldId::kInPort && id != FieldId::kInPhyPort &&
                        id != FieldId::kMetadata && id != FieldId::kIpv6Exthdr;
    EXPECT_EQ(field_info(id).settable, header) << field_info(id).name;
  }
}

FlowKey with(std::initializer_list<std::pair<FieldId, std::uint64_t>> fields) {
  FlowKey key;
  for (const auto& [id, v] : fields) set_field(key, id, FieldValue::from_u64(id, v));
  return key;
}
FlowMask mask_of(std::initializer_list<std::pair<FieldId, std::uint64_t>> fields) {
  FlowMask mask;
  for (const auto& [id, v] : fields) set_field(mask, id, full_mask(id));
  return mask;
}

using Fields = std::initializer_list<std::pair<FieldId, std::uint64_t>>;

bool met(FieldId id, Fields fields) { return prerequisites_met(id, with(fields), mask_of(fields)); }

TEST(Prerequisites, FieldsWithoutAnyAreAlwaysMet) {
  for (const FieldId id : {FieldId::kInPort, FieldId::kMetadata, FieldId::kEthDst, FieldId::kEthSrc,
                           FieldId::kEthType, FieldId::kVlanVid, FieldId::kTunnelId}) {
    EXPECT_TRUE(met(id, {})) << field_info(id).name;
  }
}

TEST(Prerequisites, AllOthersAreNotMetByTheEmptyMatch) {
  int count = 0;
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    if (met(static_cast<FieldId>(i), {})) ++count;
  }
  EXPECT_EQ(count, 7);
}

TEST(Prerequisites, FollowTheSpecification) {
  constexpr auto type = FieldId::kEthType;
  constexpr auto proto = FieldId::kIpProto;
  EXPECT_TRUE(met(FieldId::kInPhyPort, {{FieldId::kInPort, 1}}));
  EXPECT_TRUE(met(FieldId::kVlanPcp, {{FieldId::kVlanVid, 0x1005}}));
  EXPECT_FALSE(met(FieldId::kVlanPcp, {{FieldId::kVlanVid, 0}}));
  for (const FieldId id : {FieldId::kIpDscp, FieldId::kIpEcn, FieldId::kIpProto}) {
    EXPECT_TRUE(met(id, {{type, 0x0800}}));
    EXPECT_TRUE(met(id, {{type, 0x86dd}}));
    EXPECT_FALSE(met(id, {{type, 0x0806}}));
  }
  for (const FieldId id : {FieldId::kIpv4Src, FieldId::kIpv4Dst}) {
    EXPECT_TRUE(met(id, {{type, 0x0800}}));
    EXPECT_FALSE(met(id, {{type, 0x86dd}}));
  }
  struct Transport {
    FieldId src, dst;
    std::uint8_t number;
  };
  for (const Transport t : {Transport{FieldId::kTcpSrc, FieldId::kTcpDst, 6},
                            Transport{FieldId::kUdpSrc, FieldId::kUdpDst, 17},
                            Transport{FieldId::kSctpSrc, FieldId::kSctpDst, 132}}) {
    for (const FieldId id : {t.src, t.dst}) {
      EXPECT_TRUE(met(id, {{type, 0x0800}, {proto, t.number}}));
      EXPECT_TRUE(met(id, {{type, 0x86dd}, {proto, t.number}}));
      EXPECT_FALSE(met(id, {{type, 0x0800}, {proto, 1}}));
      EXPECT_FALSE(met(id, {{proto, t.number}})) << "its prerequisite has one of its own";
    }
  }
  for (const FieldId id : {FieldId::kIcmpv4Type, FieldId::kIcmpv4Code}) {
    EXPECT_TRUE(met(id, {{type, 0x0800}, {proto, 1}}));
    EXPECT_FALSE(met(id, {{type, 0x86dd}, {proto, 1}}));
  }
  for (const FieldId id : {FieldId::kIcmpv6Type, FieldId::kIcmpv6Code}) {
    EXPECT_TRUE(met(id, {{type, 0x86dd}, {proto, 58}}));
    EXPECT_FALSE(met(id, {{type, 0x0800}, {proto, 58}}));
  }
  for (const FieldId id :
       {FieldId::kArpOp, FieldId::kArpSpa, FieldId::kArpTpa, FieldId::kArpSha, FieldId::kArpTha}) {
    EXPECT_TRUE(met(id, {{type, 0x0806}}));
    EXPECT_FALSE(met(id, {{type, 0x0800}}));
  }
  for (const FieldId id :
       {FieldId::kIpv6Src, FieldId::kIpv6Dst, FieldId::kIpv6Flabel, FieldId::kIpv6Exthdr}) {
    EXPECT_TRUE(met(id, {{type, 0x86dd}}));
    EXPECT_FALSE(met(id, {{type, 0x0800}}));
  }
  for (const FieldId id : {FieldId::kMplsLabel, FieldId::kMplsTc, FieldId::kMplsBos}) {
    EXPECT_TRUE(met(id, {{type, 0x8847}}));
    EXPECT_TRUE(met(id, {{type, 0x8848}}));
    EXPECT_FALSE(met(id, {{type, 0x0800}}));
  }
  EXPECT_TRUE(met(FieldId::kPbbIsid, {{type, 0x88e7}}));
}

TEST(Prerequisites, NeighborDiscoveryNeedsItsMessage) {
  constexpr auto type = FieldId::kEthType;
  constexpr auto proto = FieldId::kIpProto;
  constexpr auto icmp = FieldId::kIcmpv6Type;
  const auto met_by = [&](FieldId id, std::uint64_t message) {
    return met(id, {{type, 0x86dd}, {proto, 58}, {icmp, message}});
  };
  EXPECT_TRUE(met_by(FieldId::kIpv6NdTarget, 135));
  EXPECT_TRUE(met_by(FieldId::kIpv6NdTarget, 136));
  EXPECT_FALSE(met_by(FieldId::kIpv6NdTarget, 128));
  EXPECT_TRUE(met_by(FieldId::kIpv6NdSll, 135));
  EXPECT_FALSE(met_by(FieldId::kIpv6NdSll, 136));
  EXPECT_TRUE(met_by(FieldId::kIpv6NdTll, 136));
  EXPECT_FALSE(met_by(FieldId::kIpv6NdTll, 135));
}

TEST(Prerequisites, AMaskedPrerequisiteDoesNotCount) {
  const FlowKey key = with({{FieldId::kEthType, 0x0800}});
  FlowMask mask;
  set_field(mask, FieldId::kEthType, FieldValue::from_u64(FieldId::kEthType, 0xff00));
  EXPECT_FALSE(prerequisites_met(FieldId::kIpv4Src, key, mask));
}

}  // namespace
}  // namespace lifeline::flow
