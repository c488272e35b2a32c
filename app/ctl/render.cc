#include "render.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
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

// "p1: exact, p2: software"; "-" where no NIC steers.
std::string nics(const json& rule) {
  const json list = rule.value("nics", json::object());
  std::string out;
  for (const auto& [port, rung] : list.items())
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", port,
                       rung.is_string() ? rung.get<std::string>() : rung.dump());
  return out.empty() ? "-" : out;
}

std::string hidden_rules(const json& rules) {
  if (rules.empty()) return "  none\n";
  std::vector<std::vector<std::string>> rows{
      {"rule", "priority", "packets", "bytes", "in NICs", "why", "match"}};
  for (const auto& r : rules) {
    rows.push_back({fmt::format("({}) {}", text(r, "letter"), text(r, "kind")), text(r, "priority"),
                    text(r, "packets"), text(r, "bytes"), nics(r), text(r, "why"),
                    text(r, "match")});
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

// Of a controller that has a name: what it means, and when it is asked for again.
std::string name_notes(const json& r) {
  const auto found = r.find("name");
  if (found == r.end() || !found->is_object()) return "";
  const json& name = *found;
  const std::string target = text(r, "target");
  const std::string again = duration(name, "asked_again_in_ms");
  const auto list = [&name](const char* key) {
    std::string out;
    for (const auto& ip : name.value(key, json::array()))
      out += fmt::format("{}{}", out.empty() ? "" : ", ", ip.get<std::string>());
    return out;
  };
  const std::string addresses = list("addresses");
  std::string out = fmt::format(
      "  {}: {}, {}\n", target,
      addresses.empty()
          ? "the name has no address yet"
          : fmt::format("the name is {} (told {})", addresses, ago(name, "answered_ms_ago")),
      again == "-" ? "it is asked for now" : fmt::format("asked for again in {}", again));
  if (const std::string old = list("old_addresses"); !old.empty())
    out += fmt::format("  {}: it was {}; the rules stay until a new session stands\n", target, old);
  if (const std::string error = text(name, "last_error", ""); !error.empty())
    out += fmt::format("  {}: name: {}\n", target, error);
  return out;
}

std::string remotes(const json& list) {
  if (list.empty()) return "  none configured\n";
  std::vector<std::vector<std::string>> rows{
      {"remote", "role", "state", "since", "version", "next hop", "MAC", "device"}};
  std::string notes;
  for (const auto& r : list) {
    const auto found = r.find("next_hop");
    const json hop = found != r.end() && found->is_object() ? *found : json::object();
    rows.push_back({text(r, "target"), text(r, "role"), text(r, "state"),
                    duration(r, "state_for_ms"), text(r, "version"), text(hop, "ip"),
                    text(hop, "mac"), text(hop, "device")});
    notes += name_notes(r) + remote_notes(r);
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

std::string render_done(const json& reply) {
  const std::string note = text(reply, "note", "");
  return fmt::format("{}{}{}\n", text(reply, "done"), note.empty() ? "" : ", ", note);
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
  std::vector<std::vector<std::string>> rows{{"port", "name", "device", "link", "speed", "MTU",
                                              "rx packets", "rx bytes", "tx packets", "tx bytes",
                                              "rx dropped", "tx dropped"}};
  for (const auto& p : ports.value("ports", json::array())) {
    const std::string speed = text(p, "speed_mbps");
    rows.push_back({text(p, "number"), text(p, "name"), text(p, "device"), text(p, "link"),
                    speed == "-" ? speed : speed + " Mbit/s", text(p, "mtu"), text(p, "rx_packets"),
                    text(p, "rx_bytes"), text(p, "tx_packets"), text(p, "tx_bytes"),
                    text(p, "rx_dropped"), text(p, "tx_dropped")});
  }
  std::string out = table(rows);
  for (const auto& p : ports.value("absent", json::array()))
    out += fmt::format("\nabsent: port {} ({}): {}\n", text(p, "number"), text(p, "name"),
                       text(p, "reason"));
  return out;
}

// With what a driver counts beyond that; zeros are left out, a NIC has hundreds.
std::string render_verbose_ports(const json& ports) {
  std::string out = render_ports(ports);
  for (const auto& p : ports.value("ports", json::array())) {
    out += fmt::format("\nport {} ({}): driver {}, MAC {}, {} RX and {} TX queues, VLANs: {}\n",
                       text(p, "number"), text(p, "name"), text(p, "driver"), text(p, "mac"),
                       text(p, "rx_queues"), text(p, "tx_queues"), text(p, "vlans"));
    std::vector<std::vector<std::string>> rows;
    const json counters = p.value("xstats", json::object());
    for (const auto& [name, value] : counters.items()) {
      if (value != 0) rows.push_back({value.dump(), name});
    }
    out += table(rows);
  }
  return out;
}

std::string render_remotes(const json& status) {
  return remotes(status.value("remotes", json::array()));
}

std::string render_log_levels(const json& log) {
  std::string out = fmt::format("level {}\n", text(log, "level"));
  const json libraries = log.value("libraries", json::object());
  for (const auto& [library, level] : libraries.items())
    out += fmt::format("level of {}: {}\n", library, level.get<std::string>());
  return out;
}

std::string render_log(const json& log) {
  std::string out = render_log_levels(log);
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : log.value("changes", json::array())) {
    rows.push_back({ago(entry, "age_ms"), text(entry, "text")});
  }
  return out + (rows.empty() ? "" : "\nlast changes of in-band control\n" + table(rows));
}

json perf_between(const json& before, const json& after, double seconds) {
  const auto rate = [](double part, double whole) {
    return whole > 0 ? json(part / whole) : json();
  };
  json workers = json::array();
  const json old = before.value("workers", json::array());
  for (const auto& w : after.value("workers", json::array())) {
    const auto of = [&](const char* key) {
      for (const auto& o : old) {
        if (o.value("slot", -1) == w.value("slot", -2))
          return static_cast<double>(w.value(key, std::uint64_t{0}) -
                                     o.value(key, std::uint64_t{0}));
      }
      return 0.0;
    };
    const double busy = of("busy_cycles");
    const double decided = of("hits") + of("misses") + of("wide_packets");
    workers.push_back({{"slot", w.value("slot", 0)},
                       {"rx_packets_per_s", of("rx_packets") / seconds},
                       {"tx_packets_per_s", of("tx_packets") / seconds},
                       {"cycles_per_packet", rate(busy, of("rx_packets"))},
                       {"busy_share", rate(busy, busy + of("idle_cycles"))},
                       {"hit_rate", rate(of("hits"), decided)},
                       {"misses_per_s", of("misses") / seconds},
                       {"exact_entries", w.value("exact_entries", std::uint64_t{0})}});
  }
  return {{"interval_s", seconds},
          {"tsc_hz", after.value("tsc_hz", json())},
          {"workers", std::move(workers)}};
}

std::string render_perf(const json& perf) {
  const auto number = [](const json& w, const char* key, double scale, const char* format) {
    const auto it = w.find(key);
    if (it == w.end() || !it->is_number()) return std::string("-");
    return fmt::format(fmt::runtime(format), it->get<double>() * scale);
  };
  std::vector<std::vector<std::string>> rows{{"lcore", "rx packets/s", "tx packets/s",
                                              "cycles/packet", "busy", "hits", "misses/s",
                                              "flows cached"}};
  for (const auto& w : perf.value("workers", json::array())) {
    const std::string slot = text(w, "slot");
    rows.push_back({slot == "0" ? "control" : "worker " + slot,
                    number(w, "rx_packets_per_s", 1, "{:.0f}"),
                    number(w, "tx_packets_per_s", 1, "{:.0f}"),
                    // The control lcore's packets are few and its other work is not theirs.
                    slot == "0" ? "-" : number(w, "cycles_per_packet", 1, "{:.0f}"),
                    slot == "0" ? "-" : number(w, "busy_share", 100, "{:.1f} %"),
                    number(w, "hit_rate", 100, "{:.1f} %"), number(w, "misses_per_s", 1, "{:.0f}"),
                    text(w, "exact_entries")});
  }
  return fmt::format("over {:.1f} s, {:.0f} MHz\n", perf.value("interval_s", 0.0),
                     perf.value("tsc_hz", 0.0) / 1e6) +
         table(rows);
}

std::string render_reload(const json& reload) {
  const auto names = [&reload](const char* which) {
    std::string out;
    for (const auto& key : reload.value(which, json::array()))
      out += fmt::format("{}{}", out.empty() ? "" : ", ", key.get<std::string>());
    return out;
  };
  const std::string changed = names("changed");
  const std::string restart = names("restart");
  std::string out = fmt::format("changed: {}\n", changed.empty() ? "nothing" : changed);
  if (!restart.empty()) out += fmt::format("needs a restart: {}\n", restart);
  return out;
}

std::string render_fdb(const json& fdb) {
  std::vector<std::vector<std::string>> rows{{"port", "VLAN", "MAC", "age"}};
  // The switch tells them in no order, as it goes through its table.
  std::vector<json> entries = fdb.value("entries", std::vector<json>());
  std::sort(entries.begin(), entries.end(), [](const json& a, const json& b) {
    const auto key = [](const json& e) { return std::pair(text(e, "vlan"), text(e, "mac")); };
    return key(a) < key(b);
  });
  for (const auto& e : entries) {
    rows.push_back({text(e, "port"), text(e, "vlan"), text(e, "mac"),
                    e.value("static", false) ? std::string("static") : text(e, "age_s") + " s"});
  }
  return table(rows);
}

std::string render_stats(const json& stats) {
  const auto counters = [&stats](const char* group) {
    std::vector<std::vector<std::string>> rows{{"count", "counter", "meaning"}};
    for (const auto& c : stats.value(group, json::array()))
      rows.push_back({text(c, "count"), text(c, "name"), text(c, "meaning")});
    return table(rows);
  };
  return "dropped or refused\n" + counters("drops") + "\nother events\n" + counters("events");
}

}  // namespace lifeline::ctl
