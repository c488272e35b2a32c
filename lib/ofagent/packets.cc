#include "ofagent/handlers.h"

namespace lifeline::ofagent {

using openflow::ErrorId;

std::optional<ErrorId> find_error(const AgentCore& core, const openflow::PacketOut& packet_out) {
  if (packet_out.buffer_id != openflow::kNoBuffer) return ErrorId::kBrcBufferUnknown;
  const flow::PortNo in = packet_out.in_port;
  if (in != flow::kPortController && in != flow::kPortNone && !core.backend.port(in))
    return ErrorId::kBrcBadPort;
  constexpr std::size_t kEthernetHeaderBytes = 14;
  if (packet_out.data.size() < kEthernetHeaderBytes) return ErrorId::kBrcBadPacket;
  return find_unsupported(core, packet_out.actions);
}

bool apply(AgentCore& core, const openflow::PacketOut& packet_out) {
  if (core.backend.packet_out(packet_out.data, packet_out.in_port, packet_out.actions)) return true;
  ++core.counters.packet_out_failed;
  return false;
}

void handle_packet_out(AgentCore& core, Connection& c, const Request& request,
                       const openflow::PacketOut& packet_out) {
  if (const auto error = find_error(core, packet_out)) {
    c.error(*error, request);
    return;
  }
  // It may go through the pipeline, and the rules that came before it count.
  core.tables.publish();
  if (!apply(core, packet_out)) c.error(ErrorId::kBrcBadPacket, request);
}

// Written for the case that nobody wants the packet or one controller does; a copy of the frame per
// version, not per connection, would save nothing there.
void AgentCore::announce_packet(const PacketIn& packet) {
  ++counters.packet_ins;
  bool is_taken = false;
  std::optional<openflow::Message> message;
  for (const auto& [id, c] : connections) {
    if (!c->wants_packet_in(packet.reason)) continue;
    // 1.3 drops what no rule matches; only a table-miss rule sends it (5.4).
    if (packet.reason == PacketInReason::kNoMatch && !packet.table_miss_rule && c->is_13()) {
      continue;
    }
    is_taken = true;
    if (!message) {
      openflow::PacketIn m;
      m.total_len = static_cast<std::uint16_t>(packet.frame.size());
      m.reason = static_cast<openflow::PacketInReason>(packet.reason);
      m.table_id = packet.table_id;
      m.cookie = packet.cookie;
      m.match.in_port(packet.in_port);
      if (packet.metadata != 0) {
        m.match.key.metadata = be64{packet.metadata};
        m.match.mask.metadata = be64::all_ones();
      }
      if (packet.tunnel_id != 0) {
        m.match.key.tunnel_id = be64{packet.tunnel_id};
        m.match.mask.tunnel_id = be64::all_ones();
      }
      m.data.assign(packet.frame.begin(), packet.frame.end());
      message.emplace(std::move(m));
    }
    if (c->channel.try_send(*message, 0)) {
      ++c->packet_ins;
    } else {
      ++c->packet_ins_dropped;
      ++counters.packet_in_slow_reader;
    }
  }
  if (!is_taken) ++counters.packet_in_no_taker;
}

}  // namespace lifeline::ofagent
