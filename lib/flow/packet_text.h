// A packet as an operator writes it: hexadecimal bytes, or fields in the syntax of ovs-ofctl.
#pragma once

#include <optional>
#include <string_view>

#include "base/expected.h"
#include "flow/port_no.h"
#include "packet/packet_builder.h"

namespace lifeline::flow {

struct PacketText {
  packet::Frame frame;            // 14 to 9216 bytes, checksums right where the fields were given
  std::optional<PortNo> in_port;  // the expression's in_port, if it has one
};

// "ffffffffffff0200…" (spaces and colons between bytes are ignored), or
// "in_port=1,tcp,nw_src=10.0.0.1,tp_dst=80": a protocol (ip, ipv6, tcp, udp, sctp, icmp, tcp6,
// udp6, sctp6, icmp6, arp) and in_port, dl_src, dl_dst, dl_type, dl_vlan, dl_vlan_pcp, nw_src,
// nw_dst, ipv6_src, ipv6_dst, nw_proto, nw_tos, nw_ttl, tp_src, tp_dst (of ICMP: type and code),
// arp_op, arp_spa, arp_tpa, arp_sha, arp_tha, with ovs-ofctl's other names for them. What is not
// said is zero, but for the TTL (64) and ARP's operation (1). Errors name the word that is wrong.
// Pure, any text.
Expected<PacketText> parse_packet_text(std::string_view text);

}  // namespace lifeline::flow
