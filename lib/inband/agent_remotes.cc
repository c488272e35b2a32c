#include "inband/agent.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/log.h"

namespace lifeline::inband {
namespace {

constexpr std::string_view kLibrary = "inband";

// An address that names one host. (h) and (i) of any other would let strangers' traffic through.
bool names_a_host(const IpAddress& ip) {
  if (ip.is_zero()) return false;
  if (ip.is_v6()) return !ip.v6().is_multicast();
  return (ip.v4().value.host() >> 28) < 0xe;  // neither multicast nor class E with the broadcast
}

Expected<void> check(const Remote& remote) {
  if (remote.id.empty()) return make_error("in-band: a remote needs an id");
  if (remote.role == Role::kNextHop && remote.mac) {
    if (names_a_station(remote.mac)) return {};
    return make_error("in-band: {}: {} is not the MAC address of one station", remote.id,
                      remote.mac->to_string());
  }
  if (remote.port == 0 && has_session(remote))
    return make_error("in-band: remote {}: port 0 is no TCP port", remote.id);
  if (!names_a_host(remote.ip))
    return make_error("in-band: remote {}: {} is not the address of a host", remote.id,
                      remote.ip.to_string());
  return {};
}

}  // namespace

void InbandAgent::set_enabled(bool enabled) {
  if (enabled == enabled_) return;
  enabled_ = enabled;
  note(clock_.now(), enabled ? "in-band control switched on" : "in-band control switched off");
  for (const auto& r : remotes_)
    if (is_asked_about(*r)) refresh_at(*r, clock_.now(), "in-band control switched");
  scope_changed();
}

void InbandAgent::set_local_device(std::string name) {
  if (name == local_name_) return;
  local_name_ = std::move(name);
  local_.reset();
  local_refresh_at_ = clock_.now();
  scope_changed();
}

void InbandAgent::set_vlan(const flow::ManagementVlan& vlan) {
  if (vlan == vlan_) return;
  vlan_ = vlan;
  scope_changed();
}

void InbandAgent::set_relay_arp(bool relay) {
  if (relay == relay_arp_) return;
  relay_arp_ = relay;
  scope_changed();
}

void InbandAgent::set_strict(bool strict) {
  if (strict == strict_) return;
  strict_ = strict;
  scope_changed();
}

void InbandAgent::set_trusted_ports(std::vector<flow::PortNo> ports) {
  trusted_ports_ = std::move(ports);
  guards_due_ = true;
}

void InbandAgent::set_relay_dhcp(std::vector<MacPrefix> stations) {
  relay_dhcp_ = std::move(stations);
  guards_due_ = true;
}

void InbandAgent::await_names(bool awaits) {
  if (!guard_book_.await_names(awaits)) return;
  awaits_names_ = awaits;
  note(clock_.now(), awaits ? "a controller's name has no address yet"
                            : "every controller's name has an address");
  guards_due_ = true;
  rules_due_ = true;
}

InbandAgent::RemoteState* InbandAgent::find(std::string_view id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

InbandAgent::RemoteState& InbandAgent::insert(std::unique_ptr<RemoteState> state) {
  RemoteState& here = *remotes_.emplace_back(std::move(state));
  if (here.owner == 0) here.owner = ++last_owner_;
  return here;
}

// A loopback remote is known by its address alone, so it never has a rule, not for a moment.
void InbandAgent::configure(RemoteState& state, Remote remote) {
  const TimePoint now = clock_.now();
  const bool is_new = state.remote.id.empty();
  const std::string where = remote.mac ? remote.mac->to_string()
                            : has_session(remote)
                                ? fmt::format("{} port {}", remote.ip.to_string(), remote.port)
                                : remote.ip.to_string();
  note(now, fmt::format("remote {} ({}) {}", remote.id, where, is_new ? "added" : "changed"));
  const bool moved = is_new || state.remote.ip != remote.ip || state.remote.mac != remote.mac ||
                     state.remote.role != remote.role;
  if (!is_new) by_id_.erase(state.remote.id);
  state.remote = std::move(remote);
  by_id_[state.remote.id] = &state;
  if (moved) {
    state.hops.clear();
    state.reach = state.remote.mac                ? Reach::kGiven
                  : state.remote.ip.is_loopback() ? Reach::kLoopback
                                                  : Reach::kUnknown;
    state.reach_reason.clear();
    state.reach_changed = {now, "configured"};
    refresh_at(state, is_asked_about(state) ? now : TimePoint::max(), "configured");
  }
  facts_changed(state);
}

void InbandAgent::forget(const RemoteState& state) {
  note(clock_.now(), fmt::format("remote {} removed", state.remote.id));
  by_id_.erase(state.remote.id);
  book_.drop(state.owner);
  guards_due_ |= guard_book_.drop(state.owner);
  rules_due_ = true;
}

Expected<void> InbandAgent::set_remotes(std::vector<Remote> remotes) {
  std::unordered_set<std::string_view> wanted;
  for (const Remote& remote : remotes) {
    if (auto ok = check(remote); !ok) return ok;
    if (!wanted.insert(remote.id).second)
      return make_error("in-band: remote {} is given twice", remote.id);
  }
  // New ones first: a rule that one of them shares with one that goes is then not touched.
  RemoteList old = std::exchange(remotes_, {});
  std::unordered_map<const RemoteState*, std::size_t> places;
  for (std::size_t i = 0; i < old.size(); ++i) places.emplace(old[i].get(), i);
  for (Remote& remote : remotes) {
    RemoteState* state = find(remote.id);
    if (state != nullptr)
      insert(std::move(old[places.at(state)]));
    else
      state = &insert(std::make_unique<RemoteState>());
    if (state->remote != remote) configure(*state, std::move(remote));
  }
  for (auto& left : old) {
    if (!left) continue;
    if (left->remote.origin == Origin::kConfiguration)
      forget(*left);
    else
      insert(std::move(left));
  }
  return {};
}

Expected<void> InbandAgent::add_remote(Remote remote) {
  if (auto ok = check(remote); !ok) return ok;
  RemoteState* state = find(remote.id);
  if (state != nullptr && state->remote == remote) return {};
  configure(state != nullptr ? *state : insert(std::make_unique<RemoteState>()), std::move(remote));
  return {};
}

bool InbandAgent::remove_remote(std::string_view id) {
  const RemoteState* state = find(id);
  if (state == nullptr) return false;
  forget(*state);
  std::erase_if(remotes_, [&](const auto& r) { return r.get() == state; });
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
  for (const Hop& hop : remote->hops) probe(hop);
  note(clock_.now(), fmt::format("remote {}: echo missed, next hops probed", id));
  refresh_soon(*remote, "echo missed");
}

TimePoint InbandAgent::way_changed_at(std::string_view id) const {
  TimePoint last{};
  if (const RemoteState* remote = find(id)) {
    for (const Hop& hop : remote->hops) {
      if (hop.fact.mac) last = std::max(last, hop.changed.when);
    }
  }
  return last;
}

bool InbandAgent::probe(const Hop& hop) {
  ++counters_.probes;
  auto ok = kernel_.probe(hop.fact.ip, hop.fact.ifindex);
  if (ok) return true;
  ++counters_.kernel_errors;
  log::debug(kLibrary, "{}", ok.error().message);
  return false;
}

bool InbandAgent::probe_next_hop(const MacAddress& mac) {
  if (!enabled_) return false;
  std::vector<std::pair<IpAddress, std::uint32_t>> asked;
  bool any = false;
  for (const auto& r : remotes_) {
    for (const Hop& hop : r->hops) {
      const std::pair who{hop.fact.ip, hop.fact.ifindex};
      if (hop.fact.mac != mac || std::find(asked.begin(), asked.end(), who) != asked.end())
        continue;
      asked.push_back(who);
      any |= probe(hop);
    }
  }
  return any;
}

}  // namespace lifeline::inband
