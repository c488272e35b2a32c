// A test NIC whose wire is a loop (net_ring): what the test sends comes back and is steered.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace testnic {

using Frame = std::vector<std::uint8_t>;

Frame arp_request(std::uint32_t target_ip = 0x0a000001);
Frame udp_frame(std::uint32_t src, std::uint32_t dst, std::uint16_t src_port,
                std::uint16_t dst_port);
Frame tcp_frame(std::uint32_t src, std::uint32_t dst, std::uint16_t src_port,
                std::uint16_t dst_port);
Frame with_vlan(Frame frame, std::uint16_t id);

class TestPort {
 public:
  // `arguments` of the device, for instance "profile=igb". Fails the test when it does not start.
  explicit TestPort(const std::string& arguments, std::uint16_t queues = 2, bool loop = true,
                    std::uint32_t mbufs = 1023);
  ~TestPort();
  TestPort(const TestPort&) = delete;
  TestPort& operator=(const TestPort&) = delete;

  void start();
  void stop() const { rte_eth_dev_stop(id_); }
  // Sends and polls all queues: the queue in which it came back; -1: none.
  int queue_of(const Frame& frame);
  std::uint32_t poll(std::uint16_t queue, std::uint32_t polls = 1);  // packets received, and freed
  void send(const Frame& frame);
  std::uint64_t xstat(std::string_view name) const;
  std::uint16_t id() const { return id_; }
  rte_mempool* pool(std::uint16_t queue) const { return pools_[queue]; }

 private:
  std::string name_, ring_;
  std::uint16_t id_ = RTE_MAX_ETHPORTS;
  std::uint16_t queues_;
  std::vector<rte_mempool*> pools_;
};

}  // namespace testnic
