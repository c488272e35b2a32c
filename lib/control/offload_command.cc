#include "control/offload_command.h"

#include <utility>

namespace lifeline::control {

using nlohmann::json;

json offload_json(const OffloadKeeper& keeper) {
  json ports = json::array();
  for (const auto& r : keeper.reports()) {
    json rules = json::array();
    for (const auto& i : r.report.intents) {
      rules.push_back({{"intent", i.intent.name},
                       {"match", i.intent.match.to_string()},
                       {"rung", offload::rung_name(i.rung)},
                       {"nic_rule", i.form ? json(i.form->to_string()) : json()},
                       {"shared", i.shared},
                       {"why_not_better", i.why_not_better}});
    }
    ports.push_back({{"number", r.port.port_no},
                     {"name", r.port.name},
                     {"control_queue", r.port.queue ? json(*r.port.queue) : json()},
                     {"reason", r.port.reason},
                     {"nic_rules", r.report.nic_rules},
                     {"refusals", r.report.refusals},
                     {"refused_after_validate", r.report.liar_creates},
                     {"restored", r.report.restored},
                     {"lost", r.report.lost},
                     {"received", r.counts.received},
                     {"known", r.counts.known},
                     {"strangers", r.counts.strangers},
                     {"foreign", r.counts.foreign},
                     {"excess", r.counts.excess},
                     {"dropped", r.counts.dropped},
                     {"unsteered", r.unsteered},
                     {"rules", std::move(rules)}});
  }
  return {{"ports", std::move(ports)}};
}

}  // namespace lifeline::control
