// The OpenFlow agent: what the switch says to its controllers and does for them.
//
// Owns the flow tables and every OpenFlow connection, of primary controllers and of passive
// listeners alike. Does no I/O: control/ moves bytes between sockets and on_bytes()/take_output(),
// calls run() in every turn of its loop and sleeps until next_deadline(). Nothing blocks: a large
// request is cut into slices, a barrier is a continuation on a fence of the rule writer, and a
// connection that waits for either does not handle its next message, which keeps the order that
// barriers promise. One connection at a time changes the tables; a request that takes several
// slices finishes before another connection's change begins, so that requests never interleave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "ofagent/backend.h"
#include "ofagent/budget.h"
#include "ofagent/fail_mode.h"
#include "ofagent/flow_tables.h"
#include "ofagent/packet_in.h"

namespace lifeline::ofagent {

using ConnectionId = std::uint32_t;

enum class ConnectionKind : std::uint8_t {
  kPrimary,  // a configured controller: gets asynchronous messages from the start, counts for the
             // fail mode
  kService,  // accepted by a listener (ovs-ofctl): asynchronous messages only once it has set
             // miss_send_len, as Open vSwitch does
  kSnoop,    // accepted by a ".snoop" listener: gets a copy of every message from and to the
             // primary controllers; what it says itself is not listened to
};

struct AgentConfig {
  FlowTablesConfig tables;
  FailMode fail_mode = FailMode::kSecure;
  bool has_controllers = true;  // some primary controller is configured
  // An echo request is sent after this much silence, the connection given up after twice as much.
  // Without a connection for three times as much, a stand-alone switch takes over. Connections may
  // have intervals of their own.
  Duration probe_interval = std::chrono::seconds{5};
  bool version_10 = true;  // versions that are offered
  bool version_13 = true;
  // Output kept for a peer that does not read; beyond it asynchronous messages are dropped and
  // counted, and its requests are not read.
  std::size_t max_output_bytes = 1 << 20;
};

// What the operator sees of a connection.
struct ConnectionInfo {
  ConnectionId id = 0;
  ConnectionKind kind = ConnectionKind::kPrimary;
  bool established = false;  // versions agreed
  std::uint8_t version = 0;  // wire version, 0 before
  std::string_view role;     // "equal", "primary", "secondary"
  std::uint64_t packet_ins = 0;
  std::uint64_t packet_ins_dropped = 0;  // its output was full
  std::uint64_t async_dropped = 0;       // other asynchronous messages, for the same reason
};

// Named counters of what was dropped or refused, for the operator.
struct AgentCounters {
  std::uint64_t packet_ins = 0;          // given to packet_in()
  std::uint64_t packet_in_no_taker = 0;  // no connection wanted it
  std::uint64_t packet_in_slow_reader = 0;
  std::uint64_t async_slow_reader = 0;
  std::uint64_t packet_out_failed = 0;
  std::uint64_t snoop_slow_reader = 0;   // copies that a snooping tool was too slow to read
  std::uint64_t connections_broken = 0;  // closed by us: garbage, silence, no common version
};

// Control lcore only. The references outlive the agent.
class SwitchAgent {
 public:
  SwitchAgent(flow::RuleWriter& writer, Backend& backend, const Clock& clock, AgentConfig config);
  ~SwitchAgent();
  SwitchAgent(const SwitchAgent&) = delete;
  SwitchAgent& operator=(const SwitchAgent&) = delete;

  // -- connections. An id is never used again.
  // `probe_interval`: its own, in place of AgentConfig's.
  ConnectionId add_connection(ConnectionKind kind,
                              std::optional<Duration> probe_interval = std::nullopt);
  // Bytes that came; handled by run().
  void on_bytes(ConnectionId id, std::span<const std::byte> bytes);
  // False: stop reading its socket for now (its requests wait or its output is full).
  bool wants_input(ConnectionId id) const;
  // Bytes to send, as many as lie in one piece; valid until the next call of anything here. Tell
  // consume_output() how many the socket has taken.
  std::span<const std::byte> output(ConnectionId id) const;
  void consume_output(ConnectionId id, std::size_t n);
  // All of it at once, taken out of the connection.
  std::vector<std::byte> take_output(ConnectionId id);
  bool has_output(ConnectionId id) const { return !output(id).empty(); }
  // A reason if the connection is to be closed, after what take_output() still gives was sent; the
  // caller closes the socket and calls on_closed(). nullopt for one that is fine.
  std::optional<std::string> close_reason(ConnectionId id) const;
  // The socket is gone. Forgets the connection.
  void on_closed(ConnectionId id);
  std::vector<ConnectionInfo> connections() const;

  // -- work
  // Handles what came, goes on with what is unfinished, expires rules. True: there is more to do at
  // once; false: sleep until bytes come, output was taken, or next_deadline(). While a barrier
  // waits for the datapath, next_deadline() is 100 us away.
  bool run(Budget budget = Budget{kSliceUnits});
  std::optional<TimePoint> next_deadline() const;

  // -- events
  void packet_in(const PacketIn& packet);
  enum class PortChange : std::uint8_t { kAdded = 0, kDeleted = 1, kModified = 2 };
  void port_changed(PortChange change, const PortInfo& port);
  // The operator has added the first or removed the last primary controller.
  void set_has_controllers(bool has_controllers);
  FailMode fail_mode() const;
  // Without controllers the tables begin anew: one NORMAL rule in stand-alone mode, else nothing.
  void set_fail_mode(FailMode mode);
  // Also of the connections that stand and have none of their own; see AgentConfig.
  void set_probe_interval(Duration interval);
  // Of this connection.
  void set_probe_interval(ConnectionId id, Duration interval);
  // The way to this peer is another: openflow::Channel::extend_probe().
  void extend_probe(ConnectionId id);
  void set_max_rules_per_table(std::uint32_t n);

  const FlowTables& tables() const;
  const AgentCounters& counters() const;
  bool standalone_active() const;  // the stand-alone rule is installed

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lifeline::ofagent
