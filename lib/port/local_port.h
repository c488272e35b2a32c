// LOCAL: the switch's own network interface, a TAP on a plain tun descriptor.
//
// The descriptor belongs to the interface, not to its name: a rename is followed (name() asks the
// kernel), a deletion is noticed by the next read or write and by check(), and recreate() makes a
// new interface with the same MAC, MTU and configured name. No vnet header, and TX checksum offload
// and TSO are turned off, so that frames read here are complete and may go out of any port.
//
// Control lcore only. Nothing blocks. fd() is for epoll and is -1 while the interface is gone; it
// changes with recreate().
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "base/mac_address.h"
#include "port/mempools.h"

namespace lifeline::port {

struct LocalPortConfig {
  std::string name;          // 1..15 bytes
  MacAddress mac;            // unicast, not zero
  std::uint32_t mtu = 1500;  // IP MTU in bytes
  // That set_mtu() may be asked for later: what the buffers have room for; 0: `mtu`.
  std::uint32_t largest_mtu = 0;
  bool up = true;  // set the interface up when it is made
  // The interface, its addresses and routes outlive the process, so that a switch that starts again
  // (after a crash, too) finds its way to the controller without anybody's help. Without a process
  // it has no carrier.
  bool persistent = false;
  // Pool of its own. What was read may stay in TX rings after it was sent: add
  // PortSet::tx_descriptors_total().
  std::uint32_t n_mbufs = 2048;
  // Called when the pool is empty, before a frame is lost (PortSet::reclaim_sent()). May be empty.
  std::function<void()> reclaim;
};

struct LocalPortCounter {
  std::string_view name;
  std::string_view meaning;
  std::uint64_t value = 0;
};

class LocalPort {
 public:
  // Makes the interface. Errors say what to do: no /dev/net/tun, no permission, the name held by
  // another process (EBUSY) or by an interface that is no TAP, MTU out of range.
  static Expected<std::unique_ptr<LocalPort>> create(const LocalPortConfig& config);
  ~LocalPort();

  int fd() const { return fd_; }
  bool present() const { return fd_ >= 0; }

  // Frames the host sends. At most `max`, returned mbufs are the caller's. 0 when there are none,
  // the interface is down or gone, or the pool is empty (then one frame is lost and counted).
  std::uint32_t read_burst(rte_mbuf** out, std::uint32_t max);

  // Gives the frame to the host. Takes the mbuf (chain) in every case; false when it was not
  // delivered, and a counter says why.
  bool write(rte_mbuf* frame);

  // Asks the kernel: present, name, index, MAC, MTU, up. Call after a netlink link event, and from
  // time to time. An interface found deleted is closed: fd() becomes -1.
  void check();

  // A larger pool for what is read, for ports that came later: made on any thread, used from then
  // on (control lcore). The one before stays until what was read into it has gone.
  Expected<MempoolPtr> make_larger_pool(std::uint32_t n_mbufs) const;
  void use(MempoolPtr pool);

  // IP MTU in bytes. Error: gone, out of the kernel's range, or more than the buffers hold, which
  // take the largest MTU of create()'s configuration or 2026, whichever is larger.
  Expected<void> set_mtu(std::uint32_t mtu);

  // After a deletion: a new interface with the configuration of create(). No-op when present.
  Expected<void> recreate();

  // As of the last create(), recreate() or check().
  const std::string& name() const { return name_; }
  std::uint32_t if_index() const { return if_index_; }
  MacAddress mac() const { return mac_; }
  std::uint32_t mtu() const { return mtu_; }
  bool up() const { return up_; }

  std::array<LocalPortCounter, 10> counters() const;

 private:
  struct Counts {
    std::uint64_t read_packets = 0, read_bytes = 0, written_packets = 0, written_bytes = 0;
    std::uint64_t read_no_mbuf = 0, read_too_long = 0, read_error = 0;
    std::uint64_t write_full = 0, write_down = 0, write_error = 0;
  };
  explicit LocalPort(LocalPortConfig config) : config_(std::move(config)) {}
  Expected<void> open();
  void close_gone();
  bool read_one(rte_mbuf** out);
  void note_write_error(int error);
  bool still_there() const;

  LocalPortConfig config_;
  MempoolPtr pool_;
  std::vector<MempoolPtr> old_pools_;
  rte_mbuf* spare_ = nullptr;  // allocated for a read that found nothing
  int fd_ = -1;
  std::string name_;
  std::uint32_t if_index_ = 0;
  MacAddress mac_;
  std::uint32_t mtu_ = 0;
  bool up_ = false;
  Counts counts_;
};

}  // namespace lifeline::port
