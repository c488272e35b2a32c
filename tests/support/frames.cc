#include "support/frames.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/byte_order.h"

namespace lifeline::test {
namespace {

constexpr std::uint32_t kMagicMicro = 0xa1b2c3d4;
constexpr std::uint32_t kMagicNano = 0xa1b23c4d;
constexpr std::uint32_t kLinkEthernet = 1;
constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kRecordHeader = 16;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void append_u32(std::string& out, std::uint32_t v) {
  for (int i = 0; i < 4; ++i, v >>= 8) out += static_cast<char>(v & 0xff);
}

}  // namespace

Bytes from_hex(std::string_view hex) {
  Bytes out;
  int high = -1;
  for (const char c : hex) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) continue;
    const int v = hex_value(c);
    if (v < 0) {
      ADD_FAILURE() << "not a hex digit: '" << c << "'";
      return {};
    }
    if (high < 0) {
      high = v;
    } else {
      out.push_back(static_cast<std::byte>(high << 4 | v));
      high = -1;
    }
  }
  if (high >= 0) ADD_FAILURE() << "an odd number of hex digits";
  return out;
}

std::string to_hex(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte b : bytes) out += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return out;
}

Expected<std::vector<PcapRecord>> read_pcap(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return make_error("{}: cannot be opened", path);
  const std::string data{std::istreambuf_iterator<char>(file), {}};
  if (data.size() < kFileHeader) return make_error("{}: shorter than a pcap header", path);
  bool swapped = false;
  const auto u32 = [&](std::size_t at) {
    std::uint32_t v;
    std::memcpy(&v, data.data() + at, 4);
    return swapped ? byte_swap(v) : v;
  };
  swapped = u32(0) != kMagicMicro && u32(0) != kMagicNano;
  const std::uint32_t magic = u32(0);
  if (magic != kMagicMicro && magic != kMagicNano) return make_error("{}: not a pcap file", path);
  if (u32(20) != kLinkEthernet) return make_error("{}: link type {}, not Ethernet", path, u32(20));
  const std::uint64_t ns_per_unit = magic == kMagicNano ? 1 : 1000;
  std::vector<PcapRecord> records;
  std::size_t at = kFileHeader;
  while (at < data.size()) {
    if (data.size() - at < kRecordHeader) return make_error("{}: ends in a record header", path);
    const std::size_t bytes = u32(at + 8);
    if (u32(at + 12) != bytes) return make_error("{}: frame {} was cut", path, records.size());
    PcapRecord record;
    record.time_ns = u32(at) * std::uint64_t{1'000'000'000} + u32(at + 4) * ns_per_unit;
    at += kRecordHeader;
    if (data.size() - at < bytes) return make_error("{}: ends in frame {}", path, records.size());
    const auto* p = reinterpret_cast<const std::byte*>(data.data() + at);
    record.frame.assign(p, p + bytes);
    records.push_back(std::move(record));
    at += bytes;
  }
  return records;
}

Expected<void> write_pcap(const std::string& path, std::span<const PcapRecord> records) {
  std::string out;
  append_u32(out, kMagicNano);
  append_u32(out, 2 | 4 << 16);  // version 2.4
  append_u32(out, 0);
  append_u32(out, 0);
  append_u32(out, 0x40000);  // snap length
  append_u32(out, kLinkEthernet);
  for (const PcapRecord& r : records) {
    append_u32(out, static_cast<std::uint32_t>(r.time_ns / 1'000'000'000));
    append_u32(out, static_cast<std::uint32_t>(r.time_ns % 1'000'000'000));
    append_u32(out, static_cast<std::uint32_t>(r.frame.size()));
    append_u32(out, static_cast<std::uint32_t>(r.frame.size()));
    out.append(reinterpret_cast<const char*>(r.frame.data()), r.frame.size());
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(out.data(), static_cast<std::streamsize>(out.size()));
  file.close();
  if (!file) return make_error("{}: cannot be written", path);
  return {};
}

}  // namespace lifeline::test
