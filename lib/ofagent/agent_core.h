// What the handlers of the agent share. Internal to ofagent; SwitchAgent is the outside of it.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/log.h"
#include "ofagent/connection.h"
#include "ofagent/fail_mode.h"

namespace lifeline::ofagent {

class AgentCore {
 public:
  AgentCore(flow::RuleWriter& writer_in, Backend& backend_in, const Clock& clock_in,
            AgentConfig config_in);

  TimePoint now() const { return clock.now(); }
  Connection* find(ConnectionId id) const;

  // Runs a request: at once if the budget allows, else the connection keeps it.
  void start(Connection& connection, std::unique_ptr<Task> task, Budget& budget);

  // The one who may change the tables. True if `who` now may.
  bool begin_change(ConnectionId who);
  void end_change() { changer_.reset(); }

  bool run(Budget& budget);
  std::optional<TimePoint> next_deadline() const;

  // Flow monitors (flow_monitoring.cc). Who has made the change that is under way, if a connection
  // has; cleared after each step.
  struct Author {
    ConnectionId connection = 0;
    std::uint32_t xid = 0;
  };
  std::optional<Author> changed_by;
  // After a monitor or a connection that has some comes or goes.
  void count_watchers();

  void announce_removed(const RemovedRule& removed);
  void announce_port(openflow::PortReason reason, const PortInfo& port);
  void announce_packet(const PacketIn& packet);
  void set_has_controllers(bool has_controllers);
  void set_fail_mode(FailMode mode);
  void set_probe_interval(Duration interval);
  // Of a message from or to a primary controller.
  void copy_to_snoops(openflow::BytesView message);

  // The agent's own changes of the tables carry this in begin_change().
  static constexpr ConnectionId kAgent = 0;

  flow::RuleWriter& writer;
  Backend& backend;
  const Clock& clock;
  AgentConfig config;
  FlowTables tables;
  std::map<ConnectionId, std::unique_ptr<Connection>> connections;
  ConnectionId last_id = kAgent;
  AgentCounters counters;
  FragmentMode fragment_mode = FragmentMode::kNormal;
  // The last generation_id of a role request; nullopt before the first.
  std::optional<std::uint64_t> generation_id;
  flow::RuleId standalone_rule = 0;  // 0: not installed

 private:
  Progress step(Connection& connection, Task& task, Budget& budget);
  void report_change(const RuleChange& change);
  void flush_updates();
  bool resume_updates(Connection& connection, Budget& budget);
  bool serve(Connection& connection, Budget& budget);
  bool serve_all(Budget& budget);
  void drop_finished();
  void refresh_table_miss();
  // fail_mode.cc
  bool run_fail_mode(Budget& budget);
  void start_flush();
  bool flush(Budget& budget);
  void install_standalone_rule();
  void add_default_rule();

  std::optional<ConnectionId> changer_;
  ConnectionId served_last_ = kAgent;
  TableMiss table_miss_ = TableMiss::kDrop;
  bool has_controllers_;
  FailModeState fail_mode_;
  bool is_alone_ = false;     // what the fail mode said last
  bool is_flushing_ = false;  // the tables are being emptied
  FlowTables::Cursor flush_cursor_;
  bool waits_for_fence_ = false;  // some task does, as of the last run
  log::RateLimit standalone_warning_;
};

}  // namespace lifeline::ofagent
