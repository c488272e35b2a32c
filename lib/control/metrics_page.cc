#include "control/metrics_page.h"

#include <fmt/format.h>
#include <rte_cycles.h>

#include <array>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "control/figures.h"
#include "control/ports_command.h"
#include "flow/format.h"

namespace lifeline::control {
namespace {

// Hidden rules that are asked about in one piece: about 1 us each.
constexpr std::size_t kRulesPerPiece = 32;

void family(std::string& out, std::string_view name, std::string_view type, std::string_view unit,
            std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# TYPE lifeline_{} {}\n", name, type);
  if (!unit.empty()) fmt::format_to(std::back_inserter(out), "# UNIT lifeline_{} {}\n", name, unit);
  fmt::format_to(std::back_inserter(out), "# HELP lifeline_{} {}\n", name, help);
}

// `labels`: {port="1"}, or empty.
template <class Number>
void sample(std::string& out, std::string_view name, std::string_view labels, Number value) {
  fmt::format_to(std::back_inserter(out), "lifeline_{}{} {}\n", name, labels, value);
}

struct PortFigures {
  std::string labels;
  bool up = false;
  std::uint32_t speed_mbps = 0;
  ofagent::PortCounters counters;
};

struct PortFamily {
  const char* name;
  const char* unit;
  const char* help;
  std::uint64_t ofagent::PortCounters::*value;
};
using Counters = ofagent::PortCounters;
constexpr std::array<PortFamily, 8> kPortFamilies = {{
    {"port_receive_packets", "packets", "Packets that came in.", &Counters::rx_packets},
    {"port_receive_bytes", "bytes", "Bytes that came in.", &Counters::rx_bytes},
    {"port_receive_drops", "", "Packets that the device or its driver had no room for.",
     &Counters::rx_dropped},
    {"port_receive_errors", "", "Packets that came in damaged.", &Counters::rx_errors},
    {"port_transmit_packets", "packets", "Packets that left.", &Counters::tx_packets},
    {"port_transmit_bytes", "bytes", "Bytes that left.", &Counters::tx_bytes},
    {"port_transmit_drops", "", "Packets that the device did not take.", &Counters::tx_dropped},
    {"port_transmit_errors", "", "Packets that the device failed to send.", &Counters::tx_errors},
}};

struct WorkerFamily {
  const char* name;
  const char* unit;
  const char* help;
  std::uint64_t datapath::WorkerStats::*value;
};
using Stats = datapath::WorkerStats;
constexpr std::array<WorkerFamily, 6> kWorkerFamilies = {{
    {"lcore_receive_packets", "packets", "Packets that the lcore took in.", &Stats::rx_packets},
    {"lcore_transmit_packets", "packets", "Packets that the lcore sent.", &Stats::tx_packets},
    {"lcore_cache_hits", "", "Packets decided by the exact-match table.", &Stats::hits},
    {"lcore_cache_misses", "", "Packets that had to be classified.", &Stats::misses},
    {"lcore_cache_revalidations", "", "Hits proven right again after rules changed.",
     &Stats::revalidated},
    {"lcore_wide_packets", "packets", "Packets without an exact key, classified one by one.",
     &Stats::wide_packets},
}};

class MetricsPage final : public AdminReply {
 public:
  MetricsPage(const CommandParts& parts, Duration uptime)
      : p_(parts), uptime_(uptime), asked_(parts) {}

  void when_ready(std::function<void()> ready) override {
    if (step_ != Step::kLookAtPorts) return ready();
    asked_.ask(/*extended=*/false, std::move(ready));
  }

  bool next(std::string& out) override {
    switch (step_) {
      case Step::kSwitch: about_switch(out); return go(Step::kDrops);
      case Step::kDrops: drops(out); return go(Step::kLcores);
      case Step::kLcores: lcores(out); return go(Step::kLookAtPorts);
      case Step::kLookAtPorts: return look_at_ports() ? true : go(Step::kPorts);
      case Step::kPorts: ports(out); return go(Step::kTables);
      case Step::kTables:
        tables(out);
        rules_ = p_.inband.rule_ids();
        return go(Step::kRules);
      case Step::kRules: return add_rules() ? true : go(Step::kInBand);
      case Step::kInBand: in_band(out); return go(Step::kEnd);
      case Step::kEnd: break;
    }
    out += "# EOF\n";
    return false;
  }

 private:
  enum class Step : std::uint8_t {
    kSwitch,
    kDrops,
    kLcores,
    kLookAtPorts,
    kPorts,
    kTables,
    kRules,
    kInBand,
    kEnd
  };
  bool go(Step next) {
    step_ = next;
    return true;
  }

  void about_switch(std::string& out) const {
    family(out, "switch", "info", "", "The switch.");
    sample(out, "switch_info",
           fmt::format("{{version=\"{}\",bridge=\"{}\",datapath_id=\"{:016x}\"}}",
                       label_value(p_.backend.facts().software), label_value(p_.bridge),
                       p_.backend.facts().datapath_id),
           1);
    family(out, "uptime_seconds", "gauge", "seconds", "Since the switch started.");
    sample(out, "uptime_seconds", "", seconds(uptime_));
    const auto& loop = p_.loop.stats();
    family(out, "control_turns", "counter", "", "Turns of the control lcore's loop.");
    sample(out, "control_turns_total", "", loop.turns);
    family(out, "control_longest_turn_seconds", "gauge", "seconds",
           "Longest time between two looks at the control packets.");
    sample(out, "control_longest_turn_seconds", "", seconds(loop.longest_turn));
    family(out, "standalone", "gauge", "",
           "1 while no controller answers and the switch forwards on its own.");
    sample(out, "standalone", "", p_.agent.standalone_active() ? 1 : 0);
  }

  void drops(std::string& out) const {
    family(out, "drops", "counter", "",
           "What was dropped or refused, by reason (lifelinectl stats says what each means).");
    for (const auto& c : drop_counters(p_))
      sample(out, "drops_total", fmt::format("{{reason=\"{}\"}}", c.name), c.packets);
    family(out, "events", "counter", "", "What else happened, by name.");
    for (const auto& c : p_.datapath.event_counters())
      sample(out, "events_total", fmt::format("{{event=\"{}\"}}", c.name), c.packets);
  }

  void lcores(std::string& out) const {
    const auto workers = p_.datapath.worker_stats();
    const auto labels = [](const Stats& w) {
      return fmt::format("{{lcore=\"{}\"}}", w.slot == 0 ? "control" : fmt::format("{}", w.slot));
    };
    for (const auto& f : kWorkerFamilies) {
      family(out, f.name, "counter", f.unit, f.help);
      for (const Stats& w : workers)
        sample(out, fmt::format("{}_total", f.name), labels(w), w.*f.value);
    }
    family(out, "lcore_cache_entries", "gauge", "", "Decisions in the exact-match table.");
    for (const Stats& w : workers) sample(out, "lcore_cache_entries", labels(w), w.exact_entries);
    // Of the control lcore there is no such time: most of its work is not for packets.
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const auto time = [&](const char* name, const char* help, std::uint64_t Stats::*cycles) {
      family(out, name, "counter", "seconds", help);
      for (const Stats& w : workers) {
        if (w.slot == 0) continue;
        sample(out, fmt::format("{}_total", name), labels(w), static_cast<double>(w.*cycles) / hz);
      }
    };
    time("lcore_busy_seconds", "Time of turns that moved packets.", &Stats::busy_cycles);
    time("lcore_idle_seconds", "Time of turns that found none.", &Stats::idle_cycles);
  }

  // One at a time. False: that was the last.
  bool look_at_ports() {
    if (ports_.empty() && !std::exchange(listed_, true)) status_ = p_.ports.status();
    if (ports_.size() >= status_.size()) return false;
    const auto& s = status_[ports_.size()];
    const bool is_local = s.port_no == flow::kPortLocal;
    ports_.push_back(
        {.labels = fmt::format("{{port=\"{}\",name=\"{}\"}}", flow::port_to_string(s.port_no),
                               label_value(is_local ? p_.local.name() : s.name)),
         .up = s.link_up,
         .speed_mbps = s.speed_mbps,
         .counters = asked_.of(s.port_no)});
    return ports_.size() < status_.size();
  }

  void ports(std::string& out) const {
    for (const auto& f : kPortFamilies) {
      family(out, f.name, "counter", f.unit, f.help);
      for (const auto& port : ports_) {
        if (const std::uint64_t value = port.counters.*f.value; value != ofagent::kCounterUnknown)
          sample(out, fmt::format("{}_total", f.name), port.labels, value);
      }
    }
    family(out, "port_up", "gauge", "", "1 while the link is up.");
    for (const auto& port : ports_) sample(out, "port_up", port.labels, port.up ? 1 : 0);
    family(out, "port_speed_bytes", "gauge", "bytes", "Bytes per second that the link can carry.");
    for (const auto& port : ports_) {
      if (port.speed_mbps != 0)
        sample(out, "port_speed_bytes", port.labels, std::uint64_t{port.speed_mbps} * 125'000);
    }
  }

  void tables(std::string& out) const {
    family(out, "flows", "gauge", "", "Rules of the controllers.");
    sample(out, "flows", "", p_.agent.tables().size());
    family(out, "fdb_entries", "gauge", "", "Addresses of the learning switch, all ports.");
    sample(out, "fdb_entries", "", p_.fdb.size());
    family(out, "fdb_learned_entries", "gauge", "", "Addresses learned behind each port.");
    for (const flow::PortNo port : p_.fdb.learned_ports()) {
      sample(out, "fdb_learned_entries", fmt::format("{{port=\"{}\"}}", flow::port_to_string(port)),
             p_.fdb.learned_on(port));
    }
  }

  // False: that were the last. A rule that is gone by now is left out.
  bool add_rules() {
    for (std::size_t i = 0; i < kRulesPerPiece && at_rule_ < rules_.size(); ++i) {
      const auto rule = p_.inband.rule_status(rules_[at_rule_++]);
      if (!rule) continue;
      auto& sum = kinds_[inband::kind_letter(rule->rule.kind)];
      sum.name = inband::kind_name(rule->rule.kind);
      ++sum.rules;
      sum.packets += rule->counters.packets;
    }
    return at_rule_ < rules_.size();
  }

  // Counters of rules go with their rules, so that their sums are gauges.
  void in_band(std::string& out) const {
    const auto labels = [](char letter, std::string_view name) {
      return fmt::format("{{letter=\"{}\",kind=\"{}\"}}", letter, name);
    };
    family(out, "hidden_rules", "gauge", "", "Hidden rules that stand, by kind.");
    for (const auto& [letter, sum] : kinds_)
      sample(out, "hidden_rules", labels(letter, sum.name), sum.rules);
    family(out, "hidden_rule_packets", "gauge", "packets",
           "Packets that matched the hidden rules that stand.");
    for (const auto& [letter, sum] : kinds_)
      sample(out, "hidden_rule_packets", labels(letter, sum.name), sum.packets);
    family(out, "controller_connected", "gauge", "", "1 while OpenFlow is spoken with it.");
    for (const auto& link : p_.links) {
      const auto s = link->status();
      sample(out, "controller_connected", controller(s),
             s.state == inband::ConnectionState::kConnected ? 1 : 0);
    }
    family(out, "controller_connection_attempts", "counter", "", "Attempts to connect to it.");
    for (const auto& link : p_.links) {
      const auto s = link->status();
      sample(out, "controller_connection_attempts_total", controller(s), s.attempts);
    }
  }

  static std::string controller(const ControllerLink::Status& status) {
    return fmt::format("{{target=\"{}\"}}", label_value(status.target));
  }
  static double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

  struct KindSum {
    std::string_view name;
    std::uint64_t rules = 0;
    std::uint64_t packets = 0;
  };

  const CommandParts& p_;
  const Duration uptime_;
  Step step_ = Step::kSwitch;
  bool listed_ = false;
  std::vector<port::PortStatus> status_;
  AskedCounters asked_;
  std::vector<PortFigures> ports_;
  std::vector<flow::RuleId> rules_;
  std::size_t at_rule_ = 0;
  std::map<char, KindSum> kinds_;
};

}  // namespace

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else {
      out += c >= ' ' && static_cast<unsigned char>(c) < 127 ? c : '?';
    }
  }
  return out;
}

std::unique_ptr<AdminReply> metrics_page(const CommandParts& parts, Duration uptime) {
  return std::make_unique<MetricsPage>(parts, uptime);
}

}  // namespace lifeline::control
