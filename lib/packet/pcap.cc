#include "packet/pcap.h"

#include <array>
#include <bit>

namespace lifeline::packet {
namespace {

constexpr std::uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kVersion = 4u << 16 | 2;  // 2.4: two 16-bit words, the major one first
constexpr std::uint32_t kVersionBigEndian = 2u << 16 | 4;
constexpr std::uint32_t kLinkTypeEthernet = 1;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

template <std::size_t N>
void append(std::string& out, const std::array<std::uint32_t, N>& words) {
  out.append(reinterpret_cast<const char*>(words.data()), sizeof words);
}

}  // namespace

void append_pcap_header(std::string& out, std::uint32_t snap_bytes) {
  constexpr std::uint32_t kWord =
      std::endian::native == std::endian::little ? kVersion : kVersionBigEndian;
  append(out, std::array<std::uint32_t, 6>{kMagicNanoseconds, kWord, 0, 0, snap_bytes,
                                           kLinkTypeEthernet});
}

void append_pcap_packet(std::string& out, std::uint64_t realtime_ns,
                        std::span<const std::byte> captured, std::uint32_t original_bytes) {
  append(out,
         std::array<std::uint32_t, 4>{static_cast<std::uint32_t>(realtime_ns / kNsPerSecond),
                                      static_cast<std::uint32_t>(realtime_ns % kNsPerSecond),
                                      static_cast<std::uint32_t>(captured.size()), original_bytes});
  out.append(reinterpret_cast<const char*>(captured.data()), captured.size());
}

}  // namespace lifeline::packet
