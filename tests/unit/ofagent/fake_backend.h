// A switch with ports 1, 2 and LOCAL that remembers what it was told to do.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "ofagent/backend.h"

namespace lifeline::ofagent {

class FakeBackend final : public Backend {
 public:
  FakeBackend() {
    add_port(1, "p1");
    add_port(2, "p2");
    add_port(flow::kPortLocal, "br0");
  }

  const SwitchFacts& facts() const override { return switch_facts; }
  std::vector<PortInfo> ports() const override {
    std::vector<PortInfo> all;
    for (const auto& [number, port] : port_map) all.push_back(port);
    return all;
  }
  std::optional<PortInfo> port(flow::PortNo number) const override {
    const auto it = port_map.find(number);
    if (it == port_map.end()) return std::nullopt;
    return it->second;
  }
  PortCounters port_counters(flow::PortNo number) const override {
    return {.rx_packets = number * 10u, .age = std::chrono::milliseconds{1500}};
  }
  std::uint64_t ask_port_counters() override { return ++counters_asked; }
  bool have_port_counters(std::uint64_t asked) const override { return asked <= counters_read; }
  Expected<void> set_port_config(flow::PortNo number, std::uint32_t config,
                                 std::uint32_t mask) override {
    PortInfo& port = port_map.at(number);
    port.config = (port.config & ~mask) | (config & mask);
    return {};
  }
  TableCounters table_counters(std::uint8_t table_id) const override {
    return {.lookups = 100u + table_id, .matched = table_id};
  }
  Expected<void> packet_out(std::span<const std::byte> frame, flow::PortNo in_port,
                            const flow::ActionList& actions) override {
    if (refuse_packet_out) return make_error("no buffer");
    sent.push_back({{frame.begin(), frame.end()}, in_port, actions});
    return {};
  }
  void set_fragment_mode(FragmentMode mode) override { fragment_mode = mode; }
  void set_table_miss(TableMiss miss) override { table_miss = miss; }

  void add_port(flow::PortNo number, std::string name) {
    port_map[number] = {.number = number,
                        .name = std::move(name),
                        .mac = MacAddress::from_u64(0x020000000000u + number),
                        .current = 1u << 5,
                        .current_speed_kbps = 1'000'000};
  }

  struct Sent {
    std::vector<std::byte> frame;
    flow::PortNo in_port;
    flow::ActionList actions;
  };
  SwitchFacts switch_facts{.datapath_id = 0x1122334455667788,
                           .manufacturer = "Lifeline",
                           .hardware = "fake",
                           .software = "0.1",
                           .serial_number = "7",
                           .datapath_description = "br0"};
  std::map<flow::PortNo, PortInfo> port_map;
  std::vector<Sent> sent;
  bool refuse_packet_out = false;
  std::optional<FragmentMode> fragment_mode;
  TableMiss table_miss = TableMiss::kDrop;
  std::uint64_t counters_asked = 0;
  std::uint64_t counters_read = ~std::uint64_t{0};  // each is answered at once
};

}  // namespace lifeline::ofagent
