// Internet checksums (RFC 1071), whole and incremental (RFC 1624), and SCTP's CRC32c (RFC 9260).
//
// Sums are kept as the machine loads the words, never swapped: the one's complement sum does not
// care (RFC 1071, 2.B), so a be16 result is a raw value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/byte_order.h"
#include "base/ip_address.h"

namespace lifeline::packet {

// The running sum of a checksum that covers several pieces. Every piece but the last has an even
// number of bytes.
class ChecksumSum {
 public:
  void add(std::span<const std::byte> bytes);
  void add(be16 v) { sum_ += v.raw(); }
  void add(be32 v) { sum_ += v.raw(); }
  // Folded, not inverted.
  std::uint16_t folded() const {
    std::uint64_t s = (sum_ & 0xffffffff) + (sum_ >> 32);
    s = (s & 0xffff) + (s >> 16 & 0xffff) + (s >> 32);
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    return static_cast<std::uint16_t>(s);
  }
  be16 checksum() const { return be16::from_raw(static_cast<std::uint16_t>(~folded())); }

 private:
  std::uint64_t sum_ = 0;
};

// Checksum of `bytes` (an IPv4 header, an ICMP message) whose checksum field is zero. Over a whole
// header with a correct checksum the result is 0.
be16 internet_checksum(std::span<const std::byte> bytes);

// The pseudo-headers of TCP, UDP and ICMPv6 (RFC 793, RFC 8200 8.1). `length` in bytes.
ChecksumSum pseudo_header(Ipv4Address src, Ipv4Address dst, std::uint8_t proto,
                          std::uint16_t length);
ChecksumSum pseudo_header(const Ipv6Address& src, const Ipv6Address& dst, std::uint8_t proto,
                          std::uint32_t length);

// The checksum after a covered word changed from `before` to `after` (RFC 1624, equation 3).
constexpr be16 checksum_update(be16 checksum, be16 before, be16 after) {
  std::uint32_t s = static_cast<std::uint16_t>(~checksum.raw());
  s += static_cast<std::uint16_t>(~before.raw());
  s += after.raw();
  s = (s & 0xffff) + (s >> 16);
  s = (s & 0xffff) + (s >> 16);
  return be16::from_raw(static_cast<std::uint16_t>(~s));
}
constexpr be16 checksum_update(be16 checksum, be32 before, be32 after) {
  const auto low = [](be32 v) { return be16::from_raw(static_cast<std::uint16_t>(v.raw())); };
  const auto high = [](be32 v) {
    return be16::from_raw(static_cast<std::uint16_t>(v.raw() >> 16));
  };
  return checksum_update(checksum_update(checksum, low(before), low(after)), high(before),
                         high(after));
}
be16 checksum_update(be16 checksum, const Ipv6Address& before, const Ipv6Address& after);

// UDP over IPv4: 0 says "no checksum" and stays; a sum that comes out as 0 is sent as 0xffff
// (RFC 768). Wrap the updates of a UDP checksum in these two.
constexpr bool udp_has_checksum(be16 checksum) { return checksum.raw() != 0; }
constexpr be16 udp_checksum_on_wire(be16 checksum) {
  return checksum.raw() == 0 ? be16::all_ones() : checksum;
}

// CRC32c of an SCTP packet whose checksum field (bytes 8 to 11) counts as zero, as it is stored on
// the wire. 0 if the packet is shorter than the common header (12 bytes).
be32 sctp_checksum(std::span<const std::byte> sctp);

// Makes every checksum of an Ethernet frame right: the IPv4 header's and that of TCP, UDP (also
// where it was zero), SCTP, ICMP or ICMPv6. Fragments keep their transport checksum, since it
// covers bytes that are elsewhere. Leaves alone what does not parse. Not for the worker's fast
// path.
void fix_checksums(std::span<std::byte> frame);

// True if every checksum that the frame carries is right (absent ones are).
bool checksums_ok(std::span<const std::byte> frame);

}  // namespace lifeline::packet
