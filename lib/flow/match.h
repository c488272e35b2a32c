// What a rule matches: key and mask. Only bits set in the mask may be set in the key.
#pragma once

#include <string>

#include "flow/port_no.h"
#include "packet/flow_key.h"

namespace lifeline::flow {

using packet::FlowKey;
using packet::FlowMask;

struct Match {
  FlowKey key;
  FlowMask mask;

  bool operator==(const Match&) const = default;

  // True if a packet with this key is matched.
  bool matches(const FlowKey& k) const { return packet::equal_under_mask(k, key, mask); }
  // True if every packet that `narrow` matches is matched by this too (OpenFlow 1.3, 6.4:
  // non-strict).
  bool covers(const Match& narrow) const;
  // True if some packet may be matched by both (OpenFlow 1.3, 6.4: CHECK_OVERLAP, same priority).
  bool overlaps(const Match& other) const;
  bool is_catch_all() const { return mask == FlowMask{}; }

  // Exact-match setters for code that builds matches; each returns *this.
  Match& in_port(PortNo port);
  Match& eth_src(MacAddress mac);
  Match& eth_dst(MacAddress mac);
  Match& eth_type(std::uint16_t type);
  Match& vlan_none();                   // no tag at all
  Match& vlan_none_or_priority();       // no tag, or a tag with VID 0
  Match& vlan_vid(std::uint16_t vid);   // tagged with exactly this VID
  Match& inner_vlan(bool present);      // whether a second tag follows
  Match& ip_proto(std::uint8_t proto);  // with eth_type set by the caller
  Match& ipv4_src(Ipv4Address a);
  Match& ipv4_dst(Ipv4Address a);
  Match& ipv6_src(const Ipv6Address& a);
  Match& ipv6_dst(const Ipv6Address& a);
  Match& tp_src(std::uint16_t port);
  Match& tp_dst(std::uint16_t port);
  Match& ip_frag(std::uint8_t bits, std::uint8_t mask_bits);
  Match& icmpv6_hop_255();  // ICMPv6 that no router forwarded; not a field of OpenFlow
  Match& nd_target(const Ipv6Address& a);
  Match& arp_op(std::uint16_t op);
  Match& arp_spa(Ipv4Address a);
  Match& arp_tpa(Ipv4Address a);

  // In the syntax of ovs-ofctl, fields in its order ("arp,in_port=1,dl_dst=…,arp_op=2"); "" for the
  // catch-all match.
  std::string to_string() const;
};

}  // namespace lifeline::flow
