#include "control/agent_backend.h"

#include <utility>

namespace lifeline::control {
namespace {

// OFPPF_* of OpenFlow 1.3.
constexpr std::uint32_t kFeature10Mb = 1 << 1;
constexpr std::uint32_t kFeature100Mb = 1 << 3;
constexpr std::uint32_t kFeature1Gb = 1 << 5;
constexpr std::uint32_t kFeature10Gb = 1 << 6;
constexpr std::uint32_t kFeature40Gb = 1 << 7;
constexpr std::uint32_t kFeature100Gb = 1 << 8;
constexpr std::uint32_t kFeatureOtherSpeed = 1 << 10;

std::uint32_t speed_feature(std::uint32_t mbps) {
  switch (mbps) {
    case 0: return 0;
    case 10: return kFeature10Mb;
    case 100: return kFeature100Mb;
    case 1'000: return kFeature1Gb;
    case 10'000: return kFeature10Gb;
    case 40'000: return kFeature40Gb;
    case 100'000: return kFeature100Gb;
    default: return kFeatureOtherSpeed;
  }
}

// One set of bits from the wire to the workers.
static_assert(ofagent::kPortDown == port::port_flag::kDown &&
              ofagent::kPortNoRecv == port::port_flag::kNoRecv &&
              ofagent::kPortNoRecvStp == port::port_flag::kNoRecvStp &&
              ofagent::kPortNoFlood == port::port_flag::kNoFlood &&
              ofagent::kPortNoFwd == port::port_flag::kNoFwd &&
              ofagent::kPortNoPacketIn == port::port_flag::kNoPacketIn);

}  // namespace

AgentBackend::AgentBackend(ofagent::SwitchFacts facts, port::PortSet& ports,
                           const port::LocalPort& local, const table::Tables& tables,
                           datapath::Datapath& datapath, const Clock& clock)
    : facts_(std::move(facts)),
      ports_(ports),
      local_(local),
      tables_(tables),
      datapath_(datapath),
      clock_(clock),
      started_(clock.now()) {}

ofagent::PortInfo AgentBackend::info(const port::PortStatus& status) const {
  const std::uint32_t feature = speed_feature(status.speed_mbps);
  return {.number = status.port_no,
          .name = status.port_no == flow::kPortLocal ? local_.name() : status.name,
          .mac = status.mac,
          .config = status.flags,
          .state = status.link_up ? ofagent::kPortLive : ofagent::kPortLinkDown,
          .current = feature,
          .advertised = 0,
          .supported = feature,
          .peer = 0,
          .current_speed_kbps = status.speed_mbps * 1000,
          .max_speed_kbps = status.speed_mbps * 1000};
}

std::vector<ofagent::PortInfo> AgentBackend::ports() const {
  std::vector<ofagent::PortInfo> all;
  for (const auto& status : ports_.status()) all.push_back(info(status));
  return all;
}

std::optional<ofagent::PortInfo> AgentBackend::port(flow::PortNo number) const {
  const auto status = ports_.status(number);
  if (!status) return std::nullopt;
  return info(*status);
}

std::uint64_t AgentBackend::ask_port_counters() {
  if (readings_->done == readings_begun_) {
    read_port_counters();
    return readings_begun_;
  }
  readings_->again = true;
  return readings_begun_ + 1;
}

void AgentBackend::read_port_counters() {
  ++readings_begun_;
  ports_.request_counters(
      /*extended=*/false, [this, readings = std::weak_ptr(readings_)](
                              const std::vector<port::PortSet::CountersOfPort>& all) {
        const auto alive = readings.lock();
        if (!alive) return;
        ++alive->done;
        for (const auto& port : all) alive->stats.insert_or_assign(port.port_no, port.stats);
        // One that is being restarted was not asked.
        std::erase_if(alive->stats, [this](const auto& known) {
          return !ports_.status(known.first).has_value();
        });
        if (std::exchange(alive->again, false)) read_port_counters();
      });
}

ofagent::PortCounters AgentBackend::local_counters() const {
  ofagent::PortCounters out;
  for (const auto& counter : local_.counters()) {
    // What the host sends, the switch receives.
    if (counter.name == "local_read_packets") out.rx_packets = counter.value;
    if (counter.name == "local_read_bytes") out.rx_bytes = counter.value;
    if (counter.name == "local_written_packets") out.tx_packets = counter.value;
    if (counter.name == "local_written_bytes") out.tx_bytes = counter.value;
    if (counter.name == "local_read_no_mbuf" || counter.name == "local_read_too_long")
      out.rx_dropped += counter.value;
    if (counter.name == "local_write_full" || counter.name == "local_write_down")
      out.tx_dropped += counter.value;
    if (counter.name == "local_read_error") out.rx_errors += counter.value;
    if (counter.name == "local_write_error") out.tx_errors += counter.value;
  }
  return out;
}

ofagent::PortCounters AgentBackend::port_counters(flow::PortNo number) const {
  ofagent::PortCounters out;
  if (number == flow::kPortLocal) {
    out = local_counters();
  } else if (const auto it = readings_->stats.find(number); it != readings_->stats.end()) {
    out = counters_of(it->second);
  }
  out.age = clock_.now() - started_;
  return out;
}

ofagent::PortCounters AgentBackend::counters_of(const port::PortStats& stats) {
  ofagent::PortCounters out;
  out.rx_packets = stats.rx_packets;
  out.rx_bytes = stats.rx_bytes;
  out.rx_dropped = stats.rx_missed + stats.rx_no_mbuf;
  out.rx_errors = stats.rx_errors;
  out.tx_packets = stats.tx_packets;
  out.tx_bytes = stats.tx_bytes;
  out.tx_errors = stats.tx_errors;
  return out;
}

Expected<void> AgentBackend::set_port_config(flow::PortNo number, std::uint32_t config,
                                             std::uint32_t mask) {
  return datapath_.set_port_flags(number, config, mask);
}

ofagent::TableCounters AgentBackend::table_counters(std::uint8_t table_id) const {
  if (table_id >= tables_.config().n_tables) return {};
  const auto stats = tables_.table_stats(table_id);
  return {.lookups = stats.lookups, .matched = stats.matched};
}

Expected<void> AgentBackend::packet_out(std::span<const std::byte> frame, flow::PortNo in_port,
                                        const flow::ActionList& actions) {
  return datapath_.packet_out(frame, in_port, actions);
}

void AgentBackend::set_fragment_mode(ofagent::FragmentMode mode) {
  datapath_.set_drop_fragments(mode == ofagent::FragmentMode::kDrop);
}

void AgentBackend::set_table_miss(ofagent::TableMiss miss) {
  datapath_.set_table_miss(miss == ofagent::TableMiss::kPacketIn ? datapath::TableMiss::kController
                                                                 : datapath::TableMiss::kDrop);
}

}  // namespace lifeline::control
