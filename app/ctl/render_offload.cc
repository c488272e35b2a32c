#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "render.h"

namespace lifeline::ctl {
namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return "-";
  return it->is_string() ? it->get<std::string>() : it->dump();
}

std::string rules(const json& list) {
  std::vector<std::array<std::string, 3>> rows;
  std::array<std::size_t, 2> width{};
  for (const auto& r : list) {
    std::string why = text(r, "nic_rule");
    if (r.value("shared", false)) why += " (shared)";
    if (const std::string reason = text(r, "why_not_better"); !reason.empty())
      why += fmt::format("; no better: {}", reason);
    rows.push_back({text(r, "intent"), text(r, "rung"), why});
    for (std::size_t i = 0; i < width.size(); ++i)
      width[i] = std::max(width[i], rows.back()[i].size());
  }
  std::string out;
  for (const auto& row : rows)
    out += fmt::format("  {:<{}}  {:<{}}  {}\n", row[0], width[0], row[1], width[1], row[2]);
  return out;
}

}  // namespace

std::string render_offload(const json& offload) {
  std::string out;
  for (const auto& p : offload.value("ports", json::array())) {
    const std::string head = fmt::format("port {} ({}): ", text(p, "number"), text(p, "name"));
    if (!p.contains("control_queue") || p["control_queue"].is_null()) {
      out += fmt::format("{}no control queue: {}\n", head, text(p, "reason"));
      continue;
    }
    out += fmt::format("{}control queue {}, {} rules in the NIC\n", head, text(p, "control_queue"),
                       text(p, "nic_rules"));
    out += fmt::format(
        "  received {}: known {}, strangers {}, foreign {}, excess {} (dropped {}); control "
        "traffic "
        "by the data queues {}\n",
        text(p, "received"), text(p, "known"), text(p, "strangers"), text(p, "foreign"),
        text(p, "excess"), text(p, "dropped"), text(p, "unsteered"));
    out += fmt::format("  refused by the driver {} (after validating {}), lost {}, restored {}\n",
                       text(p, "refusals"), text(p, "refused_after_validate"), text(p, "lost"),
                       text(p, "restored"));
    out += rules(p.value("rules", json::array()));
  }
  return out.empty() ? "no ports\n" : out;
}

}  // namespace lifeline::ctl
