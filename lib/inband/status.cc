#include "inband/status.h"

#include <algorithm>

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

Status InbandAgent::status() const {
  Status s;
  s.enabled = enabled_;
  s.local_device = local_ ? local_->name : local_name_;
  s.local_ifindex = local_ ? local_->index : 0;
  if (local_) s.local_mac = local_->mac;
  s.local_changed = local_changed_;
  s.vlan = vlan_;
  for (const RemoteState& r : remotes_) {
    RemoteStatus& out = s.remotes.emplace_back();
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
  }
  for (const Installed& i : installed_)
    s.rules.push_back({i.rule, i.id, hidden_.counters(i.id), i.since});
  // In the order of the letters, as in every list of them.
  std::stable_sort(s.rules.begin(), s.rules.end(),
                   [](const auto& a, const auto& b) { return a.rule.priority > b.rule.priority; });
  s.log.assign(log_.begin(), log_.end());
  s.counters = counters_;
  return s;
}

}  // namespace lifeline::inband
