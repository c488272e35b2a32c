// One ethdev: found or created, configured, started, stopped, closed. PortSet's building block.
#pragma once

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "port/control_queue.h"
#include "port/port_set.h"
#include "port/port_view.h"

namespace lifeline::port {

// Of one TX queue, as asked for.
std::uint32_t tx_descriptors(const PortSpec& spec);

struct QueueCounts {
  std::uint16_t rx = 1;
  std::uint16_t tx = 1;
};

// What matters of a device for the choice of queue numbers; taken from rte_eth_dev_info.
struct DeviceLimits {
  std::string driver;
  std::uint16_t max_rxq = 1;
  std::uint16_t max_txq = 1;
  bool has_rss = false;
  std::uint16_t reta_size = 0;  // 0: no redirection table
};

// The value of `key=` in device arguments, empty when it is not there. Pure.
std::string device_argument(std::string_view arguments, std::string_view key);

// How many queues a device gets with n_slots slots, of which n_pollers (unset: all workers) may
// poll it. Pure. Error: rx_queues asked for that the
// device cannot have.
Expected<QueueCounts> choose_queues(const DeviceLimits& limits,
                                    std::optional<std::uint16_t> rx_queues, std::uint32_t n_slots,
                                    std::optional<std::uint32_t> n_pollers = std::nullopt);

// Who sends where, for a port with n_txq queues. Pure.
std::array<TxPath, kMaxSlots> choose_tx_paths(std::uint16_t n_txq, std::uint32_t n_slots);

class EthdevPort {
 public:
  // Finds the device, or creates it from its arguments. Not configured. `made_from`: what detach()
  // returned of the same device, "": nothing.
  static Expected<std::unique_ptr<EthdevPort>> attach(const PortSpec& spec,
                                                      const std::string& made_from = {});
  ~EthdevPort() { close(); }

  // Queues, RSS, MTU, promiscuous. Not started. With a `control_pool` it tries for a control queue,
  // which takes its mbufs from there.
  Expected<void> configure(std::uint32_t n_slots, rte_mempool* pool,
                           rte_mempool* control_pool = nullptr);
  // For the size of the pool, before configure().
  Expected<QueueCounts> queues(std::uint32_t n_slots) const;
  std::uint32_t mbufs_wanted(QueueCounts queues) const;  // held by its descriptors
  std::uint32_t tx_descriptors() const;                  // of one TX queue, as asked for
  std::uint32_t mbuf_bytes_wanted() const;               // room that a frame may need
  int socket_id() const;

  Expected<void> start();
  void stop();
  // Stops, closes, and removes the device if attach() created it. Idempotent; nothing but the
  // destructor may follow.
  void close();
  // As close(), and EAL forgets a device that it created itself, too, so that it can be attached
  // again. Returns the arguments for that, where they are more than the specification says.
  std::string detach();
  // Once more from reset to start, as after RTE_ETH_EVENT_INTR_RESET. Nobody may use the queues. On
  // error it is stopped. It has another life(): the NIC has no rules.
  Expected<void> restart();

  // Calls `on_event` from any thread when the driver says something, until unwatch() or close().
  // unwatch() waits for a call under way; both on the control lcore or while nobody else calls.
  void watch(std::function<void(DeviceEvent)> on_event);
  void unwatch();

  // Without waiting. Any thread, as long as the device is open.
  LinkState read_link() const;
  Expected<void> set_mtu(std::uint32_t mtu);

  const PortSpec& spec() const { return spec_; }
  const PortStatus& status() const { return status_; }
  PortStatus& status() { return status_; }
  std::uint16_t ethdev_id() const { return ethdev_id_; }
  bool started() const { return started_; }
  // Of a started device's RX queues.
  LagSign lag_sign() const { return lag_sign_; }                    // as of start()
  std::uint16_t rx_descriptors() const { return rx_descriptors_; }  // of each
  // nullptr: the port has none; status().control_queue_reason says why.
  ControlQueue* control_queue() const { return control_queue_.get(); }
  // Why none can be had, as far as the device says before it is configured; "": it may.
  std::string no_control_queue(std::uint32_t n_slots) const;
  // Names this port's time with this device: a port that was removed and added has another.
  std::uint64_t life() const { return life_; }
  PortStats stats() const;
  std::vector<std::pair<std::string, std::uint64_t>> extended_stats() const;

  std::uint8_t index = kNoIndex;  // in PortView, given by PortSet
  Pollers pollers;                // given by PortSet before configure(); no slots: no matter
  // By RX queue: who polls it. Given by PortSet once and for all: if another port's going moved a
  // queue to another worker, both would poll it until the first sees the new view.
  std::vector<sync::SlotId> rx_slot;

 private:
  EthdevPort(PortSpec spec, const std::string& made_from);
  bool is_there() const;
  bool shares_device(const rte_device* device) const;
  Expected<void> find_or_create();
  Expected<void> bring_up(const std::string& iface) const;
  QueueCounts with_control_queue(QueueCounts counts) const;
  Expected<void> configure_queues();
  Expected<void> set_up_queues(QueueCounts queues);
  Expected<void> start_device();
  LagSign find_lag_sign() const;
  Expected<void> prove_control_queue();
  std::string device_arguments() const;
  static int on_ethdev_event(std::uint16_t id, rte_eth_event_type event, void* self, void*);

  PortSpec spec_;
  std::string made_from_;  // what a missing device is created from
  PortStatus status_;
  DeviceLimits limits_;
  std::uint16_t ethdev_id_ = kNoEthdev;
  bool created_ = false;
  bool started_ = false;
  std::uint16_t rx_descriptors_ = 0;
  LagSign lag_sign_ = LagSign::kNone;
  std::uint64_t life_;
  std::function<void(DeviceEvent)> on_event_;  // empty: not watched
  std::uint32_t n_slots_ = 1;                  // as of configure()
  rte_mempool* pool_ = nullptr;                //
  rte_mempool* wanted_control_pool_ = nullptr;
  rte_mempool* control_pool_ = nullptr;  // nullptr: no control queue is wanted, or can be had
  std::unique_ptr<ControlQueue> control_queue_;
};

}  // namespace lifeline::port
