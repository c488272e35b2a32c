// The ethdev ports of a switch: opened from specifications, their queues given to slots, published
// to workers as PortView.
//
// Queues. Every slot (0 = control lcore, 1.. = workers) gets a TX queue of its own where the device
// has enough. Where it has not, the queues go to workers (they poll; the control lcore sleeps), and
// the other slots hand their frames to an owner by ring, never by lock. Each RX queue goes to one
// of the workers that the operator or the NUMA node says (placement.h), the one that polls fewest,
// and stays there. Its mbufs are on the node of its device where that has memory.
//
// What devices do that the rest must know:
// - net_af_packet: the kernel spreads frames over *all* qpairs (hash, and rollover when one is
//   full), so all are polled. It says nothing of partial checksums: a veth peer whose TX checksum
//   offload is on sends frames whose TCP and UDP checksums are not filled in, and GSO frames longer
//   than the ring's slot, which it cuts. Peers need `ethtool -K … tx off tso off gso off gro off`.
//   VLAN tags, which the kernel keeps beside the frame, are put back into it by the PMD.
// - net_af_packet when its interface goes down or is deleted (a veth peer is deleted): receives
//   nothing; a transmit call takes the frames, which the kernel drops. Nothing crashes; link goes
//   down at the next refresh_links(). When the interface comes up again its socket still holds
//   ENETDOWN for one send: the first burst stays in the ring until the next one. An interface
//   created again under the same name is another one: the port is removed and added to use it.
// - net_af_packet's interface is brought up if it is down, as Open vSwitch does.
// - net_tap wants as many RX as TX queues and the kernel hashes over all of them: all are polled.
// - net_pcap and net_ring have the queues that their arguments name: all are polled.
// - net_memif has as many of either kind as rx_queues says, or one: the peer has to have as many.
// - Others with RSS: as many RX queues as there are workers; without: one. Where it is asked for,
// one
//   more, the control queue, which slot 0 polls.
//
// Thread-safety: all methods on the control lcore only, but view(), which any thread may call.
// Opening, starting and closing take milliseconds: open() and add() are for the start, before the
// workers run; afterwards request_*() leave that to the device thread and answer by message.
//
// Coming and going. A port that goes is out of the view at once; its device is closed when each
// reader has let go of the view that had it, on the device thread. A port that is restarted keeps
// its place in the view, unusable, and its status, with the link down. That a device is gone is
// seen by a link refresh or said by its driver, its bus or the kernel (hot_plug.h); what is done
// about it is the caller's (on_device_event()).
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/expected.h"
#include "base/mac_address.h"
#include "flow/port_no.h"
#include "flow/port_vlan.h"
#include "flow/steering.h"
#include "offload/reconciler.h"
#include "port/mempools.h"
#include "port/placement.h"
#include "port/port_view.h"

namespace lifeline::port {

class EthdevPort;
class DeviceThread;
class HotPlug;

// The name DPDK knows a device by: the arguments cut off, a PCI address with its domain. Pure.
std::string device_name(const std::string& device);

struct PortSpec {
  std::string name;
  // Existing ethdev's name, PCI address, or the arguments of a virtual device to create.
  std::string device;
  flow::PortNo port_no = flow::kPortZero;
  std::optional<std::uint16_t> rx_queues;
  std::optional<std::uint16_t> descriptors;
  std::optional<std::uint32_t> mtu;
  flow::PortVlan vlan;
  bool optional = false;  // open() does without it
  // Somebody else steers control traffic, and nothing but what he means, to the device's last RX
  // queue: it is the control queue, and no rules are made. For tests, and for devices that fill
  // every queue they have.
  bool last_queue_is_control = false;

  bool operator==(const PortSpec&) const = default;
};

struct PortSetConfig {
  std::uint32_t n_slots = 2;  // control lcore + workers, 1..kMaxSlots
  // By slot - 1. Empty: n_slots - 1 of which nothing is known.
  std::vector<WorkerPlace> workers;
  // Mbufs that rings between lcores, TX buffers and the like may hold beyond what devices hold.
  // Those of two workers; each further one adds ring_mbufs_per_worker (its three rings to the
  // control lcore and one to another worker, full).
  std::uint32_t extra_mbufs = 8192;
  std::uint32_t ring_mbufs_per_worker = 4 * 1024;
  // Of the control pool, beyond what slot 0's TX queues may hold of the ports that open() opens.
  std::uint32_t control_mbufs = 4096;
  // Try for a control queue on each port (control_queue.h).
  bool control_queues = false;
  // Room of a data mbuf; 0: 2048 bytes or what the largest configured MTU needs.
  std::uint32_t mbuf_bytes = 0;
};

// What the operator and OpenFlow are shown.
struct PortStatus {
  flow::PortNo port_no = flow::kPortZero;
  std::string name;
  std::string device;
  std::string driver;  // "net_af_packet"
  MacAddress mac;
  std::uint32_t mtu = 0;
  std::uint32_t flags = 0;
  bool link_up = false;
  std::uint32_t speed_mbps = 0;  // 0: unknown
  std::uint16_t n_rxq = 0;
  std::uint16_t n_txq = 0;
  std::uint32_t if_index = 0;  // of the kernel's interface behind the device; 0: none
  // The control queue's number (control_queue.h), n_rxq not counting it; unset: none, and why.
  std::optional<std::uint16_t> control_queue;
  std::string control_queue_reason;
};

struct PortStats {
  std::uint64_t rx_packets = 0, rx_bytes = 0, rx_missed = 0, rx_errors = 0, rx_no_mbuf = 0;
  std::uint64_t tx_packets = 0, tx_bytes = 0, tx_errors = 0;
};

// A port without a device, and why.
struct AbsentPort {
  PortSpec spec;
  std::string reason;
};

enum class DeviceEvent : std::uint8_t {
  kGone,        // the device, or the interface that it is made of, is not there any more
  kWantsReset,  // RTE_ETH_EVENT_INTR_RESET
};

struct LinkState {
  bool present = true;  // false: the device is gone
  bool up = false;
  std::uint32_t speed_mbps = 0;  // 0: unknown
};

class PortSet {
 public:
  // Runs the argument once no reader can hold what was published before (RetireList::retire_call).
  using Retire = std::function<void(std::function<void()>)>;

  // Makes the control pool, which open() makes larger. The data pool is made by the first add() or
  // open().
  static Expected<std::unique_ptr<PortSet>> create(const PortSetConfig& config, Retire retire);
  ~PortSet();  // stops and closes all devices, workers must have stopped

  // Opens and starts all, sizing the data pool for them, and returns those that are optional and
  // failed. On error nothing stays open, and the message holds one line per port that failed.
  Expected<std::vector<AbsentPort>> open(const std::vector<PortSpec>& specs);
  // One more port, later. Errors name the device and what to do.
  Expected<void> add(const PortSpec& spec);
  // Out of the view at once, closed when no worker can use it any more.
  Expected<void> remove(flow::PortNo port_no);

  // The same as add(), remove() and refresh_links() without blocking: the device thread does what
  // takes time, and DeviceThread::poll() publishes and calls `done` (at once, where the request is
  // seen to be wrong). They need open() and use(), after which add() and remove() are no longer for
  // the caller. The last answers must be polled, or the thread ended, before the PortSet goes.
  // A `done` of add, remove and restart is called exactly once; with an error, from the thread's
  // destructor, where that comes first.
  using Done = std::function<void(Expected<void>)>;
  void request_add(const PortSpec& spec, Done done);
  void request_remove(flow::PortNo port_no, Done done);
  // Stop, reset, configure, start. On error the port is gone, as after request_remove().
  void request_restart(flow::PortNo port_no, Done done);
  // What happens to the devices of the ports; from DeviceThread::poll() and refresh_links().
  using OnDeviceEvent = std::function<void(flow::PortNo, DeviceEvent)>;
  void on_device_event(OnDeviceEvent call) { on_device_event_ = std::move(call); }
  // A device has been plugged in, by device_name(); from DeviceThread::poll(). It may not be usable
  // yet (hot_plug.h).
  using OnArrival = std::function<void(const std::string& device)>;
  void on_arrival(OnArrival call) { on_arrival_ = std::move(call); }
  void request_link_refresh(std::function<void(std::vector<flow::PortNo>)> done);
  // A port whose NIC may be given rules. `life` names the port's time with its device: where it is
  // another one, the NIC has no rules.
  struct SteeringPort {
    flow::PortNo port_no = flow::kPortZero;
    std::string name;
    std::uint8_t index = kNoIndex;
    std::uint64_t life = 0;
    std::optional<std::uint16_t> queue;  // the control queue; unset: there is none, and why
    std::string reason;
  };
  std::vector<SteeringPort> steering_ports() const;  // by port number, LOCAL not among them
  // Has the device thread bring the port's NIC rules in line with `intents` (in the order of their
  // value); `lost` are forms whose packets came by the data queues. Answers by message, or never
  // where the port goes first.
  void request_steering(flow::PortNo port_no, std::vector<flow::SteeringIntent> intents,
                        std::vector<offload::Form> lost, TimePoint now,
                        std::function<void(std::uint64_t life, offload::Report)> done);
  // The thread that request_*() use and that passes on what drivers say. It must outlive the last
  // retired port; nullptr, before it ends: none any more.
  void use(DeviceThread* thread);

  // LOCAL's entry in the view: flags as for a port, no ethdev.
  void set_local(MacAddress mac, std::uint32_t mtu, bool link_up);

  // Sets the flags in `mask` to their values in `flags` (port_flag::*). Error: no such port.
  Expected<void> set_flags(flow::PortNo port_no, std::uint32_t flags, std::uint32_t mask);

  // What NORMAL carries on these ports, LOCAL among them after set_local(); the others keep theirs.
  // One publication. Ports that do not exist are left out. Returns those whose VLANs changed.
  std::vector<flow::PortNo> set_vlans(
      const std::vector<std::pair<flow::PortNo, flow::PortVlan>>& vlans);

  // Any thread. Never nullptr. Valid until the reader's next quiescent state.
  const PortView* view() const { return view_.load(std::memory_order_acquire); }

  // Reads every link without waiting (a system call or a register read per port) and publishes what
  // changed. Returns the ports whose link changed. Where a kernel interface is behind the device
  // its state counts, as af_packet and pcap themselves always say up.
  std::vector<flow::PortNo> refresh_links();

  std::vector<PortStatus> status() const;  // by port number; LOCAL included after set_local()
  std::optional<PortStatus> status(flow::PortNo port_no) const;
  // The counters of all ports but LOCAL, asked of their drivers (which may take milliseconds) by
  // the device thread; `extended`: with every counter that a driver has, by its name. Needs use().
  // Answers by message, or never where the thread ends first.
  using NamedCounters = std::vector<std::pair<std::string, std::uint64_t>>;
  struct CountersOfPort {
    flow::PortNo port_no = flow::kPortZero;
    PortStats stats;
    NamedCounters extended;
  };
  void request_counters(bool extended, std::function<void(std::vector<CountersOfPort>)> done) const;
  // Smallest MTU of all ports; nullopt without ports.
  std::optional<std::uint32_t> smallest_mtu() const;
  std::uint32_t largest_mtu() const;  // 0 without ports

  // Mbufs that slot 0's TX queues may hold, over all ports, and those that open() went without:
  // drivers keep what was sent until the descriptor is used again, so a pool that slot 0 sends from
  // needs as many more.
  std::uint32_t tx_descriptors_total() const;
  // Makes drivers give back what slot 0's own TX queues have sent. Slot 0's thread only; costs a
  // driver call per port: for when a pool is empty.
  void reclaim_sent() const;

  std::uint32_t n_slots() const { return config_.n_slots; }
  // The ports that workers are given, for ports that come from now on. The lcores are as in
  // PortSetConfig.
  void set_workers(std::vector<WorkerPlace> workers) { config_.workers = std::move(workers); }

  // As in view(). Control lcore.
  rte_mempool* control_pool() const { return control_pool_.get(); }
  // A pool that slot 0 sends from: it has to hold what TX queues hold, beside its own.
  struct SentPool {
    std::string owner;                                                   // "the local port"
    std::function<Expected<MempoolPtr>(std::uint32_t sent_mbufs)> make;  // device thread
    std::function<void(MempoolPtr)> use;                                 // control lcore
    std::uint32_t room = 0;                                              // sent_mbufs that it has
  };
  // Made again, larger, when ports that come need room. What cannot be made is tried again by
  // request_link_refresh(), ever less often. The set's own control pool is one of them.
  void keep_large_enough(SentPool pool) { sent_pools_.push_back({std::move(pool)}); }
  // The pool that workers take mbufs from (copies for flooding); nullptr before open().
  rte_mempool* data_pool() const { return data_pool_; }

 private:
  PortSet(const PortSetConfig& config, Retire retire);
  std::unique_ptr<PortView> copy_view() const;
  void publish(std::unique_ptr<PortView> next);
  Expected<MempoolPtr> make_control_pool(std::uint32_t sent_mbufs) const;
  void make_more_room();
  void make_larger(std::size_t i, std::uint32_t sent_mbufs);
  void use_control_pool(MempoolPtr pool);
  Expected<rte_mempool*> make_data_pool(int socket, const std::vector<const EthdevPort*>& ports);
  Expected<void> make_data_pools(const std::vector<std::unique_ptr<EthdevPort>>& ports);
  rte_mempool* pool_on(int socket) const;
  Expected<rte_mempool*> pool_for(const EthdevPort& port);
  Expected<rte_mempool*> control_queue_pool(EthdevPort& port);
  Expected<void> check_spec(const PortSpec& spec, const std::vector<PortSpec>& earlier) const;
  Expected<std::unique_ptr<EthdevPort>> attach(const PortSpec& spec,
                                               const std::vector<WorkerPlace>& workers) const;
  void detach(EthdevPort& port);
  Expected<void> set_up(EthdevPort& port, rte_mempool* pool);
  Expected<std::unique_ptr<EthdevPort>> prepare(const PortSpec& spec,
                                                const std::vector<WorkerPlace>& workers);
  struct Opening;
  void attach_all(const std::vector<PortSpec>& specs, Opening& opening);
  void start_all(Opening& opening);
  void watch(const std::shared_ptr<EthdevPort>& port);
  void device_event(std::uint64_t life, DeviceEvent event);
  void device_goes(const std::string& device);
  void fill_entry(PortEntry& entry, const EthdevPort& port) const;
  void give_up_index(PortView& next, const EthdevPort& port);
  std::shared_ptr<EthdevPort> set_aside(flow::PortNo port_no);
  Expected<void> come_back(const std::shared_ptr<EthdevPort>& port, Expected<void> restarted);
  void insert(std::vector<std::unique_ptr<EthdevPort>> ports);
  void insert(std::vector<std::shared_ptr<EthdevPort>> ports);
  // Out of ports_, unwatched; nullptr: there is no such port.
  std::shared_ptr<EthdevPort> extract(flow::PortNo port_no);
  std::shared_ptr<EthdevPort> take_out(flow::PortNo port_no);
  using LinkReading = std::pair<std::shared_ptr<EthdevPort>, LinkState>;
  std::vector<flow::PortNo> apply_links(const std::vector<LinkReading>& readings);
  void assign_rx_queues(EthdevPort& port) const;
  void deal_rx_queues(PortView& view) const;
  EthdevPort* find(flow::PortNo port_no) const;

  PortSetConfig config_;
  Retire retire_;
  MempoolPtr control_pool_;
  // Smaller ones, whose mbufs may be anywhere still: few, as each is at least twice the one before.
  std::vector<MempoolPtr> old_control_pools_;
  // The control pool first.
  struct GrowingPool {
    SentPool pool;
    bool is_being_made = false;
    unsigned failures = 0;          // in a row
    std::uint32_t wait_rounds = 0;  // of link refreshes, before the next try
  };
  std::vector<GrowingPool> sent_pools_;
  // One for each NUMA node that ports of open() are on, then those of ports that were added when
  // these had no room. Device thread, once there is one.
  struct DataPool {
    MempoolPtr pool;
    int socket;
  };
  std::vector<DataPool> data_pools_;
  rte_mempool* data_pool_ = nullptr;  // the first of them
  // By port name: frames of a port that was removed may be on their way, and its successor's pool
  // is the same. One each, so that no port's control traffic takes another's.
  std::map<std::string, MempoolPtr> control_queue_pools_;
  std::vector<std::shared_ptr<EthdevPort>> ports_;
  // Indexes of removed ports that readers may still hold. Shared: it may outlive the set in
  // what waits for its grace period.
  std::shared_ptr<std::bitset<kMaxPorts + 1>> leaving_ =
      std::make_shared<std::bitset<kMaxPorts + 1>>();
  // Ports that are being restarted: the device thread has them, with their own status.
  struct Aside {
    std::shared_ptr<EthdevPort> port;
    PortStatus status;
  };
  std::map<flow::PortNo, Aside> aside_;
  // TX descriptors of those that open() went without, by name.
  std::map<std::string, std::uint32_t> absent_tx_descriptors_;
  // By device: what EAL's own devices were made from that were detached. And by port name, which
  // pool it had. Device thread, once there is one.
  std::map<std::string, std::string> made_from_;
  std::map<std::string, rte_mempool*> had_pool_;
  OnDeviceEvent on_device_event_;
  OnArrival on_arrival_;
  std::optional<PortStatus> local_;
  DeviceThread* thread_ = nullptr;
  std::unique_ptr<HotPlug> hot_plug_;  // while there is a thread
  std::atomic<const PortView*> view_{nullptr};
};

}  // namespace lifeline::port
