#include "control/figures.h"

namespace lifeline::control {

std::vector<datapath::DropCounter> drop_counters(const CommandParts& parts) {
  std::vector<datapath::DropCounter> drops = parts.datapath.drop_counters();
  for (const auto& counter : parts.local.counters()) {
    if (counter.name.ends_with("_packets") || counter.name.ends_with("_bytes"))
      continue;  // traffic, not loss
    drops.push_back({counter.name, counter.meaning, counter.value});
  }
  const auto& agent = parts.agent.counters();
  drops.push_back(
      {"packet_in_no_taker", "packet-ins that no connection wanted", agent.packet_in_no_taker});
  drops.push_back({"packet_in_slow_reader", "packet-ins a controller was too slow to read",
                   agent.packet_in_slow_reader});
  drops.push_back({"async_slow_reader", "other messages a controller was too slow to read",
                   agent.async_slow_reader});
  drops.push_back({"snoop_slow_reader", "copies for ovs-ofctl snoop that it was too slow to read",
                   agent.snoop_slow_reader});
  drops.push_back(
      {"packet_out_failed", "packet-outs that could not be sent", agent.packet_out_failed});
  drops.push_back({"connections_broken",
                   "connections closed by the switch: garbage, silence, no common version",
                   agent.connections_broken});
  drops.push_back({"kernel_events_lost",
                   "times the kernel had no room for its notifications: all was asked again",
                   parts.inband.counters().overruns});
  return drops;
}

}  // namespace lifeline::control
