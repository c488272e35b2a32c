#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "config/address_text.h"
#include "config/loader.h"

namespace lifeline::config {
namespace {

// Why we cannot read the file; "" when we can.
std::string why_unreadable(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return std::strerror(errno);
  if (!S_ISREG(found.st_mode)) return "it is no file";
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::strerror(errno);
  close(descriptor);
  return "";
}

}  // namespace

void Loader::load_tls(const Mapping& top) {
  const auto node = top.get("tls");
  if (!node) return;
  const Mapping m(r_, *node, "tls", {"ca", "certificate", "private_key", "crl"});
  const auto file = [&](std::string_view key, std::string& out) {
    if (const auto value = m.get(key)) out = file_name(*value, m.where(key));
  };
  file("ca", c_.tls.ca);
  file("certificate", c_.tls.certificate);
  file("private_key", c_.tls.private_key);
  file("crl", c_.tls.crl);
  if (m.is_map() && !m.get("ca"))
    r_.error(*node, "tls", "'ca' is missing: peers are always checked");
  if (m.get("certificate").has_value() != m.get("private_key").has_value())
    r_.error(*node, "tls", "'certificate' and 'private_key' are given together");
}

std::string Loader::file_name(const YAML::Node& node, const std::string& where) {
  auto text = r_.text(node, where).value_or("");
  if (!text.starts_with('/')) {
    r_.error(node, where,
             fmt::format("'{}' is no absolute path: /etc/lifeline/cacert.pem", text.substr(0, 60)));
  } else if (named_files_ == NamedFiles::kHaveToBeThere) {
    if (const std::string why = why_unreadable(text); !why.empty())
      r_.error(
          node, where,
          fmt::format("{} cannot be read: {}; put the file there, or correct the path", text, why));
  }
  return text;
}

void Loader::require_ca(const YAML::Node& node, const std::string& where, const std::string& user) {
  if (!c_.tls.ca.empty()) return;
  r_.error(node, where,
           fmt::format("'{}' needs tls.ca, the file of the authority that its certificate comes "
                       "from: a connection whose peer is not checked is not made",
                       user));
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
  std::optional<std::uint32_t> probe_s;
  if (element.IsMap()) {
    const Mapping m(r_, element, where, {"address", "peer_name", "inactivity_probe_s"});
    number(m, "inactivity_probe_s", 1, kMaxInactivityProbe, probe_s);
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
  if (!parsed->zone.empty() && parsed->zone != c_.local.name)
    r_.error(address, where,
             fmt::format("'{}': the zone of a controller is the local port, '{}', not '{}': hidden "
                         "rules keep no other way open",
                         *text, c_.local.name, parsed->zone.substr(0, 60)));
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
  parsed->inactivity_probe_s = probe_s;
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

}  // namespace lifeline::config
