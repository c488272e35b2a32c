#include "datapath/drop_reason.h"

namespace lifeline::datapath {
namespace {

constexpr std::array<DropReasonText, kDropReasons> kTexts = {{
    {"rule_drop", "a rule says drop: it has no output"},
    {"no_rule", "no rule matched (table miss without a table-miss rule)"},
    {"no_such_port", "the only output is a port that does not exist"},
    {"port_filtered", "the only output is the ingress port, or a port with PORT_DOWN or NO_FWD"},
    {"ingress_filtered", "came in on a port with PORT_DOWN, NO_RECV or NO_RECV_STP"},
    {"fragment", "an IP fragment, and the controller has fragment handling set to drop"},
    {"local_mac_spoofed", "came from a data port with the local port's MAC address as source"},
    {"reserved_multicast", "NORMAL does not forward 01:80:c2:00:00:0x"},
    {"normal_no_reflection", "NORMAL found the destination behind the ingress port"},
    {"normal_no_port", "NORMAL or FLOOD found no port to send to"},
    {"too_many_actions", "the rules that matched do more than one packet may ask for"},
    {"unsupported_action", "a rule asks for an action that the datapath does not have"},
    {"ttl_invalid", "a decrement would have brought the TTL to zero"},
    {"rewrite_no_room", "no headroom left for a push, or headers outside the first segment"},
    {"frame_too_long", "longer than 65535 bytes"},
    {"frame_too_short", "shorter than an Ethernet header"},
    {"no_buffer", "no buffer left for a copy"},
    {"miss_shed", "a new flow, beyond what a worker classifies per loop"},
    {"tx_full", "the TX queue of the port was full"},
    {"tx_port_gone", "the port was removed or stopped before it could be sent"},
    {"handoff_full", "the ring to the lcore that owns the port's TX queue was full"},
    {"inband_ring_full", "control traffic for LOCAL: the ring to the control lcore was full"},
    {"local_ring_full", "for LOCAL: the ring to the control lcore was full"},
    {"learn_ring_full", "not a packet: a MAC address to learn, the ring was full"},
    {"upcall_ring_full", "a packet-in: the ring to the control lcore was full"},
    {"local_metered", "for LOCAL: beyond the rate that is let through"},
    {"upcall_metered", "a packet-in beyond the rate that is let through"},
    {"next_hop_metered",
     "not a packet: a copy of a next hop's ARP or of neighbour discovery beyond the guard's rate"},
    {"fdb_move_refused",
     "not a packet: somebody behind another port claims to be a next hop that is where it was"},
    {"inband_metered",
     "control traffic that is not from a next hop, beyond the rate of its ingress port"},
    {"dhcp_guard_metered", "not a packet: a copy of a DHCP reply beyond the guard's rate"},
    {"path_mtu_metered", "not a packet: a copy of a path MTU message beyond the guard's rate"},
    {"control_fragment",
     "not a packet: an IP fragment of TCP with a controller, which no hidden rule lets through"},
    {"strict_port", "in_band.strict: from a controller's address, but not by its next hop's port"},
    {"strict_unknown", "in_band.strict: control traffic whose destination is not learned"},
    {"router_untrusted",
     "not a packet: no copy of a router advertisement or MLD query from a port that is not "
     "trusted"},
    {"relay_metered",
     "in_band.relay_dhcp, relay_arp: a DHCP message or router advertisement for switches behind "
     "this one, beyond the rate of its port"},
    {"control_queue_excess",
     "by the control queue of a NIC, no known session's, beyond offload.foreign_pps, and the "
     "worker's ring for such was full"},
    {"vlan_not_carried",
     "NORMAL: a tagged frame on an access port, or in a VLAN that its port does not carry"},
    {"shed",
     "a worker was overrun and dropped what its queue held beyond the port's share, control "
     "traffic excepted"},
    {"packet_in_metered", "a packet-in beyond the rate of its ingress port and reason"},
}};

constexpr std::array<DropReasonText, kEvents> kEventTexts = {{
    {"fdb_move_probed",
     "a next hop was asked whether it is still where it was, as another port has it"},
    {"fdb_move_confirmed", "a next hop was moved, as it did not answer where it was"},
    {"relayed", "DHCP messages and router advertisements that passed for switches behind this one"},
}};

}  // namespace

const DropReasonText& describe(DropReason reason) {
  return kTexts[static_cast<std::size_t>(reason)];
}

const DropReasonText& describe(Event event) { return kEventTexts[static_cast<std::size_t>(event)]; }

}  // namespace lifeline::datapath
