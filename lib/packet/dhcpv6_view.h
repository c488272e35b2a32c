// What the DHCP guard must know of a DHCPv6 message (RFC 8415).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lifeline::packet {

inline constexpr std::uint16_t kDhcpv6ClientPort = 546;
inline constexpr std::uint16_t kDhcpv6ServerPort = 547;

// Message types that a client sends or gets (RFC 8415, 7.3).
inline constexpr std::uint8_t kDhcpv6Advertise = 2;
inline constexpr std::uint8_t kDhcpv6Reply = 7;
inline constexpr std::uint8_t kDhcpv6Reconfigure = 10;
inline constexpr std::uint8_t kDhcpv6InformationRequest = 11;

struct Dhcpv6View {
  std::uint8_t type = 0;
  std::uint32_t xid = 0;                   // 24 bits
  std::span<const std::byte> client_id{};  // the DUID of option 1; empty: there is none

  // From a client to a server, and starts an exchange (a relay's messages do not: no xid).
  bool is_request() const {
    return type == 1 || (type >= 3 && type <= 6) || type == 8 || type == 9 ||
           type == kDhcpv6InformationRequest;
  }
  // An answer to one. A Reconfigure answers none.
  bool is_reply() const { return type == kDhcpv6Advertise || type == kDhcpv6Reply; }

  // Of xid and client DUID: what a reply must have in common with its request.
  std::uint32_t exchange() const;
};

// `udp` begins at the UDP header and reaches to the end of the datagram or frame. nullopt unless
// the UDP length is within `udp`, the type is a client's or a server's, every option is within
// bounds and at most one names a client, of 1 to 130 bytes (RFC 8415, 11.1). The view points into
// `udp`. Allocates nothing; time is bounded by the message's length. Thread-safe.
std::optional<Dhcpv6View> parse_dhcpv6(std::span<const std::byte> udp);

}  // namespace lifeline::packet
