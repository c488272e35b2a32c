// Where packets go, as far as that is looked up per packet: for the lanes that send them, and for
// explain(), which says what a lane would do. Reads only; any online QSBR reader.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "datapath/drop_reason.h"
#include "datapath/guard_state.h"
#include "datapath/vlan.h"
#include "port/port_view.h"
#include "table/fdb.h"

namespace lifeline::datapath {

struct FloodTargets {
  std::uint64_t ports = 0;  // bit per index in the view
  bool local = false;
};

// `hidden`: no port flag applies. `all`: ports with NO_FLOOD too. `vlan`: of NORMAL's flooding,
// which stays in it.
inline FloodTargets flood_targets(const port::PortView& view, flow::PortNo in_port, bool hidden,
                                  bool all, bool to_local_too,
                                  std::optional<std::uint16_t> vlan = std::nullopt) {
  namespace port_flag = port::port_flag;
  const std::uint32_t blocked =
      hidden ? 0u : port_flag::kDown | port_flag::kNoFwd | (all ? 0u : port_flag::kNoFlood);
  FloodTargets targets;
  for (std::uint32_t i = 0; i < view.n_entries; ++i) {
    const port::PortEntry& e = view.entries[i];
    if (!e.exists() || e.ethdev_id == port::kNoEthdev || !e.usable || !e.link_up) continue;
    if (e.port_no == in_port || (e.flags & blocked) != 0) continue;
    if (vlan && !e.vlan.carries(*vlan)) continue;
    targets.ports |= std::uint64_t{1} << i;
  }
  const port::PortEntry* local = view.find(flow::kPortLocal);
  const bool local_blocked =
      local != nullptr && ((local->flags & blocked) != 0 || (vlan && !local->vlan.carries(*vlan)));
  targets.local = to_local_too && in_port != flow::kPortLocal && !local_blocked;
  return targets;
}

// Is what this port sends the path of our own sessions? By the port where the next hop is: who
// merely claims to be one, elsewhere, is not moved there by the FDB.
inline bool is_known_next_hop(const GuardState& guards, const table::Fdb& fdb, std::uint16_t vlan,
                              const MacAddress& src, flow::PortNo in_port) {
  return guards.is_protected(src) && fdb.lookup(vlan, src) == in_port;
}

// May router advertisements come from there? `vlan` is the one that NORMAL learns in.
inline bool is_trusted_port(const GuardState& guards, const table::Fdb& fdb, std::uint16_t vlan,
                            flow::PortNo in_port) {
  const auto& named = guards.trusted_ports();
  if (!named.empty()) return std::find(named.begin(), named.end(), in_port) != named.end();
  bool any_known = false;
  for (const MacAddress& mac : guards.protected_macs()) {
    const auto port = fdb.lookup(vlan, mac);
    if (port == in_port) return true;
    any_known |= port.has_value();
  }
  return !any_known;
}

inline constexpr DropReason kNoObjection{kDropReasons};

// kNoObjection, or why in_band.strict must not let TCP of a hidden rule pass. `ask`(mac) is called
// for each address whose place would have to be known.
template <class Ask>
DropReason strict_objection(const GuardState& guards, const table::Fdb& fdb,
                            const packet::FlowKey& key, std::uint16_t vlan, flow::PortNo in_port,
                            Ask ask) {
  const IpAddress src = key.is_ipv4() ? IpAddress{key.ipv4_src} : IpAddress{key.ipv6_src};
  if (const auto* remote = guards.find(src, key.tp_src.host()); remote != nullptr) {
    const auto is_here = [&](const MacAddress& mac) { return fdb.lookup(vlan, mac) == in_port; };
    if (!std::any_of(remote->macs.begin(), remote->macs.end(), is_here)) {
      for (const MacAddress& mac : remote->macs) ask(mac);
      return DropReason::kStrictPort;
    }
  }
  if (key.eth_dst.is_multicast()) return DropReason::kStrictUnknown;
  if (!fdb.lookup(vlan, key.eth_dst)) {
    ask(key.eth_dst);
    return DropReason::kStrictUnknown;
  }
  return kNoObjection;
}

}  // namespace lifeline::datapath
