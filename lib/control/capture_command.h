// lifelinectl capture: a pcap of what ports carry, or of what is dropped and why.
//
// The reply is no JSON but blocks of pcap: a length (32 bits, big-endian) and as many bytes each,
// until a length of zero; what follows that is JSON, {"packets": N, "lost": N}. It ends when enough
// was captured, or when the client shuts down its side of the connection. An error is JSON from the
// first byte on: no block is as long as its '{' would say.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "control/admin_commands.h"
#include "control/admin_server.h"

namespace lifeline::control {

// {"ports": [NAME or NUMBER or "LOCAL"…], "in": bool, "out": bool} or {"drops": [REASON…]}, and
// "snap" (bytes kept of each packet), "count" (packets), "seconds"; zero: no limit. Control lcore
// only.
std::unique_ptr<AdminReply> capture_command(const CommandParts& parts,
                                            const nlohmann::json& request);

}  // namespace lifeline::control
