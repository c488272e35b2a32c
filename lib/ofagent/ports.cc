#include "ofagent/handlers.h"

namespace lifeline::ofagent {

using openflow::ErrorId;

openflow::Port to_openflow(const PortInfo& port) {
  return {.no = port.number,
          .hw_addr = port.mac,
          .name = port.name,
          .config = port.config,
          .state = port.state,
          .current = port.current,
          .advertised = port.advertised,
          .supported = port.supported,
          .peer = port.peer,
          .current_speed_kbps = port.current_speed_kbps,
          .max_speed_kbps = port.max_speed_kbps};
}

void handle_port_mod(AgentCore& core, Connection& c, const Request& request,
                     const openflow::PortMod& port_mod) {
  const std::optional<PortInfo> before = core.backend.port(port_mod.port);
  if (!before) {
    c.error(ErrorId::kPmfcBadPort, request);
    return;
  }
  if (before->mac != port_mod.hw_addr) {
    c.error(ErrorId::kPmfcBadHwAddr, request);
    return;
  }
  // 1.0's NO_STP is taken and means nothing: there is no spanning tree here, as in Open vSwitch.
  if ((port_mod.mask & ~(kPortConfigSupported | kPortNoStp)) != 0) {
    c.error(ErrorId::kPmfcBadConfig, request);
    return;
  }
  if (port_mod.advertise != 0 && port_mod.advertise != before->advertised) {
    c.error(ErrorId::kPmfcBadAdvertise, request);
    return;
  }
  const std::uint32_t mask = port_mod.mask & kPortConfigSupported;
  if (mask == 0) return;
  if (!core.backend.set_port_config(port_mod.port, port_mod.config & mask, mask)) {
    c.error(ErrorId::kPmfcBadConfig, request);
    return;
  }
  const std::optional<PortInfo> after = core.backend.port(port_mod.port);
  if (after && *after != *before) core.announce_port(openflow::PortReason::kModify, *after);
}

void AgentCore::announce_port(openflow::PortReason reason, const PortInfo& port) {
  const openflow::Message message =
      openflow::PortStatus{.reason = reason, .port = to_openflow(port)};
  for (const auto& [id, c] : connections) {
    if (!c->wants_port_status(reason)) continue;
    if (!c->channel.try_send(message, 0)) {
      ++c->async_dropped;
      ++counters.async_slow_reader;
    }
  }
}

}  // namespace lifeline::ofagent
