// What the operator may ask of in-band control. Plain values, copied out of the agent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "flow/rule_writer.h"
#include "inband/facts.h"
#include "inband/inband_rules.h"

namespace lifeline::inband {

// The OpenFlow connection to a remote, as control/ tells it. For status and probes, never for
// rules.
enum class ConnectionState : std::uint8_t { kIdle, kConnecting, kConnected, kBackOff };
std::string_view connection_state_name(ConnectionState state);

// When a fact last changed, and why ("route changed", "first seen").
struct Changed {
  TimePoint when{};  // of the agent's clock; TimePoint{} = never
  std::string why;
};

struct NextHopStatus {
  IpAddress ip;
  std::optional<MacAddress> mac;
  std::uint32_t ifindex = 0;
  std::string device;
  std::string neighbour_state;  // of the kernel: "REACHABLE", …; "" = no entry
  bool held = false;            // the kernel lost the MAC; the old one is held for a few seconds
  Changed changed;
};

struct RemoteStatus {
  Remote remote;
  ConnectionState connection = ConnectionState::kIdle;
  Changed connection_changed;
  Reach reach = Reach::kUnknown;
  std::string reach_reason;  // of kNoRoute: the kernel's words
  Changed reach_changed;     // reach or the set of next hops
  std::vector<NextHopStatus> next_hops;
};

struct HiddenRuleStatus {
  HiddenRule rule;
  flow::RuleId id = 0;
  flow::RuleCounters counters;
  TimePoint since{};
};

struct LogEntry {
  TimePoint when{};
  std::string what;
};

struct AgentCounters {
  std::uint64_t events = 0;         // kernel notifications seen
  std::uint64_t overruns = 0;       // notifications lost and everything asked again
  std::uint64_t refreshes = 0;      // questions about a remote or the local device
  std::uint64_t publishes = 0;      // changes of the hidden table
  std::uint64_t kernel_errors = 0;  // questions that could not be asked
  std::uint64_t writer_errors = 0;  // rules that found no room
  std::uint64_t probes = 0;         // next hops probed after a missed echo
  std::uint64_t resolves = 0;       // next hops the kernel was made to resolve
};

// How many there are, and of how many something is amiss.
struct RemoteCounts {
  std::size_t all = 0;
  std::size_t connected = 0;
  std::size_t without_route = 0;
  std::size_t without_mac = 0;  // routed, and of no next hop the MAC is known
};

struct Status {
  bool enabled = false;
  std::string local_device;         // as the kernel calls it now, else as configured
  std::uint32_t local_ifindex = 0;  // 0: not there
  std::optional<MacAddress> local_mac;
  Changed local_changed;
  flow::ManagementVlan vlan;
  std::vector<RemoteStatus> remotes;
  std::vector<HiddenRuleStatus> rules;
  RemoteCounts remote_counts;
  std::size_t rule_count = 0;
  std::vector<LogEntry> log;  // oldest first
  AgentCounters counters;
};

}  // namespace lifeline::inband
