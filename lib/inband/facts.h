// What in-band control knows about the world. Everything it does follows from these values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/mac_prefix.h"
#include "flow/guards.h"

namespace lifeline::inband {

// Ports of the OpenFlow protocol where an address does not say one: IANA's, and the old one.
inline constexpr std::uint16_t kDefaultRemotePort = 6653;
inline constexpr std::uint16_t kOldRemotePort = 6633;

// A device the kernel sends to on the way to a remote: the remote itself when it is on the link,
// else a gateway. `mac` only while it is known.
struct NextHop {
  IpAddress ip;
  std::optional<MacAddress> mac;
  std::uint32_t ifindex = 0;
  std::string device;  // its name, for status
  bool operator==(const NextHop&) const = default;
};

// How the host stands to a remote.
enum class Reach : std::uint8_t {
  kUnknown,     // not asked yet
  kRouted,      // by next hops
  kNoRoute,     //
  kLoopback,    // 127/8, ::1: its packets never see the switch, so it needs no rule
  kOwnAddress,  // an address of this host: no next hop, but switches behind us need (f) to (i)
  kGiven,       // a MAC address: there is nothing to ask
};
std::string_view reach_name(Reach reach);

// Whom a remote serves, and which rules it calls for.
enum class Role : std::uint8_t {
  kController,  // ours: (f) to (i) or (t) to (w), and (d), (e) or (r), (s) of its next hops
  kAlsoReach,   // a controller of switches behind us: the same
  kNextHop,     // a next hop of switches behind us: (d), (e) or (r), (s) alone
  kResolver,    // of controllers' names: (j), (k), and (d), (e) or (r), (s) of its next hops
};
std::string_view role_name(Role role);
// Needed by our own connection; the others are there for the switches behind us.
inline bool serves_us(Role role) { return role == Role::kController || role == Role::kResolver; }

// Who asked for a remote. A reload replaces what the configuration asked for, and nothing else.
enum class Origin : std::uint8_t { kConfiguration, kOperator };

// Somebody the switch must reach, or must let others reach.
struct Remote {
  std::string id;  // unique among remotes; for status and logs ("tcp:10.0.0.1:6653")
  IpAddress ip;
  std::uint16_t port =
      kDefaultRemotePort;  // TCP, host order, never 0; 0 of next hops and resolvers
  Role role = Role::kController;
  std::optional<MacAddress> mac{};  // of a next hop that is given as such; `ip` says nothing then
  Origin origin = Origin::kConfiguration;
  bool operator==(const Remote&) const = default;
};

struct RemoteFacts {
  Remote remote;
  Reach reach = Reach::kUnknown;
  std::vector<NextHop> next_hops;
  bool operator==(const RemoteFacts&) const = default;
};

// What the rules of every remote depend on besides the remote.
struct Scope {
  std::optional<MacAddress> local_mac;
  flow::ManagementVlan vlan;
  bool relay_arp = false;  // others may resolve the next hops through us
  bool strict = false;
  bool operator==(const Scope&) const = default;
};

struct Facts {
  bool enabled = false;
  std::optional<MacAddress> local_mac;
  std::vector<RemoteFacts> remotes;
  bool awaits_names = false;  // there are controllers whose addresses nobody has told yet
  flow::ManagementVlan vlan;
  bool relay_arp = false;  // others may resolve the next hops through us
  bool strict = false;
  std::vector<flow::PortNo> trusted_ports;
  std::vector<MacPrefix> relay_dhcp;  // flow/guards.h
  bool operator==(const Facts&) const = default;
};

}  // namespace lifeline::inband
