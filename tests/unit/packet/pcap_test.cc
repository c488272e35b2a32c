#include "packet/pcap.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace lifeline::packet {
namespace {

std::vector<std::uint32_t> words(const std::string& bytes) {
  std::vector<std::uint32_t> out(bytes.size() / 4);
  std::memcpy(out.data(), bytes.data(), out.size() * 4);
  return out;
}

TEST(Pcap, TheHeaderSaysNanosecondsVersionAndEthernet) {
  std::string out;
  append_pcap_header(out, 96);
  ASSERT_EQ(out.size(), 24u);
  EXPECT_EQ(words(out)[0], 0xa1b23c4du);
  std::array<std::uint16_t, 2> version{};
  std::memcpy(version.data(), out.data() + 4, 4);
  EXPECT_EQ(version, (std::array<std::uint16_t, 2>{2, 4}));
  EXPECT_EQ(words(out)[4], 96u);
  EXPECT_EQ(words(out)[5], 1u);
}

TEST(Pcap, APacketHasItsTimeAndBothLengths) {
  const std::array<std::byte, 3> data{std::byte{1}, std::byte{2}, std::byte{3}};
  std::string out;
  append_pcap_packet(out, 1'700'000'000'123'456'789, data, 1500);
  ASSERT_EQ(out.size(), 19u);
  EXPECT_EQ(words(out.substr(0, 16)),
            (std::vector<std::uint32_t>{1'700'000'000, 123'456'789, 3, 1500}));
  EXPECT_EQ(out.substr(16), std::string("\1\2\3"));
}

}  // namespace
}  // namespace lifeline::packet
