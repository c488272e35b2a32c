#include "inband/agent.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace lifeline::inband {
namespace {

constexpr std::string_view kLibrary = "inband";
constexpr Duration kWriterRetry = std::chrono::seconds{1};

std::string mac_text(const std::optional<MacAddress>& mac) {
  return mac ? mac->to_string() : std::string{"unknown"};
}

// An address that names one host. (h) and (i) of any other would let strangers' traffic through.
bool names_a_host(const IpAddress& ip) {
  if (ip.is_zero()) return false;
  if (ip.is_v6()) return !ip.v6().is_multicast();
  return (ip.v4().value.host() >> 28) < 0xe;  // neither multicast nor class E with the broadcast
}

Expected<void> check(const Remote& remote) {
  if (remote.id.empty()) return make_error("in-band: a remote needs an id");
  if (remote.port == 0) return make_error("in-band: remote {}: port 0 is no TCP port", remote.id);
  if (!names_a_host(remote.ip))
    return make_error("in-band: remote {}: {} is not the address of a host", remote.id,
                      remote.ip.to_string());
  return {};
}

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

InbandAgent::InbandAgent(KernelView& kernel, flow::RuleWriter& hidden, flow::GuardWriter& guards,
                         const Clock& clock, Options options)
    : kernel_(kernel),
      hidden_(hidden),
      guard_writer_(guards),
      clock_(clock),
      options_(options),
      last_round_(clock.now() - options.coalesce) {}

InbandAgent::InbandAgent(KernelView& kernel, flow::RuleWriter& hidden, flow::GuardWriter& guards,
                         const Clock& clock)
    : InbandAgent(kernel, hidden, guards, clock, Options{}) {}

// ---- configuration

void InbandAgent::set_enabled(bool enabled) {
  if (enabled == enabled_) return;
  enabled_ = enabled;
  dirty_ = true;
  note(clock_.now(), enabled ? "in-band control switched on" : "in-band control switched off");
  for (RemoteState& r : remotes_)
    if (r.reach != Reach::kLoopback) r.refresh_at = clock_.now();
}

void InbandAgent::set_local_device(std::string name) {
  if (name == local_name_) return;
  local_name_ = std::move(name);
  local_.reset();
  local_refresh_at_ = clock_.now();
  dirty_ = true;
}

void InbandAgent::set_vlan(const flow::ManagementVlan& vlan) {
  if (vlan == vlan_) return;
  vlan_ = vlan;
  dirty_ = true;
}

void InbandAgent::set_relay_arp(bool relay) {
  if (relay == relay_arp_) return;
  relay_arp_ = relay;
  dirty_ = true;
}

void InbandAgent::set_strict(bool strict) {
  if (strict == strict_) return;
  strict_ = strict;
  dirty_ = true;
}

void InbandAgent::set_trusted_ports(std::vector<flow::PortNo> ports) {
  trusted_ports_ = std::move(ports);
  dirty_ = true;
}

InbandAgent::RemoteState* InbandAgent::find(std::string_view id) {
  const auto it = std::find_if(remotes_.begin(), remotes_.end(),
                               [&](const RemoteState& r) { return r.remote.id == id; });
  return it == remotes_.end() ? nullptr : &*it;
}

// A loopback remote is known by its address alone, so it never has a rule, not for a moment.
void InbandAgent::configure(RemoteState& state, Remote remote) {
  const TimePoint now = clock_.now();
  note(now, fmt::format("remote {} ({} port {}) {}", remote.id, remote.ip.to_string(), remote.port,
                        state.remote.id.empty() ? "added" : "changed"));
  if (state.remote.ip != remote.ip) {
    state.hops.clear();
    state.reach = remote.ip.is_loopback() ? Reach::kLoopback : Reach::kUnknown;
    state.reach_reason.clear();
    state.reach_changed = {now, "configured"};
    state.refresh_at = state.reach == Reach::kLoopback ? TimePoint::max() : now;
    state.refresh_why = "configured";
  }
  state.remote = std::move(remote);
  dirty_ = true;
}

Expected<void> InbandAgent::set_remotes(std::vector<Remote> remotes) {
  for (auto it = remotes.begin(); it != remotes.end(); ++it) {
    if (auto ok = check(*it); !ok) return ok;
    if (std::any_of(remotes.begin(), it, [&](const Remote& r) { return r.id == it->id; }))
      return make_error("in-band: remote {} is given twice", it->id);
  }
  std::vector<RemoteState> old = std::exchange(remotes_, {});
  for (Remote& remote : remotes) {
    const auto same = std::find_if(old.begin(), old.end(),
                                   [&](const RemoteState& r) { return r.remote.id == remote.id; });
    if (same != old.end()) {
      remotes_.push_back(std::move(*same));
      old.erase(same);
      if (remotes_.back().remote == remote) continue;
    } else {
      remotes_.emplace_back();
    }
    configure(remotes_.back(), std::move(remote));
  }
  for (const RemoteState& gone : old)
    note(clock_.now(), fmt::format("remote {} removed", gone.remote.id));
  dirty_ = true;
  return {};
}

Expected<void> InbandAgent::add_remote(Remote remote) {
  if (auto ok = check(remote); !ok) return ok;
  RemoteState* state = find(remote.id);
  if (state != nullptr && state->remote == remote) return {};
  configure(state != nullptr ? *state : remotes_.emplace_back(), std::move(remote));
  return {};
}

bool InbandAgent::remove_remote(std::string_view id) {
  RemoteState* state = find(id);
  if (state == nullptr) return false;
  note(clock_.now(), fmt::format("remote {} removed", id));
  remotes_.erase(remotes_.begin() + (state - remotes_.data()));
  dirty_ = true;
  return true;
}

void InbandAgent::set_remote_state(std::string_view id, ConnectionState state,
                                   std::string_view why) {
  RemoteState* remote = find(id);
  if (remote == nullptr || remote->connection == state) return;
  // A remote that cannot be reached goes back and forth between connecting and back-off all day;
  // the log is for what comes and goes.
  const bool worth_a_line =
      state == ConnectionState::kConnected || remote->connection == ConnectionState::kConnected;
  remote->connection = state;
  remote->connection_changed = {clock_.now(), std::string(why)};
  if (worth_a_line)
    note(clock_.now(), fmt::format("remote {}: {}{}{}", id, connection_state_name(state),
                                   why.empty() ? "" : ": ", why));
}

void InbandAgent::on_missed_echo(std::string_view id) {
  RemoteState* remote = find(id);
  if (remote == nullptr || !enabled_) return;
  for (const Hop& hop : remote->hops) {
    ++counters_.probes;
    if (auto ok = kernel_.probe(hop.fact.ip, hop.fact.ifindex); !ok) {
      ++counters_.kernel_errors;
      log::debug(kLibrary, "{}", ok.error().message);
    }
  }
  note(clock_.now(), fmt::format("remote {}: echo missed, next hops probed", id));
  refresh_soon(*remote, "echo missed");
}

bool InbandAgent::probe_next_hop(const MacAddress& mac) {
  if (!enabled_) return false;
  std::vector<std::pair<IpAddress, std::uint32_t>> asked;
  bool any = false;
  for (const RemoteState& r : remotes_) {
    for (const Hop& hop : r.hops) {
      const std::pair who{hop.fact.ip, hop.fact.ifindex};
      if (hop.fact.mac != mac || std::find(asked.begin(), asked.end(), who) != asked.end())
        continue;
      asked.push_back(who);
      ++counters_.probes;
      if (auto ok = kernel_.probe(hop.fact.ip, hop.fact.ifindex); ok) {
        any = true;
      } else {
        ++counters_.kernel_errors;
        log::debug(kLibrary, "{}", ok.error().message);
      }
    }
  }
  return any;
}

// ---- events and time

TimePoint InbandAgent::next_round() const {
  return std::max(clock_.now(), last_round_ + options_.coalesce);
}

void InbandAgent::refresh_soon(RemoteState& remote, std::string_view why) {
  if (remote.reach == Reach::kLoopback) return;
  if (const TimePoint at = next_round(); at < remote.refresh_at) {
    remote.refresh_at = at;
    remote.refresh_why = why;
  }
  round_pending_ = true;
}

void InbandAgent::refresh_all_soon(std::string_view why) {
  for (RemoteState& r : remotes_) refresh_soon(r, why);
}

void InbandAgent::refresh_local_soon() {
  local_refresh_at_ = std::min(local_refresh_at_, next_round());
  round_pending_ = true;
}

void InbandAgent::on_neighbour(const netlink::NeighbourEvent& event) {
  const netlink::Neighbour& n = event.neighbour;
  for (RemoteState& r : remotes_) {
    for (const Hop& hop : r.hops) {
      if (hop.fact.ifindex != n.ifindex || hop.fact.ip != n.ip) continue;
      const bool news = event.deleted || hop.nud != n.state || hop.fact.mac != n.usable_mac();
      if (news) refresh_soon(r, "neighbour changed");
    }
  }
}

void InbandAgent::on_kernel_event(const netlink::Event& event) {
  ++counters_.events;
  std::visit(
      Overloaded{
          // Routes that vanish with their device are not always announced, so every change of any
          // link has the remotes looked at again.
          [&](const netlink::LinkEvent&) {
            refresh_local_soon();
            refresh_all_soon("link changed");
          },
          [&](const netlink::AddressEvent&) { refresh_all_soon("address changed"); },
          [&](const netlink::RouteEvent&) { refresh_all_soon("route changed"); },
          [&](const netlink::RuleEvent&) { refresh_all_soon("routing rule changed"); },
          [&](const netlink::NeighbourEvent& e) { on_neighbour(e); },
          [&](const netlink::OverrunEvent&) {
            ++counters_.overruns;
            note(clock_.now(), "kernel notifications lost, everything asked again");
            refresh_local_soon();
            refresh_all_soon("notifications lost");
          },
      },
      event);
}

void InbandAgent::start() {
  if (started_) return;
  started_ = true;
  local_refresh_at_ = clock_.now();
  run(clock_.now());
}

void InbandAgent::run(TimePoint now) {
  if (!started_) return;
  if (std::exchange(round_pending_, false)) last_round_ = now;
  if (now >= local_refresh_at_) refresh_local(now);
  if (enabled_) refresh_due_remotes(now);
  apply(now);
}

TimePoint InbandAgent::next_deadline() const {
  if (!started_) return TimePoint::max();
  // In the past, not now(): the caller compares with a time it took a moment ago.
  if (dirty_) return TimePoint{};
  TimePoint at = local_refresh_at_;
  if (writer_retry_at_) at = std::min(at, *writer_retry_at_);
  if (enabled_)
    for (const RemoteState& r : remotes_) at = std::min(at, r.refresh_at);
  return at;
}

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
  for (RemoteState& r : remotes_) {
    if (r.reach == Reach::kLoopback) continue;
    r.refresh_at = now;
    r.refresh_why = "local port changed";
  }
}

// ---- the remotes

void InbandAgent::refresh_due_remotes(TimePoint now) {
  std::vector<RemoteState*> due;
  for (RemoteState& r : remotes_)
    if (r.refresh_at <= now) due.push_back(&r);
  std::sort(due.begin(), due.end(), [](const RemoteState* a, const RemoteState* b) {
    return a->refresh_at < b->refresh_at;
  });
  if (due.size() > options_.remotes_per_run) due.resize(options_.remotes_per_run);
  for (RemoteState* r : due) refresh_remote(*r, now);
}

void InbandAgent::refresh_remote(RemoteState& remote, TimePoint now) {
  ++counters_.refreshes;
  const auto route = kernel_.route_to(remote.remote.ip);
  if (!route) {
    ++counters_.kernel_errors;
    if (!std::exchange(remote.query_failed, true))
      log::warn(kLibrary, "remote {}: {}; keeping what is known", remote.remote.id,
                route.error().message);
    remote.refresh_at = now + options_.next_hop_poll_unknown;
    remote.refresh_why = "poll";
    return;
  }
  remote.query_failed = false;
  using Type = netlink::Route::Type;
  if (route->type == Type::kUnicast && !route->hops.empty())
    reach_is(remote, Reach::kRouted, "", now);
  else if (route->type == Type::kLocal)
    reach_is(remote, Reach::kOwnAddress, "", now);
  else
    reach_is(remote, Reach::kNoRoute,
             route->reason.empty() ? netlink::route_type_name(route->type) : route->reason, now);
  hops_are(remote, *route, now);
  for (Hop& hop : remote.hops) refresh_hop(remote, hop, now);
  schedule(remote, now);
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
  note(now, what, reach == Reach::kNoRoute ? log::Level::kWarn : log::Level::kInfo);
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
  note(now,
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
  note(now, fmt::format("remote {}: next hop {}: MAC {} -> {}", remote.remote.id,
                        hop.fact.ip.to_string(), mac_text(hop.fact.mac), mac_text(mac)));
  hop.fact.mac = mac;
  hop.changed = {now, std::string(remote.refresh_why)};
}

void InbandAgent::hop_lost(RemoteState& remote, Hop& hop, TimePoint now) {
  if (hop.fact.mac && !hop.lost_at) {
    hop.lost_at = now;
    note(now, fmt::format("remote {}: next hop {} does not answer, MAC {} held", remote.remote.id,
                          hop.fact.ip.to_string(), mac_text(hop.fact.mac)));
  }
  if (hop.lost_at && now - *hop.lost_at >= options_.failed_hold) {
    note(now, fmt::format("remote {}: next hop {}: MAC {} given up", remote.remote.id,
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
  remote.refresh_at =
      now + (settled ? options_.next_hop_poll_known : options_.next_hop_poll_unknown);
  for (const Hop& h : remote.hops)
    if (h.lost_at)
      remote.refresh_at = std::min(remote.refresh_at, *h.lost_at + options_.failed_hold);
  remote.refresh_why = "poll";
}

// ---- rules

Facts InbandAgent::collect_facts() const {
  Facts f;
  f.enabled = enabled_;
  if (local_) f.local_mac = local_->mac;
  f.vlan = vlan_;
  f.relay_arp = relay_arp_;
  f.strict = strict_;
  f.trusted_ports = trusted_ports_;
  for (const RemoteState& r : remotes_) {
    RemoteFacts& fact = f.remotes.emplace_back(RemoteFacts{r.remote, r.reach, {}});
    for (const Hop& h : r.hops) fact.next_hops.push_back(h.fact);
  }
  return f;
}

void InbandAgent::apply(TimePoint now) {
  Facts facts = collect_facts();
  const bool retry = writer_retry_at_ && now >= *writer_retry_at_;
  dirty_ = false;
  if (facts == facts_ && guards_ && !retry) return;
  facts_ = std::move(facts);
  if (const flow::Guards g = guards(facts_); guards_ != g) {
    guards_ = g;
    guard_writer_.set_guards(g);
  }
  write_rules(hidden_rules(facts_), now);
}

// Stages what finds room and returns the rest.
std::vector<HiddenRule> InbandAgent::add_rules(const std::vector<HiddenRule>& rules, TimePoint now,
                                               std::string* error) {
  std::vector<HiddenRule> refused;
  for (const HiddenRule& r : rules) {
    const auto id = hidden_.add(flow::Rule{0, r.priority, r.match, hidden_instructions(), 0});
    if (id) {
      installed_.push_back({r, *id, now});
      note(now, fmt::format("rule {} added: {}", r.to_string(), r.why_text()), log::Level::kDebug);
    } else {
      *error = id.error().message;
      refused.push_back(r);
    }
  }
  return refused;
}

void InbandAgent::write_rules(const std::vector<HiddenRule>& wanted, TimePoint now) {
  std::vector<HiddenRule> standing;
  standing.reserve(installed_.size());
  for (const Installed& i : installed_) standing.push_back(i.rule);
  const Diff d = diff(standing, wanted);
  const auto find = [&](const HiddenRule& r) {
    return std::find_if(installed_.begin(), installed_.end(),
                        [&](const Installed& i) { return i.rule.same_rule(r); });
  };
  for (const HiddenRule& r : d.reworded) find(r)->rule.why = r.why;

  std::string error;
  std::vector<HiddenRule> refused = add_rules(d.add, now, &error);
  for (const HiddenRule& r : d.remove) {
    const auto it = find(r);
    hidden_.remove(it->id);
    installed_.erase(it);
    note(now, fmt::format("rule {} removed", r.to_string()), log::Level::kDebug);
  }
  // A full table may have room now that the removals are staged.
  if (!refused.empty() && !d.remove.empty()) refused = add_rules(refused, now, &error);
  const std::size_t added = d.add.size() - refused.size();
  if (added + d.remove.size() > 0) {
    hidden_.publish();
    ++counters_.publishes;
  }
  counters_.writer_errors += refused.size();
  if (!refused.empty() && !writer_retry_at_)
    log::warn(kLibrary, "{} hidden rules find no room ({}); tried again every second",
              refused.size(), error);
  writer_retry_at_ = refused.empty() ? std::nullopt : std::optional(now + kWriterRetry);
}

void InbandAgent::note(TimePoint now, std::string what, log::Level level) {
  if (log::enabled(level)) log::write(level, kLibrary, what);
  log_.push_back({now, std::move(what)});
  while (log_.size() > options_.log_entries) log_.pop_front();
}

}  // namespace lifeline::inband
