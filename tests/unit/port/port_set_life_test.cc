// Ports that come, go and are restarted while the switch runs.
#define ALLOW_EXPERIMENTAL_API  // rte_dev_event_callback_process

#include <gtest/gtest.h>
#include <poll.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <functional>
#include <utility>
#include <vector>

#include "namespace.h"
#include "port/device_thread.h"
#include "port/port_set.h"
#include "support/log_capture.h"

// Of ethdev's driver interface, whose headers are not packaged.
extern "C" {
rte_eth_dev* rte_eth_dev_allocated(const char* name);
int rte_eth_dev_callback_process(rte_eth_dev* dev, rte_eth_event_type event, void* ret_param);
}

namespace lifeline::port {
namespace {

PortSpec null_port(std::string name, std::string device, flow::PortNo number) {
  return {
      .name = std::move(name), .device = std::move(device), .port_no = number, .descriptors = 64};
}

// A set with a device thread. Grace periods end when the test says so.
class PortLife : public testing::Test {
 protected:
  void SetUp() override {
    auto thread = DeviceThread::start();
    ASSERT_TRUE(thread);
    thread_ = std::move(*thread);
    auto set =
        PortSet::create({.n_slots = 2, .extra_mbufs = 512, .control_mbufs = 64},
                        [this](std::function<void()> f) { retired_.push_back(std::move(f)); });
    ASSERT_TRUE(set);
    set_ = std::move(*set);
    set_->on_device_event(
        [this](flow::PortNo port_no, DeviceEvent event) { events_.emplace_back(port_no, event); });
  }
  void TearDown() override {
    grace_period();
    set_->use(nullptr);
    thread_.reset();
    set_.reset();
    grace_period();
  }
  void open(const std::vector<PortSpec>& specs) {
    const auto opened = set_->open(specs);
    ASSERT_TRUE(opened) << opened.error().message;
    set_->use(thread_.get());
  }
  void grace_period() {
    for (auto& f : std::exchange(retired_, {})) f();
  }
  // Until the device thread has answered and nothing waits for a grace period.
  void finish(const bool& done) {
    while (!done) {
      grace_period();
      if (done) return;
      pollfd p{thread_->fd(), POLLIN, 0};
      ASSERT_EQ(poll(&p, 1, 5000), 1) << "the device thread does not answer";
      thread_->poll();
    }
    grace_period();
  }
  PortSet::Done expect_ok(bool* done) {
    return [done](const Expected<void>& result) {
      EXPECT_TRUE(result) << result.error().message;
      *done = true;
    };
  }
  void request(void (PortSet::*what)(flow::PortNo, PortSet::Done), flow::PortNo port_no) {
    bool done = false;
    ((*set_).*what)(port_no, expect_ok(&done));
    finish(done);
  }
  void add(const PortSpec& spec) {
    bool done = false;
    set_->request_add(spec, expect_ok(&done));
    finish(done);
  }

  std::unique_ptr<DeviceThread> thread_;
  std::unique_ptr<PortSet> set_;
  std::vector<std::function<void()>> retired_;
  std::vector<std::pair<flow::PortNo, DeviceEvent>> events_;
};

TEST_F(PortLife, OpensWithoutOptionalPortsThatFailAndSaysWhy) {
  PortSpec missing = null_port("b", "net_nosuch0", 2);
  EXPECT_FALSE(set_->open({null_port("a", "net_null1", 1), missing}));
  missing.optional = true;
  const auto opened = set_->open({null_port("a", "net_null1", 1), missing});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_EQ(opened->size(), 1u);
  EXPECT_EQ(opened->front().spec, missing);
  EXPECT_EQ(opened->front().reason.find("port b: device net_nosuch0 cannot be used: "), 0u);
  EXPECT_NE(set_->view()->find(1), nullptr);
  EXPECT_EQ(set_->view()->find(2), nullptr);
  EXPECT_EQ(set_->tx_descriptors_total(), 2 * 64u) << "there is room for it when it comes";
}

TEST_F(PortLife, AnOptionalPortThatDoesNotStartLeavesNoDeviceBehind) {
  PortSpec greedy = null_port("b", "net_null2", 2);
  greedy.optional = true;
  greedy.rx_queues = 60000;
  const auto opened = set_->open({null_port("a", "net_null1", 1), greedy});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_EQ(opened->size(), 1u);
  std::uint16_t id = 0;
  EXPECT_EQ(rte_eth_dev_get_port_by_name("net_null2", &id), -ENODEV);
  set_->use(thread_.get());
  greedy.rx_queues.reset();
  add(greedy);
  EXPECT_NE(set_->view()->find(2), nullptr);
}

TEST_F(PortLife, ADeviceThatEalMadeIsMadeAgainFromEalsArguments) {
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null8", "size=100"), 0);
  open({null_port("a", "net_null8", 1)});
  request(&PortSet::request_remove, 1);
  std::uint16_t id = 0;
  EXPECT_EQ(rte_eth_dev_get_port_by_name("net_null8", &id), -ENODEV);
  add(null_port("a", "net_null8", 1));
  rte_mbuf* m = nullptr;
  ASSERT_EQ(rte_eth_rx_burst(set_->view()->find(1)->ethdev_id, 0, &m, 1), 1);
  EXPECT_EQ(m->pkt_len, 100u);
  rte_pktmbuf_free(m);
}

TEST_F(PortLife, PortsThatComeLaterFindRoomForWhatControlSendsToThem) {
  open({null_port("a", "net_null1", 1)});
  std::uint32_t asked = 0;
  set_->keep_large_enough({.owner = "another",
                           .make =
                               [&asked](std::uint32_t sent) {
                                 asked = sent;
                                 return make_pool("another", 64 + sent, 0, 2048, SOCKET_ID_ANY);
                               },
                           .use = [](const MempoolPtr&) {}});
  const std::uint32_t before = set_->control_pool()->size;
  rte_mbuf* on_its_way = rte_pktmbuf_alloc(set_->control_pool());
  for (std::uint16_t p = 2; p <= 4; ++p)
    add(null_port(fmt::format("p{}", p), fmt::format("net_null{}", p), p));
  const auto has_room = [this] {
    return set_->view()->control_pool->size >= 64u + set_->tx_descriptors_total();
  };
  for (int i = 0; i < 100 && !has_room(); ++i) {
    pollfd p{thread_->fd(), POLLIN, 0};
    poll(&p, 1, 100);
    thread_->poll();
    grace_period();
  }
  EXPECT_TRUE(has_room());
  EXPECT_GT(set_->view()->control_pool->size, before);
  EXPECT_EQ(set_->view()->control_pool, set_->control_pool());
  EXPECT_GE(asked, set_->tx_descriptors_total()) << "the local port's pool, too";
  rte_pktmbuf_free(on_its_way);
  // They come and go: no further pool.
  const rte_mempool* pool = set_->control_pool();
  request(&PortSet::request_remove, 4);
  add(null_port("p4", "net_null4", 4));
  EXPECT_EQ(set_->control_pool(), pool);
}

TEST_F(PortLife, RoomThatCannotBeHadIsTriedAgainEverLessOftenAndWarnedOfOnce) {
  open({null_port("a", "net_null1", 1)});
  int tries = 0;
  int used = 0;
  bool there_is_memory = false;
  set_->keep_large_enough({.owner = "another",
                           .make = [&](std::uint32_t sent) -> Expected<MempoolPtr> {
                             ++tries;
                             if (!there_is_memory) return make_error("no memory");
                             return make_pool("another", 64 + sent, 0, 2048, SOCKET_ID_ANY);
                           },
                           .use = [&](const MempoolPtr&) { ++used; },
                           .room = set_->tx_descriptors_total()});
  const auto refresh = [this] {
    bool done = false;
    set_->request_link_refresh([&done](const auto&) { done = true; });
    finish(done);
  };
  test::ExpectLog(
      "ports were added, and another has no more buffers: no memory; it is tried again");
  add(null_port("b", "net_null2", 2));
  for (int i = 0; i < 40; ++i) refresh();
  // After 1, 2, 4, 8, 16 rounds.
  EXPECT_GE(tries, 4);
  EXPECT_LE(tries, 6);
  EXPECT_EQ(used, 0);
  there_is_memory = true;
  for (int i = 0; i < 40; ++i) refresh();
  EXPECT_EQ(used, 1);
}

TEST_F(PortLife, APortThatComesGoesToTheWorkersThatItIsGivenByThen) {
  auto set =
      PortSet::create({.n_slots = 3,
                       .workers = {{.lcore = 1, .ports = {"a"}}, {.lcore = 2, .ports = {"b"}}},
                       .extra_mbufs = 512,
                       .control_mbufs = 64},
                      [this](std::function<void()> f) { retired_.push_back(std::move(f)); });
  ASSERT_TRUE(set);
  set_ = std::move(*set);
  open({null_port("a", "net_null1", 1), null_port("b", "net_null2", 2)});
  set_->set_workers({{.lcore = 1, .ports = {"b"}}, {.lcore = 2, .ports = {"a", "c"}}});
  add(null_port("c", "net_null3", 3));
  const auto polled_by = [this](std::size_t slot) {
    std::vector<flow::PortNo> ports;
    for (const auto& queue : set_->view()->rx[slot]) ports.push_back(queue.port_no);
    return ports;
  };
  EXPECT_EQ(polled_by(1), (std::vector<flow::PortNo>{1})) << "what is there stays";
  EXPECT_EQ(polled_by(2), (std::vector<flow::PortNo>{2, 3}));
  // Until it comes again.
  request(&PortSet::request_remove, 1);
  add(null_port("a", "net_null1", 1));
  EXPECT_EQ(polled_by(1), (std::vector<flow::PortNo>{}));
  EXPECT_EQ(polled_by(2), (std::vector<flow::PortNo>{2, 3, 1}));
}

TEST_F(PortLife, APortThatComesBackAgainAndAgainNeedsNoMoreMemory) {
  open({null_port("a", "net_null1", 1)});
  const unsigned free = rte_mempool_avail_count(set_->data_pool());
  for (int i = 0; i < 3; ++i) {
    request(&PortSet::request_remove, 1);
    add(null_port("a", "net_null1", 1));
    EXPECT_EQ(rte_mempool_avail_count(set_->data_pool()), free);
  }
}

TEST_F(PortLife, APortThatIsRestartedKeepsItsPlaceAndNobodyUsesItMeanwhile) {
  open({null_port("a", "net_null1", 1), null_port("b", "net_null2", 2)});
  const std::uint8_t index = set_->view()->index_of[1];
  const std::uint64_t life = set_->steering_ports().front().life;
  bool done = false;
  set_->request_restart(1, expect_ok(&done));
  const PortEntry* entry = set_->view()->find(1);
  ASSERT_NE(entry, nullptr);
  EXPECT_FALSE(entry->usable);
  EXPECT_FALSE(entry->link_up);
  ASSERT_EQ(set_->view()->rx[1].size(), 1u);
  EXPECT_EQ(set_->view()->rx[1][0].port_no, 2);
  EXPECT_EQ(set_->status().size(), 2u);
  EXPECT_FALSE(set_->status(1)->link_up);
  EXPECT_TRUE(set_->set_flags(1, port_flag::kNoFlood, port_flag::kNoFlood));
  bool refused = false;
  set_->request_add(null_port("a", "net_null1", 1),
                    [&](const Expected<void>& result) { refused = !result; });
  EXPECT_TRUE(refused) << "its name and number are taken";
  finish(done);
  entry = set_->view()->find(1);
  ASSERT_NE(entry, nullptr);
  EXPECT_TRUE(entry->usable);
  EXPECT_EQ(set_->view()->index_of[1], index);
  EXPECT_EQ(entry->flags, port_flag::kNoFlood);
  EXPECT_EQ(set_->view()->rx[1].size(), 2u);
  EXPECT_NE(set_->steering_ports().front().life, life) << "or the NIC's rules would not come back";
  EXPECT_TRUE(set_->status(1)->link_up);
}

TEST_F(PortLife, WhatDriversSayIsHeardOnTheControlLcore) {
  open({null_port("a", "net_null1", 1)});
  rte_eth_dev* const dev = rte_eth_dev_allocated("net_null1");
  ASSERT_NE(dev, nullptr);
  rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_RESET, nullptr);
  rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_RMV, nullptr);
  EXPECT_TRUE(events_.empty()) << "not on the driver's thread";
  while (events_.size() < 2) {
    pollfd p{thread_->fd(), POLLIN, 0};
    ASSERT_EQ(poll(&p, 1, 5000), 1);
    thread_->poll();
  }
  EXPECT_EQ(events_[0], std::pair(flow::PortNo{1}, DeviceEvent::kWantsReset));
  EXPECT_EQ(events_[1], std::pair(flow::PortNo{1}, DeviceEvent::kGone));
  // What was said of a port that is another one by now is not heard.
  rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_RMV, nullptr);
  request(&PortSet::request_remove, 1);
  add(null_port("a", "net_null1", 1));
  EXPECT_EQ(events_.size(), 2u);
}

TEST_F(PortLife, DevicesThatArePluggedInAndOutAreHeardOnTheControlLcore) {
  std::vector<std::string> came;
  set_->on_arrival([&came](const std::string& device) { came.push_back(device); });
  open({null_port("a", "net_null1,size=100", 1)});
  rte_dev_event_callback_process("net_null2", RTE_DEV_EVENT_REMOVE);  // nobody's
  rte_dev_event_callback_process("net_null1", RTE_DEV_EVENT_REMOVE);
  rte_dev_event_callback_process("0000:03:00.0", RTE_DEV_EVENT_ADD);
  EXPECT_TRUE(events_.empty() && came.empty()) << "not on EAL's thread";
  while (came.empty()) {
    pollfd p{thread_->fd(), POLLIN, 0};
    ASSERT_EQ(poll(&p, 1, 5000), 1);
    thread_->poll();
  }
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0], std::pair(flow::PortNo{1}, DeviceEvent::kGone));
  EXPECT_EQ(came[0], "0000:03:00.0");
}

TEST_F(PortLife, AnAnswerThatNobodyFetchesIsAnError) {
  open({null_port("a", "net_null1", 1)});
  std::string error;
  set_->request_remove(
      1, [&](const Expected<void>& result) { error = result ? "none" : result.error().message; });
  grace_period();
  pollfd p{thread_->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&p, 1, 5000), 1) << "closed, and the answer waits";
  set_->use(nullptr);
  thread_.reset();
  EXPECT_EQ(error, "the device thread has ended");
}

TEST_F(PortLife, AnInterfaceThatIsDeletedMakesItsPortGone) {
  NEEDS_NAMESPACE();
  ASSERT_TRUE(ip("link add lll0 type veth peer name lll1"));
  const PortSpec spec{.name = "a", .device = "net_af_packet5,iface=lll0", .port_no = 1};
  open({spec});
  set_->refresh_links();
  EXPECT_TRUE(events_.empty());
  ASSERT_TRUE(ip("link del lll0"));
  ASSERT_TRUE(ip("link add lll0 type veth peer name lll1"));
  set_->refresh_links();
  ASSERT_EQ(events_.size(), 1u) << "another one under its name does not help";
  EXPECT_EQ(events_[0], std::pair(flow::PortNo{1}, DeviceEvent::kGone));
  request(&PortSet::request_remove, 1);
  add(spec);
  set_->refresh_links();
  EXPECT_EQ(events_.size(), 1u);
  ip("link del lll0");
}

}  // namespace
}  // namespace lifeline::port
