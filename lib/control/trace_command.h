// lifelinectl trace: which rules a packet would meet, and where it would go.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "control/admin_commands.h"
#include "control/admin_server.h"

namespace lifeline::control {

// By number, by name, or LOCAL; nullopt: there is none.
std::optional<flow::PortNo> find_port(const CommandParts& parts, std::string_view text);

// {"port": NAME or NUMBER or "LOCAL", "packet": flow::parse_packet_text()'s}. Control lcore only;
// changes nothing.
std::unique_ptr<AdminReply> trace_command(const CommandParts& parts, const nlohmann::json& request);

}  // namespace lifeline::control
