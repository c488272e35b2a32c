#include "inband/agent.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace lifeline::inband {
namespace {

constexpr std::string_view kLibrary = "inband";

std::string mac_text(const std::optional<MacAddress>& mac) {
  return mac ? mac->to_string() : std::string{"unknown"};
}

}  // namespace

// ---- the local port

Expected<std::optional<netlink::Link>> InbandAgent::find_local() {
  if (local_) {
    auto same = kernel_.link_by_index(local_->index);
    if (!same || *same) return same;
  }
  if (local_name_.empty()) return std::optional<netlink::Link>{};
  return kernel_.link_by_name(local_name_);
}

void InbandAgent::refresh_local(TimePoint now) {
  local_refresh_at_ = now + options_.local_mac_poll;
  ++counters_.refreshes;
  const auto link = find_local();
  if (!link) {
    ++counters_.kernel_errors;
    if (!std::exchange(local_query_failed_, true))
      log::warn(kLibrary, "local port: {}; keeping what is known", link.error().message);
    return;
  }
  local_query_failed_ = false;
  local_is(*link, now);
}

void InbandAgent::local_is(const std::optional<netlink::Link>& link, TimePoint now) {
  const std::optional<MacAddress> old_mac = local_ ? local_->mac : std::nullopt;
  const std::optional<MacAddress> new_mac = link ? link->mac : std::nullopt;
  std::string why;
  if (local_ && !link) {
    why = fmt::format("device {} went away", local_->name);
    log::warn(kLibrary, "local port: {}; rules (a), (b) and (c) are gone with it", why);
  } else if (link && !local_) {
    why = fmt::format("device {} appeared", link->name);
  } else if (link && link->index != local_->index) {
    why = fmt::format("device {} replaced", link->name);
  } else if (old_mac != new_mac) {
    why = fmt::format("address of {} changed", link->name);
  } else if (link && link->name != local_->name) {
    why = fmt::format("device {} renamed to {}", local_->name, link->name);
  }
  local_ = link;
  if (why.empty()) return;
  local_changed_ = {now, why};
  note(now, fmt::format("local port: {}, MAC {}", why, mac_text(new_mac)));
  // The routes and neighbours of the remotes hang on this device.
  for (const auto& r : remotes_)
    if (is_asked_about(*r)) refresh_at(*r, now, "local port changed");
  if (old_mac != new_mac) scope_changed();
}

// ---- the remotes

void InbandAgent::refresh_due_remotes(TimePoint now) {
  if (now < first_refresh_) return;
  std::vector<RemoteState*> due;
  for (const auto& r : remotes_)
    if (r->refresh_at <= now) due.push_back(r.get());
  if (due.size() > options_.remotes_per_run) {
    const auto last = due.begin() + static_cast<std::ptrdiff_t>(options_.remotes_per_run);
    std::partial_sort(due.begin(), last, due.end(), [](const RemoteState* a, const RemoteState* b) {
      return a->refresh_at < b->refresh_at;
    });
    due.erase(last, due.end());
  }
  for (RemoteState* r : due) refresh_remote(*r, now);
  first_refresh_ = TimePoint::max();
  for (const auto& r : remotes_) first_refresh_ = std::min(first_refresh_, r->refresh_at);
}

// A link-local address is on every link: it is the local port's that is meant (RFC 4007), and the
// kernel without that would name any.
Expected<netlink::Route> InbandAgent::route_to(const IpAddress& ip) {
  if (!ip.is_v6() || !ip.v6().is_link_local()) return kernel_.route_to(ip, 0);
  if (local_) return kernel_.route_to(ip, local_->index);
  netlink::Route none;
  none.reason = "the local port is not there";
  return none;
}

void InbandAgent::refresh_remote(RemoteState& remote, TimePoint now) {
  ++counters_.refreshes;
  const auto route = route_to(remote.remote.ip);
  if (!route) {
    ++counters_.kernel_errors;
    if (!std::exchange(remote.query_failed, true))
      log::warn(kLibrary, "remote {}: {}; keeping what is known", remote.remote.id,
                route.error().message);
    refresh_at(remote, now + options_.next_hop_poll_unknown, "poll");
    return;
  }
  remote.query_failed = false;
  const RemoteFacts before = facts_of(remote);
  route_is(remote, *route, now);
  hops_are(remote, *route, now);
  for (Hop& hop : remote.hops) refresh_hop(remote, hop, now);
  schedule(remote, now);
  if (facts_of(remote) != before) facts_changed(remote);
}

void InbandAgent::route_is(RemoteState& remote, const netlink::Route& route, TimePoint now) {
  using Type = netlink::Route::Type;
  if (route.type == Type::kLocal) return reach_is(remote, Reach::kOwnAddress, "", now);
  if (route.type != Type::kUnicast || route.hops.empty()) {
    return reach_is(remote, Reach::kNoRoute,
                    route.reason.empty() ? netlink::route_type_name(route.type) : route.reason,
                    now);
  }
  // Its MAC would be the gateway's, and the gateway is not who was named.
  const bool far = std::any_of(route.hops.begin(), route.hops.end(),
                               [](const netlink::Hop& h) { return h.gateway.has_value(); });
  if (remote.remote.role == Role::kNextHop && far)
    return reach_is(remote, Reach::kNoRoute, "it is behind a gateway; give its MAC address", now);
  reach_is(remote, Reach::kRouted, "", now);
}

void InbandAgent::reach_is(RemoteState& remote, Reach reach, std::string_view reason,
                           TimePoint now) {
  if (remote.reach == reach && remote.reach_reason == reason) return;
  remote.reach = reach;
  remote.reach_reason = reason;
  remote.reach_changed = {now, std::string(remote.refresh_why)};
  const std::string what =
      fmt::format("remote {} ({}): {}{}{}", remote.remote.id, remote.remote.ip.to_string(),
                  reach_name(reach), reason.empty() ? "" : ": ", reason);
  const bool lost = reach == Reach::kNoRoute;
  note(remote.remote, lost ? RemoteNews::kNoRoute : RemoteNews::kReach, what,
       lost ? log::Level::kWarn : log::Level::kInfo);
}

void InbandAgent::hops_are(RemoteState& remote, const netlink::Route& route, TimePoint now) {
  std::vector<Hop> hops;
  bool changed = false;
  if (remote.reach == Reach::kRouted) {
    for (const netlink::Hop& h : route.hops) {
      const IpAddress ip = h.gateway ? *h.gateway : remote.remote.ip;
      auto known = std::find_if(remote.hops.begin(), remote.hops.end(), [&](const Hop& o) {
        return o.fact.ip == ip && o.fact.ifindex == h.ifindex;
      });
      Hop hop;
      if (known != remote.hops.end()) {
        hop = *known;
      } else {
        changed = true;
        hop.fact.ip = ip;
        hop.fact.ifindex = h.ifindex;
        hop.changed = {now, std::string(remote.refresh_why)};
      }
      if (const auto link = kernel_.link_by_index(h.ifindex); link && *link)
        hop.fact.device = (*link)->name;
      hops.push_back(std::move(hop));
    }
  }
  changed |= hops.size() != remote.hops.size();
  remote.hops = std::move(hops);
  if (!changed) return;
  remote.reach_changed = {now, std::string(remote.refresh_why)};
  std::string list;
  for (const Hop& h : remote.hops)
    list += fmt::format(" {} on {}", h.fact.ip.to_string(), h.fact.device);
  note(remote.remote, RemoteNews::kNextHops,
       fmt::format("remote {}: next hops:{}", remote.remote.id, list.empty() ? " none" : list));
}

void InbandAgent::refresh_hop(RemoteState& remote, Hop& hop, TimePoint now) {
  const auto answer = kernel_.neighbour(hop.fact.ip, hop.fact.ifindex);
  if (!answer) {
    ++counters_.kernel_errors;
    log::debug(kLibrary, "{}", answer.error().message);
    return;
  }
  hop.nud = *answer ? std::optional((*answer)->state) : std::nullopt;
  const std::optional<MacAddress> mac = *answer ? (*answer)->usable_mac() : std::nullopt;
  if (!mac) return hop_lost(remote, hop, now);
  hop.lost_at.reset();
  if (hop.fact.mac == mac) return;
  note(remote.remote, RemoteNews::kMac,
       fmt::format("remote {}: next hop {}: MAC {} -> {}", remote.remote.id,
                   hop.fact.ip.to_string(), mac_text(hop.fact.mac), mac_text(mac)));
  hop.fact.mac = mac;
  hop.changed = {now, std::string(remote.refresh_why)};
}

void InbandAgent::hop_lost(RemoteState& remote, Hop& hop, TimePoint now) {
  if (hop.fact.mac && !hop.lost_at) {
    hop.lost_at = now;
    note(remote.remote, RemoteNews::kNoAnswer,
         fmt::format("remote {}: next hop {} does not answer, MAC {} held", remote.remote.id,
                     hop.fact.ip.to_string(), mac_text(hop.fact.mac)));
  }
  if (hop.lost_at && now - *hop.lost_at >= options_.failed_hold) {
    note(remote.remote, RemoteNews::kMac,
         fmt::format("remote {}: next hop {}: MAC {} given up", remote.remote.id,
                     hop.fact.ip.to_string(), mac_text(hop.fact.mac)));
    hop.fact.mac.reset();
    hop.lost_at.reset();
    hop.changed = {now, "no answer"};
  }
  // To resolve is itself an event of the kernel's; paced by the clock, not by what it causes.
  if (hop.resolved_at && now - *hop.resolved_at < options_.next_hop_poll_unknown) return;
  hop.resolved_at = now;
  ++counters_.resolves;
  if (auto ok = kernel_.resolve(hop.fact.ip, hop.fact.ifindex); !ok) {
    ++counters_.kernel_errors;
    log::debug(kLibrary, "{}", ok.error().message);
  }
}

void InbandAgent::schedule(RemoteState& remote, TimePoint now) {
  const bool all_known = std::all_of(remote.hops.begin(), remote.hops.end(),
                                     [](const Hop& h) { return h.fact.mac && !h.lost_at; });
  const bool settled = all_known && remote.reach != Reach::kNoRoute;
  TimePoint at = now + (settled ? options_.next_hop_poll_known : options_.next_hop_poll_unknown);
  for (const Hop& h : remote.hops)
    if (h.lost_at) at = std::min(at, *h.lost_at + options_.failed_hold);
  refresh_at(remote, at, "poll");
}

}  // namespace lifeline::inband
