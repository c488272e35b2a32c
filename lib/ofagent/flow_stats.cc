#include "ofagent/handlers.h"

namespace lifeline::ofagent {
namespace {

using openflow::ErrorId;
using openflow::MultipartType;

RuleFilter filter_of(const openflow::FlowSelector& s) {
  return {.table_id = s.table_id,
          .match = s.match,
          .strict_priority = std::nullopt,
          .out_port = s.out_port,
          .out_group = s.out_group,
          .cookie = s.cookie,
          .cookie_mask = s.cookie_mask};
}

openflow::FlowStats stats_of(const FlowTables& tables, const StoredRule& stored, TimePoint now) {
  const flow::RuleCounters n = tables.counters(stored);
  const auto [sec, nsec] = split_seconds(now - stored.created);
  return {.table_id = stored.rule.table_id,
          .duration_sec = sec,
          .duration_nsec = nsec,
          .priority = static_cast<std::uint16_t>(stored.rule.priority),
          .idle_timeout = stored.idle_timeout_s,
          .hard_timeout = stored.hard_timeout_s,
          .flags = stored.flags,
          .cookie = stored.rule.cookie,
          .packet_count = n.packets,
          .byte_count = n.bytes,
          .match = stored.rule.match,
          .instructions = stored.rule.instructions};
}

class FlowStatsTask final : public Task {
 public:
  FlowStatsTask(Connection& c, const Request& request, const openflow::FlowSelector& selector)
      : filter_(filter_of(selector)),
        writer_(MultipartType::kFlow, request.xid, c.channel.version(),
                [&c](openflow::Bytes message) { c.channel.send_bytes(std::move(message)); }) {}

  Progress step(AgentCore& core, Connection& c, Budget& budget) override {
    if (c.is_output_full() || core.tables.in_transaction()) return Progress::kBlocked;
    const TimePoint now = core.now();
    const bool done = core.tables.walk(cursor_, filter_, budget, [&](StoredRule& stored) {
      budget.charge(kCostReport);
      writer_.add(stats_of(core.tables, stored, now));
    });
    if (!done) return Progress::kMore;
    writer_.finish();
    return Progress::kDone;
  }

 private:
  RuleFilter filter_;
  FlowTables::Cursor cursor_;
  openflow::MultipartWriter writer_;
};

class AggregateStatsTask final : public Task {
 public:
  AggregateStatsTask(const Request& request, const openflow::FlowSelector& selector)
      : request_(request), filter_(filter_of(selector)) {}

  Progress step(AgentCore& core, Connection& c, Budget& budget) override {
    if (core.tables.in_transaction()) return Progress::kBlocked;
    const bool done = core.tables.walk(cursor_, filter_, budget, [&](StoredRule& stored) {
      budget.charge(kCostExamine * 2);
      const flow::RuleCounters n = core.tables.counters(stored);
      sum_.packet_count += n.packets;
      sum_.byte_count += n.bytes;
      ++sum_.flow_count;
    });
    if (!done) return Progress::kMore;
    c.reply(openflow::MultipartReply{.body = sum_, .more = false}, request_);
    return Progress::kDone;
  }

 private:
  Request request_;
  RuleFilter filter_;
  FlowTables::Cursor cursor_;
  openflow::AggregateStats sum_;
};

// 1.0's table 0xfe is that of emergency rules, of which there are none: no error, an empty answer.
bool is_bad_table(const AgentCore& core, const Connection& c, std::uint8_t table_id) {
  return c.is_13() && table_id != kAllTables && table_id >= core.config.tables.n_tables;
}

}  // namespace

void handle_flow_stats(AgentCore& core, Connection& c, const Request& request,
                       const openflow::FlowSelector& selector, Budget& budget) {
  if (is_bad_table(core, c, selector.table_id)) {
    c.error(ErrorId::kBrcBadTableId, request);
    return;
  }
  core.start(c, std::make_unique<FlowStatsTask>(c, request, selector), budget);
}

void handle_aggregate_stats(AgentCore& core, Connection& c, const Request& request,
                            const openflow::FlowSelector& selector, Budget& budget) {
  if (is_bad_table(core, c, selector.table_id)) {
    c.error(ErrorId::kBrcBadTableId, request);
    return;
  }
  core.start(c, std::make_unique<AggregateStatsTask>(request, selector), budget);
}

}  // namespace lifeline::ofagent
