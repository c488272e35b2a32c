// Where packets arrive: rules, redirection table, pools, generator.
#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_errno.h>

#include <atomic>
#include <cstdio>
#include <set>
#include <thread>

#include "flow_builder.h"
#include "test_port.h"

namespace testnic {
namespace {

constexpr std::uint32_t kController = 0x0a000001, kSwitch = 0x0a000002;

Frame control_frame() { return tcp_frame(kController, kSwitch, 6653, 40000); }

// All packets that no rule takes: queue 0.
void redirect_all_to(const TestPort& port, std::uint16_t queue) {
  rte_eth_rss_reta_entry64 reta[2]{};
  for (auto& group : reta) {
    group.mask = ~std::uint64_t{0};
    for (auto& entry : group.reta) entry = queue;
  }
  ASSERT_EQ(rte_eth_dev_rss_reta_update(port.id(), reta, 128), 0);
}

TEST(Steering, ARuleTakesItsPacketsAndNoOthers) {
  TestPort port("profile=full");
  redirect_all_to(port, 0);
  EXPECT_EQ(port.queue_of(control_frame()), 0);
  rte_flow* flow = Flow().eth().ipv4(kController, 0).tcp(6653, 0).to_queue(1).create(port.id());
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(port.queue_of(control_frame()), 1);
  EXPECT_EQ(port.queue_of(tcp_frame(kController, kSwitch, 6654, 40000)), 0);
  EXPECT_EQ(port.queue_of(udp_frame(kController, kSwitch, 6653, 40000)), 0);
  EXPECT_EQ(port.queue_of(arp_request()), 0);
  EXPECT_EQ(port.xstat("rule0_packets"), 1u);
  EXPECT_EQ(port.xstat("rx_q1_steered"), 1u);
  EXPECT_EQ(rte_flow_destroy(port.id(), flow, nullptr), 0);
  EXPECT_EQ(port.queue_of(control_frame()), 0);
}

TEST(Steering, FieldsOfArpAreComparedWhereTheFrameHasThem) {
  TestPort port("profile=full");
  redirect_all_to(port, 0);
  ASSERT_NE(Flow().eth().arp(1, kSwitch).to_queue(1).create(port.id()), nullptr);
  EXPECT_EQ(port.queue_of(arp_request(kSwitch)), 1);
  EXPECT_EQ(port.queue_of(arp_request(kController)), 0);
}

TEST(Steering, TheSmallestPriorityNumberWins) {
  TestPort port("profile=full");
  ASSERT_NE(Flow().eth_type(0x0806).drop().priority(1).create(port.id()), nullptr);
  EXPECT_EQ(port.queue_of(arp_request()), -1);
  ASSERT_NE(Flow().eth_type(0x0806).to_queue(1).priority(0).create(port.id()), nullptr);
  EXPECT_EQ(port.queue_of(arp_request()), 1);
}

TEST(Steering, OfIgbTheGreatestPriorityNumberWins) {
  TestPort port("profile=igb", 3);
  const auto rule = [](std::uint32_t src, std::uint16_t queue, std::uint32_t priority) {
    return Flow().eth().ipv4(src, kSwitch, 6).tcp().to_queue(queue).priority(priority);
  };
  ASSERT_NE(rule(0, 1, 0).create(port.id()), nullptr);
  ASSERT_NE(rule(kController, 2, 7).create(port.id()), nullptr);
  EXPECT_EQ(port.queue_of(control_frame()), 2);
}

TEST(Steering, ARuleWithoutVlanTakesTaggedFramesToo) {
  TestPort port("profile=full");
  redirect_all_to(port, 0);
  ASSERT_NE(Flow().eth_type(0x0806).to_queue(1).create(port.id()), nullptr);
  ASSERT_NE(Flow().eth().vlan(10).ipv4(kController).to_queue(1).create(port.id()), nullptr);
  EXPECT_EQ(port.queue_of(arp_request()), 1);
  EXPECT_EQ(port.queue_of(with_vlan(arp_request(), 10)), 1);
  EXPECT_EQ(port.queue_of(with_vlan(control_frame(), 10)), 1);
  EXPECT_EQ(port.queue_of(with_vlan(control_frame(), 11)), 0);
  EXPECT_EQ(port.queue_of(control_frame()), 0);
}

TEST(Steering, RssKeepsAFlowTogetherAndObeysTheRedirectionTable) {
  TestPort port("profile=full", 4);
  std::set<int> used;
  for (std::uint32_t i = 0; i < 64; ++i) {
    const Frame frame = udp_frame(0x0b000000 + i, kSwitch, 1024, 9);
    const int queue = port.queue_of(frame);
    used.insert(queue);
    EXPECT_EQ(port.queue_of(frame), queue);
  }
  EXPECT_EQ(used, (std::set<int>{0, 1, 2, 3}));
  rte_eth_rss_reta_entry64 reta[2]{};
  for (auto& group : reta) {
    group.mask = ~std::uint64_t{0};
    for (int i = 0; i < RTE_ETH_RETA_GROUP_SIZE; ++i)
      group.reta[i] = static_cast<std::uint16_t>(i % 3);
  }
  ASSERT_EQ(rte_eth_dev_rss_reta_update(port.id(), reta, 128), 0);
  rte_eth_rss_reta_entry64 read[2]{};
  for (auto& group : read) group.mask = ~std::uint64_t{0};
  ASSERT_EQ(rte_eth_dev_rss_reta_query(port.id(), read, 128), 0);
  EXPECT_EQ(read[1].reta[63], 63 % 3);
  for (std::uint32_t i = 0; i < 64; ++i)
    EXPECT_NE(port.queue_of(udp_frame(0x0b000000 + i, kSwitch, 1024, 9)), 3);
}

// Microsoft's verification suite of RSS: 66.9.149.187:2794 to 161.142.100.80:1766, key as given.
TEST(Steering, TheHashIsToeplitzAsSpecified) {
  TestPort port("profile=full", 4);
  port.send(tcp_frame(0x420995bb, 0xa18e6450, 2794, 1766));
  const std::uint16_t queue = 0x51ccc178u % 128 % 4;
  rte_mbuf* packet = nullptr;
  ASSERT_EQ(rte_eth_rx_burst(port.id(), queue, &packet, 1), 1);
  EXPECT_TRUE(packet->ol_flags & RTE_MBUF_F_RX_RSS_HASH);
  EXPECT_EQ(packet->hash.rss, 0x51ccc178u);
  rte_pktmbuf_free(packet);
}

TEST(Steering, RulesSurviveAStopOrNotAsTheProfileSays) {
  for (const auto& [profile, after] : {std::pair{"mlx5", 1}, std::pair{"flushes", 0},
                                       std::pair{"loses", 0}, std::pair{"blind", 0}}) {
    TestPort port(std::string("profile=") + profile);
    redirect_all_to(port, 0);
    ASSERT_NE(Flow().eth_type(0x0806).to_queue(1).create(port.id()), nullptr) << profile;
    EXPECT_EQ(port.queue_of(arp_request()), std::string_view(profile) == "blind" ? 0 : 1);
    port.stop();
    port.start();
    EXPECT_EQ(port.queue_of(arp_request()), after) << profile;
  }
}

TEST(Steering, AnIsolatedPortTakesWhatRulesSay) {
  TestPort port("profile=full");
  ASSERT_NE(Flow().eth_type(0x0806).to_queue(1).create(port.id()), nullptr);
  ASSERT_EQ(rte_flow_isolate(port.id(), 1, nullptr), 0);
  EXPECT_EQ(port.queue_of(control_frame()), -1);
  EXPECT_EQ(port.queue_of(arp_request()), 1);
  EXPECT_EQ(port.xstat("rx_dropped_isolated"), 1u);
}

TEST(Steering, CountedRulesAnswerQueries) {
  TestPort port("profile=mlx5");
  rte_flow* flow = Flow().eth_type(0x0806).count().to_queue(1).create(port.id());
  ASSERT_NE(flow, nullptr);
  port.queue_of(arp_request());
  const rte_flow_action what[] = {{RTE_FLOW_ACTION_TYPE_COUNT, nullptr},
                                  {RTE_FLOW_ACTION_TYPE_END, nullptr}};
  rte_flow_query_count count{};
  ASSERT_EQ(rte_flow_query(port.id(), flow, what, &count, nullptr), 0);
  EXPECT_EQ(count.hits, 1u);
  EXPECT_EQ(count.bytes, 60u);
}

TEST(Steering, WithoutPromiscuityForeignUnicastIsFiltered) {
  TestPort port("profile=full,mac=02:00:00:00:00:42");
  ASSERT_EQ(rte_eth_promiscuous_disable(port.id()), 0);
  EXPECT_EQ(port.queue_of(control_frame()), -1);
  EXPECT_NE(port.queue_of(arp_request()), -1);
  EXPECT_EQ(port.xstat("rx_mac_filtered"), 1u);
}

// The pools are the queues' own: a flood empties its queue's pool, not the control queue's.
TEST(Generator, AFloodLeavesTheControlQueueItsRingAndPool) {
  TestPort port("profile=full,gen=newflows", 2, true, 127);
  redirect_all_to(port, 0);
  ASSERT_NE(Flow().eth().ipv4(kController, 0).tcp(6653, 0).to_queue(1).create(port.id()), nullptr);
  port.send(control_frame());
  rte_mbuf* held[128];
  std::uint16_t n_held = 0;
  for (int i = 0; i < 64 && n_held < 120; ++i)
    n_held = static_cast<std::uint16_t>(
        n_held + rte_eth_rx_burst(port.id(), 0, held + n_held,
                                  static_cast<std::uint16_t>(std::min(32, 128 - n_held))));
  for (int i = 0; i < 16; ++i) {  // nobody frees: the pool of queue 0 runs dry
    rte_mbuf* one = nullptr;
    if (rte_eth_rx_burst(port.id(), 0, &one, 1) == 1) rte_pktmbuf_free(one);
  }
  EXPECT_EQ(port.poll(1), 1u);
  EXPECT_GT(port.xstat("rx_q0_no_mbuf"), 0u);
  EXPECT_EQ(port.xstat("rx_q1_no_mbuf"), 0u);
  rte_pktmbuf_free_bulk(held, n_held);
}

TEST(Generator, OnlyPollersOfTheRedirectionTableMakePackets) {
  TestPort port("profile=full,gen=arp");
  redirect_all_to(port, 0);
  EXPECT_EQ(port.poll(1, 100), 0u);
  EXPECT_EQ(port.xstat("rx_generated_packets"), 0u);
  EXPECT_GT(port.poll(0, 10), 0u);
}

TEST(Generator, EachSourceMakesItsKindAndStopsAtItsCount) {
  for (const char* source : {"flows", "newflows", "arp", "syn", "unknown"}) {
    TestPort port(std::string("profile=full,count=100,gen=") + source, 1, false);
    std::uint32_t n = 0, arp = 0, syn = 0;
    std::set<std::string> sources, destinations;
    for (int i = 0; i < 50; ++i) {
      rte_mbuf* packets[32];
      const std::uint16_t got = rte_eth_rx_burst(port.id(), 0, packets, 32);
      for (std::uint16_t j = 0; j < got; ++j) {
        const char* f = rte_pktmbuf_mtod(packets[j], const char*);
        arp += f[12] == 0x08 && f[13] == 0x06;
        syn += f[23] == 6 && f[47] == 2;
        sources.emplace(f + 26, 12);  // address and port, or what stands there
        destinations.emplace(f, 6);
        ++n;
      }
      rte_pktmbuf_free_bulk(packets, got);
    }
    EXPECT_EQ(n, 100u) << source;
    const std::string_view kind = source;
    EXPECT_EQ(arp, kind == "arp" ? 100u : 0u);
    EXPECT_EQ(syn, kind == "syn" ? 100u : 0u);
    EXPECT_EQ(destinations.size(), kind == "unknown" ? 100u : 1u);
    if (kind != "unknown") {
      EXPECT_EQ(sources.size(), 100u) << source;
    }
  }
}

TEST(Generator, ARateIsKeptAndAnOverrunCounted) {
  TestPort port("profile=full,gen=flows,rate=1000000", 1, false);
  // Nobody polls for longer than the ring holds.
  const std::uint64_t until = rte_get_timer_cycles() + rte_get_timer_hz() / 200;
  while (rte_get_timer_cycles() < until) rte_pause();
  const std::uint32_t received = port.poll(0, 100);
  EXPECT_GE(received, 256u);
  EXPECT_GT(port.xstat("rx_generator_lost"), 1000u);
}

TEST(Generator, APcapFileIsRepeated) {
  const std::string path = testing::TempDir() + "testnic.pcap";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  const std::uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
  const std::uint32_t record[] = {0, 0, 60, 60};
  const Frame frame = arp_request();
  std::fwrite(head, sizeof(head), 1, file);
  std::fwrite(record, sizeof(record), 1, file);
  std::fwrite(frame.data(), frame.size(), 1, file);
  std::fclose(file);
  TestPort port("profile=full,count=5,pcap=" + path, 1, false);
  EXPECT_EQ(port.poll(0, 4), 5u);
  std::remove(path.c_str());
}

TEST(Arguments, WrongOnesNameThemselves) {
  for (const char* wrong : {"profile=none_such", "gen=noise", "rate=fast", "live=net_nowhere",
                            "mac=1:2", "size=59", "colour=red", "pcap=/nowhere.pcap"})
    EXPECT_NE(rte_vdev_init("net_testnic_wrong", wrong), 0) << wrong;
}

// Queues are polled by different lcores: nothing is lost, doubled or mixed.
TEST(Threads, QueuesPolledAtOnceShareTheFeeding) {
  constexpr std::uint64_t kCount = 200000;
  TestPort port("profile=full,gen=newflows,count=" + std::to_string(kCount), 3, false);
  ASSERT_NE(Flow().eth_type(0x0806).to_queue(2).create(port.id()), nullptr);
  std::atomic<std::uint64_t> received{0};
  std::atomic<bool> done{false};
  const auto poller = [&](std::uint16_t queue) {
    while (!done) received += port.poll(queue);
  };
  std::thread a(poller, std::uint16_t{0}), b(poller, std::uint16_t{1}), c(poller, std::uint16_t{2});
  // Rules and table change meanwhile.
  const std::uint64_t until = rte_get_timer_cycles() + 20 * rte_get_timer_hz();
  std::uint64_t lost = 0;
  do {
    rte_flow* flow = Flow().eth().ipv4(0, kSwitch).to_queue(1).create(port.id());
    EXPECT_NE(flow, nullptr);
    EXPECT_EQ(rte_flow_destroy(port.id(), flow, nullptr), 0);
    lost = 0;
    for (const char* q : {"rx_q0_", "rx_q1_", "rx_q2_"})
      for (const char* why : {"missed", "no_mbuf"}) lost += port.xstat(std::string(q) + why);
  } while (received + lost < kCount && rte_get_timer_cycles() < until);
  done = true;
  a.join();
  b.join();
  c.join();
  EXPECT_EQ(received + lost, kCount);
}

}  // namespace
}  // namespace testnic
