// A NIC rule as this switch asks for it: which packets go to the control queue. The subset of
// rte_flow that matters here, without DPDK; port/ makes patterns of it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "packet/flow_key.h"

namespace lifeline::offload {

// Every field that is set must be equal. Numbers in host order.
struct Form {
  std::uint16_t eth_type = 0;  // after the tag, if vlan_vid says that there is one; always set
  std::optional<std::uint16_t> vlan_vid;  // unset: untagged frames
  std::optional<MacAddress> eth_dst;
  std::optional<MacAddress> eth_src;
  std::optional<std::uint16_t> arp_op;
  std::optional<Ipv4Address> arp_spa;
  std::optional<Ipv4Address> arp_tpa;
  std::optional<std::uint8_t> ip_proto;
  std::optional<IpAddress> ip_src;
  std::optional<IpAddress> ip_dst;
  std::optional<std::uint16_t> tp_src;      // TCP, UDP
  std::optional<std::uint16_t> tp_dst;      //
  std::optional<std::uint8_t> icmpv6_type;  //

  auto operator<=>(const Form&) const = default;

  // True if a NIC that has this rule steers a packet with this key.
  bool matches(const packet::FlowKey& key) const;
  // True if every packet that `narrow` matches is matched by this too.
  bool covers(const Form& narrow) const;
  // Which fields are set: two forms of one shape differ in values only.
  std::uint32_t shape() const;
  // "eth_type=0x0806,eth_src=02:00:00:00:00:fe"
  std::string to_string() const;
};

}  // namespace lifeline::offload
