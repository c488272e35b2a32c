// The ladder: what may be asked of a NIC for one intent, most exact first.
//
//   exact         all that rte_flow can say of the intent's match
//   reduced       without what most NICs lack: ARP's operation and addresses, ICMPv6's type, the
//                 transport ports (addresses and protocol stay)
//   MAC and type  the MAC addresses and the ether type alone
//   type only     the ether type alone
//   software      nothing: the packet comes by a data queue, and the worker finds the hidden rule
//
// A rung that does not differ from the one above it is left out. What a coarser rung catches beyond
// its intent are *foreign* packets, which the control lcore must forward, so rungs that would catch
// data are not in the ladder at all: the ether types of IPv4 and IPv6 alone never are, nor together
// with a MAC that is not the local port's. Of IPv6, "type only" is all of ICMPv6. A DHCP reply is
// usually broadcast, and has its ports on every NIC that has any.
//
// VLANs. An intent of the untagged management VLAN asks for untagged frames: a priority tag (VID 0)
// takes the software's way. One of a VLAN asks for its VID on every rung. `any` asks for the
// untagged ones.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "flow/steering.h"
#include "offload/form.h"

namespace lifeline::offload {

enum class Rung : std::uint8_t { kExact, kReduced, kMacAndType, kTypeOnly, kSoftware };
std::string_view rung_name(Rung rung);  // "exact", "reduced", "mac-and-type", …

struct Step {
  Rung rung = Rung::kSoftware;
  Form form;
  bool operator==(const Step&) const = default;
};

// Never kSoftware: that is what is left when all are refused. Every form covers the one before it,
// and the intent but for what is said above about VLANs. Pure.
std::vector<Step> ladder(const flow::SteeringIntent& intent);

}  // namespace lifeline::offload
