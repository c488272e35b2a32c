// From a frame to its flow key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/flow_key.h"

namespace lifeline::packet {

// Where the headers of a frame begin, in bytes from its start; 0 = the frame has none.
struct Layers {
  std::uint16_t l2_5 = 0;  // first MPLS label stack entry
  std::uint16_t l3 = 0;    // IPv4, IPv6 or ARP header
  std::uint16_t l4 = 0;    // TCP, UDP, SCTP, ICMP, ICMPv6 header (not of later fragments)
};

// The number of an IPv6 extension header (RFC 8200, 4.1) that parse() walks over, to what is
// behind.
bool is_ipv6_extension(std::uint8_t number);

// Parses an Ethernet frame (without FCS). At most two VLAN tags (TPID 0x8100, 0x88a8) are skipped;
// a third is the eth_type. IEEE 802.3 frames have the type of their SNAP header or kEthTypeNone. An
// IP length ends the datagram: bytes behind it are padding; one that points behind the frame is a
// lie. Of a transport header the fixed part (TCP 20, UDP 8, SCTP 12, ICMP 8, ICMPv6 4 bytes) must
// be there; its options and lengths are not looked at. Of IPv6, ip_proto is the number of the
// header at which the walk over the extension headers (at most 16) ended: a transport protocol,
// ESP, no-next, or one that was cut short; of a later fragment what its fragment header says.
// Behind MPLS and PBB nothing is parsed.
//
// Never reads outside `frame`. A header that is cut short
// or lies about its length ends the parse: the fields before it keep their values, its own stay
// zero, as if the frame ended there. Thread-safe, allocates nothing. `in_port` is copied into the
// key.
FlowKey parse(std::span<const std::byte> frame, std::uint32_t in_port, Layers* layers = nullptr);

}  // namespace lifeline::packet
