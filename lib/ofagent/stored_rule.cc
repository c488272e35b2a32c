#include "ofagent/stored_rule.h"

#include <algorithm>
#include <variant>

namespace lifeline::ofagent {
namespace {

template <class Pred>
bool any_action(const flow::Instructions& in, Pred pred) {
  const auto in_list = [&](const std::optional<flow::ActionList>& list) {
    return list.has_value() && std::any_of(list->begin(), list->end(), pred);
  };
  return in_list(in.apply) || in_list(in.write);
}

}  // namespace

bool outputs_to(const flow::Instructions& instructions, flow::PortNo port) {
  return any_action(instructions, [port](const flow::Action& a) {
    const auto* out = std::get_if<flow::Output>(&a);
    return out != nullptr && out->port == port;
  });
}

bool sends_to_group(const flow::Instructions& instructions, std::uint32_t group_id) {
  return any_action(instructions, [group_id](const flow::Action& a) {
    const auto* group = std::get_if<flow::Group>(&a);
    return group != nullptr && group->group_id == group_id;
  });
}

bool passes(const RuleFilter& filter, const StoredRule& stored) {
  if (((stored.rule.cookie ^ filter.cookie) & filter.cookie_mask) != 0) return false;
  const flow::Instructions& in = stored.rule.instructions;
  if (filter.out_port != flow::kPortNone && !outputs_to(in, filter.out_port)) return false;
  return filter.out_group == kAnyGroup || sends_to_group(in, filter.out_group);
}

}  // namespace lifeline::ofagent
