// A switch without groups and meters: none can be added, there are none to change, and deleting
// what is not there is no error (OpenFlow 1.3.5, 6.5, 6.7).
#include "ofagent/handlers.h"

namespace lifeline::ofagent {

using openflow::ErrorId;

void handle_group_mod(Connection& c, const Request& request, const openflow::GroupMod& mod) {
  switch (mod.command) {
    case openflow::GroupModCommand::kAdd: c.error(ErrorId::kGmfcOutOfGroups, request); return;
    case openflow::GroupModCommand::kModify: c.error(ErrorId::kGmfcUnknownGroup, request); return;
    case openflow::GroupModCommand::kDelete: return;
  }
  c.error(ErrorId::kGmfcBadCommand, request);
}

void handle_meter_mod(Connection& c, const Request& request, const openflow::MeterMod& mod) {
  switch (mod.command) {
    case openflow::MeterModCommand::kAdd: c.error(ErrorId::kMmfcOutOfMeters, request); return;
    case openflow::MeterModCommand::kModify: c.error(ErrorId::kMmfcUnknownMeter, request); return;
    case openflow::MeterModCommand::kDelete: return;
  }
  c.error(ErrorId::kMmfcBadCommand, request);
}

}  // namespace lifeline::ofagent
