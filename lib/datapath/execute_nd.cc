// The IPv6 guards, run per packet.
#include "datapath/forwarding.h"
#include "datapath/lane.h"
#include "datapath/nd_guard.h"
#include "datapath/rewrite.h"
#include "packet/parse.h"

namespace lifeline::datapath {

void Lane::op_nd_guard(Packet& p, Op op) {
  if (p.local_done) return;
  const std::span<const std::byte> frame = linear(p.m, scratch_.get());
  packet::Layers layers;
  const packet::FlowKey key = packet::parse(frame, p.in_port, &layers);
  const GuardState& guards = *world_.guards;
  const auto& exchanges = shared_.dhcpv6_exchanges;
  bool dhcp = false;
  switch (static_cast<NdGuard>(op.a)) {
    case NdGuard::kDhcpv6:
      if (!is_our_dhcpv6_reply(frame, layers.l4, guards, exchanges, now_s_)) return;
      dhcp = true;
      break;
    case NdGuard::kSolicitation:
      if (!asks_for_our_address(key, exchanges, now_s_)) return;
      break;
    case NdGuard::kRouter:
      if (!is_router_message(frame, layers)) return;
      if (!is_trusted_port(guards, shared_.fdb, vlan_in(p), p.in_port)) {
        count_drop(DropReason::kRouterUntrusted, p.m);
        return;
      }
      break;
  }
  PortMeters& meters = meters_of(p.in_port);
  if ((dhcp ? meters.dhcp : meters.next_hop).take(now_tsc_)) {
    copy_to_local(p);
  } else {
    count_drop(dhcp ? DropReason::kDhcpGuardMetered : DropReason::kNextHopMetered, p.m);
  }
}

}  // namespace lifeline::datapath
