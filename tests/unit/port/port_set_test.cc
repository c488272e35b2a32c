#include "port/port_set.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "namespace.h"
#include "port/device_thread.h"
#include "sync/spsc_ring.h"

namespace lifeline::port {
namespace {

using namespace std::chrono_literals;

// Retires as soon as asked to: no worker runs in these tests.
std::unique_ptr<PortSet> make_set(std::uint32_t n_slots) {
  auto set = PortSet::create({.n_slots = n_slots, .extra_mbufs = 512, .control_mbufs = 64},
                             [](const std::function<void()>& f) { f(); });
  EXPECT_TRUE(set) << set.error().message;
  return std::move(set.value());
}

PortSpec null_port(std::string name, std::string device, flow::PortNo number) {
  return {
      .name = std::move(name), .device = std::move(device), .port_no = number, .descriptors = 64};
}

std::vector<Frame> receive(const PortView& view, flow::PortNo port_no, std::size_t at_least) {
  std::vector<Frame> out;
  const PortEntry* port = view.find(port_no);
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (out.size() < at_least && std::chrono::steady_clock::now() < end) {
    for (std::uint16_t q = 0; q < port->n_rxq; ++q) {
      rte_mbuf* burst[32];
      const std::uint16_t n = rte_eth_rx_burst(port->ethdev_id, q, burst, 32);
      for (std::uint16_t i = 0; i < n; ++i) {
        const Frame f = contents(burst[i]);
        if (f[12] == 0x88 && f[13] == 0xb5) out.push_back(f);
        rte_pktmbuf_free(burst[i]);
      }
    }
  }
  return out;
}

TEST(PortSet, PublishesItsPortsUnderTheirNumbers) {
  auto set = make_set(3);
  ASSERT_TRUE(set->open({null_port("a", "net_null1", 7), null_port("b", "net_null2", 65279)}));
  const PortView& view = *set->view();
  ASSERT_NE(view.find(7), nullptr);
  ASSERT_NE(view.find(65279), nullptr);
  EXPECT_EQ(view.find(1), nullptr);
  EXPECT_EQ(view.find(flow::kPortLocal), nullptr);
  EXPECT_NE(view.find(7)->ethdev_id, view.find(65279)->ethdev_id);
  EXPECT_TRUE(view.find(7)->usable);
  EXPECT_EQ(view.find(7)->n_txq, 3) << "one for each slot";
  EXPECT_EQ(view.n_entries, 2u);
  EXPECT_EQ(set->status(7)->driver, "net_null");
  EXPECT_EQ(set->status(7)->mtu, 1500u);
}

TEST(PortSet, UsesADeviceThatEalMadeAndLeavesItThere) {
  for (int i = 0; i < 2; ++i) {
    auto set = make_set(2);
    std::uint16_t id = 0;
    ASSERT_EQ(rte_eth_dev_get_port_by_name("net_null7", &id), i == 0 ? 0 : -ENODEV);
    if (i == 0) {
      ASSERT_TRUE(set->open({null_port("a", "net_null7", 1)}));
    }
  }
}

TEST(PortSet, DealsRxQueuesToWorkersOverAllPorts) {
  auto set = make_set(3);
  ASSERT_TRUE(set->open({null_port("a", "net_null1", 1), null_port("b", "net_null2", 2)}));
  const PortView& view = *set->view();
  EXPECT_TRUE(view.rx[0].empty()) << "the control lcore polls none";
  ASSERT_EQ(view.rx[1].size(), 1u);
  ASSERT_EQ(view.rx[2].size(), 1u);
  EXPECT_NE(view.rx[1][0].port_no, view.rx[2][0].port_no);
  EXPECT_EQ(view.entries[view.rx[1][0].index].port_no, view.rx[1][0].port_no);
}

TEST(PortSet, AWorkerKeepsItsQueuesWhenPortsComeAndGo) {
  auto set = make_set(3);
  ASSERT_TRUE(set->open({null_port("a", "net_null1", 1), null_port("b", "net_null2", 2),
                         null_port("c", "net_null3", 3)}));
  const auto polled_by = [&](flow::PortNo port_no) {
    std::uint32_t found = 0;
    for (std::uint32_t slot = 0; slot < 3; ++slot)
      for (const RxQueue& q : set->view()->rx[slot])
        if (q.port_no == port_no) found = slot;
    return found;
  };
  EXPECT_EQ(polled_by(1), 1u);
  EXPECT_EQ(polled_by(2), 2u);
  EXPECT_EQ(polled_by(3), 1u);
  ASSERT_TRUE(set->remove(1));
  EXPECT_EQ(polled_by(2), 2u) << "or two workers would poll it for a moment";
  EXPECT_EQ(polled_by(3), 1u);
  ASSERT_TRUE(set->remove(2));
  ASSERT_TRUE(set->add(null_port("d", "net_null4", 4)));
  EXPECT_EQ(polled_by(4), 2u) << "who has least to do gets the next one";
}

TEST(PortSet, AnIndexIsUsedAgainOnlyWhenNoReaderCanHoldIt) {
  std::vector<std::function<void()>> retired;
  auto set = PortSet::create({.n_slots = 2, .extra_mbufs = 512, .control_mbufs = 64},
                             [&](std::function<void()> f) { retired.push_back(std::move(f)); });
  ASSERT_TRUE(set);
  ASSERT_TRUE((*set)->open({null_port("a", "net_null1", 1)}));
  ASSERT_TRUE((*set)->remove(1));
  ASSERT_TRUE((*set)->add(null_port("b", "net_null2", 2)));
  EXPECT_EQ((*set)->view()->index_of[2], 1u);
  for (std::size_t i = 0; i < retired.size(); ++i) retired[i]();
  retired.clear();
  ASSERT_TRUE((*set)->add(null_port("c", "net_null3", 3)));
  EXPECT_EQ((*set)->view()->index_of[3], 0u);
  for (std::size_t i = 0; i < retired.size(); ++i) retired[i]();
}

TEST(PortSet, TheControlPoolCoversWhatTxRingsHold) {
  auto set = make_set(2);
  EXPECT_EQ(set->tx_descriptors_total(), 0u);
  ASSERT_TRUE(set->open({null_port("a", "net_null1", 1), null_port("b", "net_null2", 2)}));
  EXPECT_EQ(set->tx_descriptors_total(), 2 * 64u);
  EXPECT_EQ(rte_mempool_avail_count(set->control_pool()), 64u + 2 * 64u);
  set->reclaim_sent();  // the null device cannot, which is no error
}

TEST(PortSet, OldViewsLiveUntilRetired) {
  std::vector<std::function<void()>> retired;
  auto set = PortSet::create({.n_slots = 2, .extra_mbufs = 512, .control_mbufs = 64},
                             [&](std::function<void()> f) { retired.push_back(std::move(f)); });
  ASSERT_TRUE(set);
  ASSERT_TRUE((*set)->open({null_port("a", "net_null1", 1)}));
  const PortView* old = (*set)->view();
  ASSERT_TRUE((*set)->remove(1));
  EXPECT_EQ((*set)->view()->find(1), nullptr);
  EXPECT_TRUE((*set)->view()->rx[1].empty());
  ASSERT_NE(old->find(1), nullptr);
  EXPECT_TRUE(rte_eth_dev_is_valid_port(old->find(1)->ethdev_id)) << "workers may still use it";
  const std::uint16_t id = old->find(1)->ethdev_id;
  for (const auto& f : retired) f();
  EXPECT_FALSE(rte_eth_dev_is_valid_port(id));
}

TEST(PortSet, APortKeepsItsIndexWhenAnotherGoes) {
  auto set = make_set(2);
  ASSERT_TRUE(set->open({null_port("a", "net_null1", 1), null_port("b", "net_null2", 2)}));
  const std::uint8_t index = set->view()->index_of[2];
  ASSERT_TRUE(set->remove(1));
  EXPECT_EQ(set->view()->index_of[2], index);
  ASSERT_TRUE(set->add(null_port("c", "net_null3", 3)));
  EXPECT_EQ(set->view()->index_of[2], index);
  EXPECT_EQ(set->view()->index_of[3], 0);
  EXPECT_FALSE(set->remove(1));
}

TEST(PortSet, FlagsChangeUnderTheirMaskAlsoOnLocal) {
  auto set = make_set(2);
  ASSERT_TRUE(set->open({null_port("a", "net_null1", 1)}));
  set->set_local(MacAddress{{2, 0, 0, 0, 0, 1}}, 1500, true);
  for (const flow::PortNo port : {flow::PortNo{1}, flow::kPortLocal}) {
    ASSERT_TRUE(set->set_flags(port, port_flag::kDown | port_flag::kNoFlood, ~0u));
    ASSERT_TRUE(set->set_flags(port, 0, port_flag::kDown));
    EXPECT_EQ(set->view()->find(port)->flags, port_flag::kNoFlood);
    EXPECT_EQ(set->status(port)->flags, port_flag::kNoFlood);
  }
  EXPECT_EQ(set->view()->find(flow::kPortLocal)->ethdev_id, kNoEthdev);
  set->set_local(MacAddress{{2, 0, 0, 0, 0, 1}}, 1400, false);
  EXPECT_EQ(set->view()->find(flow::kPortLocal)->flags, port_flag::kNoFlood) << "kept";
  const auto missing = set->set_flags(9, 0, 0);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "there is no port 9");
}

TEST(PortSet, NothingIsPublishedWhenNothingChanges) {
  auto set = make_set(2);
  ASSERT_TRUE(set->open({null_port("a", "net_null1", 1)}));
  const std::uint64_t generation = set->view()->generation;
  ASSERT_TRUE(set->set_flags(1, 0, ~0u));
  EXPECT_TRUE(set->refresh_links().empty());
  EXPECT_EQ(set->view()->generation, generation);
}

TEST(PortSet, ReportsAllThatIsWrongAndOpensNothingThen) {
  auto set = make_set(2);
  const auto opened =
      set->open({null_port("a", "net_null1", 1), null_port("a", "net_null2", 2),
                 null_port("b", "net_null2", 1), null_port("c", "net_null1,size=100", 3),
                 null_port("d", "net_nosuch0", 4), null_port("e", "net_null4", 0)});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message.substr(0, opened.error().message.find("; existing")),
            "port a: the name is taken\n"
            "port b: number 1 is port a already\n"
            "port c: device net_null1 is port a already\n"
            "port d: device net_nosuch0 cannot be used: no DPDK driver for that name");
  EXPECT_NE(opened.error().message.find("port e: number 0 is not in 1..65279"), std::string::npos);
  EXPECT_TRUE(set->status().empty());
  EXPECT_TRUE(set->open({null_port("a", "net_null1", 1)})) << "and nothing was left behind";
}

TEST(PortSet, QueuesGoToTheWorkersThatWereGivenThePort) {
  auto made = PortSet::create(
      {.n_slots = 4,
       .workers = {{.lcore = 1}, {.lcore = 2, .ports = {"b"}}, {.lcore = 3, .ports = {"b", "c"}}},
       .extra_mbufs = 512,
       .control_mbufs = 64},
      [](const std::function<void()>& f) { f(); });
  ASSERT_TRUE(made) << made.error().message;
  PortSet& set = **made;
  ASSERT_TRUE(set.open({null_port("a", "net_null1", 1), null_port("b", "net_null2", 2)}));
  ASSERT_TRUE(set.add(null_port("c", "net_null3", 3)));
  ASSERT_TRUE(set.add(null_port("d", "net_null4", 4)));
  const auto ports_of = [&](sync::SlotId slot) {
    std::vector<flow::PortNo> numbers;
    for (const RxQueue& queue : set.view()->rx[slot]) numbers.push_back(queue.port_no);
    return numbers;
  };
  EXPECT_EQ(ports_of(1), (std::vector<flow::PortNo>{1, 4}));
  EXPECT_EQ(ports_of(2), std::vector<flow::PortNo>{2});
  EXPECT_EQ(ports_of(3), std::vector<flow::PortNo>{3});
}

TEST(PortSet, CountersHaveTheDriversNames) {
  auto thread = DeviceThread::start();
  ASSERT_TRUE(thread);
  auto set = make_set(2);
  set->use(thread->get());
  ASSERT_TRUE(set->open({null_port("a", "net_null1", 1)}));
  rte_mbuf* burst[8];
  ASSERT_EQ(rte_eth_rx_burst(set->view()->find(1)->ethdev_id, 0, burst, 8), 8);
  rte_pktmbuf_free_bulk(burst, 8);
  std::vector<PortSet::CountersOfPort> read;
  const auto ask = [&](bool extended) {
    bool answered = false;
    set->request_counters(extended, [&](std::vector<PortSet::CountersOfPort> all) {
      read = std::move(all);
      answered = true;
    });
    while (!answered) {
      pollfd p{(*thread)->fd(), POLLIN, 0};
      ASSERT_EQ(poll(&p, 1, 5000), 1);
      (*thread)->poll();
    }
    ASSERT_EQ(read.size(), 1u);
    EXPECT_EQ(read[0].port_no, 1);
    EXPECT_EQ(read[0].stats.rx_packets, 8u);
  };
  ask(false);
  EXPECT_TRUE(read[0].extended.empty());
  ask(true);
  const auto& named = read[0].extended;
  EXPECT_NE(std::find(named.begin(), named.end(),
                      std::pair<std::string, std::uint64_t>("rx_good_packets", 8)),
            named.end());
}

TEST(PortSet, TheDeviceThreadAddsAndRemovesWithoutBlocking) {
  auto thread = DeviceThread::start();
  ASSERT_TRUE(thread);
  auto set = make_set(2);
  set->use(thread->get());
  ASSERT_TRUE(set->open({}));
  int answers = 0;
  const auto wait = [&](int n) {
    while (answers < n) {
      pollfd p{(*thread)->fd(), POLLIN, 0};
      ASSERT_EQ(poll(&p, 1, 5000), 1);
      (*thread)->poll();
    }
  };
  const auto expect_ok = [&](const Expected<void>& r) {
    EXPECT_TRUE(r) << r.error().message;
    ++answers;
  };
  set->request_add(null_port("a", "net_null1", 1), expect_ok);
  EXPECT_EQ(set->view()->find(1), nullptr) << "published by the answer, not before";
  wait(1);
  EXPECT_NE(set->view()->find(1), nullptr);
  set->request_link_refresh([&](const std::vector<flow::PortNo>&) { ++answers; });
  wait(2);
  set->request_add(null_port("b", "net_nosuch0", 2), [&](const Expected<void>& r) {
    EXPECT_FALSE(r);
    ++answers;
  });
  wait(3);
  set->request_remove(1, expect_ok);
  EXPECT_EQ(set->view()->find(1), nullptr) << "out of the view at once";
  wait(4);
  set->request_add(null_port("a", "net_null1", 1), expect_ok);
  wait(5);
  EXPECT_NE(set->view()->find(1), nullptr);
}

TEST(PortSet, ReadsAndWritesPcapFiles) {
  const std::string in = testing::TempDir() + "lifeline_port_in_" + std::to_string(getpid());
  const std::string out = testing::TempDir() + "lifeline_port_out_" + std::to_string(getpid());
  {
    std::ofstream file(in, std::ios::binary);
    const std::uint32_t header[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
    file.write(reinterpret_cast<const char*>(header), sizeof(header));
    for (std::uint8_t tag = 1; tag <= 3; ++tag) {
      const Frame f = test_frame(tag);
      const std::uint32_t record[] = {0, 0, 60, 60};
      file.write(reinterpret_cast<const char*>(record), sizeof(record));
      file.write(reinterpret_cast<const char*>(f.data()), 60);
    }
  }
  {
    auto set = make_set(3);
    const auto opened =
        set->open({null_port("a", "net_pcap0,rx_pcap=" + in + ",tx_pcap=" + out, 1)});
    ASSERT_TRUE(opened) << opened.error().message;
    const auto frames = receive(*set->view(), 1, 3);
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[2], test_frame(3));
    EXPECT_EQ(set->view()->find(1)->n_txq, 1);
    rte_mbuf* m = to_mbuf(set->control_pool(), test_frame(9));
    EXPECT_EQ(rte_eth_tx_burst(set->view()->find(1)->ethdev_id, 0, &m, 1), 1);
  }
  std::ifstream written(out, std::ios::binary | std::ios::ate);
  EXPECT_EQ(written.tellg(), 24 + 16 + 60);
  std::remove(in.c_str());
  std::remove(out.c_str());
}

// The kernel reports carrier from a work queue of its own, and drops what is sent before that.
testing::AssertionResult link_becomes(PortSet& set, flow::PortNo port_no, bool up) {
  const auto end = std::chrono::steady_clock::now() + 5s;
  do {
    set.refresh_links();
    if (set.view()->find(port_no)->link_up == up) return testing::AssertionSuccess();
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < end);
  return testing::AssertionFailure()
         << "link of port " << port_no << " stays " << (up ? "down" : "up");
}

class VethTest : public testing::Test {
 protected:
  void SetUp() override {
    NEEDS_NAMESPACE();
    ASSERT_TRUE(ip("link add llp0 type veth peer name llp1"));
    ASSERT_TRUE(ip("link set llp1 up"));
  }
  void TearDown() override { ip("link del llp0"); }
  static PortSpec veth(std::string name, int n, flow::PortNo number, std::string more = "") {
    return {.name = std::move(name),
            .device = "net_af_packet" + std::to_string(n) + ",iface=llp" + std::to_string(n) + more,
            .port_no = number};
  }
};

TEST_F(VethTest, BringsTheInterfaceUpAndPassesFrames) {
  auto set = make_set(2);
  const auto opened = set->open({veth("a", 0, 1), veth("b", 1, 2)});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(link_becomes(*set, 1, true));
  EXPECT_NE(set->status(1)->if_index, 0u);
  rte_mbuf* m = to_mbuf(set->data_pool(), test_frame(5));
  ASSERT_EQ(rte_eth_tx_burst(set->view()->find(1)->ethdev_id, 0, &m, 1), 1);
  const auto frames = receive(*set->view(), 2, 1);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0], test_frame(5));
}

TEST_F(VethTest, ASlotWithoutATxQueueDeliversThroughTheRingOfTheOwner) {
  auto set = make_set(4);
  const auto opened = set->open({veth("a", 0, 1, ",qpairs=1"), veth("b", 1, 2)});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(link_becomes(*set, 1, true));
  const PortEntry& port = *set->view()->find(1);
  EXPECT_EQ(port.n_txq, 1);
  sync::SpscRing<rte_mbuf> ring(64);
  for (const std::uint8_t slot : std::initializer_list<std::uint8_t>{0, 2, 3}) {
    const TxPath path = port.tx[slot];
    ASSERT_EQ(path.owner_slot, 1);
    rte_mbuf* m = to_mbuf(set->data_pool(), test_frame(slot));
    ASSERT_TRUE(ring.enqueue(m));
  }
  rte_mbuf* burst[8];
  const auto n = static_cast<std::uint16_t>(ring.dequeue_burst(burst, 8));
  ASSERT_EQ(rte_eth_tx_burst(port.ethdev_id, port.tx[1].queue, burst, n), 3);
  const auto frames = receive(*set->view(), 2, 3);
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[2], test_frame(3));
}

TEST_F(VethTest, SeveralQueuePairsAreAllPolled) {
  auto set = make_set(3);
  const auto opened = set->open({veth("a", 0, 1, ",qpairs=3"), veth("b", 1, 2)});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(link_becomes(*set, 1, true));
  const PortEntry& port = *set->view()->find(1);
  EXPECT_EQ(port.n_rxq, 3);
  EXPECT_EQ(port.n_txq, 3);
  EXPECT_EQ(set->view()->rx[1].size() + set->view()->rx[2].size(), 4u);
  for (std::uint16_t q = 0; q < 3; ++q) {
    rte_mbuf* m = to_mbuf(set->data_pool(), test_frame(static_cast<std::uint8_t>(q)));
    ASSERT_EQ(rte_eth_tx_burst(port.ethdev_id, q, &m, 1), 1);
  }
  EXPECT_EQ(receive(*set->view(), 2, 3).size(), 3u);
}

TEST_F(VethTest, LinkFollowsTheKernelsInterface) {
  auto set = make_set(2);
  ASSERT_TRUE(set->open({veth("a", 0, 1)}));
  ASSERT_TRUE(link_becomes(*set, 1, true));
  ASSERT_TRUE(ip("link set llp1 down"));
  EXPECT_TRUE(link_becomes(*set, 1, false));
  ASSERT_TRUE(ip("link set llp1 up"));
  EXPECT_TRUE(link_becomes(*set, 1, true));
}

TEST_F(VethTest, ADeletedInterfaceIsADownLinkNotACrash) {
  auto set = make_set(2);
  ASSERT_TRUE(set->open({veth("a", 0, 1)}));
  ASSERT_TRUE(link_becomes(*set, 1, true));
  const PortEntry port = *set->view()->find(1);
  ASSERT_TRUE(ip("link del llp0"));
  for (std::uint8_t i = 0; i < 10; ++i) {
    rte_mbuf* m = to_mbuf(set->data_pool(), test_frame(i));
    if (rte_eth_tx_burst(port.ethdev_id, 0, &m, 1) == 0) rte_pktmbuf_free(m);
    rte_mbuf* burst[8];
    rte_pktmbuf_free_bulk(burst, rte_eth_rx_burst(port.ethdev_id, 0, burst, 8));
  }
  EXPECT_EQ(set->refresh_links(), std::vector<flow::PortNo>{1});
  EXPECT_FALSE(set->view()->find(1)->link_up);
  // The same name again is another interface: remove and add.
  ASSERT_TRUE(ip("link add llp0 type veth peer name llp1") && ip("link set llp1 up"));
  ASSERT_TRUE(set->remove(1));
  const auto added = set->add(veth("a", 0, 1));
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_TRUE(link_becomes(*set, 1, true));
}

TEST_F(VethTest, TheMtuIsTheInterfacesAndCanBeSet) {
  ASSERT_TRUE(ip("link set llp0 mtu 1450"));
  auto set = make_set(2);
  PortSpec b = veth("b", 1, 2);
  b.mtu = 1300;
  const auto opened = set->open({veth("a", 0, 1), b});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(set->status(1)->mtu, 1450u);
  EXPECT_EQ(set->status(2)->mtu, 1300u);
  EXPECT_EQ(set->smallest_mtu(), 1300u);
  EXPECT_EQ(set->view()->find(2)->max_frame_bytes, 1300u + 22);
}

TEST_F(VethTest, JumboFramesPassWhereTheRingHasRoomForThem) {
  ASSERT_TRUE(ip("link set llp0 mtu 9000") && ip("link set llp1 mtu 9000"));
  auto set = make_set(2);
  const std::string ring = ",blocksz=65536,framesz=16384,framecnt=64";
  const auto opened = set->open({veth("a", 0, 1, ring), veth("b", 1, 2, ring)});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(link_becomes(*set, 1, true));
  Frame jumbo = test_frame(1);
  jumbo.resize(9000, 0x5a);
  rte_mbuf* m = to_mbuf(set->data_pool(), jumbo);
  ASSERT_EQ(rte_eth_tx_burst(set->view()->find(1)->ethdev_id, 0, &m, 1), 1);
  const auto frames = receive(*set->view(), 2, 1);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0], jumbo);
}

}  // namespace
}  // namespace lifeline::port
