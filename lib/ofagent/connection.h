// One OpenFlow connection as the agent sees it. Internal to ofagent.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "ofagent/budget.h"
#include "ofagent/bundles.h"
#include "ofagent/flow_monitors.h"
#include "ofagent/switch_agent.h"
#include "openflow/channel.h"
#include "openflow/multipart.h"

namespace lifeline::ofagent {

class AgentCore;
struct Connection;

// What an answer needs of the message it answers.
struct Request {
  std::uint32_t xid = 0;
  std::array<std::byte, openflow::kErrorDataBytes> head{};  // its first bytes, for errors
  std::size_t head_size = 0;

  static Request of(std::uint32_t xid, openflow::BytesView message) {
    Request r{.xid = xid};
    r.head_size = std::min(message.size(), r.head.size());
    std::copy_n(message.begin(), r.head_size, r.head.begin());
    return r;
  }
};

enum class Progress : std::uint8_t {
  kDone,
  kMore,     // the budget is spent; go on at once
  kBlocked,  // until something happens that leads to run(): another connection's change ends, the
             // peer reads, a device answers
  kFenced,   // until the datapath has passed a fence, which nobody announces
};

// A request that did not finish in the call that took it. Its connection handles no other message
// until it has.
class Task {
 public:
  virtual ~Task() = default;
  virtual Progress step(AgentCore& core, Connection& connection, Budget& budget) = 0;
  // True: goes on to its end though the connection is gone; what was asked for is done wholly.
  virtual bool outlives_connection() const { return false; }
};

struct Connection {
  Connection(ConnectionId id_in, ConnectionKind kind_in, const openflow::ChannelConfig& config,
             TimePoint now);

  std::optional<Duration> probe_interval;  // its own

  bool is_13() const { return channel.version() == openflow::Version::k13; }
  // True while so much output waits that dumps and requests pause.
  bool is_output_full() const { return channel.output_bytes() >= output_limit; }
  // True if asynchronous messages go here at all.
  bool wants_async() const;
  bool wants_packet_in(PacketInReason reason) const;
  bool wants_port_status(openflow::PortReason reason) const;
  bool wants_flow_removed(RemovedReason reason) const;

  void reply(const openflow::Message& message, const Request& request) {
    channel.send(message, request.xid);
  }
  void error(openflow::ErrorId error_id, const Request& request) {
    channel.send_error(error_id, request.xid, {request.head.data(), request.head_size});
  }

  const ConnectionId id;
  const ConnectionKind kind;
  openflow::Channel channel;
  openflow::MultipartRequests multiparts;
  Bundles bundles;
  FlowMonitors monitors;
  std::size_t output_limit;
  bool is_gone = false;  // the socket is closed; only a task keeps the connection
  bool close_counted = false;
  // It has asked for something beyond the handshake: somebody really controls.
  bool is_admitted = false;
  const TimePoint created;
  TimePoint last_heard;

  openflow::Role role = openflow::Role::kEqual;
  openflow::AsyncConfig async;
  std::uint16_t miss_send_len;  // bytes
  std::unique_ptr<Task> task;

  std::uint64_t packet_ins = 0;
  std::uint64_t packet_ins_dropped = 0;
  std::uint64_t async_dropped = 0;
};

}  // namespace lifeline::ofagent
