#include "library_configs.h"

#include <rte_lcore.h>

#include <algorithm>
#include <chrono>

#include "config/identity.h"

namespace lifeline {

namespace {

flow::PortVlan port_vlan(const config::PortVlans& vlans) {
  if (vlans.access) return flow::PortVlan::access(*vlans.access);
  return flow::PortVlan::trunk(vlans.trunk, vlans.native.value_or(0), vlans.native_tagged);
}

}  // namespace

std::vector<port::PortSpec> port_specs(const config::Config& config) {
  std::vector<port::PortSpec> specs;
  for (const auto& port : config.ports) {
    specs.push_back({.name = port.name,
                     .device = port.device,
                     .port_no = port.number,
                     .rx_queues = port.rx_queues,
                     .descriptors = port.descriptors,
                     .mtu = port.mtu,
                     .vlan = port_vlan(port.vlans),
                     .optional = port.optional});
  }
  return specs;
}

std::vector<std::pair<flow::PortNo, flow::PortVlan>> port_vlans(const config::Config& config) {
  std::vector<std::pair<flow::PortNo, flow::PortVlan>> vlans;
  vlans.emplace_back(flow::kPortLocal, config.local.vlan
                                           ? flow::PortVlan::access(*config.local.vlan)
                                           : flow::PortVlan{});
  for (const auto& port : config.ports) vlans.emplace_back(port.number, port_vlan(port.vlans));
  return vlans;
}

ofagent::SwitchFacts switch_facts(const config::Config& config, MacAddress local_mac) {
  return {.datapath_id = config::datapath_id(config, local_mac),
          .manufacturer = "Lifeline",
          .hardware = "DPDK",
          .software = LIFELINE_VERSION,
          .serial_number = "None",
          .datapath_description = config.bridge};
}

ofagent::FailMode fail_mode(const config::Config& config) {
  return config.fail_mode == config::FailMode::kSecure ? ofagent::FailMode::kSecure
                                                       : ofagent::FailMode::kStandalone;
}

Duration probe_interval(const config::Config& config, const config::Controller& controller) {
  return std::chrono::seconds{config.inactivity_probe_of(controller)};
}

ofagent::AgentConfig agent_config(const config::Config& config) {
  const auto speaks = [&](std::uint8_t version) {
    return std::find(config.openflow_versions.begin(), config.openflow_versions.end(), version) !=
           config.openflow_versions.end();
  };
  ofagent::AgentConfig agent;
  agent.tables.max_rules_per_table = config.sizes.flows;
  agent.fail_mode = fail_mode(config);
  // The most patient controller's: while it may yet answer the switch is not alone.
  std::uint32_t probe_s = config.controllers.empty() ? config.inactivity_probe_s : 0;
  for (const auto& controller : config.controllers)
    probe_s = std::max(probe_s, config.inactivity_probe_of(controller));
  agent.probe_interval = std::chrono::seconds{probe_s};
  agent.has_controllers = !config.controllers.empty();
  agent.version_10 = speaks(0x01);
  agent.version_13 = speaks(0x04);
  return agent;
}

table::TablesConfig tables_config(const config::Config& config, std::uint32_t n_slots) {
  table::TablesConfig tables;
  tables.max_rules = config.sizes.flows;
  tables.max_rules_per_table = config.sizes.flows;
  tables.n_slots = n_slots;
  return tables;
}

table::FdbConfig fdb_config(const config::Config& config) {
  return {.max_entries = config.sizes.fdb,
          // One port cannot take the whole table.
          .max_entries_per_port = std::max(config.sizes.fdb / 2, std::uint32_t{1}),
          .ageing_s = config.sizes.fdb_ageing_s};
}

Expected<std::vector<port::WorkerPlace>> worker_places(const config::Config& config) {
  std::vector<port::WorkerPlace> eal;
  unsigned lcore;
  RTE_LCORE_FOREACH_WORKER(lcore) {
    eal.push_back({.lcore = lcore, .socket = static_cast<int>(rte_lcore_to_socket_id(lcore))});
  }
  std::vector<port::WorkerPlace> wanted;
  for (const auto& worker : config.workers.lcores)
    wanted.push_back({.lcore = worker.lcore, .ports = worker.ports});
  return port::choose_lcores(config.workers.number, std::move(wanted), eal);
}

datapath::DatapathConfig datapath_config(const config::Config& config,
                                         const std::vector<port::WorkerPlace>& workers) {
  datapath::DatapathConfig datapath;
  for (const auto& worker : workers) datapath.lcores.push_back(worker.lcore);
  datapath.max_idle_sleep_us = config.idle_sleep_us;
  datapath.exact_entries = config.sizes.exact_entries;
  datapath.packet_ins_per_s = config.packet_in_pps;
  datapath.inband_per_s = config.limits.inband_pps;
  datapath.dhcp_replies_per_s = config.limits.dhcp_pps;
  datapath.relays_per_s = config.limits.relay_pps;
  datapath.next_hop_arps_per_s = config.limits.next_hop_pps;
  datapath.path_mtu_per_s = config.limits.path_mtu_pps;
  datapath.local_per_s = config.limits.local_pps;
  datapath.foreign_per_s = config.offload.foreign_pps;
  return datapath;
}

}  // namespace lifeline
