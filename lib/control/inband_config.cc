#include "control/inband_config.h"

#include <algorithm>
#include <string>
#include <utility>

namespace lifeline::control {
namespace {

flow::ManagementVlan management_vlan(const config::VlanScope& scope) {
  using Kind = flow::ManagementVlan::Kind;
  switch (scope.kind) {
    case config::VlanScope::Kind::kAny: return {.kind = Kind::kAny, .vid = 0};
    case config::VlanScope::Kind::kVid: return {.kind = Kind::kVid, .vid = scope.vid};
    case config::VlanScope::Kind::kUntagged: break;
  }
  return {};
}

std::vector<flow::PortNo> numbers_of(const std::vector<std::string>& names,
                                     const std::vector<config::Port>& ports) {
  std::vector<flow::PortNo> numbers;
  for (const auto& port : ports)
    if (std::find(names.begin(), names.end(), port.name) != names.end())
      numbers.push_back(port.number);
  return numbers;
}

}  // namespace

LinkTarget target_of(const config::Controller& controller, std::vector<IpAddress> addresses) {
  LinkTarget target{.text = controller.to_string(),
                    .host = controller.host,
                    .port = controller.port,
                    .addresses = std::move(addresses)};
  if (controller.host.empty()) target.addresses = {controller.address};
  return target;
}

inband::Remote remote_of_resolver(const IpAddress& resolver) {
  return {.id = "resolver:" + resolver.to_string(),
          .ip = resolver,
          .port = 0,
          .role = inband::Role::kResolver};
}

inband::Remote remote_of(const config::AlsoReach& reach, const IpAddress& ip,
                         inband::Origin origin) {
  std::string id = "also_reach:";
  id += reach.to_string();
  if (!reach.host.empty()) id.append("@").append(ip.to_string());
  return {.id = std::move(id),
          .ip = ip,
          .port = reach.port,
          .role = inband::Role::kAlsoReach,
          .origin = origin};
}

inband::Remote remote_of(const config::AlsoNextHop& hop, inband::Origin origin) {
  return {.id = "also_next_hop:" + hop.to_string(),
          .ip = hop.address,
          .port = 0,
          .role = inband::Role::kNextHop,
          .mac = hop.mac,
          .origin = origin};
}

void configure_in_band(inband::InbandAgent& agent, const config::InBand& in_band,
                       const std::vector<config::Port>& ports) {
  agent.set_vlan(management_vlan(in_band.vlan));
  agent.set_relay_arp(in_band.relay_arp);
  agent.set_relay_dhcp(in_band.relay_dhcp);
  agent.set_strict(in_band.strict);
  agent.set_trusted_ports(numbers_of(in_band.trusted_ports, ports));
  agent.set_enabled(in_band.enabled);
}

Expected<void> configure_others(
    inband::InbandAgent& agent, const config::InBand& in_band,
    const std::function<std::vector<IpAddress>(const std::string& host)>& addresses_of) {
  std::vector<inband::Remote> remotes;
  remotes.reserve(in_band.also_reach.size() + in_band.also_next_hop.size());
  for (const auto& reach : in_band.also_reach) {
    const auto addresses =
        reach.host.empty() ? std::vector{reach.address} : addresses_of(reach.host);
    for (const IpAddress& ip : addresses)
      remotes.push_back(remote_of(reach, ip, inband::Origin::kConfiguration));
  }
  for (const auto& hop : in_band.also_next_hop)
    remotes.push_back(remote_of(hop, inband::Origin::kConfiguration));
  return agent.set_others(std::move(remotes));
}

}  // namespace lifeline::control
