#include "inband/agent.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/log.h"

namespace lifeline::inband {
namespace {

constexpr std::string_view kLibrary = "inband";

// Places of remotes, for readers: as configured, then as the operator added them.
constexpr std::uint64_t kOwnPlaces = 0;
constexpr std::uint64_t kOtherPlaces = std::uint64_t{1} << 32;
constexpr std::uint64_t kOperatorsPlaces = std::uint64_t{2} << 32;

// All changes of a list at once.
constexpr std::size_t kAll = std::size_t{1} << 32;

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
  here.owner = ++last_owner_;
  here.place = kOperatorsPlaces + here.owner;
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
  note(remote, is_new ? RemoteNews::kAdded : RemoteNews::kChanged,
       fmt::format("remote {} ({}) {}", remote.id, where, is_new ? "added" : "changed"));
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
  note(state.remote, RemoteNews::kRemoved, fmt::format("remote {} removed", state.remote.id));
  by_id_.erase(state.remote.id);
  book_.drop(state.owner);
  guards_due_ |= guard_book_.drop(state.owner);
  rules_due_ = true;
}

Expected<InbandAgent::Takeover> InbandAgent::takeover(std::vector<Remote> remotes, bool serve_us) {
  std::unordered_set<std::string_view> ids;
  ids.reserve(remotes.size());
  for (const Remote& remote : remotes) {
    if (auto ok = check(remote); !ok) return tl::make_unexpected(ok.error());
    if (serves_us(remote.role) != serve_us)
      return make_error("in-band: remote {} is a {}: it belongs to the other list", remote.id,
                        role_name(remote.role));
    if (!ids.insert(remote.id).second)
      return make_error("in-band: remote {} is given twice", remote.id);
  }
  return Takeover{serve_us, ++last_list_, std::move(remotes)};
}

// True when there is nothing left to take over. New ones first: a rule that one of them shares with
// one that goes is then not touched.
bool InbandAgent::take_over(Takeover& list, std::size_t changes) {
  constexpr std::size_t kChange = 16;  // what one costs, where a remote that stays costs 1
  std::size_t left = changes * kChange;
  for (; list.next < list.wanted.size(); ++list.next) {
    if (left == 0) return false;
    Remote& remote = list.wanted[list.next];
    RemoteState* state = find(remote.id);
    const bool stays = state != nullptr && state->remote == remote;
    left -= stays ? 1 : std::min(left, kChange);
    if (state == nullptr) state = &insert(std::make_unique<RemoteState>());
    state->listed = list.list;
    state->place = (list.serves_us ? kOwnPlaces : kOtherPlaces) + list.next;
    if (!stays) configure(*state, std::move(remote));
  }
  std::size_t stale = 0;
  std::erase_if(remotes_, [&](const auto& r) {
    if (r->remote.origin != Origin::kConfiguration || r->listed == list.list ||
        serves_us(r->remote.role) != list.serves_us)
      return false;
    if (++stale > left / kChange) return false;
    forget(*r);
    return true;
  });
  return stale <= left / kChange;
}

Expected<void> InbandAgent::set_remotes(std::vector<Remote> remotes) {
  auto list = takeover(std::move(remotes), true);
  if (!list) return tl::make_unexpected(list.error());
  take_over(*list, kAll);
  return {};
}

Expected<void> InbandAgent::set_others(std::vector<Remote> remotes) {
  auto list = takeover(std::move(remotes), false);
  if (!list) return tl::make_unexpected(list.error());
  others_ = std::move(*list);
  if (!started_ && take_over(*others_, kAll)) others_.reset();
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
