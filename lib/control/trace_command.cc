#include "control/trace_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/request.h"
#include "flow/packet_text.h"

namespace lifeline::control {
namespace {

using nlohmann::json;

json step_json(const datapath::Trace::Step& step) {
  json s{{"table", step.hidden ? json("hidden") : json(step.table_id)}, {"matched", false}};
  if (step.rule_id == 0) return s;
  s["matched"] = true;
  s["priority"] = step.priority;
  s["match"] = step.match;
  s["actions"] = step.instructions;
  if (!step.hidden) s["cookie"] = fmt::format("{:#x}", step.cookie);
  return s;
}

json steps_json(const datapath::Trace& trace, const inband::InbandAgent& inband) {
  json steps = json::array();
  for (const auto& step : trace.steps) {
    steps.push_back(step_json(step));
    if (!step.hidden) continue;
    const auto rule = inband.rule_status(step.rule_id);
    if (!rule) continue;
    json& s = steps.back();
    s["letter"] = std::string(1, inband::kind_letter(rule->rule.kind));
    s["kind"] = inband::kind_name(rule->rule.kind);
    s["why"] = join(rule->rule.why, "; ");
  }
  return steps;
}

}  // namespace

std::optional<flow::PortNo> find_port(const CommandParts& parts, std::string_view text) {
  for (const auto& status : parts.ports.status()) {
    const bool is_local = status.port_no == flow::kPortLocal;
    const std::string& name = is_local ? parts.local.name() : status.name;
    if (text == name || text == flow::port_to_string(status.port_no)) return status.port_no;
  }
  return std::nullopt;
}

std::unique_ptr<AdminReply> trace_command(const CommandParts& parts, const json& request) {
  const std::string port_text = text(request, "port");
  const auto in_port = find_port(parts, port_text);
  if (!in_port) {
    return admin_error(fmt::format("there is no port '{}'; lifelinectl ports shows what there is",
                                   port_text.substr(0, 60)));
  }
  const auto packet = flow::parse_packet_text(text(request, "packet"));
  if (!packet) return admin_error("packet: " + packet.error().message);
  if (packet->in_port && packet->in_port != in_port) {
    return admin_error(fmt::format("the packet says in_port={}, the command port {}",
                                   flow::port_to_string(*packet->in_port), port_text));
  }
  const auto trace = parts.datapath.explain(packet->frame, *in_port);
  if (!trace) return admin_error(trace.error().message);
  json operations = json::array();
  json outputs = json::array();
  for (const auto& done : trace->outcome) {
    json ports = json::array();
    for (const flow::PortNo port : done.ports) {
      ports.push_back(port_json(port));
      if (std::find(outputs.begin(), outputs.end(), ports.back()) == outputs.end())
        outputs.push_back(ports.back());
    }
    operations.push_back(
        {{"operation", done.text}, {"ports", std::move(ports)}, {"note", done.note}});
  }
  return admin_reply({{"in_port", port_json(*in_port)},
                      {"packet", trace->key},
                      {"bytes", packet->frame.size()},
                      {"steps", steps_json(*trace, parts.inband)},
                      {"operations", std::move(operations)},
                      {"outputs", std::move(outputs)},
                      {"cacheable", trace->cacheable},
                      {"not_cached_why", trace->not_cached}});
}

}  // namespace lifeline::control
