#include "inband/status.h"

#include <algorithm>
#include <utility>

#include "inband/agent.h"

namespace lifeline::inband {

std::string_view connection_state_name(ConnectionState state) {
  switch (state) {
    case ConnectionState::kIdle: return "idle";
    case ConnectionState::kConnecting: return "connecting";
    case ConnectionState::kConnected: return "connected";
    case ConnectionState::kBackOff: return "back-off";
  }
  return "?";
}

RemoteStatus InbandAgent::status_of(const RemoteState& r) const {
  RemoteStatus out;
  out.remote = r.remote;
  out.connection = r.connection;
  out.connection_changed = r.connection_changed;
  out.reach = r.reach;
  out.reach_reason = r.reach_reason;
  out.reach_changed = r.reach_changed;
  for (const Hop& h : r.hops)
    out.next_hops.push_back({h.fact.ip, h.fact.mac, h.fact.ifindex, h.fact.device,
                             std::string(h.nud ? netlink::nud_state_name(*h.nud) : ""),
                             h.lost_at.has_value(), h.changed});
  return out;
}

void InbandAgent::count(const RemoteState& r, RemoteCounts& counts) {
  ++counts.all;
  counts.connected += r.connection == ConnectionState::kConnected;
  counts.without_route += r.reach == Reach::kNoRoute;
  const bool known = std::any_of(r.hops.begin(), r.hops.end(),
                                 [](const Hop& h) { return h.fact.mac.has_value(); });
  counts.without_mac += r.reach == Reach::kRouted && !known;
}

Status InbandAgent::summary() const {
  Status s;
  s.enabled = enabled_;
  s.local_device = local_ ? local_->name : local_name_;
  s.local_ifindex = local_ ? local_->index : 0;
  if (local_) s.local_mac = local_->mac;
  s.local_changed = local_changed_;
  s.vlan = vlan_;
  s.log.assign(log_.begin(), log_.end());
  s.counters = counters_;
  s.rule_count = book_.size();
  for (const auto& r : remotes_) count(*r, s.remote_counts);
  return s;
}

Status InbandAgent::status() const {
  Status s = summary();
  for (const RemoteState* r : in_order()) s.remotes.push_back(status_of(*r));
  for (const flow::RuleId id : rule_ids())
    if (auto rule = rule_status(id)) s.rules.push_back(std::move(*rule));
  return s;
}

std::vector<const InbandAgent::RemoteState*> InbandAgent::in_order() const {
  std::vector<const RemoteState*> all;
  all.reserve(remotes_.size());
  for (const auto& r : remotes_) all.push_back(r.get());
  std::sort(all.begin(), all.end(),
            [](const RemoteState* a, const RemoteState* b) { return a->place < b->place; });
  return all;
}

std::vector<std::string> InbandAgent::remote_ids() const {
  std::vector<std::string> ids;
  ids.reserve(remotes_.size());
  for (const RemoteState* r : in_order()) ids.push_back(r->remote.id);
  return ids;
}

std::optional<RemoteStatus> InbandAgent::remote_status(std::string_view id) const {
  const RemoteState* remote = find(id);
  if (remote == nullptr) return std::nullopt;
  return status_of(*remote);
}

std::optional<HiddenRuleStatus> InbandAgent::rule_status(flow::RuleId id) const {
  auto rule = book_.find(id);
  if (!rule) return std::nullopt;
  return HiddenRuleStatus{std::move(rule->rule), id, hidden_.counters(id), rule->since};
}

}  // namespace lifeline::inband
