// Equal exact keys must mean equal flow keys, whatever is on the wire.
#include "datapath/exact_key.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "datapath/exact_parse.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "support/random.h"

namespace lifeline::datapath {
namespace {

using packet::Frame;
using packet::PacketBuilder;

const MacAddress kA = *MacAddress::parse("02:00:00:00:00:0a");
const MacAddress kB = *MacAddress::parse("02:00:00:00:00:0b");
const Ipv4Address kIpA = Ipv4Address::of(10, 0, 0, 1);
const Ipv4Address kIpB = Ipv4Address::of(10, 0, 0, 2);
const Ipv6Address k6A = *Ipv6Address::parse("2001:db8::1");
const Ipv6Address k6B = *Ipv6Address::parse("2001:db8::2");

std::vector<Frame> seeds() {
  const std::array<std::byte, 8> options{};
  const auto eth = [] { return PacketBuilder().eth(kA, kB); };
  return {
      eth().ipv4(kIpA, kIpB).udp(1, 2).build(60),
      eth().ipv4(kIpA, kIpB).tcp(1, 2).build(60),
      eth().vlan(5, 3).ipv4(kIpA, kIpB).udp(1, 2).build(60),
      eth().vlan(5, 3, packet::kEthTypeQinQ).vlan(6).ipv4(kIpA, kIpB).tcp(1, 2).build(),
      eth().ipv4(kIpA, kIpB).ip_options(options).udp(1, 2).build(60),
      eth().ipv4(kIpA, kIpB).fragment(0, true).udp(1, 2).payload_bytes(64).build(),
      eth().ipv4(kIpA, kIpB).fragment(64, false).ip_proto(17).payload_bytes(64).build(),
      eth().ipv4(kIpA, kIpB).icmp(8, 0).build(60),
      eth().ipv4(kIpA, kIpB).sctp(1, 2).build(60),
      eth().ipv6(k6A, k6B, 64, 77).udp(1, 2).build(),
      eth().ipv6(k6A, k6B).ext_header(0).tcp(1, 2).build(),
      eth().ipv6(k6A, k6B).neighbor_solicitation(k6B, kA).build(),
      eth().ipv6(k6A, k6B, 255).icmpv6(134, 0).payload_bytes(12).build(),
      eth().arp(1, kA, kIpA, {}, kIpB).build(60),
      eth().mpls(16).ipv4(kIpA, kIpB).udp(1, 2).build(60),
      eth().pbb(99).eth(kA, kB).ipv4(kIpA, kIpB).udp(1, 2).build(60),
      eth().length_field().llc(0x42, 0x42, 3).payload_bytes(40).build(60),
      eth().eth_type(0x88cc).payload_bytes(46).build(),
  };
}

// Some bits of the headers flipped, and now and then cut short.
Frame mutated(const Frame& seed, test::Random& random) {
  Frame f = seed;
  for (std::size_t n = random.below(4); n > 0; --n) {
    const std::size_t at = random.below(std::min<std::size_t>(f.size(), 64));
    f[at] ^= std::byte{static_cast<std::uint8_t>(1u << random.below(8))};
  }
  if (random.one_in(6)) f.resize(random.below(f.size() + 1));
  return f;
}

TEST(ExactKey, EqualExactKeysAreEqualFlowKeys) {
  test::Random random;
  const std::vector<Frame> all = seeds();
  std::map<std::string, packet::FlowKey> seen;
  std::size_t fits = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Frame f = mutated(all[random.below(all.size())], random);
    const auto in_port = static_cast<std::uint16_t>(random.one_in(2) ? 1 : 0xfffe);
    const packet::FlowKey key = packet::parse(f, in_port);
    ExactKey exact;
    if (!to_exact(key, &exact)) continue;
    ++fits;
    ASSERT_EQ(expand(exact), key);
    const std::string bytes(reinterpret_cast<const char*>(exact.w), sizeof exact.w);
    const auto [it, fresh] = seen.emplace(bytes, key);
    if (!fresh) {
      ASSERT_EQ(it->second, key);
    }
  }
  EXPECT_GT(fits, 150'000u);
}

TEST(ExactKey, TheFastParserAgreesWithTheCompleteOne) {
  test::Random random;
  const std::vector<Frame> all = seeds();
  std::size_t fast = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Frame f = mutated(all[random.below(all.size())], random);
    ExactKey by_fast;
    if (!parse_fast(reinterpret_cast<const std::uint8_t*>(f.data()),
                    static_cast<std::uint32_t>(f.size()), 7, &by_fast)) {
      continue;
    }
    ++fast;
    ExactKey by_all;
    ASSERT_TRUE(to_exact(packet::parse(f, 7), &by_all));
    ASSERT_EQ(by_fast, by_all);
  }
  EXPECT_GT(fast, 10'000u);
}

TEST(ExactKey, CommonKindsFitAndTheFastParserTakesPlainTcpAndUdp) {
  const std::vector<Frame> all = seeds();
  for (std::size_t i = 0; i < all.size(); ++i) {
    ExactKey exact;
    const bool neighbour_discovery = i == 11;
    EXPECT_EQ(to_exact(packet::parse(all[i], 1), &exact), !neighbour_discovery) << i;
    EXPECT_EQ(parse_fast(reinterpret_cast<const std::uint8_t*>(all[i].data()),
                         static_cast<std::uint32_t>(all[i].size()), 1, &exact),
              i < 3)
        << i;
  }
}

TEST(ExactKey, MetadataDoesNotFit) {
  packet::FlowKey key = packet::parse(seeds()[0], 1);
  key.metadata = be64{1};
  ExactKey exact;
  EXPECT_FALSE(to_exact(key, &exact));
}

}  // namespace
}  // namespace lifeline::datapath
