// ICMP "fragmentation needed" (RFC 792, RFC 1191) and ICMPv6 "packet too big" (RFC 4443, 3.2), with
// the TCP packet they quote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip_address.h"

namespace lifeline::packet {

inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpFragmentationNeeded = 4;
inline constexpr std::uint8_t kIcmpv6PacketTooBig = 2;

struct PathMtuView {
  std::uint32_t mtu = 0;  // bytes; 0: a router older than RFC 1191
  // Of the packet that did not fit.
  IpAddress src;
  IpAddress dst;
  std::uint16_t src_port = 0;  // TCP, host order
  std::uint16_t dst_port = 0;
  bool operator==(const PathMtuView&) const = default;
};

// `icmp` begins at the ICMP header and ends with the datagram or frame. nullopt unless the type and
// code are these, and the quoted packet is TCP over IPv4, not a later fragment, quoted as far as
// its ports (RFC 792 demands no more). Checksums are not looked at (the receiver's stack does).
// Allocates nothing; constant time. Thread-safe.
std::optional<PathMtuView> parse_fragmentation_needed(std::span<const std::byte> icmp);
// The same of ICMPv6. A quoted packet with extension headers is not ours: our stack sends none.
std::optional<PathMtuView> parse_packet_too_big(std::span<const std::byte> icmpv6);

}  // namespace lifeline::packet
