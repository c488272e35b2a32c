// From the switch's JSON to text for people.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lifeline::ctl {

std::string render_status(const nlohmann::json& status);
std::string render_done(const nlohmann::json& reply);
std::string render_flows(const nlohmann::json& flows);
std::string render_ports(const nlohmann::json& ports);
std::string render_fdb(const nlohmann::json& fdb);
std::string render_stats(const nlohmann::json& stats);
std::string render_remotes(const nlohmann::json& status);
std::string render_verbose_ports(const nlohmann::json& ports);
std::string render_offload(const nlohmann::json& offload);
std::string render_trace(const nlohmann::json& trace);
std::string render_log_levels(const nlohmann::json& log);
std::string render_log(const nlohmann::json& log);
std::string render_reload(const nlohmann::json& reload);
std::string render_perf(const nlohmann::json& perf);

// What lies between two answers to "stats", `seconds` apart: per worker rates, cycles per packet,
// busy share and hit rate. The ratios are null where nothing happened.
nlohmann::json perf_between(const nlohmann::json& before, const nlohmann::json& after,
                            double seconds);

}  // namespace lifeline::ctl
