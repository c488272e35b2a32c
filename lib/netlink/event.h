// What the kernel says about links, addresses, routes, rules and neighbours, as types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace lifeline::netlink {

// A network device. `mac` is absent where the device has no Ethernet address or the all-zero one.
struct Link {
  std::uint32_t index = 0;  // ifindex, > 0
  std::string name;
  std::optional<MacAddress> mac;
  std::uint32_t flags = 0;      // IFF_*
  std::uint32_t mtu_bytes = 0;  // 0: not said
  std::uint32_t master = 0;     // ifindex of the bridge, bond or VRF it belongs to; 0: none
  bool operator==(const Link&) const = default;

  bool is_up() const;       // IFF_UP
  bool is_running() const;  // IFF_RUNNING
  bool is_loopback() const;
};

struct Address {
  std::uint32_t ifindex = 0;
  IpAddress ip;
  std::uint8_t prefix_bits = 0;
  bool operator==(const Address&) const = default;
};

// NUD_* of <linux/neighbour.h>: one bit each.
using NudState = std::uint16_t;

struct Neighbour {
  std::uint32_t ifindex = 0;
  IpAddress ip;
  std::optional<MacAddress>
      mac;  // last known; also of a FAILED entry where the kernel still says it
  NudState state = 0;
  bool operator==(const Neighbour&) const = default;

  // The MAC if the kernel would send to it: REACHABLE, STALE, DELAY, PROBE, PERMANENT or NOARP.
  std::optional<MacAddress> usable_mac() const;
};

// "REACHABLE", "FAILED", …; "NONE" for 0, and for several bits the most significant one's name.
std::string_view nud_state_name(NudState state);

// One way a packet to some destination leaves the host.
struct Hop {
  std::optional<IpAddress> gateway;  // absent: the destination itself is on the link
  std::uint32_t ifindex = 0;
  bool operator==(const Hop&) const = default;
};

// The kernel's answer to "how do I reach X?".
struct Route {
  enum class Type : std::uint8_t {
    kUnicast,      // leaves by one of `hops`
    kLocal,        // X is an address of this host
    kBroadcast,    // of IPv4
    kMulticast,    //
    kUnreachable,  // no route, or one that refuses: unreachable, blackhole, prohibit, throw
  };
  Type type = Type::kUnreachable;
  // The hop chosen for X first, then the others of an ECMP route that are alive, without repeats.
  std::vector<Hop> hops;
  std::optional<IpAddress> prefsrc;  // source address the kernel would use
  std::string reason;                // of kUnreachable: the kernel's errno as text
  bool operator==(const Route&) const = default;
};

std::string_view route_type_name(Route::Type type);

struct LinkEvent {
  Link link;
  bool deleted = false;
};
struct AddressEvent {
  Address address;
  bool deleted = false;
};
// Routes and rules are reported as changed, without their contents: what a change means for a
// destination is the kernel's to say (QuerySocket::route_to).
struct RouteEvent {
  bool is_v4 = true;
  bool deleted = false;
};
struct RuleEvent {
  bool is_v4 = true;
  bool deleted = false;
};
struct NeighbourEvent {
  Neighbour neighbour;
  bool deleted = false;
};
// Notifications were lost: everything known may be out of date and must be asked for again. The
// socket has already been reopened, so nothing after this event is lost silently.
struct OverrunEvent {};

using Event =
    std::variant<LinkEvent, AddressEvent, RouteEvent, RuleEvent, NeighbourEvent, OverrunEvent>;

}  // namespace lifeline::netlink
