// What the guards know: the published configuration, and the DHCP requests that LOCAL has sent.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/mac_prefix.h"
#include "datapath/control_sieve.h"
#include "flow/guards.h"
#include "flow/port_no.h"
#include "packet/flow_key.h"

namespace lifeline::datapath {

// Immutable once published.
class GuardState {
 public:
  GuardState() = default;
  explicit GuardState(const flow::Guards& guards);

  bool enabled() const { return guards_.enabled; }
  bool ipv6() const { return guards_.enabled && guards_.ipv6; }
  const std::vector<flow::PortNo>& trusted_ports() const { return guards_.trusted_ports; }
  const std::vector<MacAddress>& protected_macs() const { return guards_.protected_macs; }
  const std::optional<MacAddress>& local_mac() const { return guards_.local_mac; }

  // Of a packet with this key, should the guard look? `in_port` is where it came in.
  bool wants_dhcp(const packet::FlowKey& key) const;
  bool wants_next_hop_arp(const packet::FlowKey& key) const;
  bool wants_path_mtu(const packet::FlowKey& key) const;
  // A fragment of TCP with a remote: no hidden rule matches it.
  bool is_control_fragment(const packet::FlowKey& key) const;
  bool is_remote(const IpAddress& ip, std::uint16_t port) const {
    return find(ip, port) != nullptr;
  }
  // nullptr: no remote is there.
  const flow::GuardedRemote* find(const IpAddress& ip, std::uint16_t port) const;
  // Of TCP that a hidden rule matches.
  bool wants_strict(const packet::FlowKey& key) const {
    return guards_.strict && key.ip_proto == packet::kProtoTcp;
  }
  // A station whose DHCP is relayed.
  bool relays_dhcp_of(const MacAddress& mac) const {
    return std::any_of(guards_.relay_dhcp.begin(), guards_.relay_dhcp.end(),
                       [&](const MacPrefix& p) { return p.covers(mac); });
  }
  bool relays_dhcp() const { return guards_.enabled && !guards_.relay_dhcp.empty(); }
  bool relays_routers() const { return guards_.enabled && guards_.relay_routers; }
  bool wants_next_hop_nd(const packet::FlowKey& key) const;
  bool in_management_vlan(const packet::FlowKey& key) const;
  bool is_protected(const MacAddress& mac) const;
  const ControlSieve& sieve() const { return sieve_; }

 private:
  bool has_address(const IpAddress& ip) const;

  flow::Guards guards_;  // next_hops and remotes sorted
  ControlSieve sieve_;
};

// xids of DHCP requests seen from LOCAL within the last kDhcpXidLife_s. One writer (control lcore),
// any number of readers; each cell is one atomic word, so nothing can be torn.
class DhcpXids {
 public:
  static constexpr std::uint32_t kLife_s = 60;

  void record(std::uint32_t xid, std::uint32_t now_s);
  bool asked(std::uint32_t xid, std::uint32_t now_s) const;

 private:
  static constexpr std::size_t kCells = 16;
  std::array<std::atomic<std::uint64_t>, kCells> cells_{};  // (now_s + 1) << 32 | xid; 0 free
};

// The same of DHCPv6: exchanges (Dhcpv6View::exchange()) and the addresses they came from.
struct Dhcpv6Exchanges {
  DhcpXids ids;
  DhcpXids addresses;
};

// `frame`: UDP 67 -> 68 by its key. True if it is a well-formed reply to a request of ours.
bool is_our_dhcp_reply(std::span<const std::byte> frame, std::uint16_t l4, const GuardState& guards,
                       const DhcpXids& xids, std::uint32_t now_s);
// `frame`: wants_path_mtu() by its key. True if it tells the address it is sent to about a TCP
// packet from there to a remote.
bool is_our_path_mtu(std::span<const std::byte> frame, const packet::FlowKey& key, std::uint16_t l4,
                     const GuardState& guards);
// Records the xid if the frame (from LOCAL) is a DHCP request of the local MAC.
void note_dhcp_request(std::span<const std::byte> frame, const GuardState& guards, DhcpXids& xids,
                       std::uint32_t now_s);

}  // namespace lifeline::datapath
