// The body of an ARP packet for IPv4 over Ethernet (RFC 826).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace lifeline::packet {

inline constexpr std::uint16_t kArpRequest = 1;
inline constexpr std::uint16_t kArpReply = 2;
inline constexpr std::size_t kArpBytes = 28;

struct ArpView {
  std::uint16_t op = 0;
  MacAddress sha;
  Ipv4Address spa;
  MacAddress tha;
  Ipv4Address tpa;
  bool operator==(const ArpView&) const = default;

  // RFC 5227: sender and target address are the same, asked or answered.
  bool is_gratuitous() const { return spa == tpa; }
};

// `arp` begins at the ARP header. nullopt if it is cut short or not IPv4 over Ethernet. Reads at
// most kArpBytes; allocates nothing. Thread-safe.
std::optional<ArpView> parse_arp(std::span<const std::byte> arp);

}  // namespace lifeline::packet
