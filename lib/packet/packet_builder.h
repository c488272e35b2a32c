// Builds frames, header by header from the outside in, for tests and for code that sends frames.
//
//   auto frame = PacketBuilder().eth(src, dst).vlan(5).ipv4(a, b).udp(68,
//   67).payload(bytes).build();
//
// build() fills in lengths, next-protocol numbers and checksums, also those of headers under MPLS
// or inside each other. A setter that follows a header changes that header (ttl() after ipv4()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "packet/arp_view.h"
#include "packet/dhcp_view.h"
#include "packet/flow_key.h"

namespace lifeline::packet {

using Frame = std::vector<std::byte>;

inline constexpr std::uint8_t kTcpFin = 1;
inline constexpr std::uint8_t kTcpSyn = 2;
inline constexpr std::uint8_t kTcpRst = 4;
inline constexpr std::uint8_t kTcpPsh = 8;
inline constexpr std::uint8_t kTcpAck = 16;

// Not thread-safe; one builder, one frame.
class PacketBuilder {
 public:
  PacketBuilder& eth(MacAddress src, MacAddress dst);
  // The ether type of the innermost eth/vlan header, where the next header does not say it.
  PacketBuilder& eth_type(std::uint16_t type);
  // An IEEE 802.3 frame: build() writes the length instead of a type. llc() or snap() follows.
  PacketBuilder& length_field();
  PacketBuilder& llc(std::uint8_t dsap, std::uint8_t ssap, std::uint8_t control);
  PacketBuilder& snap(std::uint16_t type);
  PacketBuilder& vlan(std::uint16_t vid, std::uint8_t pcp = 0, std::uint16_t tpid = kEthTypeVlan);
  PacketBuilder& mpls(std::uint32_t label, std::uint8_t tc = 0, std::uint8_t ttl = 64,
                      std::uint16_t eth_type = kEthTypeMpls);  // bottom of stack is found
  PacketBuilder& pbb(std::uint32_t isid);                      // eth() of the customer follows

  PacketBuilder& arp(std::uint16_t op, MacAddress sha, Ipv4Address spa, MacAddress tha,
                     Ipv4Address tpa);

  PacketBuilder& ipv4(Ipv4Address src, Ipv4Address dst, std::uint8_t ttl = 64);
  PacketBuilder& ipv6(const Ipv6Address& src, const Ipv6Address& dst, std::uint8_t hop_limit = 64,
                      std::uint32_t label = 0);
  PacketBuilder& tos(std::uint8_t tos);         // of the last ipv4 or ipv6
  PacketBuilder& ip_proto(std::uint8_t proto);  // where no transport header follows
  PacketBuilder& ip_id(std::uint16_t id);       // ipv4
  PacketBuilder& ip_options(std::span<const std::byte> options);  // ipv4; padded to 4 bytes
  // offset_bytes is a multiple of 8. ipv4: its flags; ipv6: adds a fragment header.
  PacketBuilder& fragment(std::uint16_t offset_bytes, bool more);
  // IPv6 extension header of the common form (hop-by-hop 0, routing 43, destination 60, AH 51):
  // `body` is what follows the first two bytes, padded to the header's granularity.
  PacketBuilder& ext_header(std::uint8_t number, std::span<const std::byte> body = {});

  PacketBuilder& tcp(std::uint16_t src_port, std::uint16_t dst_port, std::uint8_t flags = kTcpAck,
                     std::uint32_t seq = 1, std::uint32_t ack = 0);
  PacketBuilder& udp(std::uint16_t src_port, std::uint16_t dst_port);
  PacketBuilder& no_udp_checksum();  // leaves the last UDP header's checksum zero
  PacketBuilder& sctp(std::uint16_t src_port, std::uint16_t dst_port);
  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest = 0);
  PacketBuilder& icmpv6(std::uint8_t type, std::uint8_t code, std::uint32_t rest = 0);
  PacketBuilder& neighbor_solicitation(const Ipv6Address& target, std::optional<MacAddress> sll);
  PacketBuilder& neighbor_advertisement(const Ipv6Address& target, std::optional<MacAddress> tll);

  // BOOTP body with magic cookie, option 53 (unless kNone), `options`, and END.
  PacketBuilder& dhcp(const DhcpView& view, std::span<const std::byte> options = {});

  PacketBuilder& payload(std::span<const std::byte> bytes);
  PacketBuilder& payload(std::string_view bytes);
  PacketBuilder& payload_bytes(std::size_t n, std::uint8_t fill = 0);

  // The frame so far. With `min_bytes`, zero padding at the end (60: the Ethernet minimum).
  Frame build(std::size_t min_bytes = 0) const;

 private:
  enum class Kind : std::uint8_t {
    kEth,
    kVlan,
    kLlc,
    kSnap,
    kMpls,
    kPbb,
    kArp,
    kIpv4,
    kIpv6,
    kExt,
    kAuth,
    kFrag,
    kTcp,
    kUdp,
    kSctp,
    kIcmp,
    kIcmpv6,
    kPayload,
  };
  struct Header {
    Kind kind{};
    std::vector<std::uint8_t> bytes;
    std::uint16_t eth_type = 0;              // that announces this header; 0: none does
    std::optional<std::uint8_t> proto;       // the IP protocol that does (0 is hop-by-hop)
    std::optional<std::uint16_t> next_type;  // what this header is made to announce
    std::optional<std::uint8_t> next_proto;
    bool length_field = false;
    bool no_checksum = false;

    std::byte* data() { return reinterpret_cast<std::byte*>(bytes.data()); }
  };

  Header& add(Kind kind, std::size_t bytes);
  Header& last(Kind kind);
  Header& last_ip();
  PacketBuilder& neighbor_discovery(std::uint8_t type, std::uint32_t flags,
                                    const Ipv6Address& target, std::uint8_t option,
                                    const std::optional<MacAddress>& address);
  static void link(std::vector<Header>& headers);
  static void checksum(const std::vector<Header>& headers, std::size_t i, std::size_t offset,
                       Frame& frame);

  std::vector<Header> headers_;
};

}  // namespace lifeline::packet
