#include "ofagent/handlers.h"

namespace lifeline::ofagent {

using openflow::ErrorId;
using openflow::Role;

void handle_role(AgentCore& core, Connection& c, const Request& request,
                 const openflow::RoleRequest& wanted) {
  if (wanted.role > Role::kSlave) {
    c.error(ErrorId::kRrfcBadRole, request);
    return;
  }
  const bool is_claim = wanted.role == Role::kMaster || wanted.role == Role::kSlave;
  // Nicira's role request, all that 1.0 has, knows no generations.
  if (is_claim && c.is_13()) {
    // Distance on a circle: older if behind by less than half of it (OpenFlow 1.3.5, 6.3.5).
    if (core.generation_id &&
        static_cast<std::int64_t>(wanted.generation_id - *core.generation_id) < 0) {
      c.error(ErrorId::kRrfcStale, request);
      return;
    }
    core.generation_id = wanted.generation_id;
  }
  if (wanted.role == Role::kMaster) {
    for (const auto& [id, other] : core.connections) {
      if (other->role == Role::kMaster) other->role = Role::kSlave;
    }
  }
  if (wanted.role != Role::kNoChange) c.role = wanted.role;
  c.reply(openflow::RoleReply{.role = c.role,
                              .generation_id = core.generation_id.value_or(~std::uint64_t{0})},
          request);
}

void handle_set_async(Connection& c, const openflow::SetAsync& set) {
  c.async = static_cast<const openflow::AsyncConfig&>(set);
}

void handle_get_async(Connection& c, const Request& request) {
  openflow::GetAsyncReply reply;
  static_cast<openflow::AsyncConfig&>(reply) = c.async;
  c.reply(reply, request);
}

}  // namespace lifeline::ofagent
