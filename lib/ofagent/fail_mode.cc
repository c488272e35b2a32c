#include "ofagent/fail_mode.h"

#include "ofagent/agent_core.h"

namespace lifeline::ofagent {
namespace {

flow::Instructions normal() {
  return flow::Instructions::apply_only({flow::Output{.port = flow::kPortNormal}});
}

}  // namespace

// As Open vSwitch does (ofproto/fail-open.c): going alone flushes the rules of the controllers and
// puts one NORMAL rule, which they cannot see, above all; a controller that comes back has it taken
// away and finds the tables as they are then.
bool AgentCore::run_fail_mode(Budget& budget) {
  bool is_connected = false;
  TimePoint last_heard{};
  for (const auto& [id, c] : connections) {
    if (c->kind != ConnectionKind::kPrimary || c->is_gone || !c->channel.is_up()) continue;
    // A HELLO alone is no controller: one that greets and hangs up must not end the stand-alone
    // mode every few seconds.
    if (!c->is_admitted && now() - c->created < config.probe_interval) continue;
    is_connected = true;
    last_heard = std::max(last_heard, c->last_heard);
  }
  const bool is_alone = fail_mode_.update(has_controllers_, is_connected, last_heard, now());
  if (is_alone != is_alone_) {
    is_alone_ = is_alone;
    if (is_alone) {
      log::info(
          "ofagent", "no controller for {} s: the switch forwards on its own (standalone)",
          3 * std::chrono::duration_cast<std::chrono::seconds>(config.probe_interval).count());
      start_flush();
    } else if (standalone_rule != 0) {
      log::info("ofagent", "a controller is back: no longer standalone");
      writer.remove(standalone_rule);
      writer.publish();
      standalone_rule = 0;
    }
  }
  // The rule first: it outranks what is flushed, so that forwarding never pauses.
  if (is_alone_ && standalone_rule == 0) install_standalone_rule();
  return is_flushing_ && flush(budget);
}

void AgentCore::start_flush() {
  is_flushing_ = true;
  flush_cursor_ = {};
}

// True while there is more to flush.
bool AgentCore::flush(Budget& budget) {
  if (!begin_change(kAgent)) return false;  // another's change finishes first
  const bool done = tables.walk(flush_cursor_, {}, budget, [&](StoredRule& stored) {
    budget.charge(tables.change_cost());
    tables.remove(stored, RemovedReason::kDelete, now());
  });
  if (!done) return true;
  end_change();
  is_flushing_ = false;
  if (!has_controllers_) add_default_rule();
  return false;
}

void AgentCore::install_standalone_rule() {
  flow::Rule rule;
  rule.priority = flow::kPriorityStandalone;
  rule.instructions = normal();
  const Expected<flow::RuleId> id = writer.add(rule);
  if (!id) {
    log::limited(standalone_warning_, now(), log::Level::kWarn, "ofagent",
                 "the standalone rule cannot be installed: {}", id.error().message);
    return;
  }
  standalone_rule = *id;
  writer.publish();
}

// A stand-alone switch for which no controller is configured is a learning switch from the start;
// the rule is an ordinary one, for whoever programs the switch by hand to see, outrank or delete.
void AgentCore::add_default_rule() {
  if (config.fail_mode != FailMode::kStandalone) return;
  RuleSpec spec;
  spec.rule.instructions = normal();
  if (!tables.add(spec, now())) {
    log::warn("ofagent", "the default NORMAL rule cannot be installed: no room in table 0");
  }
  tables.publish();
}

void AgentCore::set_has_controllers(bool has_controllers) {
  if (has_controllers == has_controllers_) return;
  has_controllers_ = has_controllers;
  start_flush();
}

// As Open vSwitch's connmgr_set_fail_mode(): with controllers the next turn says what follows;
// without, the tables are what the mode makes of them.
void AgentCore::set_fail_mode(FailMode mode) {
  if (mode == config.fail_mode) return;
  config.fail_mode = mode;
  fail_mode_.set_mode(mode);
  if (!has_controllers_) start_flush();
}

}  // namespace lifeline::ofagent
