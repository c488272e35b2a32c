// Replies as long as a table is, in pieces.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "control/admin_server.h"
#include "control/offload_keeper.h"
#include "inband/agent.h"
#include "table/fdb.h"

namespace lifeline::control {

// One hidden rule as lifelinectl and telemetry show it; "nics" {port: rung} where NICs bring it.
nlohmann::json hidden_rule_json(const inband::HiddenRuleStatus& rule, const OffloadKeeper& offload,
                                TimePoint now);

// {"hidden_rules": [...]}, by letter: those that stand when it begins, without those that go
// meanwhile.
std::unique_ptr<AdminReply> hidden_rules_reply(const inband::InbandAgent& inband,
                                               const OffloadKeeper& offload, const Clock& clock);

// {"entries": [...]} in no order; what is learned or forgotten meanwhile may be missing.
std::unique_ptr<AdminReply> fdb_reply(const table::Fdb& fdb, std::uint32_t now_s);

}  // namespace lifeline::control
