// The configuration, as each library wants to be told its part of it. Pure.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "base/mac_address.h"
#include "config/config.h"
#include "datapath/datapath.h"
#include "flow/port_vlan.h"
#include "ofagent/backend.h"
#include "ofagent/switch_agent.h"
#include "port/placement.h"
#include "port/port_set.h"
#include "table/fdb.h"
#include "table/tables.h"

namespace lifeline {

std::vector<port::PortSpec> port_specs(const config::Config& config);
// Of LOCAL and of every port.
std::vector<std::pair<flow::PortNo, flow::PortVlan>> port_vlans(const config::Config& config);
ofagent::SwitchFacts switch_facts(const config::Config& config, MacAddress local_mac);
ofagent::FailMode fail_mode(const config::Config& config);
// The silence after which this controller is asked for a sign of life.
Duration probe_interval(const config::Config& config, const config::Controller& controller);
ofagent::AgentConfig agent_config(const config::Config& config);
table::TablesConfig tables_config(const config::Config& config, std::uint32_t n_slots);
table::FdbConfig fdb_config(const config::Config& config);
// The lcores that forward, by slot - 1. Not pure: EAL says which there are. Error: one that EAL has
// not got.
Expected<std::vector<port::WorkerPlace>> worker_places(const config::Config& config);
datapath::DatapathConfig datapath_config(const config::Config& config,
                                         const std::vector<port::WorkerPlace>& workers);

}  // namespace lifeline
