#include "render.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace lifeline::ctl {
namespace {

using nlohmann::json;

std::string text(const json& object, const char* key, const char* absent = "-") {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return absent;
  if (it->is_string()) return it->get<std::string>();
  return it->dump();
}

// "3.2 s", "5 min 12 s": two units are enough to see whether something is recent.
std::string duration(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number()) return "-";
  const auto ms = it->get<std::int64_t>();
  if (ms < 60'000) return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
  if (ms < 3'600'000) return fmt::format("{} min {} s", ms / 60'000, ms % 60'000 / 1000);
  return fmt::format("{} h {} min", ms / 3'600'000, ms % 3'600'000 / 60'000);
}

// Columns as wide as their widest cell, two spaces apart; the last one is not padded.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width;
  for (const auto& row : rows) {
    width.resize(std::max(width.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    out += "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += i + 1 < row.size() ? fmt::format("{:<{}}  ", row[i], width[i]) : row[i];
    }
    out += '\n';
  }
  return out;
}

std::string hidden_rules(const json& rules) {
  if (rules.empty()) return "  none\n";
  std::vector<std::vector<std::string>> rows{
      {"rule", "priority", "packets", "bytes", "why", "match"}};
  for (const auto& r : rules) {
    rows.push_back({fmt::format("({}) {}", text(r, "letter"), text(r, "kind")), text(r, "priority"),
                    text(r, "packets"), text(r, "bytes"), text(r, "why"), text(r, "match")});
  }
  return table(rows);
}

std::string ago(const json& object, const char* key) {
  const std::string since = duration(object, key);
  return since == "-" ? "never" : since + " ago";
}

// What the columns leave out: why a remote cannot be reached, and when and why things changed.
std::string remote_notes(const json& r) {
  std::string out;
  const std::string target = text(r, "target");
  const std::string reason = text(r, "reach_reason", "");
  out += fmt::format("  {}: {}{}{}, since {} ({})\n", target, text(r, "reach"),
                     reason.empty() ? "" : ": ", reason, ago(r, "reach_changed_ms_ago"),
                     text(r, "reach_changed_why", ""));
  for (const auto& hop : r.value("next_hops", json::array())) {
    out +=
        fmt::format("  {}: next hop {} is {} on {}, {}, since {} ({}){}\n", target, text(hop, "ip"),
                    text(hop, "mac", "unknown"), text(hop, "device"), text(hop, "neighbour", "-"),
                    ago(hop, "changed_ms_ago"), text(hop, "changed_why", ""),
                    hop.value("held", false) ? "; it does not answer, the MAC is held" : "");
  }
  if (const std::string error = text(r, "last_error", ""); !error.empty()) {
    out += fmt::format("  {}: last error: {}\n", target, error);
  }
  return out;
}

std::string remotes(const json& list) {
  if (list.empty()) return "  none configured\n";
  std::vector<std::vector<std::string>> rows{
      {"remote", "state", "since", "version", "next hop", "MAC", "device"}};
  std::string notes;
  for (const auto& r : list) {
    const auto found = r.find("next_hop");
    const json hop = found != r.end() && found->is_object() ? *found : json::object();
    rows.push_back({text(r, "target"), text(r, "state"), duration(r, "state_for_ms"),
                    text(r, "version"), text(hop, "ip"), text(hop, "mac"), text(hop, "device")});
    notes += remote_notes(r);
  }
  return table(rows) + notes;
}

}  // namespace

std::string render_status(const json& status) {
  const json local = status.value("local", json::object());
  std::string out = fmt::format("bridge {}, datapath id {}, up {}\n", text(status, "bridge"),
                                text(status, "datapath_id"), duration(status, "uptime_ms"));
  out += fmt::format("local port {}: MAC {}, {}\n", text(local, "name"), text(local, "mac"),
                     text(local, "state"));
  out += fmt::format(
      "in-band control {}, fail mode {}{}\n", text(status, "in_band"), text(status, "fail_mode"),
      status.value("standalone", false) ? ": no controller, the switch forwards on its own" : "");
  out += "\nremotes\n" + remotes(status.value("remotes", json::array()));
  out += "\nhidden rules\n" + hidden_rules(status.value("hidden_rules", json::array()));
  const json log = status.value("log", json::array());
  if (!log.empty()) {
    out += "\nlast changes\n";
    std::vector<std::vector<std::string>> rows;
    for (const auto& entry : log) {
      rows.push_back({duration(entry, "age_ms") + " ago", text(entry, "text")});
    }
    out += table(rows);
  }
  return out;
}

std::string render_flows(const json& flows) {
  const json hidden = flows.value("hidden_rules", json());
  if (hidden.is_array()) return hidden_rules(hidden);
  std::string out;
  for (const auto& f : flows.value("flows", json::array())) {
    const std::string match = text(f, "match", "");
    out += fmt::format(
        "cookie={}, duration={}, table={}, n_packets={}, n_bytes={}, priority={}{}{} actions={}\n",
        text(f, "cookie"), duration(f, "duration_ms"), text(f, "table"), text(f, "packets"),
        text(f, "bytes"), text(f, "priority"), match.empty() ? "" : ",", match, text(f, "actions"));
  }
  return out.empty() ? "no flows\n" : out;
}

std::string render_ports(const json& ports) {
  std::vector<std::vector<std::string>> rows{{"port", "name", "device", "link", "rx packets",
                                              "rx bytes", "tx packets", "tx bytes", "rx dropped",
                                              "tx dropped"}};
  for (const auto& p : ports.value("ports", json::array())) {
    rows.push_back({text(p, "number"), text(p, "name"), text(p, "device"), text(p, "link"),
                    text(p, "rx_packets"), text(p, "rx_bytes"), text(p, "tx_packets"),
                    text(p, "tx_bytes"), text(p, "rx_dropped"), text(p, "tx_dropped")});
  }
  return table(rows);
}

std::string render_fdb(const json& fdb) {
  std::vector<std::vector<std::string>> rows{{"port", "VLAN", "MAC", "age"}};
  for (const auto& e : fdb.value("entries", json::array())) {
    rows.push_back({text(e, "port"), text(e, "vlan"), text(e, "mac"),
                    e.value("static", false) ? std::string("static") : text(e, "age_s") + " s"});
  }
  return table(rows);
}

std::string render_stats(const json& stats) {
  std::vector<std::vector<std::string>> rows{{"count", "counter", "meaning"}};
  for (const auto& d : stats.value("drops", json::array())) {
    rows.push_back({text(d, "count"), text(d, "name"), text(d, "meaning")});
  }
  return table(rows);
}

}  // namespace lifeline::ctl
