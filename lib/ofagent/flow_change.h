// One flow_mod at work on the tables, in slices. Internal to ofagent.
#pragma once

#include <optional>

#include "ofagent/budget.h"
#include "ofagent/flow_tables.h"
#include "ofagent/stored_rule.h"
#include "openflow/error.h"
#include "openflow/messages.h"

namespace lifeline::ofagent {

class AgentCore;

bool is_add_or_modify(openflow::FlowModCommand command);

// Whoever runs one has begun a change (AgentCore::begin_change) and ends it afterwards.
class FlowChange {
 public:
  FlowChange(openflow::FlowMod flow_mod, bool is_13);

  // True when it is over. What it has done up to an error stays done; only a modification of
  // several rules can fail halfway.
  bool step(AgentCore& core, Budget& budget);
  // Meaningful once it is over.
  const std::optional<openflow::ErrorId>& error() const { return error_; }

 private:
  bool add(AgentCore& core, Budget& budget);
  bool modify(AgentCore& core, Budget& budget);

  openflow::FlowMod mod_;
  bool is_13_;
  RuleFilter filter_;
  FlowTables::Cursor cursor_;
  bool is_any_met_ = false;
  std::optional<openflow::ErrorId> error_;
};

}  // namespace lifeline::ofagent
