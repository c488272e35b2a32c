// What the switch tells Prometheus: lifeline_… families with units and help.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "control/admin_commands.h"
#include "control/admin_server.h"

namespace lifeline::control {

// A label's value: backslash, quote and line feed escaped (OpenMetrics 1.0), what is not printable
// ASCII replaced by '?'.
std::string label_value(std::string_view text);

// A page in pieces of one family or one port each: a snapshot of counters, not of one moment.
// `uptime`: of the switch. `parts` outlive it.
std::unique_ptr<AdminReply> metrics_page(const CommandParts& parts, Duration uptime);

}  // namespace lifeline::control
