// One function per message that a controller may send. Internal to ofagent.
#pragma once

#include <utility>

#include "ofagent/agent_core.h"

namespace lifeline::ofagent {

// Looks at any message and calls the right one of the functions below.
void handle_message(AgentCore& core, Connection& c, const Request& request,
                    openflow::Message message, Budget& budget);

// flow_mod.cc
void handle_flow_mod(AgentCore& core, Connection& c, const Request& request,
                     openflow::FlowMod flow_mod, Budget& budget);
// What the codec cannot know: the tables, groups, meters and abilities of this switch.
std::optional<openflow::ErrorId> find_error(const AgentCore& core, const openflow::FlowMod& m,
                                            bool is_13);
// What the switch cannot do of these actions, as an error of the specification; nullopt: it can.
std::optional<openflow::ErrorId> find_unsupported(const AgentCore& core,
                                                  const flow::ActionList& actions);

// packets.cc
void handle_packet_out(AgentCore& core, Connection& c, const Request& request,
                       const openflow::PacketOut& packet_out);
std::optional<openflow::ErrorId> find_error(const AgentCore& core,
                                            const openflow::PacketOut& packet_out);
// False (and counted) if the switch has no room for the packet.
bool apply(AgentCore& core, const openflow::PacketOut& packet_out);

// ports.cc
openflow::Port to_openflow(const PortInfo& port);
void handle_port_mod(AgentCore& core, Connection& c, const Request& request,
                     const openflow::PortMod& port_mod);
std::optional<openflow::ErrorId> find_error(const AgentCore& core,
                                            const openflow::PortMod& port_mod);
// False if the port refuses. Tells the controllers what has changed.
bool apply(AgentCore& core, const openflow::PortMod& port_mod);

// bundles.cc
void handle_bundle_control(AgentCore& core, Connection& c, const Request& request,
                           const openflow::BundleControl& control, Budget& budget);
void handle_bundle_add(AgentCore& core, Connection& c, const Request& request,
                       const openflow::BundleAdd& add);

// switch_config.cc
void handle_features(AgentCore& core, Connection& c, const Request& request);
void handle_get_config(AgentCore& core, Connection& c, const Request& request);
void handle_set_config(AgentCore& core, Connection& c, const Request& request,
                       const openflow::SetConfig& set);
void handle_barrier(AgentCore& core, Connection& c, const Request& request, Budget& budget);

// groups_meters.cc
void handle_group_mod(Connection& c, const Request& request, const openflow::GroupMod& mod);
void handle_meter_mod(Connection& c, const Request& request, const openflow::MeterMod& mod);

// roles_async.cc
void handle_role(AgentCore& core, Connection& c, const Request& request,
                 const openflow::RoleRequest& role);
void handle_set_async(Connection& c, const openflow::SetAsync& set);
void handle_get_async(Connection& c, const Request& request);

// statistics.cc
// Whole seconds and the rest in ns.
std::pair<std::uint32_t, std::uint32_t> split_seconds(Duration d);
void handle_multipart(AgentCore& core, Connection& c, const Request& request,
                      openflow::MultipartRequest part, Budget& budget);
// flow_stats.cc
void handle_flow_stats(AgentCore& core, Connection& c, const Request& request,
                       const openflow::FlowSelector& selector, Budget& budget);
void handle_aggregate_stats(AgentCore& core, Connection& c, const Request& request,
                            const openflow::FlowSelector& selector, Budget& budget);
// flow_monitoring.cc
void handle_flow_monitors(AgentCore& core, Connection& c, const Request& request,
                          const openflow::FlowMonitorsRequest& monitors, Budget& budget);
void handle_flow_monitor_cancel(AgentCore& core, Connection& c, const Request& request,
                                const openflow::FlowMonitorCancel& cancel);
// table_stats.cc
void handle_table_stats(AgentCore& core, Connection& c, const Request& request);
void handle_table_features(AgentCore& core, Connection& c, const Request& request,
                           const openflow::TableFeaturesRequest& wanted, Budget& budget);

}  // namespace lifeline::ofagent
