#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "config/loader.h"

namespace lifeline::config {
namespace {

constexpr std::size_t kMaxNameBytes = 15;    // IFNAMSIZ - 1, and OpenFlow 1.0's port name
constexpr std::size_t kMaxRunDirBytes = 80;  // leaves room for "/<bridge>.mgmt" in sockaddr_un

}  // namespace

bool PortVlans::carries(std::uint16_t vid) const {
  if (access) return vid == *access;
  if (native && (vid == *native || vid == 0)) return vid != 0;
  return !trunk || std::find(trunk->begin(), trunk->end(), vid) != trunk->end();
}

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
  const Mapping m(r_, *node, "local", {"name", "mac", "mtu", "vlan"});
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
  number(m, "vlan", 1, kMaxVid, c_.local.vlan);
}

void Loader::load_port(const YAML::Node& node, const std::string& where) {
  const Mapping m(r_, node, where,
                  {"name", "device", "number", "rx_queues", "descriptors", "mtu", "access", "trunk",
                   "native", "native_tagged", "optional"});
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
  load_vlans(m, port.vlans);
  boolean(m, "optional", port.optional);
  c_.ports.push_back(std::move(port));
  port_nodes_.push_back(node);
}

void Loader::load_vlans(const Mapping& port, PortVlans& out) {
  number(port, "access", 1, kMaxVid, out.access);
  number(port, "native", 1, kMaxVid, out.native);
  boolean(port, "native_tagged", out.native_tagged);
  if (const auto node = port.get("native_tagged");
      node && !port.get("native") && !port.get("access") && out.native_tagged)
    r_.error(*node, port.where("native_tagged"),
             "no VLAN is native here: say which one untagged frames are in, native: 10");
  for (const std::string_view other : {"trunk", "native", "native_tagged"})
    if (const auto node = port.get(other); node && port.get("access"))
      r_.error(*node, port.where(other), "an access port has one VLAN alone: drop this or access");
  if (const auto trunk = port.get("trunk")) load_trunk(*trunk, port.where("trunk"), out);
}

void Loader::load_trunk(const YAML::Node& node, const std::string& where, PortVlans& out) {
  const auto elements = r_.list(node, where, "VLAN ids and ranges of them");
  if (elements.empty() && node.IsSequence())
    r_.error(node, where, "carries no VLAN at all: leave it out for every one");
  std::set<std::uint16_t> vids;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string place = fmt::format("{}[{}]", where, i);
    const auto range = vid_range(elements[i], place);
    if (!range) continue;
    if (range->first == 0 && out.native) {
      r_.error(elements[i], place, fmt::format("untagged frames are in VLAN {}", *out.native));
      continue;
    }
    std::optional<std::uint16_t> twice;
    for (std::uint16_t vid = range->first; vid <= range->second; ++vid)
      if (!vids.insert(vid).second && !twice) twice = vid;
    if (twice) r_.error(elements[i], place, fmt::format("{} is there twice", *twice));
  }
  if (!vids.empty()) out.trunk.emplace(vids.begin(), vids.end());
}

std::optional<std::pair<std::uint16_t, std::uint16_t>> Loader::vid_range(const YAML::Node& node,
                                                                         const std::string& where) {
  const std::string text = node.IsScalar() ? node.Scalar() : std::string{};
  const std::size_t dash = text.find('-', 1);
  if (dash == std::string::npos) {
    const auto vid = r_.number(node, where, 0, kMaxVid);
    if (!vid) return std::nullopt;
    return std::pair{static_cast<std::uint16_t>(*vid), static_cast<std::uint16_t>(*vid)};
  }
  const auto vid_of = [](std::string_view digits) -> std::optional<std::uint16_t> {
    std::uint16_t vid = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), vid);
    const bool plain = digits.size() == 1 || (!digits.empty() && digits.front() != '0');
    if (error != std::errc{} || end != digits.data() + digits.size() || !plain || vid > kMaxVid)
      return std::nullopt;
    return vid;
  };
  const auto first = vid_of(std::string_view(text).substr(0, dash));
  const auto last = vid_of(std::string_view(text).substr(dash + 1));
  if (!first || !last) {
    r_.error(node, where,
             fmt::format("'{}' is no range of VLAN ids, 0..{}, like 10-20", text.substr(0, 60),
                         kMaxVid));
    return std::nullopt;
  }
  if (*first > *last) {
    r_.error(node, where,
             fmt::format("'{}' runs backwards; did you mean {}-{}?", text, *last, *first));
    return std::nullopt;
  }
  return std::pair{*first, *last};
}

void Loader::load_ports(const Mapping& top) {
  const auto node = top.get("ports");
  if (!node) return;
  std::size_t i = 0;
  for (const YAML::Node& element : r_.list(*node, "ports", "ports"))
    load_port(element, fmt::format("ports[{}]", i++));
  number_ports();
}

void Loader::port_names(const std::vector<YAML::Node>& elements, const std::string& where,
                        std::vector<std::string>& out) {
  std::vector<std::string_view> names;
  for (const Port& port : c_.ports) names.push_back(port.name);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string place = fmt::format("{}[{}]", where, i);
    const auto text = r_.text(elements[i], place);
    if (!text) continue;
    if (std::find(names.begin(), names.end(), *text) == names.end()) {
      const std::string_view near = near_miss(*text, names);
      r_.error(elements[i], place,
               fmt::format("no port has the name '{}'{}", text->substr(0, 60),
                           near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
    } else if (std::find(out.begin(), out.end(), *text) != out.end()) {
      r_.error(elements[i], place, fmt::format("{} is there twice", *text));
    } else {
      out.push_back(*text);
    }
  }
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
    p.has_automatic_number = true;
    numbers.insert(next);
  }
}

}  // namespace lifeline::config
