// A whole datapath on ports made of rings: frames go in and come out by hand, one worker turn at a
// time, on the test's own thread.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "datapath/datapath.h"
#include "packet/packet_builder.h"
#include "port/mempools.h"
#include "port/port_set.h"
#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "table/fdb.h"
#include "table/tables.h"

namespace lifeline::datapath::test {

using packet::Frame;
using packet::PacketBuilder;

inline const MacAddress kLocalMac = *MacAddress::parse("02:00:00:00:00:01");
inline const MacAddress kGatewayMac = *MacAddress::parse("02:00:00:00:00:fe");
inline const MacAddress kHostA = *MacAddress::parse("02:00:00:00:00:0a");
inline const MacAddress kHostB = *MacAddress::parse("02:00:00:00:00:0b");
inline const Ipv4Address kIpA = Ipv4Address::of(10, 0, 0, 10);
inline const Ipv4Address kIpB = Ipv4Address::of(10, 0, 0, 11);
inline const Ipv4Address kLocalIp = Ipv4Address::of(10, 0, 0, 1);
inline const Ipv4Address kGatewayIp = Ipv4Address::of(10, 0, 0, 254);
inline const Ipv4Address kController = Ipv4Address::of(192, 0, 2, 1);

inline Frame udp(std::uint16_t src_port = 1000, std::uint16_t dst_port = 2000) {
  return PacketBuilder()
      .eth(kHostA, kHostB)
      .ipv4(kIpA, kIpB)
      .udp(src_port, dst_port)
      .payload("x")
      .build(60);
}

struct PacketInCopy {
  Frame frame;
  PacketIn info;
};

class TestSwitch : public ControlHandler {
 public:
  // `control_queues`: each port has a second RX ring, which inject_steered() fills. `ring_size`: of
  // each ring, a power of two.
  explicit TestSwitch(DatapathConfig config = {}, std::uint16_t n_ports = 3,
                      bool control_queues = false, unsigned ring_size = 256) {
    static int generation = 0;
    config.exact_entries =
        config.exact_entries == DatapathConfig{}.exact_entries ? 1024 : config.exact_entries;
    ports = std::move(*port::PortSet::create(
        {.n_slots = 2, .extra_mbufs = 1024, .control_mbufs = 4 * ring_size},
        [this](std::function<void()> f) { retired.retire_call(std::move(f)); }));
    std::vector<port::PortSpec> specs;
    ++generation;
    for (std::uint16_t p = 1; p <= n_ports; ++p) {
      const std::string name = fmt::format("g{}p{}", generation, p);
      rte_ring* rx =
          rte_ring_create(("rx" + name).c_str(), ring_size, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
      rte_ring* tx =
          rte_ring_create(("tx" + name).c_str(), ring_size, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
      rte_ring* steered = control_queues ? rte_ring_create(("cq" + name).c_str(), ring_size, 0,
                                                           RING_F_SP_ENQ | RING_F_SC_DEQ)
                                         : nullptr;
      rte_ring* all_rx[] = {rx, steered};
      EXPECT_GE(rte_eth_from_rings(name.c_str(), all_rx, control_queues ? 2 : 1, &tx, 1, 0), 0);
      rings_[p] = {rx, tx, steered, "net_ring_" + name};
      specs.push_back({.name = name,
                       .device = "net_ring_" + name,
                       .port_no = p,
                       .descriptors = 64,
                       .last_queue_is_control = control_queues});
    }
    const auto opened = ports->open(specs);
    EXPECT_TRUE(opened) << opened.error().message;
    ports->set_local(kLocalMac, 1500, true);
    auto made = Datapath::create(config, tables, fdb, *ports, qsbr, retired);
    EXPECT_TRUE(made) << made.error().message;
    datapath = std::move(*made);
  }
  ~TestSwitch() override {
    for (auto& [p, r] : rings_) (void)received(p);
    datapath.reset();
    ports.reset();
    for (auto& [p, r] : rings_) {
      rte_vdev_uninit(r.device.c_str());
      rte_ring_free(r.rx);
      rte_ring_free(r.tx);
      rte_ring_free(r.steered);
    }
  }

  // -- frames
  rte_mbuf* packet(const Frame& frame) {
    rte_mbuf* m = rte_pktmbuf_alloc(ports->control_pool());
    char* p =
        m == nullptr ? nullptr : rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size()));
    EXPECT_NE(p, nullptr);
    if (p != nullptr && !frame.empty()) std::memcpy(p, frame.data(), frame.size());
    return m;
  }
  void inject(PortNo port, const Frame& frame) {
    ASSERT_EQ(rte_ring_sp_enqueue(rings_[port].rx, packet(frame)), 0);
  }
  // False: there was no room.
  bool offer(PortNo port, const Frame& frame) {
    if (rte_ring_full(rings_[port].rx) != 0) return false;
    inject(port, frame);
    return true;
  }
  void inject_steered(PortNo port, const Frame& frame) { inject_steered(port, packet(frame)); }
  void inject_steered(PortNo port, rte_mbuf* m) {
    ASSERT_EQ(rte_ring_sp_enqueue(rings_[port].steered, m), 0);
  }
  void from_local(const Frame& frame) {
    rte_mbuf* m = packet(frame);
    datapath->process_local({&m, 1});
    settle();
  }
  // Turns until nothing moves any more.
  void settle() {
    for (int i = 0; i < 8; ++i) {
      while (datapath->turn(1) != 0) {
      }
      while (datapath->poll_control_queues(64) != 0) {
      }
      datapath->poll_control(*this, 1000);
      retired.reclaim();
    }
  }
  void set_link(PortNo port, bool up) {
    const std::uint16_t id = ports->view()->find(port)->ethdev_id;
    ASSERT_EQ(up ? rte_eth_dev_set_link_up(id) : rte_eth_dev_set_link_down(id), 0);
    ASSERT_EQ(ports->refresh_links().size(), 1u);
    datapath->ports_changed();
    settle();
  }
  // In by one port and through.
  void send(PortNo port, const Frame& frame) {
    inject(port, frame);
    settle();
  }
  std::vector<Frame> received(PortNo port) {
    std::vector<Frame> out;
    void* p = nullptr;
    while (rte_ring_sc_dequeue(rings_[port].tx, &p) == 0) {
      auto* m = static_cast<rte_mbuf*>(p);
      Frame f(m->pkt_len);
      std::size_t at = 0;
      for (rte_mbuf* s = m; s != nullptr; at += s->data_len, s = s->next) {
        std::memcpy(f.data() + at, rte_pktmbuf_mtod(s, void*), s->data_len);
      }
      out.push_back(std::move(f));
      rte_pktmbuf_free(m);
    }
    return out;
  }
  std::size_t count(PortNo port) { return received(port).size(); }
  std::vector<Frame> take_local() { return std::exchange(local, {}); }
  std::vector<PacketInCopy> take_packet_ins() { return std::exchange(packet_ins, {}); }

  // -- rules
  static flow::Rule rule(const flow::Match& match, std::uint32_t priority, flow::ActionList actions,
                         std::uint8_t table_id = 0) {
    flow::Rule r;
    r.table_id = table_id;
    r.priority = priority;
    r.match = match;
    r.instructions.apply = std::move(actions);
    return r;
  }
  flow::RuleId add(const flow::Rule& r) {
    const auto id = tables.pipeline().add(r);
    EXPECT_TRUE(id) << id.error().message;
    tables.pipeline().publish();
    return *id;
  }
  flow::RuleId add(const flow::Match& match, std::uint32_t priority, flow::ActionList actions) {
    return add(rule(match, priority, std::move(actions)));
  }
  void remove(flow::RuleId id) {
    tables.pipeline().remove(id);
    tables.pipeline().publish();
  }
  flow::RuleId add_hidden(const flow::Match& match, std::uint32_t priority = 18181802) {
    const auto id = tables.hidden().add(rule(match, priority, {flow::Output{flow::kPortNormal}}));
    EXPECT_TRUE(id) << id.error().message;
    tables.hidden().publish();
    return *id;
  }
  void remove_hidden(flow::RuleId id) {
    tables.hidden().remove(id);
    tables.hidden().publish();
  }
  void guards(std::vector<Ipv4Address> next_hops = {}, flow::ManagementVlan vlan = {}) {
    datapath->set_guards(
        {.enabled = true, .local_mac = kLocalMac, .next_hops = std::move(next_hops), .vlan = vlan});
  }
  std::uint64_t drops(std::string_view name) const {
    for (const DropCounter& c : datapath->drop_counters()) {
      if (c.name == name) return c.packets;
    }
    ADD_FAILURE() << "no drop counter " << name;
    return 0;
  }

  std::uint64_t events(std::string_view name) const {
    for (const DropCounter& c : datapath->event_counters()) {
      if (c.name == name) return c.packets;
    }
    ADD_FAILURE() << "no event counter " << name;
    return 0;
  }

  // -- ControlHandler
  void to_local(std::span<rte_mbuf*> frames) override {
    for (rte_mbuf* m : frames) {
      const auto* p = rte_pktmbuf_mtod(m, const std::byte*);
      local.emplace_back(p, p + m->data_len);
      rte_pktmbuf_free(m);
    }
  }
  void packet_in(const PacketIn& in) override {
    packet_ins.push_back({Frame(in.frame.begin(), in.frame.end()), in});
  }

  bool probe(const MacAddress& mac) override {
    probed.push_back(mac);
    return true;
  }

  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  table::Tables tables{qsbr, retired, {.n_tables = 8, .n_slots = 2}};
  table::Fdb fdb{retired, {}};
  std::unique_ptr<port::PortSet> ports;
  std::unique_ptr<Datapath> datapath;
  std::vector<Frame> local;
  std::vector<PacketInCopy> packet_ins;
  std::vector<MacAddress> probed;

 private:
  struct Rings {
    rte_ring* rx;
    rte_ring* tx;
    rte_ring* steered;  // the control queue's, or null
    std::string device;
  };
  std::map<PortNo, Rings> rings_;
};

inline flow::Match tcp_to(Ipv4Address ip, std::uint16_t port) {
  return flow::Match()
      .eth_type(packet::kEthTypeIpv4)
      .ip_proto(packet::kProtoTcp)
      .ipv4_dst(ip)
      .tp_dst(port);
}

}  // namespace lifeline::datapath::test
