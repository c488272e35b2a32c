#include <type_traits>

#include "base/log.h"
#include "ofagent/handlers.h"

namespace lifeline::ofagent {
namespace {

template <class T, class... Ts>
inline constexpr bool kIsOneOf = (std::is_same_v<T, Ts> || ...);

// What a secondary controller may not do (OpenFlow 1.3.5, 6.3.2).
template <class T>
inline constexpr bool kChangesTheSwitch =
    kIsOneOf<T, openflow::FlowMod, openflow::GroupMod, openflow::MeterMod, openflow::PortMod,
             openflow::TableMod, openflow::PacketOut, openflow::SetConfig, openflow::BundleControl,
             openflow::BundleAdd>;

void handle_table_mod(AgentCore& core, Connection& c, const Request& request,
                      const openflow::TableMod& mod) {
  // Its only bits are deprecated; there is nothing to set.
  if (mod.table_id != kAllTables && mod.table_id >= core.config.tables.n_tables) {
    c.error(openflow::ErrorId::kTmfcBadTable, request);
  }
}

void handle_queue_get_config(AgentCore& core, Connection& c, const Request& request,
                             const openflow::QueueGetConfigRequest& wanted) {
  if (wanted.port != flow::kPortNone && !core.backend.port(wanted.port)) {
    c.error(openflow::ErrorId::kQofcBadPort, request);
    return;
  }
  c.reply(openflow::QueueGetConfigReply{.port = wanted.port, .queues = {}}, request);
}

}  // namespace

void handle_message(AgentCore& core, Connection& c, const Request& request,
                    openflow::Message message, Budget& budget) {
  std::visit(
      [&]<class M>(M&& m) {
        using T = std::decay_t<M>;
        using namespace openflow;  // the messages' names, all of them
        if constexpr (!kIsOneOf<T, Hello, EchoRequest, EchoReply, ErrorMsg, FeaturesRequest>)
          c.is_admitted = true;
        if constexpr (kChangesTheSwitch<T>) {
          if (c.role == Role::kSlave) {
            c.error(ErrorId::kBrcIsSlave, request);
            return;
          }
        }
        if constexpr (std::is_same_v<T, FlowMod>) {
          handle_flow_mod(core, c, request, std::forward<M>(m), budget);
        } else if constexpr (std::is_same_v<T, openflow::PacketOut>) {
          handle_packet_out(core, c, request, m);
        } else if constexpr (std::is_same_v<T, MultipartRequest>) {
          handle_multipart(core, c, request, std::forward<M>(m), budget);
        } else if constexpr (std::is_same_v<T, BarrierRequest>) {
          handle_barrier(core, c, request, budget);
        } else if constexpr (std::is_same_v<T, FeaturesRequest>) {
          handle_features(core, c, request);
        } else if constexpr (std::is_same_v<T, GetConfigRequest>) {
          handle_get_config(core, c, request);
        } else if constexpr (std::is_same_v<T, SetConfig>) {
          handle_set_config(core, c, request, m);
        } else if constexpr (std::is_same_v<T, PortMod>) {
          handle_port_mod(core, c, request, m);
        } else if constexpr (std::is_same_v<T, TableMod>) {
          handle_table_mod(core, c, request, m);
        } else if constexpr (std::is_same_v<T, GroupMod>) {
          handle_group_mod(c, request, m);
        } else if constexpr (std::is_same_v<T, MeterMod>) {
          handle_meter_mod(c, request, m);
        } else if constexpr (std::is_same_v<T, RoleRequest>) {
          handle_role(core, c, request, m);
        } else if constexpr (std::is_same_v<T, SetAsync>) {
          handle_set_async(c, m);
        } else if constexpr (std::is_same_v<T, GetAsyncRequest>) {
          handle_get_async(c, request);
        } else if constexpr (std::is_same_v<T, BundleControl>) {
          handle_bundle_control(core, c, request, m, budget);
        } else if constexpr (std::is_same_v<T, BundleAdd>) {
          handle_bundle_add(core, c, request, m);
        } else if constexpr (std::is_same_v<T, FlowMonitorCancel>) {
          handle_flow_monitor_cancel(core, c, request, m);
        } else if constexpr (std::is_same_v<T, QueueGetConfigRequest>) {
          handle_queue_get_config(core, c, request, m);
        } else if constexpr (std::is_same_v<T, Experimenter>) {
          c.error(ErrorId::kBrcBadExperimenter, request);
        } else if constexpr (std::is_same_v<T, ErrorMsg>) {
          log::debug("ofagent", "connection {}: the controller answers with error {}.{} ({})", c.id,
                     m.type, m.code, error_name({m.type, m.code}, c.channel.version()));
        } else if constexpr (!kIsOneOf<T, Hello, EchoRequest, EchoReply>) {
          // Replies and asynchronous messages, which only a switch sends.
          c.error(ErrorId::kBrcBadType, request);
        }
      },
      std::move(message));
}

}  // namespace lifeline::ofagent
