#include "ofagent/flow_change.h"

#include <utility>

#include "ofagent/agent_core.h"

namespace lifeline::ofagent {

using openflow::ErrorId;
using openflow::FlowModCommand;

namespace {

bool is_strict(FlowModCommand command) {
  return command == FlowModCommand::kModifyStrict || command == FlowModCommand::kDeleteStrict;
}

}  // namespace

bool is_add_or_modify(FlowModCommand command) {
  return command == FlowModCommand::kAdd || command == FlowModCommand::kModify ||
         command == FlowModCommand::kModifyStrict;
}

FlowChange::FlowChange(openflow::FlowMod flow_mod, bool is_13)
    : mod_(std::move(flow_mod)), is_13_(is_13) {
  filter_ = {
      .table_id = mod_.table_id,
      .match = mod_.match,
      .strict_priority = is_strict(mod_.command) ? std::optional{mod_.priority} : std::nullopt,
      .cookie = mod_.cookie,
      .cookie_mask = mod_.cookie_mask};
  // Only deletions are filtered by output (OpenFlow 1.3.5, 6.4).
  if (!is_add_or_modify(mod_.command)) {
    filter_.out_port = mod_.out_port;
    filter_.out_group = mod_.out_group;
  }
}

bool FlowChange::step(AgentCore& core, Budget& budget) {
  switch (mod_.command) {
    case FlowModCommand::kAdd: return add(core, budget);
    case FlowModCommand::kModify:
    case FlowModCommand::kModifyStrict: return modify(core, budget);
    case FlowModCommand::kDelete:
    case FlowModCommand::kDeleteStrict: break;
  }
  const TimePoint now = core.now();
  return core.tables.walk(cursor_, filter_, budget, [&](StoredRule& stored) {
    budget.charge(core.tables.change_cost());
    core.tables.remove(stored, RemovedReason::kDelete, now);
  });
}

bool FlowChange::add(AgentCore& core, Budget& budget) {
  RuleSpec spec;
  // Modifications of 1.0 that add carry "all tables".
  spec.rule.table_id = mod_.table_id == kAllTables ? std::uint8_t{0} : mod_.table_id;
  spec.rule.priority = mod_.priority;
  spec.rule.match = mod_.match;
  spec.rule.cookie = mod_.cookie;
  if ((mod_.flags & kCheckOverlap) != 0) {
    const auto overlaps = core.tables.overlaps(cursor_, spec.rule, budget);
    if (!overlaps) return false;
    if (*overlaps) {
      error_ = ErrorId::kFmfcOverlap;
      return true;
    }
  }
  spec.rule.instructions = std::move(mod_.instructions);
  spec.idle_timeout_s = mod_.idle_timeout;
  spec.hard_timeout_s = mod_.hard_timeout;
  spec.flags = mod_.flags;
  // A replaced rule's counters always start anew in 1.0, which has no flag for it (4.6).
  if (!is_13_) spec.flags |= kResetCounts;
  budget.charge(core.tables.change_cost());
  const auto stored = core.tables.add(spec, core.now());
  if (!stored) {
    error_ =
        stored.error() == AddError::kTableFull ? ErrorId::kFmfcTableFull : ErrorId::kFmfcBadTableId;
  } else {
    (*stored)->flags = mod_.flags;
  }
  return true;
}

bool FlowChange::modify(AgentCore& core, Budget& budget) {
  // 1.0 gives a modified rule the new cookie; 1.3 never changes one (6.4).
  std::optional<std::uint64_t> cookie;
  if (!is_13_ && mod_.cookie != ~std::uint64_t{0}) cookie = mod_.cookie;
  const bool reset = is_13_ && (mod_.flags & kResetCounts) != 0;
  const bool done = core.tables.walk(cursor_, filter_, budget, [&](StoredRule& stored) {
    budget.charge(core.tables.change_cost());
    is_any_met_ = true;
    if (!core.tables.modify(stored, mod_.instructions, cookie, reset))
      error_ = ErrorId::kFmfcTableFull;
  });
  if (!done) return false;
  if (is_any_met_ || is_13_) return true;
  mod_.command = FlowModCommand::kAdd;  // OpenFlow 1.0, 4.6
  cursor_ = {};
  return add(core, budget);
}

}  // namespace lifeline::ofagent
