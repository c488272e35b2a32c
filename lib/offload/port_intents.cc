#include "offload/port_intents.h"

namespace lifeline::offload {

std::vector<flow::SteeringIntent> port_intents(const std::vector<flow::SteeringIntent>& intents,
                                               const flow::ManagementVlan& management,
                                               const flow::PortVlan& port) {
  if (management.kind == flow::ManagementVlan::Kind::kAny) return intents;
  const std::uint16_t vlan = management.vid;  // 0: untagged
  if (!port.carries(vlan)) return {};
  if (vlan == 0 || !port.is_untagged(vlan)) return intents;
  std::vector<flow::SteeringIntent> out = intents;
  for (flow::SteeringIntent& intent : out) intent.match.vlan_none_or_priority();
  return out;
}

}  // namespace lifeline::offload
