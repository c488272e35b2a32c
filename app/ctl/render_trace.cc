#include <fmt/format.h>

#include "render.h"

namespace lifeline::ctl {
namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return "";
  return it->is_string() ? it->get<std::string>() : it->dump();
}

std::string list(const json& ports) {
  std::string names;
  for (const auto& p : ports) {
    names += names.empty() ? "" : ", ";
    names += p.is_string() ? p.get<std::string>() : p.dump();
  }
  return names;
}

std::string step(const json& s) {
  if (!s.value("matched", false))
    return fmt::format("table {}: no rule matches\n", text(s, "table"));
  const std::string match = text(s, "match");
  if (s.contains("letter")) {
    return fmt::format("hidden rule ({}) {}, priority {}: {}\n    because: {}\n    actions={}\n",
                       text(s, "letter"), text(s, "kind"), text(s, "priority"), match,
                       text(s, "why"), text(s, "actions"));
  }
  return fmt::format("table {}: priority={}{}{}, cookie {}\n    actions={}\n", text(s, "table"),
                     text(s, "priority"), match.empty() ? "" : ",", match, text(s, "cookie"),
                     text(s, "actions"));
}

}  // namespace

std::string render_trace(const json& trace) {
  std::string out = fmt::format("packet on port {}, {} bytes: {}\n\n", text(trace, "in_port"),
                                text(trace, "bytes"), text(trace, "packet"));
  const json steps = trace.value("steps", json::array());
  if (steps.empty()) out += "no table was asked: the packet is decided before them\n";
  for (const auto& s : steps) out += step(s);
  out += "\noperations\n";
  const json operations = trace.value("operations", json::array());
  for (const auto& o : operations) {
    const std::string ports = list(o.value("ports", json::array()));
    const std::string note = text(o, "note");
    out += fmt::format("  {}{}{}{}{}\n", text(o, "operation"), ports.empty() ? "" : " -> ", ports,
                       note.empty() ? "" : "  # ", note);
  }
  const std::string outputs = list(trace.value("outputs", json::array()));
  out += fmt::format("\nwould leave by: {}\n", outputs.empty() ? "no port" : outputs);
  out += trace.value("cacheable", false)
             ? "a worker keeps the decision in its exact-match table\n"
             : fmt::format("decided anew for each packet: {}\n", text(trace, "not_cached_why"));
  return out;
}

}  // namespace lifeline::ctl
