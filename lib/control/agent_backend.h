// The switch as the OpenFlow agent sees it: ports, counters and packet-outs, put together from
// port/, table/ and datapath/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "base/clock.h"
#include "datapath/datapath.h"
#include "ofagent/backend.h"
#include "port/local_port.h"
#include "port/port_set.h"
#include "table/tables.h"

namespace lifeline::control {

// Control lcore only. The references outlive it.
class AgentBackend final : public ofagent::Backend {
 public:
  AgentBackend(ofagent::SwitchFacts facts, port::PortSet& ports, const port::LocalPort& local,
               const table::Tables& tables, datapath::Datapath& datapath, const Clock& clock);

  const ofagent::SwitchFacts& facts() const override { return facts_; }
  std::vector<ofagent::PortInfo> ports() const override;
  std::optional<ofagent::PortInfo> port(flow::PortNo number) const override;
  ofagent::PortCounters port_counters(flow::PortNo number) const override;
  // The device thread reads them, one request at a time: who asks meanwhile shares the next one.
  // The loop asks twice a second, too.
  std::uint64_t ask_port_counters() override;
  bool have_port_counters(std::uint64_t asked) const override { return readings_->done >= asked; }
  // What OpenFlow shows of a driver's counters. Pure.
  static ofagent::PortCounters counters_of(const port::PortStats& stats);
  Expected<void> set_port_config(flow::PortNo number, std::uint32_t config,
                                 std::uint32_t mask) override;
  ofagent::TableCounters table_counters(std::uint8_t table_id) const override;
  Expected<void> packet_out(std::span<const std::byte> frame, flow::PortNo in_port,
                            const flow::ActionList& actions) override;
  void set_fragment_mode(ofagent::FragmentMode mode) override;
  void set_table_miss(ofagent::TableMiss miss) override;

 private:
  // The answer may come when the backend is gone.
  struct Readings {
    std::uint64_t done = 0;
    bool again = false;  // somebody has asked since the one under way began
    std::map<flow::PortNo, port::PortStats> stats;
  };

  ofagent::PortInfo info(const port::PortStatus& status) const;
  ofagent::PortCounters local_counters() const;
  void read_port_counters();

  const ofagent::SwitchFacts facts_;
  port::PortSet& ports_;
  const port::LocalPort& local_;
  const table::Tables& tables_;
  datapath::Datapath& datapath_;
  const Clock& clock_;
  const TimePoint started_;
  std::uint64_t readings_begun_ = 0;
  std::shared_ptr<Readings> readings_ = std::make_shared<Readings>();
};

}  // namespace lifeline::control
