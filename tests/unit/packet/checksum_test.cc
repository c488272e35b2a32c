#include "packet/checksum.h"

#include <gtest/gtest.h>

#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "support/frames.h"
#include "support/random.h"

namespace lifeline::packet {
namespace {

using lifeline::test::from_hex;
using lifeline::test::Random;
using lifeline::test::to_hex;

const MacAddress kA = MacAddress::from_u64(0x02000000000a);
const MacAddress kB = MacAddress::from_u64(0x02000000000b);
const Ipv4Address kIp1 = Ipv4Address::of(10, 0, 0, 1);
const Ipv4Address kIp2 = Ipv4Address::of(10, 0, 0, 2);

struct Named {
  const char* name;
  const char* hex;
  const char* key;
};
const Named kScapy[] = {
#include "scapy_frames.inc"
};

std::uint16_t slow_sum(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

TEST(Checksum, Rfc1071Example) {
  const auto bytes = from_hex("0001f203f4f5f6f7");
  EXPECT_EQ(internet_checksum(bytes).host(), static_cast<std::uint16_t>(~0xddf2));
}

TEST(Checksum, AgreesWithTheByteByByteSum) {
  Random random;
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::byte> bytes(random.below(200));
    for (auto& b : bytes) b = random.one_in(3) ? std::byte{0xff} : std::byte{random.u8()};
    EXPECT_EQ(internet_checksum(bytes).host(), slow_sum(bytes)) << to_hex(bytes);
  }
}

TEST(Checksum, UpdateGivesWhatAWholeSumGives) {
  Random random;
  for (int i = 0; i < 5000; ++i) {
    std::vector<std::byte> bytes(40);
    for (auto& b : bytes) b = random.one_in(3) ? std::byte{0xff} : std::byte{random.u8()};
    const be16 before = internet_checksum(bytes);
    const std::size_t at = random.below(10) * 4;
    be32 old_word;
    std::memcpy(&old_word, &bytes[at], 4);
    const be32 new_word{static_cast<std::uint32_t>(random.u64())};
    std::memcpy(&bytes[at], &new_word, 4);
    const be16 after = checksum_update(before, old_word, new_word);
    const be16 whole = internet_checksum(bytes);
    // Only when all covered bytes are zero may the two zeroes of one's complement differ.
    EXPECT_TRUE(after == whole || (after.raw() | whole.raw()) == 0xffff) << to_hex(bytes);
  }
}

TEST(Checksum, UpdateOfAnIpv6AddressGivesWhatAWholeSumGives) {
  const auto a = *Ipv6Address::parse("2001:db8::1");
  const auto b = *Ipv6Address::parse("fe80::1234:5678:9abc:def0");
  const be16 before = pseudo_header(a, a, 58, 8).checksum();
  EXPECT_EQ(checksum_update(before, a, b), pseudo_header(b, a, 58, 8).checksum());
}

TEST(Checksum, SctpIsCrc32c) {
  const auto frame =
      PacketBuilder().eth(kA, kB).ipv4(kIp1, kIp2).sctp(1, 2).payload("data").build();
  EXPECT_TRUE(checksums_ok(frame));
  EXPECT_EQ(sctp_checksum(std::span(frame).first(11)), be32{});
}

TEST(Checksum, FramesOfScapyAreRightAndAFlippedBitIsNot) {
  for (const Named& n : kScapy) {
    const std::string name = n.name;
    const auto frame = from_hex(n.hex);
    if (name == "AuthHeader") continue;  // its TCP was built without its pseudo-header
    EXPECT_TRUE(checksums_ok(frame)) << name;
    Layers layers;
    const FlowKey key = parse(frame, 0, &layers);
    if (layers.l4 == 0 || key.ip_frag != 0 || name == "AllExtensions") continue;
    auto bad = frame;
    bad[layers.l4] ^= std::byte{1};
    EXPECT_FALSE(checksums_ok(bad)) << name;
    fix_checksums(bad);
    EXPECT_TRUE(checksums_ok(bad)) << name;
    bad[layers.l4] ^= std::byte{1};
    fix_checksums(bad);
    EXPECT_EQ(to_hex(bad), to_hex(frame)) << name;
  }
}

TEST(Checksum, AbsentUdpChecksumIsRightOverIpv4Only) {
  const auto v4 = PacketBuilder().eth(kA, kB).ipv4(kIp1, kIp2).udp(1, 2).no_udp_checksum().build();
  EXPECT_TRUE(checksums_ok(v4));
  const auto v6 = PacketBuilder().eth(kA, kB).ipv6({}, {}).udp(1, 2).no_udp_checksum().build();
  EXPECT_FALSE(checksums_ok(v6));
}

TEST(Checksum, UdpSumOfZeroIsSentAsOnes) {
  EXPECT_EQ(udp_checksum_on_wire(be16{0}), be16::all_ones());
  EXPECT_EQ(udp_checksum_on_wire(be16{7}), be16{7});
}

TEST(Checksum, GarbageIsLeftAlone) {
  Random random;
  for (int i = 0; i < 20'000; ++i) {
    auto frame = from_hex(kScapy[random.below(std::size(kScapy))].hex);
    for (int n = 0; n < 4; ++n) frame[random.below(frame.size())] = std::byte{random.u8()};
    frame.resize(random.below(frame.size() + 1));
    fix_checksums(frame);
    EXPECT_TRUE(checksums_ok(frame)) << to_hex(frame);
  }
}

}  // namespace
}  // namespace lifeline::packet
