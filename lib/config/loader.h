#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "config/config.h"
#include "config/yaml_reader.h"

namespace lifeline::config {

// One configuration being read: load.cc drives it, and each part of the file is read in a file of
// its own. Errors go to the reader; what was wrong keeps its default. One thread, one use.
class Loader {
 public:
  explicit Loader(Reader& reader, NamedFiles named_files = NamedFiles::kAsNamed)
      : r_(reader), named_files_(named_files) {}
  Config load(const YAML::Node& root);

 private:
  void load_bridge(const Mapping& top);
  void load_local(const Mapping& top);
  void load_ports(const Mapping& top);
  void load_port(const YAML::Node& node, const std::string& where);
  void load_vlans(const Mapping& port, PortVlans& out);
  void load_trunk(const YAML::Node& node, const std::string& where, PortVlans& out);
  // "7", or "10-20": first and last, 0..kMaxVid.
  std::optional<std::pair<std::uint16_t, std::uint16_t>> vid_range(const YAML::Node& node,
                                                                   const std::string& where);
  void number_ports();
  // Names of ports, each once, of a part of the file that is read after the ports.
  void port_names(const std::vector<YAML::Node>& elements, const std::string& where,
                  std::vector<std::string>& out);
  void load_tls(const Mapping& top);
  std::string file_name(const YAML::Node& node, const std::string& where);
  void load_controllers(const Mapping& top);
  void load_resolvers(const Mapping& top);
  void load_controller(const YAML::Node& element, std::string where);
  std::string peer_name(const YAML::Node& node, const std::string& where);
  void require_ca(const YAML::Node& node, const std::string& where, const std::string& user);
  void load_in_band(const Mapping& top);
  void load_vlan_scope(const Mapping& in_band);
  void check_management_vlan(const Mapping& top);
  void load_trusted_ports(const Mapping& in_band);
  void load_relay_dhcp(const Mapping& in_band);
  // A list of addresses, each once.
  template <class T>
  void load_addresses(const Mapping& m, std::string_view key,
                      Expected<T> (*parse)(std::string_view), std::vector<T>& out);
  void load_listen(const Mapping& top);
  void load_openflow(const Mapping& top);
  void load_metrics(const Mapping& top);
  void load_offload(const Mapping& top);
  void load_limits(const Mapping& top);
  void load_sizes(const Mapping& top);
  void load_workers(const Mapping& top);
  void load_worker_ports(const Mapping& worker, std::vector<std::string>& out);
  void load_rest(const Mapping& top);
  void load_log(const Mapping& top);

  std::optional<std::string> name(const YAML::Node& node, const std::string& where);
  // An optional number of the mapping, into `out`.
  template <class T>
  void number(const Mapping& m, std::string_view key, std::uint32_t min, std::uint32_t max,
              T& out) {
    if (const auto node = m.get(key)) {
      if (const auto n = r_.number(*node, m.where(key), min, max))
        out = static_cast<typename Plain<T>::type>(*n);
    }
  }
  void boolean(const Mapping& m, std::string_view key, bool& out) {
    if (const auto node = m.get(key)) out = r_.boolean(*node, m.where(key)).value_or(out);
  }
  template <class T>
  struct Plain {
    using type = T;
  };
  template <class T>
  struct Plain<std::optional<T>> {
    using type = T;
  };

  Reader& r_;
  NamedFiles named_files_;
  Config c_;
  std::vector<YAML::Node> port_nodes_;  // of c_.ports
};

}  // namespace lifeline::config
