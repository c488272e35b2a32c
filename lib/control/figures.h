// Figures that several views show: lifelinectl, DPDK's telemetry, Prometheus.
#pragma once

#include <vector>

#include "control/admin_commands.h"
#include "datapath/datapath.h"

namespace lifeline::control {

// Of the datapath, of the local port and of the OpenFlow connections: what was dropped or refused.
std::vector<datapath::DropCounter> drop_counters(const CommandParts& parts);

}  // namespace lifeline::control
