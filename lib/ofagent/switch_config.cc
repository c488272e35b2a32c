#include "ofagent/handlers.h"

namespace lifeline::ofagent {
namespace {

// 1.0's bit per action that the datapath can do (5.3.1; numbers of ofp_action_type).
std::uint32_t actions_10(const Abilities& able) {
  const auto action = [&](unsigned type13) { return (able.actions >> type13 & 1) != 0; };
  const auto set = [&](flow::FieldId id) {
    return action(25) && (able.set_fields >> static_cast<unsigned>(id) & 1) != 0;
  };
  using flow::FieldId;
  const bool bits[] = {action(0),
                       set(FieldId::kVlanVid),
                       set(FieldId::kVlanPcp),
                       action(18),
                       set(FieldId::kEthSrc),
                       set(FieldId::kEthDst),
                       set(FieldId::kIpv4Src),
                       set(FieldId::kIpv4Dst),
                       set(FieldId::kIpDscp),
                       set(FieldId::kTcpSrc),
                       set(FieldId::kTcpDst),
                       action(21)};
  std::uint32_t mask = 0;
  for (std::size_t i = 0; i < std::size(bits); ++i) mask |= std::uint32_t{bits[i]} << i;
  return mask;
}

// Answers once everything before it acts on packets, on every lcore.
class BarrierTask final : public Task {
 public:
  BarrierTask(const Request& request, flow::RuleWriter::Fence fence)
      : request_(request), fence_(fence) {}
  Progress step(AgentCore& core, Connection& c, Budget&) override {
    if (!core.writer.passed(fence_)) return Progress::kFenced;
    c.reply(openflow::BarrierReply{}, request_);
    return Progress::kDone;
  }

 private:
  Request request_;
  flow::RuleWriter::Fence fence_;
};

}  // namespace

void handle_features(AgentCore& core, Connection& c, const Request& request) {
  const SwitchFacts& facts = core.backend.facts();
  openflow::FeaturesReply reply;
  reply.datapath_id = facts.datapath_id;
  reply.n_buffers = 0;
  reply.n_tables = core.config.tables.n_tables;
  reply.capabilities = openflow::capabilities::kFlowStats | openflow::capabilities::kTableStats |
                       openflow::capabilities::kPortStats;
  if (!c.is_13()) {
    reply.capabilities |= openflow::capabilities::kArpMatchIp;
    reply.actions = actions_10(facts.abilities);
    for (const PortInfo& port : core.backend.ports()) reply.ports.push_back(to_openflow(port));
  }
  c.reply(reply, request);
}

void handle_get_config(AgentCore& core, Connection& c, const Request& request) {
  openflow::GetConfigReply reply;
  reply.flags = static_cast<std::uint16_t>(core.fragment_mode);
  reply.miss_send_len = c.miss_send_len;
  c.reply(reply, request);
}

void handle_set_config(AgentCore& core, Connection& c, const Request& request,
                       const openflow::SetConfig& set) {
  const std::uint16_t mode = set.flags & openflow::config_flags::kFragMask;
  if (mode > openflow::config_flags::kFragDrop) {
    // Reassembly is not done. 1.0 has no error for it; get_config shows that nothing changed.
    if (c.is_13()) {
      c.error(openflow::ErrorId::kScfcBadFlags, request);
      return;
    }
  } else if (static_cast<FragmentMode>(mode) != core.fragment_mode) {
    core.fragment_mode = static_cast<FragmentMode>(mode);
    core.backend.set_fragment_mode(core.fragment_mode);
  }
  c.miss_send_len = set.miss_send_len;
}

void handle_barrier(AgentCore& core, Connection& c, const Request& request, Budget& budget) {
  core.tables.publish();
  core.start(c, std::make_unique<BarrierTask>(request, core.writer.fence()), budget);
}

}  // namespace lifeline::ofagent
