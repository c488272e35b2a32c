#include "config/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace lifeline::config {
namespace {

// The table of keys: visit(key, how it changes, where it is). What is missing here is reported as
// kOthers, and needs a restart.
template <class Visit>
void each_key(bool moves, const Visit& visit) {
  constexpr Effect kAtOnce = Effect::kAtOnce;
  constexpr Effect kRestart = Effect::kRestart;
  visit(
      "bridge", kRestart, [](auto& c) -> auto& { return c.bridge; });
  visit(
      "datapath_id", kRestart, [](auto& c) -> auto& { return c.datapath_id; });
  visit(
      "run_dir", kRestart, [](auto& c) -> auto& { return c.run_dir; });
  visit(
      "local.name", kRestart, [](auto& c) -> auto& { return c.local.name; });
  visit(
      "local.mac", kRestart, [](auto& c) -> auto& { return c.local.mac; });
  visit(
      "local.mtu", kRestart, [](auto& c) -> auto& { return c.local.mtu; });
  visit(
      "local.vlan", kAtOnce, [](auto& c) -> auto& { return c.local.vlan; });
  visit(
      "tls", kAtOnce, [](auto& c) -> auto& { return c.tls; });
  visit(
      "controllers", kAtOnce, [](auto& c) -> auto& { return c.controllers; });
  visit(
      "resolvers", kAtOnce, [](auto& c) -> auto& { return c.resolvers; });
  visit(
      "in_band", kAtOnce, [](auto& c) -> auto& { return c.in_band; });
  visit(
      "offload", kRestart, [](auto& c) -> auto& { return c.offload; });
  visit(
      "fail_mode", kAtOnce, [](auto& c) -> auto& { return c.fail_mode; });
  visit(
      "inactivity_probe_s", kAtOnce, [](auto& c) -> auto& { return c.inactivity_probe_s; });
  visit(
      "packet_in_pps", kRestart, [](auto& c) -> auto& { return c.packet_in_pps; });
  visit(
      "limits", kRestart, [](auto& c) -> auto& { return c.limits; });
  visit(
      "listen", moves ? kRestart : kAtOnce, [](auto& c) -> auto& { return c.listen; });
  visit(
      "openflow_versions", kRestart, [](auto& c) -> auto& { return c.openflow_versions; });
  visit(
      "metrics", kAtOnce, [](auto& c) -> auto& { return c.metrics; });
  visit(
      "sizes.flows", kAtOnce, [](auto& c) -> auto& { return c.sizes.flows; });
  visit(
      "sizes.fdb", kRestart, [](auto& c) -> auto& { return c.sizes.fdb; });
  visit(
      "sizes.fdb_ageing_s", kAtOnce, [](auto& c) -> auto& { return c.sizes.fdb_ageing_s; });
  visit(
      "sizes.exact_entries", kRestart, [](auto& c) -> auto& { return c.sizes.exact_entries; });
  visit(
      "sizes.mbufs", kRestart, [](auto& c) -> auto& { return c.sizes.mbufs; });
  // Their ports: worker_changes().
  visit(
      "workers", kRestart, [](auto& c) -> auto& { return c.workers; });
  visit(
      "idle_sleep_us", kRestart, [](auto& c) -> auto& { return c.idle_sleep_us; });
  visit(
      "log_level", kAtOnce, [](auto& c) -> auto& { return c.log_level; });
  visit(
      "log_levels", kAtOnce, [](auto& c) -> auto& { return c.log_levels; });
}

constexpr const char* kOthers = "other keys";

bool moves(const Config& running, const Config& wanted) {
  return running.bridge != wanted.bridge || running.run_dir != wanted.run_dir;
}

const Port* find(const std::vector<Port>& ports, const std::string& name) {
  const auto it =
      std::find_if(ports.begin(), ports.end(), [&](const Port& p) { return p.name == name; });
  return it == ports.end() ? nullptr : &*it;
}

// What of a port a running switch takes over, as of the key behind "ports[NAME].".
template <class Visit>
void each_vlan_key(const Visit& visit) {
  visit(
      "access", [](auto& port) -> auto& { return port.vlans.access; });
  visit(
      "trunk", [](auto& port) -> auto& { return port.vlans.trunk; });
  visit(
      "native", [](auto& port) -> auto& { return port.vlans.native; });
  visit(
      "native_tagged", [](auto& port) -> auto& { return port.vlans.native_tagged; });
}

bool differs_beside_vlans(const Port& a, Port b) {
  b.vlans = a.vlans;
  return a != b;
}

void port_changes(const Config& running, const Config& wanted, std::vector<Change>& out) {
  const auto note = [&out](const Port& port) {
    out.push_back({fmt::format("ports[{}]", port.name), Effect::kAtOnce});
  };
  for (const Port& port : running.ports) {
    const Port* const other = find(wanted.ports, port.name);
    if (other == nullptr || differs_beside_vlans(port, *other)) note(port);
    if (other == nullptr) continue;
    each_vlan_key([&](const char* key, auto member) {
      if (member(port) != member(*other))
        out.push_back({fmt::format("ports[{}].{}", port.name, key), Effect::kAtOnce});
    });
  }
  for (const Port& port : wanted.ports)
    if (find(running.ports, port.name) == nullptr) note(port);
}

std::vector<std::uint32_t> lcores_of(const Workers& workers) {
  std::vector<std::uint32_t> out;
  for (const WorkerLcore& worker : workers.lcores) out.push_back(worker.lcore);
  return out;
}

// Which of them poll what has no port is another matter.
bool same_lcores(const Workers& a, const Workers& b) {
  return a.number == b.number && lcores_of(a) == lcores_of(b);
}

// The lcores that may poll a port, as far as the configuration says.
std::vector<std::uint32_t> pollers(const Workers& workers, const std::string& port) {
  std::vector<std::uint32_t> told;
  std::vector<std::uint32_t> any;
  for (const WorkerLcore& worker : workers.lcores) {
    if (worker.ports.empty()) any.push_back(worker.lcore);
    if (std::find(worker.ports.begin(), worker.ports.end(), port) != worker.ports.end())
      told.push_back(worker.lcore);
  }
  if (!told.empty()) return told;
  return any.empty() ? lcores_of(workers) : any;
}

// Between the same lcores: a new port goes where the new map says; one that is there stays where it
// is, as a queue must not be polled by two.
void worker_changes(const Config& running, const Config& wanted, std::vector<Change>& out) {
  if (running.workers == wanted.workers) return;
  out.push_back({"workers[].ports", Effect::kAtOnce});
  for (const Port& port : wanted.ports) {
    if (find(running.ports, port.name) == nullptr) continue;
    if (pollers(running.workers, port.name) != pollers(wanted.workers, port.name))
      out.push_back(
          {fmt::format("workers[].ports ({} stays where it is)", port.name), Effect::kRestart});
  }
}

}  // namespace

void keep_numbers(const Config& running, Config& wanted) {
  std::set<std::uint16_t> taken;
  for (const Port& port : wanted.ports)
    if (!port.has_automatic_number) taken.insert(port.number);
  std::vector<Port*> without;
  for (Port& port : wanted.ports) {
    if (!port.has_automatic_number) continue;
    const Port* const before = find(running.ports, port.name);
    if (before != nullptr && taken.insert(before->number).second) {
      port.number = before->number;
    } else {
      without.push_back(&port);
    }
  }
  for (const Port& port : running.ports) taken.insert(port.number);
  std::uint16_t next = 1;
  for (Port* port : without) {
    while (taken.contains(next)) ++next;
    port->number = next;
    taken.insert(next);
  }
}

std::vector<Change> changes(const Config& running, const Config& wanted) {
  std::vector<Change> out;
  const bool workers_stay = same_lcores(running.workers, wanted.workers);
  each_key(moves(running, wanted), [&](const char* key, Effect effect, auto member) {
    const bool by_port = workers_stay && std::string_view(key) == "workers";
    if (!(member(running) == member(wanted)) && !by_port) out.push_back({key, effect});
  });
  if (workers_stay) worker_changes(running, wanted, out);
  port_changes(running, wanted, out);
  Config others = wanted;
  each_key(false, [&](const char*, Effect, auto member) { member(others) = member(running); });
  others.ports = running.ports;
  if (others != running) out.push_back({kOthers, Effect::kRestart});
  return out;
}

std::vector<Change> effects() {
  std::vector<Change> out;
  each_key(false, [&](const char* key, Effect effect, auto) { out.push_back({key, effect}); });
  out.push_back({"workers[].ports", Effect::kAtOnce});
  out.push_back({"ports", Effect::kAtOnce});
  each_vlan_key([&](const char* key, auto) {
    out.push_back({fmt::format("ports[].{}", key), Effect::kAtOnce});
  });
  return out;
}

Config taken_over(const Config& running, const Config& wanted) {
  Config out = running;
  each_key(moves(running, wanted), [&](const char*, Effect effect, auto member) {
    if (effect == Effect::kAtOnce) member(out) = member(wanted);
  });
  if (same_lcores(running.workers, wanted.workers)) out.workers = wanted.workers;
  out.ports = wanted.ports;
  return out;
}

}  // namespace lifeline::config
