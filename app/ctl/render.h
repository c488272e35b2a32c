// From the switch's JSON to text for people.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lifeline::ctl {

std::string render_status(const nlohmann::json& status);
std::string render_flows(const nlohmann::json& flows);
std::string render_ports(const nlohmann::json& ports);
std::string render_fdb(const nlohmann::json& fdb);
std::string render_stats(const nlohmann::json& stats);

}  // namespace lifeline::ctl
