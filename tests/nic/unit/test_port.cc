#include "test_port.h"

#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_errno.h>

#include <cstring>

namespace testnic {
namespace {

void put16(Frame& frame, std::size_t at, std::uint16_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

void put32(Frame& frame, std::size_t at, std::uint32_t value) {
  put16(frame, at, static_cast<std::uint16_t>(value >> 16));
  put16(frame, at + 2, static_cast<std::uint16_t>(value));
}

Frame ip_frame(std::uint8_t protocol, std::uint32_t src, std::uint32_t dst, std::uint16_t src_port,
               std::uint16_t dst_port) {
  Frame frame(60, 0);
  frame[5] = 2;
  frame[11] = 1;
  put16(frame, 12, 0x0800);
  frame[14] = 0x45;
  put16(frame, 16, 46);
  frame[22] = 64;
  frame[23] = protocol;
  put32(frame, 26, src);
  put32(frame, 30, dst);
  put16(frame, 34, src_port);
  put16(frame, 36, dst_port);
  return frame;
}

}  // namespace

Frame arp_request(std::uint32_t target_ip) {
  Frame frame(60, 0);
  std::memset(frame.data(), 0xff, 6);
  frame[11] = 1;
  put16(frame, 12, 0x0806);
  put16(frame, 14, 1);
  put16(frame, 16, 0x0800);
  frame[18] = 6;
  frame[19] = 4;
  put16(frame, 20, 1);
  put32(frame, 38, target_ip);
  return frame;
}

Frame udp_frame(std::uint32_t src, std::uint32_t dst, std::uint16_t src_port,
                std::uint16_t dst_port) {
  return ip_frame(17, src, dst, src_port, dst_port);
}

Frame tcp_frame(std::uint32_t src, std::uint32_t dst, std::uint16_t src_port,
                std::uint16_t dst_port) {
  return ip_frame(6, src, dst, src_port, dst_port);
}

Frame with_vlan(Frame frame, std::uint16_t id) {
  const std::uint8_t tag[4] = {0x81, 0x00, static_cast<std::uint8_t>(id >> 8),
                               static_cast<std::uint8_t>(id)};
  frame.insert(frame.begin() + 12, tag, tag + 4);
  return frame;
}

TestPort::TestPort(const std::string& arguments, std::uint16_t queues, bool loop,
                   std::uint32_t mbufs)
    : queues_(queues) {
  static int n = 0;
  const std::string number = std::to_string(n++);
  name_ = "net_testnic" + number;
  std::string all = arguments;
  if (loop) {
    ring_ = "net_ring" + number;
    EXPECT_EQ(rte_vdev_init(ring_.c_str(), ""), 0);
    all += ",live=" + ring_;
  }
  EXPECT_EQ(rte_vdev_init(name_.c_str(), all.c_str()), 0) << all;
  EXPECT_EQ(rte_eth_dev_get_port_by_name(name_.c_str(), &id_), 0);
  for (std::uint16_t q = 0; q < queues; ++q) {
    const std::string pool = "pool" + number + "_" + std::to_string(q);
    pools_.push_back(rte_pktmbuf_pool_create(pool.c_str(), mbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                             SOCKET_ID_ANY));
    EXPECT_NE(pools_.back(), nullptr) << rte_strerror(rte_errno);
  }
  rte_eth_conf conf{};
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;
  EXPECT_EQ(rte_eth_dev_configure(id_, queues, queues, &conf), 0);
  for (std::uint16_t q = 0; q < queues; ++q) {
    EXPECT_EQ(rte_eth_rx_queue_setup(id_, q, 256, static_cast<unsigned>(SOCKET_ID_ANY), nullptr,
                                     pools_[q]),
              0);
    EXPECT_EQ(rte_eth_tx_queue_setup(id_, q, 256, static_cast<unsigned>(SOCKET_ID_ANY), nullptr),
              0);
  }
  EXPECT_EQ(rte_eth_promiscuous_enable(id_), 0);
  start();
}

TestPort::~TestPort() {
  EXPECT_EQ(rte_eth_dev_stop(id_), 0);
  // Every mbuf came back to its pool.
  for (rte_mempool* pool : pools_) EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
  EXPECT_EQ(rte_vdev_uninit(name_.c_str()), 0);
  if (!ring_.empty()) {
    EXPECT_EQ(rte_vdev_uninit(ring_.c_str()), 0);
  }
  for (rte_mempool* pool : pools_) rte_mempool_free(pool);
}

void TestPort::start() { EXPECT_EQ(rte_eth_dev_start(id_), 0); }

void TestPort::send(const Frame& frame) {
  rte_mbuf* packet = rte_pktmbuf_alloc(pools_[0]);
  ASSERT_NE(packet, nullptr);
  std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(),
              frame.size());
  ASSERT_EQ(rte_eth_tx_burst(id_, 0, &packet, 1), 1);
}

std::uint32_t TestPort::poll(std::uint16_t queue, std::uint32_t polls) {
  std::uint32_t received = 0;
  for (std::uint32_t i = 0; i < polls; ++i) {
    rte_mbuf* packets[32];
    const std::uint16_t n = rte_eth_rx_burst(id_, queue, packets, 32);
    for (std::uint16_t j = 0; j < n; ++j) {
      EXPECT_EQ(packets[j]->pool, pools_[queue]);
      EXPECT_EQ(packets[j]->port, id_);
    }
    rte_pktmbuf_free_bulk(packets, n);
    received += n;
  }
  return received;
}

int TestPort::queue_of(const Frame& frame) {
  send(frame);
  int found = -1;
  for (std::uint16_t q = 0; q < queues_; ++q)
    if (poll(q) > 0) found = q;
  // The first queues were polled before the packet was fed by a later one's poll.
  for (std::uint16_t q = 0; q < queues_; ++q)
    if (poll(q) > 0) found = q;
  return found;
}

std::uint64_t TestPort::xstat(std::string_view name) const {
  const int n = rte_eth_xstats_get(id_, nullptr, 0);
  std::vector<rte_eth_xstat> values(static_cast<std::size_t>(n));
  std::vector<rte_eth_xstat_name> names(static_cast<std::size_t>(n));
  EXPECT_EQ(rte_eth_xstats_get(id_, values.data(), static_cast<unsigned>(n)), n);
  EXPECT_EQ(rte_eth_xstats_get_names(id_, names.data(), static_cast<unsigned>(n)), n);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (name == names[i].name) return values[i].value;
  ADD_FAILURE() << "no xstat " << name;
  return 0;
}

}  // namespace testnic
