// What the operator may ask of in-band control, and tell it: status, remotes, hidden rules; remotes
// added and removed, in-band control switched. There may be thousands of remotes: the lists are
// made a few elements at a time.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "control/admin_commands.h"
#include "control/admin_server.h"

namespace lifeline::control {

// Time since `when`, in ms; null for never.
nlohmann::json age_ms(TimePoint now, TimePoint when);
// What in-band control did last, oldest first.
nlohmann::json changes_json(const CommandParts& parts);

// {bridge, …, local, remotes: […], hidden_rules: […], log: […]}.
std::unique_ptr<AdminReply> status_reply(const CommandParts& parts, TimePoint started);
// {bridge, …, local, remotes: {count, …}, hidden_rules}: what has a size that does not grow.
std::unique_ptr<AdminReply> status_summary_reply(const CommandParts& parts, TimePoint started);
// {remotes: […]}.
std::unique_ptr<AdminReply> remotes_reply(const CommandParts& parts);
// {"state": "on" or "off"}.
std::unique_ptr<AdminReply> in_band_command(const CommandParts& parts,
                                            const nlohmann::json& request);
// {"action": "add" or "del", "address": IP[:port]} or {…, "next_hop": IP or MAC}.
std::unique_ptr<AdminReply> remote_command(const CommandParts& parts,
                                           const nlohmann::json& request);

}  // namespace lifeline::control
