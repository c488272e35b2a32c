// What a NIC should bring to the control queue. The in-band agent's facts say which (inband/
// steering.h), offload/ makes rules for a NIC of them.
#pragma once

#include <cstdint>
#include <string>

#include "flow/match.h"

namespace lifeline::flow {

// The order in which a NIC's room is given away, the first first.
enum class SteeringValue : std::uint8_t {
  kConnection,   // (i), (h), (w), (v): the connection itself
  kOwnAddress,   // what our own address resolution and configuration live by: (b), (p), DHCP, RA
  kNextHop,      // (d), (e), (r), (s), and the next hops' announcements
  kOtherRemote,  // (f), (g), (t), (u)
};

// Of (a); each later letter of a hidden rule has one less (inband/inband_rules.h).
inline constexpr std::uint32_t kHiddenPriorityOfA = 18181809;

struct SteeringIntent {
  std::string name;  // "(i) from-remote-tcp", "guard dhcp-reply"
  char letter = 0;   // of the hidden rule; 0: a guard's
  SteeringValue value = SteeringValue::kOtherRemote;
  // No in_port (a NIC has one); with the management VLAN. offload/port_intents.h makes of it what
  // comes in by one port.
  Match match;
  // match's eth_dst is the local port's: whatever has it is for the control lcore anyway.
  bool to_local_port = false;
  bool operator==(const SteeringIntent&) const = default;
};

}  // namespace lifeline::flow
