// Controllers that have names: what the answers change in a switch that runs.
#include <algorithm>

#include "base/log.h"
#include "control/inband_config.h"
#include "switch_impl.h"

namespace lifeline {

Expected<void> Switch::Impl::set_names() {
  std::vector<std::string> hosts;
  for (const auto& controller : config.controllers)
    if (!controller.host.empty()) hosts.push_back(controller.host);
  for (const auto& reach : config.in_band.also_reach)
    if (!reach.host.empty()) hosts.push_back(reach.host);
  return names->configure(hosts, config.resolvers);
}

bool Switch::Impl::update_reach() {
  bool news = false;
  for (const auto& reach : config.in_band.also_reach)
    if (!reach.host.empty())
      news |= reach_names[reach.host].set(names->addresses(reach.host), nullptr);
  return news;
}

control::LinkTarget Switch::Impl::target_of(const config::Controller& controller) const {
  return control::target_of(controller, names->addresses(controller.host));
}

bool Switch::Impl::awaits_names() const {
  return std::any_of(config.controllers.begin(), config.controllers.end(), [&](const auto& c) {
    return !c.host.empty() && names->addresses(c.host).empty();
  });
}

// A link knows which old addresses still count; one that is yet to be made has none.
std::vector<inband::Remote> Switch::Impl::controllers_and_resolvers() const {
  std::vector<inband::Remote> remotes;
  const auto& others = config.in_band.also_reach;
  bool named =
      std::any_of(others.begin(), others.end(), [](const auto& r) { return !r.host.empty(); });
  for (const auto& controller : config.controllers) {
    named |= !controller.host.empty();
    const std::string text = controller.to_string();
    const auto link = std::find_if(links.begin(), links.end(), [&](const auto& l) {
      return l != nullptr && l->target() == text;
    });
    if (link != links.end()) {
      const auto known = (*link)->remotes();
      remotes.insert(remotes.end(), known.begin(), known.end());
      continue;
    }
    const control::LinkTarget target = target_of(controller);
    for (const IpAddress& ip : target.addresses) remotes.push_back(target.remote(ip));
  }
  if (!named) return remotes;
  for (const IpAddress& ip : names->resolvers()) remotes.push_back(control::remote_of_resolver(ip));
  return remotes;
}

// The hidden rules of new addresses stand before they are tried, as always.
void Switch::Impl::names_changed() {
  for (const auto& link : links)
    if (!link->host().empty()) link->set_addresses(names->addresses(link->host()));
  if (const auto set = set_remotes(); !set) log::error("app", "{}", set.error().message);
  if (update_reach()) {
    if (const auto set = set_others(); !set) log::error("app", "{}", set.error().message);
  }
  for (const auto& link : links) link->start();
}

}  // namespace lifeline
