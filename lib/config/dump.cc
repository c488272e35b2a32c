#include <fmt/format.h>

#include <utility>

#include "config/config.h"

namespace lifeline::config {
namespace {

// Double-quoted, so that nothing in it means anything to YAML.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string vlan_text(const VlanScope& scope) {
  switch (scope.kind) {
    case VlanScope::Kind::kUntagged: return "untagged";
    case VlanScope::Kind::kAny: return "any";
    case VlanScope::Kind::kVid: return fmt::format("{}", scope.vid);
  }
  return "untagged";
}

const char* level_text(log::Level level) {
  switch (level) {
    case log::Level::kError: return "error";
    case log::Level::kWarn: return "warn";
    case log::Level::kInfo: return "info";
    case log::Level::kDebug: return "debug";
  }
  return "info";
}

void dump_vlans(const PortVlans& vlans, std::string& out) {
  if (vlans.access) out += fmt::format("    access: {}\n", *vlans.access);
  if (vlans.native) out += fmt::format("    native: {}\n", *vlans.native);
  if (vlans.native_tagged) out += "    native_tagged: true\n";
  if (!vlans.trunk) return;
  out += "    trunk: [";
  const char* between = "";
  const auto& vids = *vlans.trunk;
  for (std::size_t i = 0; i < vids.size();) {
    std::size_t last = i;
    while (last + 1 < vids.size() && vids[last + 1] == vids[last] + 1) ++last;
    out += fmt::format("{}{}", std::exchange(between, ", "), vids[i]);
    if (last != i) out += fmt::format("-{}", vids[last]);
    i = last + 1;
  }
  out += "]\n";
}

void dump_ports(const Config& c, std::string& out) {
  if (c.ports.empty()) {
    out += "ports: []\n";
    return;
  }
  out += "ports:\n";
  for (const Port& p : c.ports) {
    out += fmt::format("  - name: {}\n    device: {}\n    number: {}\n", quoted(p.name),
                       quoted(p.device), p.number);
    if (p.rx_queues) out += fmt::format("    rx_queues: {}\n", *p.rx_queues);
    if (p.descriptors) out += fmt::format("    descriptors: {}\n", *p.descriptors);
    if (p.mtu) out += fmt::format("    mtu: {}\n", *p.mtu);
    dump_vlans(p.vlans, out);
    if (p.optional) out += "    optional: true\n";
  }
}

void dump_workers(const Workers& workers, std::string& out) {
  if (workers.lcores.empty()) {
    out += workers.number ? fmt::format("workers: {}\n", *workers.number) : "workers: auto\n";
    return;
  }
  out += "workers:\n";
  for (const WorkerLcore& worker : workers.lcores) {
    out += fmt::format("  - lcore: {}\n", worker.lcore);
    if (worker.ports.empty()) continue;
    out += "    ports: [";
    const char* between = "";
    for (const std::string& name : worker.ports) out += std::exchange(between, ", ") + quoted(name);
    out += "]\n";
  }
}

void dump_controllers(const Config& c, std::string& out) {
  out += c.controllers.empty() ? "controllers: []\n" : "controllers:\n";
  for (const Controller& controller : c.controllers) {
    const bool plain = controller.peer_name.empty() && !controller.inactivity_probe_s;
    out += fmt::format("  - {}{}\n", plain ? "" : "address: ", quoted(controller.to_string()));
    if (!controller.peer_name.empty())
      out += fmt::format("    peer_name: {}\n", quoted(controller.peer_name));
    if (controller.inactivity_probe_s)
      out += fmt::format("    inactivity_probe_s: {}\n", *controller.inactivity_probe_s);
  }
}

void dump_tls(const Tls& tls, std::string& out) {
  if (tls.ca.empty()) return;
  out += fmt::format("tls:\n  ca: {}\n", quoted(tls.ca));
  if (!tls.crl.empty()) out += fmt::format("  crl: {}\n", quoted(tls.crl));
  if (tls.certificate.empty()) return;
  out += fmt::format("  certificate: {}\n  private_key: {}\n", quoted(tls.certificate),
                     quoted(tls.private_key));
}

template <class List>
void dump_texts(std::string_view key, const List& list, std::string& out) {
  if (list.empty()) {
    out += fmt::format("{}: []\n", key);
    return;
  }
  out += fmt::format("{}:\n", key);
  for (const auto& element : list) out += fmt::format("  - {}\n", quoted(element.to_string()));
}

}  // namespace

std::string dump(const Config& c) {
  std::string out = fmt::format("bridge: {}\n", quoted(c.bridge));
  if (c.datapath_id) out += fmt::format("datapath_id: \"{:016x}\"\n", *c.datapath_id);
  out += fmt::format("run_dir: {}\n", quoted(c.run_dir));
  out += fmt::format("local:\n  name: {}\n", quoted(c.local.name));
  if (c.local.mac) out += fmt::format("  mac: {}\n", quoted(c.local.mac->to_string()));
  if (c.local.mtu) out += fmt::format("  mtu: {}\n", *c.local.mtu);
  if (c.local.vlan) out += fmt::format("  vlan: {}\n", *c.local.vlan);
  dump_ports(c, out);
  dump_tls(c.tls, out);
  dump_controllers(c, out);
  if (!c.resolvers.empty()) dump_texts("resolvers", c.resolvers, out);
  out += fmt::format("in_band:\n  enabled: {}\n  vlan: {}\n  relay_arp: {}\n  strict: {}\n",
                     c.in_band.enabled, vlan_text(c.in_band.vlan), c.in_band.relay_arp,
                     c.in_band.strict);
  const auto list = [&](std::string_view key, const auto& elements, const auto& text) {
    if (elements.empty()) return;
    out += fmt::format("  {}:\n", key);
    for (const auto& element : elements) out += fmt::format("    - {}\n", quoted(text(element)));
  };
  const auto to_text = [](const auto& address) { return address.to_string(); };
  if (c.in_band.relay_dhcp == std::vector{MacPrefix{}})
    out += "  relay_dhcp: all\n";
  else
    list("relay_dhcp", c.in_band.relay_dhcp, to_text);
  list("trusted_ports", c.in_band.trusted_ports, [](const std::string& name) { return name; });
  list("also_reach", c.in_band.also_reach, to_text);
  list("also_next_hop", c.in_band.also_next_hop, to_text);
  out += fmt::format("offload:\n  enabled: {}\n  foreign_pps: {}\n",
                     c.offload.enabled ? "auto" : "off", c.offload.foreign_pps);
  out += fmt::format("fail_mode: {}\n", c.fail_mode == FailMode::kSecure ? "secure" : "standalone");
  out += fmt::format("inactivity_probe_s: {}\n", c.inactivity_probe_s);
  out += fmt::format("packet_in_pps: {}\n", c.packet_in_pps);
  out += fmt::format("limits:\n  inband_pps: {}\n  dhcp_pps: {}\n  relay_pps: {}\n",
                     c.limits.inband_pps, c.limits.dhcp_pps, c.limits.relay_pps);
  out += fmt::format("  next_hop_pps: {}\n  path_mtu_pps: {}\n  local_pps: {}\n",
                     c.limits.next_hop_pps, c.limits.path_mtu_pps, c.limits.local_pps);
  dump_texts("listen", c.listen, out);
  out += "openflow_versions: [";
  for (std::size_t i = 0; i < c.openflow_versions.size(); ++i)
    out += fmt::format("{}\"1.{}\"", i == 0 ? "" : ", ", c.openflow_versions[i] - 1);
  out += "]\n";
  if (c.metrics) {
    const auto& ip = c.metrics->address;
    out += fmt::format("metrics:\n  listen: \"tcp:{}{}{}:{}\"\n", ip.is_v4() ? "" : "[",
                       ip.to_string(), ip.is_v4() ? "" : "]", c.metrics->port);
  }
  out += fmt::format("sizes:\n  flows: {}\n  fdb: {}\n  fdb_ageing_s: {}\n  exact_entries: {}\n",
                     c.sizes.flows, c.sizes.fdb, c.sizes.fdb_ageing_s, c.sizes.exact_entries);
  out += fmt::format("  mbufs: {}\n", c.sizes.mbufs);
  dump_workers(c.workers, out);
  out += fmt::format("idle_sleep_us: {}\n", c.idle_sleep_us);
  out += fmt::format("log_level: {}\n", level_text(c.log_level));
  if (!c.log_levels.empty()) out += "log_levels:\n";
  for (const auto& [library, level] : c.log_levels)
    out += fmt::format("  {}: {}\n", library, level_text(level));
  return out;
}

}  // namespace lifeline::config
