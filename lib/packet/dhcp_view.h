// What the DHCP guard must know of a DHCP message (RFC 2131), and whether it is one at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/byte_order.h"
#include "base/ip_address.h"
#include "base/mac_address.h"

namespace lifeline::packet {

inline constexpr std::uint16_t kDhcpServerPort = 67;
inline constexpr std::uint16_t kDhcpClientPort = 68;
// Fixed part with the magic cookie; options follow.
inline constexpr std::size_t kDhcpFixedBytes = 240;

struct DhcpView {
  enum class Op : std::uint8_t { kRequest = 1, kReply = 2 };
  // Option 53. kNone: plain BOOTP.
  enum class Type : std::uint8_t {
    kNone = 0,
    kDiscover = 1,
    kOffer,
    kRequest,
    kDecline,
    kAck,
    kNak,
    kRelease,
    kInform,
  };

  Op op = Op::kRequest;
  Type type = Type::kNone;
  std::uint32_t xid = 0;
  MacAddress chaddr;
  Ipv4Address ciaddr;
  Ipv4Address yiaddr;
  bool operator==(const DhcpView&) const = default;

  bool is_request() const { return op == Op::kRequest; }
  bool is_reply() const { return op == Op::kReply; }
};

// `udp` begins at the UDP header and reaches to the end of the datagram or frame. nullopt unless
// this is a well-formed message of Ethernet: UDP length within `udp`, op 1 or 2, htype 1, hlen 6,
// magic cookie, options within bounds. The ports are not looked at (the caller's match has), nor is
// the checksum (the receiver's stack does). Allocates nothing; time is bounded by the message's
// length. Thread-safe.
std::optional<DhcpView> parse_dhcp(std::span<const std::byte> udp);

}  // namespace lifeline::packet
