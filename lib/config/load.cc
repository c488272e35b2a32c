#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "config/address_text.h"
#include "config/config.h"
#include "config/yaml_reader.h"

namespace lifeline::config {
namespace {

constexpr std::size_t kMaxFileBytes = 4u << 20;
constexpr std::size_t kMaxNameBytes = 15;    // IFNAMSIZ - 1, and OpenFlow 1.0's port name
constexpr std::size_t kMaxRunDirBytes = 80;  // leaves room for "/<bridge>.mgmt" in sockaddr_un

// One configuration being read.
class Loader {
 public:
  explicit Loader(Reader& reader) : r_(reader) {}
  Config load(const YAML::Node& root);

 private:
  void load_bridge(const Mapping& top);
  void load_local(const Mapping& top);
  void load_ports(const Mapping& top);
  void load_port(const YAML::Node& node, const std::string& where);
  void number_ports();
  void load_tls(const Mapping& top);
  std::string file_name(const YAML::Node& node, const std::string& where);
  void load_controllers(const Mapping& top);
  void load_controller(const YAML::Node& element, std::string where);
  std::string peer_name(const YAML::Node& node, const std::string& where);
  void require_ca(const YAML::Node& node, const std::string& where, const std::string& user);
  void load_in_band(const Mapping& top);
  void load_trusted_ports(const Mapping& in_band);
  void load_listen(const Mapping& top);
  void load_openflow(const Mapping& top);
  void load_sizes(const Mapping& top);
  void load_rest(const Mapping& top);

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
  Config c_;
  std::vector<YAML::Node> port_nodes_;  // of c_.ports
};

std::optional<std::string> Loader::name(const YAML::Node& node, const std::string& where) {
  auto text = r_.text(node, where);
  if (!text) return std::nullopt;
  const bool charset =
      text->find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == std::string::npos;
  if (text->empty() || text->size() > kMaxNameBytes || !charset || *text == "." || *text == "..") {
    r_.error(node, where,
             fmt::format("'{}' is no name: 1 to {} of letters, digits, '_', '.' and '-'",
                         text->substr(0, 60), kMaxNameBytes));
    return std::nullopt;
  }
  return text;
}

void Loader::load_bridge(const Mapping& top) {
  if (const auto node = top.get("bridge")) c_.bridge = name(*node, "bridge").value_or(c_.bridge);
  if (const auto node = top.get("datapath_id")) {
    if (const auto text = r_.text(*node, "datapath_id")) {
      const bool hex = text->size() == 16 &&
                       text->find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
      const std::uint64_t id = hex ? std::stoull(*text, nullptr, 16) : 0;
      if (id == 0)
        r_.error(*node, "datapath_id",
                 fmt::format("'{}' is no datapath id: 16 hexadecimal digits, not all zero, like "
                             "\"00000242ac110002\"",
                             text->substr(0, 60)));
      c_.datapath_id = id;
    }
  }
  if (const auto node = top.get("run_dir")) {
    if (auto text = r_.text(*node, "run_dir")) {
      if (!text->starts_with('/') || text->size() > kMaxRunDirBytes)
        r_.error(*node, "run_dir",
                 fmt::format("'{}' is no absolute path of at most {} bytes", text->substr(0, 60),
                             kMaxRunDirBytes));
      c_.run_dir = std::move(*text);
    }
  }
}

void Loader::load_local(const Mapping& top) {
  c_.local.name = c_.bridge;
  const auto node = top.get("local");
  if (!node) return;
  const Mapping m(r_, *node, "local", {"name", "mac", "mtu"});
  if (const auto n = m.get("name"))
    c_.local.name = name(*n, m.where("name")).value_or(c_.local.name);
  if (const auto n = m.get("mac")) {
    if (const auto text = r_.text(*n, m.where("mac"))) {
      c_.local.mac = MacAddress::parse(*text);
      if (!c_.local.mac || c_.local.mac->is_multicast() || c_.local.mac->is_zero())
        r_.error(
            *n, m.where("mac"),
            fmt::format("'{}' is no unicast MAC, like \"02:11:22:33:44:55\"", text->substr(0, 60)));
    }
  }
  number(m, "mtu", kMinMtu, kMaxMtu, c_.local.mtu);
}

void Loader::load_port(const YAML::Node& node, const std::string& where) {
  const Mapping m(r_, node, where, {"name", "device", "number", "rx_queues", "descriptors", "mtu"});
  if (!m.is_map()) return;
  Port port;
  const auto required = [&](std::string_view key) {
    const auto value = m.get(key);
    if (!value) r_.error(node, where, fmt::format("'{}' is missing", key));
    return value;
  };
  if (const auto n = required("name")) port.name = name(*n, m.where("name")).value_or("");
  if (const auto n = required("device")) {
    port.device = r_.text(*n, m.where("device")).value_or("");
    if (n->IsScalar() && !n->IsNull() &&
        (port.device.empty() || port.device.front() == ',' ||
         port.device.find(' ') != std::string::npos))
      r_.error(*n, m.where("device"),
               "expected an ethdev's name, a PCI address, or a virtual device with its arguments, "
               "without spaces: net_af_packet0,iface=eth1");
  }
  number(m, "number", 1, kMaxPortNumber, port.number);
  number(m, "rx_queues", 1, 64, port.rx_queues);
  number(m, "descriptors", 64, 4096, port.descriptors);
  number(m, "mtu", kMinMtu, kMaxMtu, port.mtu);
  c_.ports.push_back(std::move(port));
  port_nodes_.push_back(node);
}

void Loader::load_ports(const Mapping& top) {
  const auto node = top.get("ports");
  if (!node) return;
  std::size_t i = 0;
  for (const YAML::Node& element : r_.list(*node, "ports", "ports"))
    load_port(element, fmt::format("ports[{}]", i++));
  number_ports();
}

// Gives numbers to those without, and finds what is there twice.
void Loader::number_ports() {
  std::set<std::uint16_t> numbers;
  std::set<std::string> names{c_.local.name};
  std::set<std::string> devices;
  for (std::size_t i = 0; i < c_.ports.size(); ++i) {
    const Port& p = c_.ports[i];
    const std::string where = fmt::format("ports[{}]", i);
    if (!p.name.empty() && !names.insert(p.name).second)
      r_.error(port_nodes_[i], where,
               fmt::format("the name '{}' is taken{}", p.name,
                           p.name == c_.local.name ? " by the local port" : ""));
    if (p.number != 0 && !numbers.insert(p.number).second)
      r_.error(port_nodes_[i], where, fmt::format("the number {} is taken", p.number));
    const std::string device = p.device.substr(0, p.device.find(','));
    if (!device.empty() && !devices.insert(device).second)
      r_.error(port_nodes_[i], where,
               fmt::format("the device {} is taken: each port needs one of its own", device));
  }
  std::uint16_t next = 1;
  for (Port& p : c_.ports) {
    if (p.number != 0) continue;
    while (numbers.contains(next)) ++next;
    p.number = next;
    numbers.insert(next);
  }
}

void Loader::load_controllers(const Mapping& top) {
  const auto node = top.get("controllers");
  if (!node) return;
  std::size_t i = 0;
  for (const YAML::Node& element : r_.list(*node, "controllers", "controllers"))
    load_controller(element, fmt::format("controllers[{}]", i++));
}

void Loader::load_controller(const YAML::Node& element, std::string where) {
  YAML::Node address(element);
  std::optional<YAML::Node> name_node;
  std::string name_where;
  if (element.IsMap()) {
    const Mapping m(r_, element, where, {"address", "peer_name"});
    const auto found = m.get("address");
    if (!found)
      return r_.error(element, where, "'address' is missing: {address: \"tcp:10.0.0.1\"}");
    name_node = m.get("peer_name");
    name_where = m.where("peer_name");
    address.reset(*found);
    where = m.where("address");
  }
  const auto text = r_.text(address, where);
  if (!text) return;
  auto parsed = parse_controller(*text);
  if (!parsed) return r_.error(address, where, parsed.error().message);
  const auto same = [&](const Controller& c) { return c.to_string() == parsed->to_string(); };
  if (std::any_of(c_.controllers.begin(), c_.controllers.end(), same))
    return r_.error(address, where, fmt::format("{} is there twice", parsed->to_string()));
  if (parsed->transport == Transport::kTls) require_ca(address, where, *text);
  if (name_node) {
    parsed->peer_name = peer_name(*name_node, name_where);
    if (parsed->transport != Transport::kTls)
      r_.error(*name_node, name_where,
               fmt::format("a name is checked in a certificate, and {} shows none; use ssl:",
                           parsed->to_string()));
  }
  c_.controllers.push_back(std::move(*parsed));
}

std::string Loader::peer_name(const YAML::Node& node, const std::string& where) {
  constexpr std::size_t kMaxDnsName = 253;
  auto text = r_.text(node, where).value_or("");
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
  if (text.empty() || text.size() > kMaxDnsName || !plain)
    r_.error(node, where,
             fmt::format("expected the DNS name or IP address in the controller's certificate, at "
                         "most {} characters: controller.example",
                         kMaxDnsName));
  return text;
}

void Loader::require_ca(const YAML::Node& node, const std::string& where, const std::string& user) {
  if (!c_.tls.ca.empty()) return;
  r_.error(node, where,
           fmt::format("'{}' needs tls.ca, the file of the authority that its certificate comes "
                       "from: a connection whose peer is not checked is not made",
                       user));
}

std::string Loader::file_name(const YAML::Node& node, const std::string& where) {
  auto text = r_.text(node, where).value_or("");
  if (!text.starts_with('/'))
    r_.error(node, where,
             fmt::format("'{}' is no absolute path: /etc/lifeline/cacert.pem", text.substr(0, 60)));
  return text;
}

void Loader::load_tls(const Mapping& top) {
  const auto node = top.get("tls");
  if (!node) return;
  const Mapping m(r_, *node, "tls", {"ca", "certificate", "private_key"});
  const auto file = [&](std::string_view key, std::string& out) {
    if (const auto value = m.get(key)) out = file_name(*value, m.where(key));
  };
  file("ca", c_.tls.ca);
  file("certificate", c_.tls.certificate);
  file("private_key", c_.tls.private_key);
  if (m.is_map() && !m.get("ca"))
    r_.error(*node, "tls", "'ca' is missing: peers are always checked");
  if (m.get("certificate").has_value() != m.get("private_key").has_value())
    r_.error(*node, "tls", "'certificate' and 'private_key' are given together");
}

void Loader::load_in_band(const Mapping& top) {
  VlanScope& vlan = c_.in_band.vlan;
  const auto node = top.get("in_band");
  if (!node) return;
  const Mapping m(r_, *node, "in_band",
                  {"enabled", "vlan", "relay_arp", "strict", "trusted_ports"});
  boolean(m, "enabled", c_.in_band.enabled);
  boolean(m, "relay_arp", c_.in_band.relay_arp);
  boolean(m, "strict", c_.in_band.strict);
  load_trusted_ports(m);
  const auto value = m.get("vlan");
  if (!value) return;
  const std::string where = m.where("vlan");
  const auto text = r_.text(*value, where);
  if (!text) return;
  if (*text == "any") {
    vlan = {VlanScope::Kind::kAny, 0};
    return;
  }
  VlanScope wanted;
  if (*text != "untagged") {
    if (text->find_first_not_of("0123456789") != std::string::npos || text->empty()) {
      r_.error(*value, where,
               fmt::format("'{}' is not untagged, any or a VLAN id, 1..{}", text->substr(0, 60),
                           kMaxVid));
      return;
    }
    const auto vid = r_.number(*value, where, 1, kMaxVid);
    if (!vid) return;
    wanted = {VlanScope::Kind::kVid, static_cast<std::uint16_t>(*vid)};
  }
  vlan = wanted;
}

void Loader::load_trusted_ports(const Mapping& in_band) {
  const auto node = in_band.get("trusted_ports");
  if (!node) return;
  std::vector<std::string_view> names;
  for (const Port& port : c_.ports) names.push_back(port.name);
  auto& trusted = c_.in_band.trusted_ports;
  std::size_t i = 0;
  for (const YAML::Node& element : r_.list(*node, in_band.where("trusted_ports"), "ports")) {
    const std::string where = fmt::format("in_band.trusted_ports[{}]", i++);
    const auto text = r_.text(element, where);
    if (!text) continue;
    if (std::find(names.begin(), names.end(), *text) == names.end()) {
      const std::string_view near = near_miss(*text, names);
      r_.error(element, where,
               fmt::format("no port has the name '{}'{}", text->substr(0, 60),
                           near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
    } else if (std::find(trusted.begin(), trusted.end(), *text) != trusted.end()) {
      r_.error(element, where, fmt::format("{} is there twice", *text));
    } else {
      trusted.push_back(*text);
    }
  }
}

void Loader::load_listen(const Mapping& top) {
  const auto node = top.get("listen");
  if (!node) {
    for (const char* what : {"mgmt", "snoop"})
      c_.listen.push_back({.path = fmt::format("{}/{}.{}", c_.run_dir, c_.bridge, what)});
    return;
  }
  std::size_t i = 0;
  for (const YAML::Node& element : r_.list(*node, "listen", "listeners")) {
    const std::string where = fmt::format("listen[{}]", i++);
    const auto text = r_.text(element, where);
    if (!text) continue;
    const auto parsed = parse_listener(*text);
    if (!parsed) {
      r_.error(element, where, parsed.error().message);
    } else if (std::find(c_.listen.begin(), c_.listen.end(), *parsed) != c_.listen.end()) {
      r_.error(element, where, fmt::format("{} is there twice", parsed->to_string()));
    } else {
      c_.listen.push_back(*parsed);
      if (parsed->kind != Listener::Kind::kTls) continue;
      require_ca(element, where, *text);
      if (!c_.tls.ca.empty() && c_.tls.certificate.empty())
        r_.error(element, where,
                 fmt::format("'{}' needs tls.certificate and tls.private_key to show to clients",
                             *text));
    }
  }
}

void Loader::load_openflow(const Mapping& top) {
  const auto node = top.get("openflow_versions");
  if (!node) return;
  std::set<std::uint8_t> versions;
  std::size_t i = 0;
  const auto elements = r_.list(*node, "openflow_versions", "versions");
  for (const YAML::Node& element : elements) {
    const auto which =
        r_.choice(element, fmt::format("openflow_versions[{}]", i++), {"1.0", "1.3"});
    if (which) versions.insert(*which == 0 ? 0x01 : 0x04);
  }
  if (elements.empty() && (node->IsNull() || node->IsSequence()))
    r_.error(*node, "openflow_versions", "none is left: give \"1.0\", \"1.3\" or both");
  c_.openflow_versions.assign(versions.begin(), versions.end());
}

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

void Loader::load_rest(const Mapping& top) {
  if (const auto node = top.get("fail_mode")) {
    if (const auto which = r_.choice(*node, "fail_mode", {"secure", "standalone"}))
      c_.fail_mode = *which == 0 ? FailMode::kSecure : FailMode::kStandalone;
  }
  number(top, "inactivity_probe_s", 1, 3600, c_.inactivity_probe_s);
  if (const auto node = top.get("workers")) {
    if (!node->IsScalar() || node->Scalar() != "auto")
      number(top, "workers", 1, kMaxWorkers, c_.workers);
  }
  number(top, "idle_sleep_us", 0, 10'000, c_.idle_sleep_us);
  if (const auto node = top.get("log_level")) {
    constexpr log::Level kLevels[] = {log::Level::kError, log::Level::kWarn, log::Level::kInfo,
                                      log::Level::kDebug};
    if (const auto which = r_.choice(*node, "log_level", {"error", "warn", "info", "debug"}))
      c_.log_level = kLevels[*which];
  }
}

Config Loader::load(const YAML::Node& root) {
  const Mapping top(r_, root, "",
                    {"bridge", "datapath_id", "run_dir", "local", "ports", "tls", "controllers",
                     "in_band", "fail_mode", "inactivity_probe_s", "listen", "openflow_versions",
                     "sizes", "workers", "idle_sleep_us", "log_level"});
  load_bridge(top);
  load_local(top);
  load_ports(top);
  load_tls(top);
  load_controllers(top);
  load_in_band(top);
  load_listen(top);
  load_openflow(top);
  load_sizes(top);
  load_rest(top);
  return std::move(c_);
}

}  // namespace

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

LoadResult load(std::string_view text, std::string_view file) {
  Reader reader(file);
  Config config;
  // yaml-cpp throws on what is not YAML; nothing else in here does.
  try {
    const std::string copy(text);
    if (const auto mark = second_document(copy))
      reader.error(*mark, "", "a second document begins here: keep one");
    config = Loader(reader).load(YAML::Load(copy));
  } catch (const YAML::Exception& e) {
    reader.error(e.mark, "", fmt::format("this is no YAML: {}", e.msg));
  } catch (const std::exception& e) {
    reader.error(YAML::Mark::null_mark(), "", fmt::format("cannot be read: {}", e.what()));
  }
  if (!reader.clean()) return tl::make_unexpected(reader.take());
  return config;
}

LoadResult load_file(const std::string& path) {
  const auto fail = [&path](std::string message) {
    return tl::make_unexpected(std::vector<Diagnostic>{{path, 0, 0, std::move(message)}});
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail("cannot be opened: is the path right, and may it be read?");
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail("cannot be read: is it a file?");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) return fail("is larger than 4 MiB: no configuration is");
  return load(text, path);
}

}  // namespace lifeline::config
