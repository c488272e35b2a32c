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

std::optional<ErrorId> find_error(const AgentCore& core, const openflow::PortMod& port_mod) {
  const std::optional<PortInfo> port = core.backend.port(port_mod.port);
  if (!port) return ErrorId::kPmfcBadPort;
  if (port->mac != port_mod.hw_addr) return ErrorId::kPmfcBadHwAddr;
  // 1.0's NO_STP is taken and means nothing: there is no spanning tree here, as in Open vSwitch.
  if ((port_mod.mask & ~(kPortConfigSupported | kPortNoStp)) != 0) return ErrorId::kPmfcBadConfig;
  if (port_mod.advertise != 0 && port_mod.advertise != port->advertised) {
    return ErrorId::kPmfcBadAdvertise;
  }
  return std::nullopt;
}

bool apply(AgentCore& core, const openflow::PortMod& port_mod) {
  const std::optional<PortInfo> before = core.backend.port(port_mod.port);
  const std::uint32_t mask = port_mod.mask & kPortConfigSupported;
  if (mask == 0) return true;
  if (!core.backend.set_port_config(port_mod.port, port_mod.config & mask, mask)) return false;
  const std::optional<PortInfo> after = core.backend.port(port_mod.port);
  if (before && after && *after != *before) {
    core.announce_port(openflow::PortReason::kModify, *after);
  }
  return true;
}

void handle_port_mod(AgentCore& core, Connection& c, const Request& request,
                     const openflow::PortMod& port_mod) {
  if (const auto error = find_error(core, port_mod)) {
    c.error(*error, request);
  } else if (!apply(core, port_mod)) {
    c.error(ErrorId::kPmfcBadConfig, request);
  }
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
