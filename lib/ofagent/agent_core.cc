#include "ofagent/agent_core.h"

#include <algorithm>
#include <vector>

#include "ofagent/handlers.h"

namespace lifeline::ofagent {
namespace {

// How soon a fence is looked at again. A worker passes its quiescent state every loop, some
// microseconds; sleeping ones are offline and count as passed.
constexpr Duration kFencePoll = std::chrono::microseconds{100};

}  // namespace

AgentCore::AgentCore(flow::RuleWriter& writer_in, Backend& backend_in, const Clock& clock_in,
                     AgentConfig config_in)
    : writer(writer_in),
      backend(backend_in),
      clock(clock_in),
      config(config_in),
      tables(writer_in, config_in.tables),
      has_controllers_(config_in.has_controllers),
      fail_mode_(config_in.fail_mode, 3 * config_in.probe_interval, clock_in.now()) {
  tables.set_removal_observer([this](const RemovedRule& removed) { announce_removed(removed); });
  tables.set_change_observer([this](const RuleChange& change) { report_change(change); });
  if (!has_controllers_) add_default_rule();
  fail_mode_.update(has_controllers_, false, {}, now());
}

Connection* AgentCore::find(ConnectionId id) const {
  const auto it = connections.find(id);
  return it == connections.end() ? nullptr : it->second.get();
}

bool AgentCore::begin_change(ConnectionId who) {
  if (changer_ && *changer_ != who) return false;
  changer_ = who;
  return true;
}

void AgentCore::start(Connection& connection, std::unique_ptr<Task> task, Budget& budget) {
  if (step(connection, *task, budget) != Progress::kDone) connection.task = std::move(task);
}

// Whoever watches hears of a change before anybody hears of its end.
Progress AgentCore::step(Connection& c, Task& task, Budget& budget) {
  const Progress progress = task.step(*this, c, budget);
  changed_by.reset();
  flush_updates();
  if (progress == Progress::kDone) c.monitors.end_request();
  return progress;
}

// True if the connection could do more at once.
bool AgentCore::serve(Connection& c, Budget& budget) {
  if (resume_updates(c, budget)) return true;
  while (true) {
    if (c.task) {
      const Progress progress = step(c, *c.task, budget);
      if (progress == Progress::kFenced) waits_for_fence_ = true;
      if (progress != Progress::kDone) return progress == Progress::kMore;
      c.task.reset();
    }
    if (c.is_gone || c.is_output_full()) return false;
    if (budget.spent()) return true;
    auto decoded = c.channel.next();
    if (!decoded) return false;
    budget.charge(kCostMessage);
    if (c.kind == ConnectionKind::kSnoop) continue;
    const Request request = Request::of(decoded->header.xid, c.channel.last_message());
    handle_message(*this, c, request, std::move(decoded->message), budget);
  }
}

// Begins behind the one that was served last, so that nobody who always has work keeps the others
// from theirs.
bool AgentCore::serve_all(Budget& budget) {
  std::vector<Connection*> order;
  order.reserve(connections.size());
  for (auto it = connections.upper_bound(served_last_); it != connections.end(); ++it) {
    order.push_back(it->second.get());
  }
  for (const auto& [id, c] : connections) {
    if (id <= served_last_) order.push_back(c.get());
  }
  bool more = false;
  waits_for_fence_ = false;
  for (Connection* c : order) {
    if (budget.spent()) return true;
    served_last_ = c->id;
    more |= serve(*c, budget);
  }
  return more;
}

void AgentCore::copy_to_snoops(openflow::BytesView message) {
  for (const auto& [id, c] : connections) {
    if (c->kind != ConnectionKind::kSnoop || c->is_gone || !c->channel.is_up()) continue;
    if (!c->channel.try_send_bytes(message)) ++counters.snoop_slow_reader;
  }
}

bool AgentCore::run(Budget& budget) {
  const TimePoint start_time = now();
  const bool was_changing = changer_.has_value();
  for (const auto& [id, c] : connections) {
    if (!c->is_gone) c->channel.tick(start_time);
  }
  // Shares, so that no kind of work keeps another from its turn.
  bool more = false;
  if (!tables.in_transaction()) {  // its changes are one, with none of anybody else between them
    Budget expiry{budget.left() / 2};
    more = tables.expire(start_time, expiry);
    budget.charge(budget.left() / 2 - expiry.left());
    flush_updates();
  }
  Budget flushing{budget.left() / 2};
  more |= serve_all(budget);
  if (!tables.in_transaction()) more |= run_fail_mode(flushing);
  flush_updates();
  tables.publish();
  drop_finished();
  refresh_table_miss();
  // Who waited for the end of that change may have been asked before it came.
  return more || (was_changing && !changer_);
}

void AgentCore::drop_finished() {
  for (auto it = connections.begin(); it != connections.end();) {
    Connection& c = *it->second;
    if (c.channel.is_closed() && !c.close_counted) {
      c.close_counted = true;
      ++counters.connections_broken;
    }
    it = c.is_gone && !c.task ? connections.erase(it) : std::next(it);
  }
}

// A packet that nothing matches is worth an upcall only if a controller of 1.0 wants to hear of it.
void AgentCore::refresh_table_miss() {
  TableMiss miss = TableMiss::kDrop;
  for (const auto& [id, c] : connections) {
    if (c->wants_packet_in(PacketInReason::kNoMatch) && !c->is_13()) miss = TableMiss::kPacketIn;
  }
  if (miss == table_miss_) return;
  table_miss_ = miss;
  backend.set_table_miss(miss);
}

std::optional<TimePoint> AgentCore::next_deadline() const {
  std::optional<TimePoint> first = tables.next_deadline();
  const auto consider = [&first](std::optional<TimePoint> t) {
    if (t && (!first || *t < *first)) first = t;
  };
  consider(fail_mode_.deadline());
  if (waits_for_fence_) consider(now() + kFencePoll);
  for (const auto& [id, c] : connections) {
    if (!c->is_gone) consider(c->channel.deadline());
  }
  return first;
}

void AgentCore::set_probe_interval(Duration interval) {
  config.probe_interval = interval;
  fail_mode_.set_silence(3 * interval);
}

void AgentCore::announce_removed(const RemovedRule& removed) {
  const StoredRule& stored = removed.stored;
  if ((stored.flags & kSendFlowRem) == 0) return;
  std::optional<openflow::Message> message;
  for (const auto& [id, c] : connections) {
    if (!c->wants_flow_removed(removed.reason)) continue;
    if (!message) {
      const auto [sec, nsec] = split_seconds(removed.age);
      message =
          openflow::FlowRemoved{.cookie = stored.rule.cookie,
                                .priority = static_cast<std::uint16_t>(stored.rule.priority),
                                .reason = static_cast<openflow::FlowRemovedReason>(removed.reason),
                                .table_id = stored.rule.table_id,
                                .duration_sec = sec,
                                .duration_nsec = nsec,
                                .idle_timeout = stored.idle_timeout_s,
                                .hard_timeout = stored.hard_timeout_s,
                                .packet_count = removed.counters.packets,
                                .byte_count = removed.counters.bytes,
                                .match = stored.rule.match};
    }
    if (!c->channel.try_send(*message, 0)) {
      ++c->async_dropped;
      ++counters.async_slow_reader;
    }
  }
}

}  // namespace lifeline::ofagent
