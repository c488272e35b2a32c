#include <fmt/format.h>

#include <utility>

#include "config/config.h"
#include "config/file_text.h"
#include "config/loader.h"

namespace lifeline::config {

void Loader::load_sizes(const Mapping& top) {
  const auto node = top.get("sizes");
  if (!node) return;
  const Mapping m(r_, *node, "sizes", {"flows", "fdb", "fdb_ageing_s", "exact_entries", "mbufs"});
  number(m, "flows", 1, 1u << 24, c_.sizes.flows);
  number(m, "fdb", 16, 1u << 20, c_.sizes.fdb);
  number(m, "fdb_ageing_s", 10, 1'000'000, c_.sizes.fdb_ageing_s);
  number(m, "exact_entries", 1024, 1u << 24, c_.sizes.exact_entries);
  number(m, "mbufs", 1024, 1u << 24, c_.sizes.mbufs);
}

void Loader::load_limits(const Mapping& top) {
  const auto node = top.get("limits");
  if (!node) return;
  constexpr std::uint32_t kMost = 10'000'000;
  const Mapping m(
      r_, *node, "limits",
      {"inband_pps", "dhcp_pps", "relay_pps", "next_hop_pps", "path_mtu_pps", "local_pps"});
  number(m, "inband_pps", 1, kMost, c_.limits.inband_pps);
  number(m, "dhcp_pps", 1, kMost, c_.limits.dhcp_pps);
  number(m, "relay_pps", 1, kMost, c_.limits.relay_pps);
  number(m, "next_hop_pps", 1, kMost, c_.limits.next_hop_pps);
  number(m, "path_mtu_pps", 1, kMost, c_.limits.path_mtu_pps);
  number(m, "local_pps", 1, kMost, c_.limits.local_pps);
}

void Loader::load_rest(const Mapping& top) {
  if (const auto node = top.get("fail_mode")) {
    if (const auto which = r_.choice(*node, "fail_mode", {"secure", "standalone"}))
      c_.fail_mode = *which == 0 ? FailMode::kSecure : FailMode::kStandalone;
  }
  number(top, "inactivity_probe_s", 1, kMaxInactivityProbe, c_.inactivity_probe_s);
  number(top, "packet_in_pps", 1, 1'000'000, c_.packet_in_pps);
  load_workers(top);
  number(top, "idle_sleep_us", 0, 10'000, c_.idle_sleep_us);
  load_log(top);
}

void Loader::load_log(const Mapping& top) {
  const auto level = [this](const YAML::Node& node, const std::string& where, auto& out) {
    constexpr log::Level kLevels[] = {log::Level::kError, log::Level::kWarn, log::Level::kInfo,
                                      log::Level::kDebug};
    if (const auto which = r_.choice(node, where, {"error", "warn", "info", "debug"}))
      out = kLevels[*which];
  };
  if (const auto node = top.get("log_level")) level(*node, "log_level", c_.log_level);
  const auto node = top.get("log_levels");
  if (!node) return;
  const Mapping m(r_, *node, "log_levels",
                  std::vector<std::string_view>(log::kLibraries.begin(), log::kLibraries.end()));
  for (const std::string_view library : log::kLibraries) {
    if (const auto value = m.get(library))
      level(*value, m.where(library), c_.log_levels[std::string(library)]);
  }
}

Config Loader::load(const YAML::Node& root) {
  const Mapping top(r_, root, "",
                    {"bridge",        "datapath_id", "run_dir",     "local",
                     "ports",         "tls",         "controllers", "resolvers",
                     "in_band",       "offload",     "fail_mode",   "inactivity_probe_s",
                     "packet_in_pps", "limits",      "listen",      "openflow_versions",
                     "metrics",       "sizes",       "workers",     "idle_sleep_us",
                     "log_level",     "log_levels"});
  load_bridge(top);
  load_local(top);
  load_ports(top);
  load_tls(top);
  load_controllers(top);
  load_resolvers(top);
  load_in_band(top);
  check_management_vlan(top);
  load_offload(top);
  load_listen(top);
  load_openflow(top);
  load_metrics(top);
  load_limits(top);
  load_sizes(top);
  load_rest(top);
  return std::move(c_);
}

std::string Diagnostic::to_string() const {
  if (line == 0) return fmt::format("{}: {}", file, message);
  return fmt::format("{}:{}:{}: {}", file, line, column, message);
}

std::vector<std::uint8_t> all_openflow_versions() {
  // Not an initialiser list: gcc 12 takes its backing array for uninitialised (-O3).
  std::vector<std::uint8_t> versions(2, 0x01);
  versions[1] = 0x04;
  return versions;
}

namespace {

LoadResult load_text(std::string_view text, std::string_view file, NamedFiles named_files) {
  Reader reader(file);
  Config config;
  // yaml-cpp throws on what is not YAML; nothing else in here does.
  try {
    const std::string copy(text);
    if (const auto mark = second_document(copy))
      reader.error(*mark, "", "a second document begins here: keep one");
    config = Loader(reader, named_files).load(YAML::Load(copy));
  } catch (const YAML::Exception& e) {
    reader.error(e.mark, "", fmt::format("this is no YAML: {}", e.msg));
  } catch (const std::exception& e) {
    reader.error(YAML::Mark::null_mark(), "", fmt::format("cannot be read: {}", e.what()));
  }
  if (!reader.clean()) return tl::make_unexpected(reader.take());
  return config;
}

}  // namespace

LoadResult load(std::string_view text, std::string_view file) {
  return load_text(text, file, NamedFiles::kAsNamed);
}

LoadResult load_file(const std::string& path, NamedFiles named_files) {
  const auto text = file_text(path);
  if (!text)
    return tl::make_unexpected(std::vector<Diagnostic>{{path, 0, 0, text.error().message}});
  return load_text(*text, path, named_files);
}

}  // namespace lifeline::config
