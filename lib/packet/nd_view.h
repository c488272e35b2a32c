// Neighbour solicitations and advertisements (RFC 4861).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace lifeline::packet {

// Multicast listener discovery (RFC 2710, RFC 3810): also ICMPv6.
inline constexpr std::uint8_t kMldQuery = 130;
inline constexpr std::uint8_t kMldV1Report = 131;
inline constexpr std::uint8_t kMldV2Report = 143;

inline constexpr std::uint8_t kNdRouterSolicitation = 133;
inline constexpr std::uint8_t kNdRouterAdvertisement = 134;
inline constexpr std::uint8_t kNdNeighborSolicitation = 135;
inline constexpr std::uint8_t kNdNeighborAdvertisement = 136;
inline constexpr std::uint8_t kNdOptSourceLinkAddress = 1;
inline constexpr std::uint8_t kNdOptTargetLinkAddress = 2;

struct NdView {
  std::uint8_t type = 0;  // kNdNeighborSolicitation or kNdNeighborAdvertisement
  bool router = false;    // flags of an advertisement
  bool solicited = false;
  bool override_ = false;
  Ipv6Address target;
  // Source link-layer address of a solicitation, target link-layer address of an advertisement.
  std::optional<MacAddress> link_address;
  bool operator==(const NdView&) const = default;
};

// `icmpv6` begins at the ICMPv6 header and ends with the datagram. nullopt if it is neither of the
// two messages, is cut short, or an option is malformed. The first option of a kind counts.
// Allocates nothing. Thread-safe.
std::optional<NdView> parse_nd(std::span<const std::byte> icmpv6);

}  // namespace lifeline::packet
