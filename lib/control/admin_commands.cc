#include "control/admin_commands.h"

#include <fmt/format.h>
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "control/capture_command.h"
#include "control/dump_replies.h"
#include "control/figures.h"
#include "control/inband_commands.h"
#include "control/metrics_page.h"
#include "control/offload_command.h"
#include "control/ports_command.h"
#include "control/request.h"
#include "control/trace_command.h"
#include "flow/format.h"

namespace lifeline::control {
namespace {

using nlohmann::json;

std::int64_t ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

// All rules of the flow tables, a slice at a time: {"flows": [...]}.
class FlowsReply final : public AdminReply {
 public:
  FlowsReply(const ofagent::FlowTables& tables, const Clock& clock)
      : tables_(tables), clock_(clock) {}

  bool next(std::string& out) override {
    if (first_) out += "{\"flows\": [";
    ofagent::Budget budget(ofagent::kSliceUnits);
    const TimePoint now = clock_.now();
    const bool done = tables_.walk(cursor_, {}, budget, [&](const ofagent::StoredRule& stored) {
      budget.charge(kCostDump);
      if (!std::exchange(first_, false)) out += ',';
      out += rule_json(stored, now).dump();
    });
    first_ = first_ && !done;
    if (done) out += "]}";
    return !done;
  }

 private:
  // A rule as JSON costs about 4 us, in the agent's units of 50 ns.
  static constexpr std::int64_t kCostDump = 80;

  json rule_json(const ofagent::StoredRule& stored, TimePoint now) const {
    const auto counters = tables_.counters(stored);
    return {{"table", stored.rule.table_id},
            {"priority", stored.rule.priority},
            {"cookie", fmt::format("{:#x}", stored.rule.cookie)},
            {"match", stored.rule.match.to_string()},
            {"actions", flow::to_string(stored.rule.instructions)},
            {"packets", counters.packets},
            {"bytes", counters.bytes},
            {"duration_ms", ms(now - stored.created)},
            {"idle_timeout_s", stored.idle_timeout_s},
            {"hard_timeout_s", stored.hard_timeout_s}};
  }

  const ofagent::FlowTables& tables_;
  const Clock& clock_;
  ofagent::FlowTables::Cursor cursor_;
  bool first_ = true;
};

}  // namespace

AdminCommands::AdminCommands(CommandParts parts) : p_(std::move(parts)), started_(p_.clock.now()) {}

std::unique_ptr<AdminReply> AdminCommands::handle(const json& request) const {
  const auto it = request.find("command");
  const std::string command = it != request.end() && it->is_string() ? it->get<std::string>() : "";
  if (command == "status") return status_reply(p_, started_);
  if (command == "remotes") return remotes_reply(p_);
  if (command == "remote") return remote_command(p_, request);
  if (command == "in-band") return in_band_command(p_, request);
  if (command == "ports") return ports_reply(p_, flag(request, "verbose"));
  if (command == "log") return log(request);
  if (command == "capture") return capture_command(p_, request);
  if (command == "trace") return trace_command(p_, request);
  if (command == "reload") return admin_reply_later(p_.reload);
  if (command == "offload") return admin_reply(offload_json(p_.offload));
  if (command == "fdb") return fdb_reply(p_.fdb, p_.datapath.now_s());
  if (command == "stats") return admin_reply(stats());
  if (command == "flows") {
    if (flag(request, "hidden")) return hidden_rules_reply(p_.inband, p_.offload, p_.clock);
    return std::make_unique<FlowsReply>(p_.agent.tables(), p_.clock);
  }
  return admin_error(
      fmt::format("there is no command '{}'; there are status, remotes, remote, in-band, flows, "
                  "ports, fdb, offload, stats, trace, capture, log and reload",
                  command));
}

json AdminCommands::stats() const {
  json drops = json::array();
  for (const auto& counter : drop_counters(p_)) {
    drops.push_back(
        {{"name", counter.name}, {"meaning", counter.meaning}, {"count", counter.packets}});
  }
  json workers = json::array();
  for (const auto& w : p_.datapath.worker_stats()) {
    workers.push_back({{"slot", w.slot},
                       {"rx_packets", w.rx_packets},
                       {"tx_packets", w.tx_packets},
                       {"hits", w.hits},
                       {"misses", w.misses},
                       {"revalidated", w.revalidated},
                       {"wide_packets", w.wide_packets},
                       {"exact_entries", w.exact_entries},
                       {"busy_cycles", w.busy_cycles},
                       {"idle_cycles", w.idle_cycles}});
  }
  const auto& loop = p_.loop.stats();
  json events = json::array();
  for (const auto& counter : p_.datapath.event_counters()) {
    events.push_back(
        {{"name", counter.name}, {"meaning", counter.meaning}, {"count", counter.packets}});
  }
  return {{"drops", std::move(drops)},
          {"events", std::move(events)},
          {"workers", std::move(workers)},
          {"tsc_hz", rte_get_tsc_hz()},
          {"control",
           {{"turns", loop.turns},
            {"sleeps", loop.sleeps},
            {"longest_turn_us", loop.longest_turn.count() / 1000},
            {"local_recreated", loop.local_recreated}}}};
}

std::unique_ptr<AdminReply> AdminCommands::metrics() const {
  return metrics_page(p_, p_.clock.now() - started_);
}

std::unique_ptr<AdminReply> AdminCommands::figures(std::string_view name) const {
  if (name == "fdb") {
    json counts{{"entries", p_.fdb.size()}};
    for (const flow::PortNo port : p_.fdb.learned_ports())
      counts["port_" + flow::port_to_string(port)] = p_.fdb.learned_on(port);
    return admin_reply(std::move(counts));
  }
  if (name == "status") return status_summary_reply(p_, started_);
  if (name == "hidden_rules") return handle({{"command", "flows"}, {"hidden", true}});
  return handle({{"command", name == "perf" ? "stats" : name}});
}

json figures_of(std::string_view name, json reply) {
  if (!reply.is_object() || reply.contains("error")) return reply;
  if (name == "offload") {
    json ports = std::move(reply["ports"]);
    for (json& port : ports) port.erase("rules");
    return ports;
  } else if (name == "perf") {
    return std::move(reply["workers"]);
  } else if (name == "ports" || name == "remotes" || name == "hidden_rules") {
    return std::move(reply[std::string(name)]);
  } else if (name == "stats") {
    json counters = json::object();
    for (const char* group : {"drops", "events"}) {
      for (const auto& c : reply[group]) counters[c["name"].get<std::string>()] = c["count"];
    }
    return counters;
  }
  return reply;
}

// {"level": NAME, "library": NAME or absent for all}; without a level it only shows. "default"
// gives a library the level of all again.
std::unique_ptr<AdminReply> AdminCommands::log(const json& request) const {
  const std::string wanted = text(request, "level");
  const std::string library = text(request, "library");
  if (!wanted.empty()) {
    const auto level = log::parse_level(wanted);
    if (!level && (library.empty() || wanted != "default")) {
      return admin_error(fmt::format("there is no level '{}'; there are error, warn, info, debug{}",
                                     wanted.substr(0, 60), library.empty() ? "" : " and default"));
    }
    if (library.empty()) {
      log::set_level(*level);
    } else if (!log::set_level(library, level)) {
      return admin_error(fmt::format("there is no library '{}'; there are {}",
                                     library.substr(0, 60), join(log::kLibraries, ", ")));
    }
  }
  json libraries = json::object();
  for (const std::string_view name : log::kLibraries) {
    if (const auto own = log::level_of(name)) libraries[std::string(name)] = log::level_name(*own);
  }
  return admin_reply({{"level", log::level_name(log::level())},
                      {"libraries", std::move(libraries)},
                      {"changes", changes_json(p_)}});
}

}  // namespace lifeline::control
