// A kernel, a hidden table and guards that tests can look into.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "flow/guards.h"
#include "flow/rule_writer.h"
#include "inband/inband_rules.h"
#include "inband/kernel_view.h"

#include <linux/neighbour.h>

namespace lifeline::inband {

inline const MacAddress kLocalMac = MacAddress::from_u64(0x020000000001);
inline const MacAddress kGatewayMac = MacAddress::from_u64(0x0200000000aa);
inline const MacAddress kOtherMac = MacAddress::from_u64(0x0200000000bb);
inline const Ipv4Address kGateway = Ipv4Address::of(10, 0, 0, 1);
inline const Ipv4Address kController = Ipv4Address::of(192, 0, 2, 7);
inline constexpr std::uint32_t kLocalIndex = 5;

inline Remote remote(Ipv4Address ip, std::uint16_t port = 6653) {
  return {fmt::format("tcp:{}:{}", ip.to_string(), port), ip, port};
}

// Keeps every state that packets could see: one per publish.
class FakeRuleWriter final : public flow::RuleWriter {
 public:
  using State = std::map<flow::RuleId, flow::Rule>;

  Expected<flow::RuleId> add(const flow::Rule& rule) override {
    if (staged.size() >= capacity) return make_error("hidden table full");
    for (const auto& [id, r] : staged)
      EXPECT_FALSE(r.match == rule.match && r.priority == rule.priority) << "added twice";
    staged.emplace(++last_id, rule);
    return last_id;
  }
  Expected<void> replace(flow::RuleId, const flow::Instructions&, std::uint64_t) override {
    return make_error("hidden rules are never rewritten");
  }
  void remove(flow::RuleId id) override {
    EXPECT_EQ(staged.erase(id), 1u) << "removed what does not stand";
  }
  void publish() override { published.push_back(staged); }
  bool publish_some(std::size_t) override {
    publish();
    return true;
  }
  bool roll_back(std::size_t) override {
    staged = visible();
    return true;
  }
  flow::RuleCounters counters(flow::RuleId id) const override { return {id, id * 100}; }
  void reset_counters(flow::RuleId) override {}
  Fence fence() override { return 0; }
  bool passed(Fence) override { return true; }

  const State& visible() const {
    static const State kNone;
    return published.empty() ? kNone : published.back();
  }
  // Matches with priorities that packets see now.
  std::vector<std::pair<std::uint32_t, std::string>> texts() const {
    std::vector<std::pair<std::uint32_t, std::string>> out;
    for (const auto& [id, r] : visible()) out.emplace_back(r.priority, r.match.to_string());
    std::sort(out.begin(), out.end());
    return out;
  }
  // Letters that stand, sorted, with repeats.
  std::string letters() const {
    std::string out;
    for (const auto& [id, r] : visible())
      for (Kind k : kAllKinds)
        if (kind_priority(k) == r.priority) out += kind_letter(k);
    std::sort(out.begin(), out.end());
    return out;
  }
  bool has(Kind kind, const std::string& part = "") const {
    return std::any_of(visible().begin(), visible().end(), [&](const auto& entry) {
      return entry.second.priority == kind_priority(kind) &&
             entry.second.match.to_string().find(part) != std::string::npos;
    });
  }

  std::size_t capacity = 10'000;
  State staged;
  std::vector<State> published;
  flow::RuleId last_id = 0;
};

class FakeGuardWriter final : public flow::GuardWriter {
 public:
  void set_guards(const flow::Guards& g) override {
    guards = g;
    ++calls;
  }
  flow::Guards guards;
  int calls = 0;
};

class FakeKernel final : public KernelView {
 public:
  using HopKey = std::pair<IpAddress, std::uint32_t>;

  Expected<std::optional<netlink::Link>> link_by_name(std::string_view name) override {
    if (broken) return make_error("kernel does not answer");
    for (const auto& [index, link] : links)
      if (link.name == name) return link;
    return std::nullopt;
  }
  Expected<std::optional<netlink::Link>> link_by_index(std::uint32_t index) override {
    if (broken) return make_error("kernel does not answer");
    const auto it = links.find(index);
    if (it == links.end()) return std::nullopt;
    return it->second;
  }
  Expected<netlink::Route> route_to(const IpAddress& destination, std::uint32_t ifindex) override {
    ++route_queries;
    asked_by = ifindex;
    if (broken) return make_error("kernel does not answer");
    const auto it = routes.find(destination);
    if (it != routes.end()) return it->second;
    netlink::Route none;
    none.reason = "Network is unreachable";
    return none;
  }
  Expected<std::optional<netlink::Neighbour>> neighbour(const IpAddress& ip,
                                                        std::uint32_t ifindex) override {
    if (broken) return make_error("kernel does not answer");
    const auto it = neighbours.find({ip, ifindex});
    if (it == neighbours.end()) return std::nullopt;
    return it->second;
  }
  Expected<void> resolve(const IpAddress& ip, std::uint32_t ifindex) override {
    resolved.emplace_back(ip, ifindex);
    return {};
  }
  Expected<void> probe(const IpAddress& ip, std::uint32_t ifindex) override {
    probed.emplace_back(ip, ifindex);
    return {};
  }

  // Changes, each returning the notification that the kernel would send for it.
  netlink::Event set_link(std::uint32_t index, std::string name, std::optional<MacAddress> mac) {
    links[index] = netlink::Link{index, std::move(name), mac, 0, 1500, 0};
    return netlink::LinkEvent{links[index], false};
  }
  netlink::Event delete_link(std::uint32_t index) {
    const netlink::Link link = links.at(index);
    links.erase(index);
    return netlink::LinkEvent{link, true};
  }
  netlink::Event set_route(const IpAddress& to, std::vector<netlink::Hop> hops) {
    netlink::Route r;
    r.type = netlink::Route::Type::kUnicast;
    r.hops = std::move(hops);
    routes[to] = r;
    return netlink::RouteEvent{true, false};
  }
  netlink::Event delete_route(Ipv4Address to) {
    routes.erase(IpAddress{to});
    return netlink::RouteEvent{true, true};
  }
  netlink::Event set_neighbour(const IpAddress& ip, std::optional<MacAddress> mac,
                               netlink::NudState state, std::uint32_t ifindex = kLocalIndex) {
    const netlink::Neighbour n{ifindex, ip, mac, state};
    neighbours[{ip, ifindex}] = n;
    return netlink::NeighbourEvent{n, false};
  }

  std::map<std::uint32_t, netlink::Link> links;
  std::map<IpAddress, netlink::Route> routes;
  std::map<HopKey, netlink::Neighbour> neighbours;
  std::vector<HopKey> resolved;
  std::vector<HopKey> probed;
  int route_queries = 0;
  std::uint32_t asked_by = 0;  // the device of the last of them
  bool broken = false;
};

}  // namespace lifeline::inband
