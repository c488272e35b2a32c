// Guards: what no rule can match. They look at packets that are delivered to the local port *in
// addition* to what the tables decide. The in-band agent computes them, the datapath runs them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/mac_prefix.h"
#include "flow/management_vlan.h"
#include "flow/port_no.h"

namespace lifeline::flow {

// A remote as the guards see it.
struct GuardedRemote {
  IpAddress ip;
  std::uint16_t port = 0;        // TCP, host order
  std::vector<MacAddress> macs;  // with `strict`: of its next hops, as far as known
  auto operator<=>(const GuardedRemote&) const = default;
};

struct Guards {
  bool enabled = false;  // false: no guard runs
  // Static on LOCAL in the FDB; frames from other ports with it as source are dropped. Without one
  // the DHCP guard matches nothing.
  std::optional<MacAddress> local_mac;
  // ARP from one of these sender addresses is delivered to LOCAL, rate-limited (a gratuitous ARP
  // from a new MAC).
  std::vector<Ipv4Address> next_hops;
  // There are IPv6 remotes: the guards of IPv6 run too.
  bool ipv6 = false;
  // The same for neighbour discovery, by source of a solicitation or target of an advertisement.
  std::vector<Ipv6Address> next_hops_v6;
  // From where router advertisements and MLD queries are delivered to LOCAL. Empty: from the ports
  // where the next hops are, and from every data port while none of them is known. A host needs
  // them before it has any next hop, and afterwards a router elsewhere is most likely a rogue.
  std::vector<PortNo> trusted_ports;
  // Of the next hops, as far as known: in the FDB they are not moved by whoever claims to be them,
  // and not evicted.
  std::vector<MacAddress> protected_macs;
  // "Fragmentation needed" that quotes a TCP packet from us to one of these is delivered to LOCAL,
  // rate-limited; fragments of TCP with one of them are counted. In any order, each once.
  std::vector<GuardedRemote> remotes;
  // Stations whose DHCP passes NORMAL in place of what the tables decide (datapath/relay.h); a
  // prefix of no bytes: everybody's. Empty: nobody's. Each once.
  std::vector<MacPrefix> relay_dhcp;
  // Router advertisements from trusted ports pass NORMAL, for the switches behind this one.
  bool relay_routers = false;
  // TCP that a hidden rule matches is never flooded, and only taken from a remote by the port that
  // one of its `macs` is learned on.
  bool strict = false;
  ManagementVlan vlan;
  bool operator==(const Guards&) const = default;
};

class GuardWriter {
 public:
  virtual ~GuardWriter() = default;
  // Takes effect on the next packet of every lcore, cached decisions included.
  virtual void set_guards(const Guards& guards) = 0;
};

}  // namespace lifeline::flow
