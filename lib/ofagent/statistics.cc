#include <memory>

#include "ofagent/handlers.h"

namespace lifeline::ofagent {
namespace {

using openflow::ErrorId;
using openflow::MultipartWriter;

constexpr Duration kLongestWaitForCounters = std::chrono::milliseconds{250};

MultipartWriter writer_for(Connection& c, const Request& request, openflow::MultipartType type) {
  return {type, request.xid, c.channel.version(),
          [&c](openflow::Bytes message) { c.channel.send_bytes(std::move(message)); }};
}

void reply(Connection& c, const Request& request, openflow::MultipartReplyBody body) {
  c.reply(openflow::MultipartReply{.body = std::move(body), .more = false}, request);
}

void handle_desc(AgentCore& core, Connection& c, const Request& request) {
  const SwitchFacts& facts = core.backend.facts();
  reply(c, request,
        openflow::DescReply{.manufacturer = facts.manufacturer,
                            .hardware = facts.hardware,
                            .software = facts.software,
                            .serial_number = facts.serial_number,
                            .datapath = facts.datapath_description});
}

openflow::PortStats port_stats(const Backend& backend, flow::PortNo number) {
  const PortCounters n = backend.port_counters(number);
  const auto [sec, nsec] = split_seconds(n.age);
  return {.port = number,
          .rx_packets = n.rx_packets,
          .tx_packets = n.tx_packets,
          .rx_bytes = n.rx_bytes,
          .tx_bytes = n.tx_bytes,
          .rx_dropped = n.rx_dropped,
          .tx_dropped = n.tx_dropped,
          .rx_errors = n.rx_errors,
          .tx_errors = n.tx_errors,
          .rx_frame_err = n.rx_frame_errors,
          .rx_over_err = n.rx_overruns,
          .rx_crc_err = n.rx_crc_errors,
          .collisions = n.collisions,
          .duration_sec = sec,
          .duration_nsec = nsec};
}

// Answers with counters read for this request. Where a driver is busy with something else, a port
// that is restarted for one, with those that were read last: the connection does not wait for it.
class PortStatsTask final : public Task {
 public:
  PortStatsTask(AgentCore& core, const Request& request, const openflow::PortStatsRequest& wanted)
      : request_(request),
        wanted_(wanted),
        asked_(core.backend.ask_port_counters()),
        give_up_(core.now() + kLongestWaitForCounters) {}

  Progress step(AgentCore& core, Connection& c, Budget&) override {
    if (!core.backend.have_port_counters(asked_) && core.now() < give_up_)
      return Progress::kBlocked;
    MultipartWriter writer = writer_for(c, request_, openflow::MultipartType::kPort);
    if (wanted_.port == flow::kPortNone) {
      for (const PortInfo& port : core.backend.ports())
        writer.add(port_stats(core.backend, port.number));
    } else if (core.backend.port(wanted_.port)) {
      writer.add(port_stats(core.backend, wanted_.port));
    } else {
      c.error(ErrorId::kBrcBadPort, request_);
      return Progress::kDone;
    }
    writer.finish();
    return Progress::kDone;
  }

 private:
  const Request request_;
  const openflow::PortStatsRequest wanted_;
  const std::uint64_t asked_;
  const TimePoint give_up_;
};

void handle_port_stats(AgentCore& core, Connection& c, const Request& request,
                       const openflow::PortStatsRequest& wanted, Budget& budget) {
  core.start(c, std::make_unique<PortStatsTask>(core, request, wanted), budget);
}

void handle_port_desc(AgentCore& core, Connection& c, const Request& request) {
  MultipartWriter writer = writer_for(c, request, openflow::MultipartType::kPortDesc);
  for (const PortInfo& port : core.backend.ports()) writer.add(to_openflow(port));
  writer.finish();
}

// There are no queues: asking for all of them is answered with none, for a certain one with an
// error.
void handle_queue_stats(AgentCore& core, Connection& c, const Request& request,
                        const openflow::QueueStatsRequest& wanted) {
  const bool all_ports = wanted.port == flow::kPortNone || wanted.port == flow::kPortAll;
  if (!all_ports && !core.backend.port(wanted.port)) {
    c.error(ErrorId::kQofcBadPort, request);
  } else if (wanted.queue_id != openflow::kQueueAll) {
    c.error(ErrorId::kQofcBadQueue, request);
  } else {
    writer_for(c, request, openflow::MultipartType::kQueue).finish();
  }
}

void handle_one_meter(Connection& c, const Request& request, std::uint32_t meter_id,
                      openflow::MultipartReplyBody none) {
  if (meter_id == openflow::kMeterAll) {
    reply(c, request, std::move(none));
  } else {
    c.error(ErrorId::kMmfcUnknownMeter, request);
  }
}

}  // namespace

std::pair<std::uint32_t, std::uint32_t> split_seconds(Duration d) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(d);
  return {static_cast<std::uint32_t>(seconds.count()),
          static_cast<std::uint32_t>((d - seconds).count())};
}

void handle_multipart(AgentCore& core, Connection& c, const Request& request,
                      openflow::MultipartRequest part, Budget& budget) {
  auto whole = c.multiparts.add(request.xid, std::move(part));
  if (!whole) {
    c.error(whole.error(), request);
    return;
  }
  if (!*whole) return;  // more parts to come
  std::visit(
      [&](const auto& m) {
        using T = std::decay_t<decltype(m)>;
        using namespace openflow;  // the messages' names, all of them
        if constexpr (std::is_same_v<T, DescRequest>) {
          handle_desc(core, c, request);
        } else if constexpr (std::is_same_v<T, FlowStatsRequest>) {
          handle_flow_stats(core, c, request, m, budget);
        } else if constexpr (std::is_same_v<T, AggregateStatsRequest>) {
          handle_aggregate_stats(core, c, request, m, budget);
        } else if constexpr (std::is_same_v<T, TableStatsRequest>) {
          handle_table_stats(core, c, request);
        } else if constexpr (std::is_same_v<T, PortStatsRequest>) {
          handle_port_stats(core, c, request, m, budget);
        } else if constexpr (std::is_same_v<T, PortDescRequest>) {
          handle_port_desc(core, c, request);
        } else if constexpr (std::is_same_v<T, QueueStatsRequest>) {
          handle_queue_stats(core, c, request, m);
        } else if constexpr (std::is_same_v<T, TableFeaturesRequest>) {
          handle_table_features(core, c, request, m, budget);
        } else if constexpr (std::is_same_v<T, FlowMonitorsRequest>) {
          handle_flow_monitors(core, c, request, m, budget);
        } else if constexpr (std::is_same_v<T, GroupStatsRequest>) {
          reply(c, request, GroupStatsReply{});
        } else if constexpr (std::is_same_v<T, GroupDescRequest>) {
          reply(c, request, GroupDescReply{});
        } else if constexpr (std::is_same_v<T, GroupFeaturesRequest>) {
          reply(c, request, GroupFeatures{});
        } else if constexpr (std::is_same_v<T, MeterStatsRequest>) {
          handle_one_meter(c, request, m.meter_id, MeterStatsReply{});
        } else if constexpr (std::is_same_v<T, MeterConfigRequest>) {
          handle_one_meter(c, request, m.meter_id, MeterConfigReply{});
        } else if constexpr (std::is_same_v<T, MeterFeaturesRequest>) {
          reply(c, request, MeterFeatures{});
        } else {
          static_assert(std::is_same_v<T, ExperimenterMultipart>);
          c.error(ErrorId::kBrcBadExperimenter, request);
        }
      },
      (*whole)->body);
}

}  // namespace lifeline::ofagent
