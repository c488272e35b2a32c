// What a worker knows of the ports: an immutable snapshot, published by PortSet. Readers take the
// pointer once per loop and use it until their next quiescent state; nothing in it changes.
//
// A port keeps its *index* (dense, from 0) as long as it exists, so that workers may keep arrays of
// TX buffers by index. Numbers are OpenFlow's.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "flow/port_no.h"
#include "flow/port_vlan.h"
#include "sync/slot.h"

struct rte_mempool;

namespace lifeline::port {

inline constexpr std::uint32_t kMaxPorts = 32;  // RTE_MAX_ETHPORTS in Debian's DPDK
inline constexpr std::uint32_t kMaxSlots = sync::kMaxSlots;
inline constexpr std::uint16_t kNoEthdev = 0xffff;
inline constexpr std::uint8_t kNoIndex = 0xff;

// Flags a controller sets with OpenFlow's port_mod; the values of 1.0's OFPPC_*, which 1.3 keeps
// for those it has. They are filters in software: none of them stops the device, takes the TAP
// down or touches hidden rules.
namespace port_flag {
inline constexpr std::uint32_t kDown = 1u << 0;        // drop what comes in and what would go out
inline constexpr std::uint32_t kNoRecv = 1u << 2;      // drop what comes in (but 802.1D)
inline constexpr std::uint32_t kNoRecvStp = 1u << 3;   // drop 802.1D frames that come in
inline constexpr std::uint32_t kNoFlood = 1u << 4;     // not part of FLOOD and NORMAL's flooding
inline constexpr std::uint32_t kNoFwd = 1u << 5;       // drop what would go out
inline constexpr std::uint32_t kNoPacketIn = 1u << 6;  // no packet-in for what comes in
}  // namespace port_flag

// How slot s sends on a port: itself on TX queue `queue` if owner_slot == s, else by the SPSC ring
// to owner_slot, which sends on its own queue.
struct TxPath {
  std::uint16_t queue = 0;
  std::uint8_t owner_slot = 0;
};

struct PortEntry {
  flow::PortNo port_no = flow::kPortZero;
  std::uint16_t ethdev_id = kNoEthdev;  // kNoEthdev: LOCAL, or this index is free
  std::uint32_t flags = 0;              // port_flag::*
  bool link_up = false;
  bool usable = false;  // started: frames may be given to the ethdev
  bool has_control_queue = false;
  std::uint16_t n_rxq = 0;
  std::uint16_t n_txq = 0;
  // Longest frame the port takes, in bytes, without FCS: MTU + Ethernet header + two VLAN tags.
  std::uint32_t max_frame_bytes = 0;
  std::array<TxPath, kMaxSlots> tx{};  // by slot
  flow::PortVlan vlan;                 // what NORMAL carries there

  bool exists() const { return port_no != flow::kPortZero; }
};

// How a queue shows that whoever polls it does not keep up.
enum class LagSign : std::uint8_t {
  kNone,        // not at all: a file or a generator always has another burst
  kFullBursts,  // by many full bursts in a row: the driver does not count what waits
  kQueueCount,  // rte_eth_rx_queue_count()
};

// A queue that a worker polls.
struct RxQueue {
  std::uint16_t ethdev_id = kNoEthdev;
  std::uint16_t queue = 0;
  flow::PortNo port_no = flow::kPortZero;
  std::uint8_t index = kNoIndex;
  LagSign lag_sign = LagSign::kNone;
  std::uint16_t descriptors = 0;
};

struct PortView {
  // Entries [0, n_entries) may exist; check exists(). LOCAL has an entry too (flags; no ethdev).
  std::array<PortEntry, kMaxPorts + 1> entries{};
  std::uint32_t n_entries = 0;
  // By slot: the RX queues this slot polls. Those of slot 0 are the control queues.
  std::array<std::vector<RxQueue>, kMaxSlots> rx{};
  // Port number -> index, kNoIndex where there is no such port.
  std::array<std::uint8_t, 65536> index_of{};
  // Some port is more than a trunk of all VLANs; else NORMAL need not look at `vlan` at all.
  bool has_vlans = false;
  // What carries control is copied into; never nullptr in a published view. It is another one,
  // larger, when ports have come.
  rte_mempool* control_pool = nullptr;
  // Grows by one with each published view.
  std::uint64_t generation = 0;

  PortView() { index_of.fill(kNoIndex); }

  // nullptr for a port that does not exist.
  const PortEntry* find(flow::PortNo port_no) const {
    const std::uint8_t index = index_of[port_no];
    return index == kNoIndex ? nullptr : &entries[index];
  }
};

}  // namespace lifeline::port
