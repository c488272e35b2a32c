#include "ofagent/connection.h"

namespace lifeline::ofagent {
namespace {

constexpr std::uint32_t bit(auto reason) { return 1u << static_cast<unsigned>(reason); }

// What a controller gets before it says otherwise: everything but invalid TTLs while equal or
// master, only port status while slave (OpenFlow 1.3.5, 6.3.2; 7.3.10).
openflow::AsyncConfig default_async() {
  openflow::AsyncConfig a;
  a.packet_in = {bit(PacketInReason::kNoMatch) | bit(PacketInReason::kAction), 0};
  a.port_status = {7, 7};
  a.flow_removed = {15, 0};
  return a;
}

}  // namespace

Connection::Connection(ConnectionId id_in, ConnectionKind kind_in,
                       const openflow::ChannelConfig& config, TimePoint now)
    : id(id_in),
      kind(kind_in),
      channel(config, now),
      output_limit(config.output_soft_bytes),
      created(now),
      last_heard(now),
      async(default_async()),
      // OFP_DEFAULT_MISS_SEND_LEN; a passive connection has to ask.
      miss_send_len(kind_in == ConnectionKind::kPrimary ? 128 : 0) {}

bool Connection::wants_async() const {
  if (is_gone || !channel.is_up()) return false;
  return kind == ConnectionKind::kPrimary || miss_send_len != 0;
}

bool Connection::wants_packet_in(PacketInReason reason) const {
  const std::size_t i = role == openflow::Role::kSlave ? 1 : 0;
  return wants_async() && (async.packet_in[i] & bit(reason)) != 0;
}

bool Connection::wants_port_status(openflow::PortReason reason) const {
  const std::size_t i = role == openflow::Role::kSlave ? 1 : 0;
  return wants_async() && (async.port_status[i] & bit(reason)) != 0;
}

bool Connection::wants_flow_removed(RemovedReason reason) const {
  const std::size_t i = role == openflow::Role::kSlave ? 1 : 0;
  return wants_async() && (async.flow_removed[i] & bit(reason)) != 0;
}

}  // namespace lifeline::ofagent
