#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "config/address_text.h"
#include "config/loader.h"

namespace lifeline::config {

void Loader::load_in_band(const Mapping& top) {
  if (c_.local.vlan) c_.in_band.vlan = {VlanScope::Kind::kVid, *c_.local.vlan};
  const auto node = top.get("in_band");
  if (!node) return;
  const Mapping m(r_, *node, "in_band",
                  {"enabled", "vlan", "relay_arp", "relay_dhcp", "strict", "trusted_ports",
                   "also_reach", "also_next_hop"});
  boolean(m, "enabled", c_.in_band.enabled);
  boolean(m, "relay_arp", c_.in_band.relay_arp);
  boolean(m, "strict", c_.in_band.strict);
  load_trusted_ports(m);
  load_relay_dhcp(m);
  load_addresses(m, "also_reach", &parse_also_reach, c_.in_band.also_reach);
  load_addresses(m, "also_next_hop", &parse_also_next_hop, c_.in_band.also_next_hop);
  load_vlan_scope(m);
}

void Loader::load_vlan_scope(const Mapping& m) {
  VlanScope& vlan = c_.in_band.vlan;
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
  // The local port would never see what the rules let through.
  if (c_.local.vlan && wanted != vlan)
    r_.error(*value, where,
             fmt::format("the local port is in VLAN {}: leave this out, or make it {} or any",
                         *c_.local.vlan, *c_.local.vlan));
  vlan = wanted;
}

// A switch whose ports all keep its control traffic out has cut itself off.
void Loader::check_management_vlan(const Mapping& top) {
  const VlanScope& scope = c_.in_band.vlan;
  const bool any = scope.kind == VlanScope::Kind::kAny;
  const bool remote = std::any_of(c_.controllers.begin(), c_.controllers.end(),
                                  [](const auto& c) { return !c.address.is_loopback(); });
  if (!c_.in_band.enabled || !remote || c_.ports.empty() || (any && !c_.local.vlan)) return;
  const std::uint16_t vid = any ? *c_.local.vlan : scope.vid;
  if (std::any_of(c_.ports.begin(), c_.ports.end(),
                  [vid](const Port& port) { return port.vlans.carries(vid); }))
    return;
  const auto ports = top.get("ports");
  if (vid == 0)
    r_.error(*ports, "ports",
             "none of them carries untagged frames, by which the controllers are to be reached: "
             "set local.vlan");
  else
    r_.error(*ports, "ports",
             fmt::format("none of them carries VLAN {0}, in which the controllers are to be "
                         "reached: give one access: {0}, or {0} in its trunk",
                         vid));
}

// `all`, `none`, or the beginnings of MAC addresses.
void Loader::load_relay_dhcp(const Mapping& in_band) {
  const auto node = in_band.get("relay_dhcp");
  if (!node) return;
  auto& stations = c_.in_band.relay_dhcp;
  const std::string key = in_band.where("relay_dhcp");
  if (node->IsScalar()) {
    if (const auto which = r_.choice(*node, key, {"none", "all"}); which && *which == 1)
      stations = {MacPrefix{}};
    return;
  }
  std::size_t i = 0;
  for (const YAML::Node& element : r_.list(*node, key, "MAC prefixes")) {
    const std::string where = fmt::format("{}[{}]", key, i++);
    const auto text = r_.text(element, where);
    if (!text) continue;
    const auto prefix = MacPrefix::parse(*text);
    if (!prefix || prefix->bytes.is_multicast()) {
      r_.error(element, where,
               fmt::format("'{}' is not the beginning of a station's MAC address, like "
                           "\"52:54:00\", nor a whole one",
                           text->substr(0, 60)));
    } else if (std::find(stations.begin(), stations.end(), *prefix) != stations.end()) {
      r_.error(element, where, fmt::format("{} is there twice", *text));
    } else {
      stations.push_back(*prefix);
    }
  }
}

template <class T>
void Loader::load_addresses(const Mapping& m, std::string_view key,
                            Expected<T> (*parse)(std::string_view), std::vector<T>& out) {
  const auto node = m.get(key);
  if (!node) return;
  std::unordered_set<std::string> known;
  std::size_t i = 0;
  for (const YAML::Node& element : r_.list(*node, m.where(key), "addresses")) {
    const std::string where = fmt::format("{}[{}]", m.where(key), i++);
    const auto text = r_.text(element, where);
    if (!text) continue;
    const auto parsed = parse(*text);
    if (!parsed) {
      r_.error(element, where, parsed.error().message);
    } else if (!known.insert(parsed->to_string()).second) {
      r_.error(element, where, fmt::format("{} is there twice", parsed->to_string()));
    } else {
      out.push_back(*parsed);
    }
  }
}

void Loader::load_resolvers(const Mapping& top) {
  load_addresses(top, "resolvers", &parse_resolver, c_.resolvers);
}

void Loader::load_trusted_ports(const Mapping& in_band) {
  const auto node = in_band.get("trusted_ports");
  if (!node) return;
  const std::string where = in_band.where("trusted_ports");
  port_names(r_.list(*node, where, "ports"), where, c_.in_band.trusted_ports);
}

}  // namespace lifeline::config
