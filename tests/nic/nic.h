// The test NIC: a DPDK virtual device that behaves as a NIC with rte_flow.
//
// Its "wire" is a live port (another ethdev), merged with a generator or a pcap file. What arrives
// is filtered by MAC address, matched against the rules, hashed, and put into the ring of one RX
// queue as a copy in an mbuf of that queue's own pool: a full ring or an empty pool loses packets
// of this queue only, as with hardware.
//
// Who does the NIC's work. There is no hardware, so somebody's core must. Whoever polls an RX queue
// first tries the feed lock; who gets it moves what waits at the live port and makes what the
// generator owes, then takes from the own ring. Nobody ever waits: when the lock is taken, another
// core is doing the same work. A thread of its own was rejected: on a machine with two cores it
// would compete with the switch under test, and a test would depend on when the kernel lets it run.
// Only a poller of a queue in the redirection table makes packets of the generator, so that a lcore
// that polls nothing but a control queue pays for control packets alone, as with hardware. An
// overrun at a given rate is counted, not made.
//
// Threads: RX queue q by one thread at a time, any number of queues at once; TX likewise. Rules,
// the redirection table and the generator change under the feed lock, for the time of a swap; the
// packets in the rings stay as they were steered.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_spinlock.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arguments.h"
#include "generator.h"
#include "rss.h"
#include "rule.h"

struct rte_eth_dev;

// The handle that applications hold.
struct rte_flow {
  testnic::Rule rule;
};

namespace testnic {

constexpr std::uint32_t kMaxQueues = 16;
constexpr std::uint16_t kNoPort = RTE_MAX_ETHPORTS;

// One writer at a time, any reader.
struct Counter {
  std::atomic<std::uint64_t> value{0};
  void add(std::uint64_t n) {
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value.load(std::memory_order_relaxed); }
  void clear() { value.store(0, std::memory_order_relaxed); }
};

class Nic;

struct RxQueue {
  Nic* nic = nullptr;
  std::uint16_t index = 0;
  rte_ring* ring = nullptr;
  rte_mempool* pool = nullptr;
  Counter packets, bytes;                      // of the poller
  Counter missed, no_mbuf, oversize, steered;  // of the feeder
};

struct TxQueue {
  Nic* nic = nullptr;
  std::uint16_t index = 0;
  Counter packets, bytes;
  // Of the sender: packets that may leave now, and since when that is so.
  double allowance = 0;
  std::uint64_t since_cycles = 0;
};

class Nic {
 public:
  Nic(std::string name, Arguments arguments);
  ~Nic();
  Nic(const Nic&) = delete;
  Nic& operator=(const Nic&) = delete;

  // The live port: found, or made of `iface`. Empty: good.
  std::string attach_live();
  int configure(std::uint16_t n_rxq, std::uint16_t n_txq, const rte_eth_conf& conf);
  int start();
  void stop();
  int set_up_rx(std::uint16_t queue, std::uint16_t n_desc, int socket, rte_mempool* pool);
  void release_rx(std::uint16_t queue);
  rte_eth_link link() const;

  std::uint16_t receive(RxQueue& queue, rte_mbuf** packets, std::uint16_t n);
  std::uint16_t transmit(TxQueue& queue, rte_mbuf** packets, std::uint16_t n);

  // Rules. Any one thread at a time (ethdev holds a mutex). Null: refused.
  rte_flow* create(RuleShape shape);
  bool destroy(rte_flow* flow);  // false: no such rule
  void flush();
  bool has(const rte_flow* flow) const;
  Rules rules() const;
  void isolate(bool on);
  bool isolated() const { return isolated_; }
  // What whoever closes the NIC leaves in it, as a line of the file `record`, if there is one.
  void record_close() const;
  // Rules go out of the hardware; their handles stand.
  void lose_rules();

  void update_rss(const Rss& rss);
  const Rss& rss() const { return rss_; }
  // Any thread. Empty: good.
  std::string start_generator(const std::string& text);

  const std::string& name() const { return name_; }
  const Arguments& arguments() const { return arguments_; }
  const Profile& profile() const { return *arguments_.profile; }
  std::uint32_t capacity() const {
    return arguments_.capacity != 0 ? arguments_.capacity : profile().capacity;
  }
  std::uint16_t n_rxq() const { return n_rxq_; }
  std::uint16_t n_txq() const { return n_txq_; }
  bool started() const { return started_; }

  rte_ether_addr mac{};
  std::atomic<bool> promiscuous{false}, all_multicast{false};
  std::atomic<bool> carrier{true};  // false: nothing arrives, and what is sent is lost
  std::atomic<bool> present{true};  // false: pulled out of its slot
  // What each TX queue sends, in packets per second; what is more it does not take.
  static constexpr std::uint32_t kNoLimit = UINT32_MAX;
  std::atomic<std::uint32_t> tx_per_s{kNoLimit};
  std::uint16_t port_id = kNoPort;
  std::array<RxQueue, kMaxQueues> rx;
  std::array<TxQueue, kMaxQueues> tx;
  // Of the feeder.
  Counter from_live, generated, generator_lost, filtered, dropped_by_rule, dropped_isolated;

 private:
  struct Live {
    std::uint16_t port = kNoPort;
    bool made = false;  // of `iface`, by us
    std::uint16_t n_rxq = 0, n_txq = 0;
    rte_mempool* pool = nullptr;
    std::array<rte_spinlock_t, kMaxQueues> tx_lock{};
  };
  int configure_live(std::uint16_t n_txq);
  int set_up_live(const rte_eth_dev_info& info);
  void close_live();
  bool hears() const {
    return carrier.load(std::memory_order_relaxed) && present.load(std::memory_order_relaxed);
  }
  std::uint16_t may_send(TxQueue& queue, std::uint16_t n) const;
  void feed(const RxQueue& poller, std::uint32_t wanted);
  void feed_live();
  bool meets_full_ring(const RxQueue& queue);
  void feed_generator(const RxQueue& poller, std::uint32_t most);
  void arrive(const std::uint8_t* frame, std::uint32_t bytes);
  void put(RxQueue& queue, const std::uint8_t* frame, std::uint32_t bytes, std::uint32_t hash,
           const Rule* rule);
  bool passes_mac_filter(const std::uint8_t* frame) const;
  Rule* lookup(const std::uint8_t* frame, std::uint32_t bytes, const Layers& layers) const;
  void publish();  // the order of lookup, after the rules changed
  void drain(RxQueue& queue);

  std::string name_;
  Arguments arguments_;
  Live live_;
  std::uint16_t n_rxq_ = 0, n_txq_ = 0;
  bool started_ = false;
  bool isolated_ = false;
  std::uint32_t next_id_ = 0;
  std::vector<std::unique_ptr<rte_flow>> flows_;

  rte_spinlock_t feed_lock_ = RTE_SPINLOCK_INITIALIZER;
  // Under the feed lock:
  Rules order_;
  Rss rss_;
  std::array<bool, kMaxQueues> pays_for_generator_{};
  double live_overrun_ = 0;  // while the wire is polled: the share that finds the ring full
  std::uint64_t dice_ = 1;
  std::uint32_t room_ = 0;  // of all rings in the redirection table
  std::unique_ptr<Generator> generator_;
};

}  // namespace testnic
