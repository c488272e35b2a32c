// What a NIC should steer on one port: control traffic in the form that it has there. On a trunk
// the management VLAN is tagged; on an access port of it, and where it is native-untagged,
// untagged; elsewhere it does not come at all.
#pragma once

#include <vector>

#include "flow/guards.h"
#include "flow/port_vlan.h"
#include "flow/steering.h"

namespace lifeline::offload {

// `intents` as inband::steering_intents() gives them for `management`, in their order. Of any VLAN
// (kAny): as they are, on every port. Pure.
std::vector<flow::SteeringIntent> port_intents(const std::vector<flow::SteeringIntent>& intents,
                                               const flow::ManagementVlan& management,
                                               const flow::PortVlan& port);

}  // namespace lifeline::offload
