#include "inband/guard_book.h"

#include <algorithm>
#include <utility>

#include "inband/inband_rules.h"

namespace lifeline::inband {
namespace {

// Counts up or down; true if the key came or went.
template <class Map, class Key>
bool count_key(Map& map, const Key& key, bool up) {
  if (up) return ++map[key] == 1;
  const auto it = map.find(key);
  if (--it->second != 0) return false;
  map.erase(it);
  return true;
}

template <class T>
void sort_once(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

GuardBook::Part GuardBook::part_of(const RemoteFacts& r) {
  Part part;
  if (r.reach == Reach::kLoopback) return part;
  part.serves = calls_for_rules(r.remote, r.reach);
  part.ipv6 = calls_for_ipv6(r);
  part.has_session = has_session(r.remote);
  part.own_address = r.reach == Reach::kOwnAddress;
  if (part.has_session) part.session = {r.remote.ip, r.remote.port};
  for (const NextHop& hop : r.next_hops) {
    part.next_hops.push_back(hop.ip);
    if (names_a_station(hop.mac)) part.macs.push_back(*hop.mac);
  }
  if (names_a_station(r.remote.mac)) part.macs.push_back(*r.remote.mac);
  sort_once(part.next_hops);
  sort_once(part.macs);
  return part;
}

void GuardBook::count(Owner owner, const Part& part, bool up, bool& news) {
  const std::size_t one = up ? 1 : static_cast<std::size_t>(-1);
  if (part.serves) news |= (serving_ += one) == (up ? 1 : 0);
  if (part.ipv6) news |= (ipv6_ += one) == (up ? 1 : 0);
  for (const IpAddress& ip : part.next_hops) news |= count_key(next_hops_, ip, up);
  for (const MacAddress& mac : part.macs) news |= count_key(macs_, mac, up);
  if (!part.has_session) return;
  Owners& owners = sessions_[part.session];
  if (up)
    owners.push_back(owner);
  else
    owners.erase(std::find(owners.begin(), owners.end(), owner));
  news |= owners.size() == (up ? 1 : 0);
  if (owners.empty()) sessions_.erase(part.session);
}

bool GuardBook::set(Owner owner, const RemoteFacts& remote, bool strict) {
  Part part = part_of(remote);
  const auto had = parts_.find(owner);
  bool news = false;
  if (had != parts_.end()) {
    if (had->second == part) return false;
    // Where its next hops are is a session's affair with `strict` alone.
    news = strict && part.has_session;
    count(owner, part, true, news);  // first, so that what is in both is not seen to leave
    count(owner, std::exchange(had->second, std::move(part)), false, news);
    return news;
  }
  count(owner, part, true, news);
  parts_.emplace(owner, std::move(part));
  return news;
}

bool GuardBook::drop(Owner owner) {
  const auto had = parts_.find(owner);
  if (had == parts_.end()) return false;
  bool news = false;
  count(owner, had->second, false, news);
  parts_.erase(had);
  return news;
}

bool GuardBook::await_names(bool awaits) { return std::exchange(awaits_names_, awaits) != awaits; }

flow::Guards GuardBook::guards(bool enabled, const Scope& scope) const {
  flow::Guards g;
  g.vlan = scope.vlan;
  g.strict = scope.strict;
  // Static on LOCAL whether in-band is on or not: the FDB is not to learn it anywhere else.
  if (names_a_station(scope.local_mac)) g.local_mac = scope.local_mac;
  if (!enabled || !serves_anybody()) return g;
  g.enabled = true;
  g.ipv6 = serves_ipv6();
  g.relay_routers = scope.relay_arp;
  for (const auto& [ip, n] : next_hops_) {
    if (ip.is_v4())
      g.next_hops.push_back(ip.v4());
    else
      g.next_hops_v6.push_back(ip.v6());
  }
  for (const auto& [mac, n] : macs_)
    if (mac != scope.local_mac) g.protected_macs.push_back(mac);
  g.remotes.reserve(sessions_.size());
  for (const auto& [session, owners] : sessions_) {
    flow::GuardedRemote& remote = g.remotes.emplace_back(
        flow::GuardedRemote{.ip = session.first, .port = session.second, .macs = {}});
    if (!scope.strict) continue;
    for (const Owner owner : owners) {
      const Part& part = parts_.at(owner);
      remote.macs.insert(remote.macs.end(), part.macs.begin(), part.macs.end());
      if (part.own_address && g.local_mac) remote.macs.push_back(*g.local_mac);
    }
    sort_once(remote.macs);
  }
  return g;
}

}  // namespace lifeline::inband
