// Frames as text and as files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"

namespace lifeline::test {

using Bytes = std::vector<std::byte>;

// Hex digits; blanks and line ends between bytes do not count. Fails the running test on others.
Bytes from_hex(std::string_view hex);
std::string to_hex(std::span<const std::byte> bytes);

struct PcapRecord {
  std::uint64_t time_ns = 0;
  Bytes frame;
  bool operator==(const PcapRecord&) const = default;
};

// Classic pcap of link type Ethernet, of either byte order, micro- or nanoseconds. Frames that were
// cut by the capture (snap length) are an error.
Expected<std::vector<PcapRecord>> read_pcap(const std::string& path);
// Nanoseconds, little endian.
Expected<void> write_pcap(const std::string& path, std::span<const PcapRecord> records);

}  // namespace lifeline::test
