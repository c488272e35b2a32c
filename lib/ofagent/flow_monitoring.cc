// Flow monitors: the requests, and who is told when the tables change.
#include "ofagent/handlers.h"

namespace lifeline::ofagent {
namespace {

// The first dump, sliced like flow statistics. It waits for the end of a pause: what it sends would
// be stale before the peer has read it.
class DumpTask final : public Task {
 public:
  DumpTask(const Request& request, openflow::FlowMonitorsRequest monitors)
      : request_(request), monitors_(std::move(monitors)) {}

  Progress step(AgentCore& core, Connection& c, Budget& budget) override {
    if (c.is_output_full() || core.tables.in_transaction()) return Progress::kBlocked;
    if (!is_begun_) {
      if (c.monitors.is_paused()) return Progress::kBlocked;
      if (const auto error = c.monitors.add(monitors_)) {
        c.error(*error, request_);
        return Progress::kDone;
      }
      core.count_watchers();
      c.monitors.begin_dump(std::move(monitors_), request_.xid, c.channel);
      is_begun_ = true;
    }
    return c.monitors.dump(core.tables, c.channel, budget) ? Progress::kDone : Progress::kMore;
  }

 private:
  Request request_;
  openflow::FlowMonitorsRequest monitors_;
  bool is_begun_ = false;
};

}  // namespace

void handle_flow_monitors(AgentCore& core, Connection& c, const Request& request,
                          const openflow::FlowMonitorsRequest& monitors, Budget& budget) {
  core.start(c, std::make_unique<DumpTask>(request, monitors), budget);
}

void handle_flow_monitor_cancel(AgentCore& core, Connection& c, const Request& request,
                                const openflow::FlowMonitorCancel& cancel) {
  if (!c.monitors.remove(cancel.id)) {
    c.error(openflow::ErrorId::kMofcUnknownMonitor, request);
    return;
  }
  core.count_watchers();
}

// What a change costs beyond itself: each monitor is asked, each connection may be written to.
void AgentCore::count_watchers() {
  std::int64_t cost = 0;
  for (const auto& [id, c] : connections) {
    if (c->is_gone || c->monitors.empty()) continue;
    cost += static_cast<std::int64_t>(c->monitors.size()) * kCostExamine + kCostReport;
  }
  tables.set_watched(cost);
}

void AgentCore::report_change(const RuleChange& change) {
  for (const auto& [id, c] : connections) {
    if (c->is_gone || c->monitors.empty()) continue;
    const bool own = changed_by && changed_by->connection == id;
    c->monitors.report(change, own ? std::optional{changed_by->xid} : std::nullopt, c->channel);
  }
}

void AgentCore::flush_updates() {
  if (!tables.is_watched()) return;
  for (const auto& [id, c] : connections) {
    if (!c->is_gone) c->monitors.flush(c->channel, tables.seqno());
  }
}

// True if the connection could do more at once.
bool AgentCore::resume_updates(Connection& c, Budget& budget) {
  if (c.is_gone || c.is_output_full() || tables.in_transaction()) return false;
  if (!c.monitors.may_resume(c.channel)) return false;
  return !c.monitors.resume(tables, c.channel, budget);
}

}  // namespace lifeline::ofagent
