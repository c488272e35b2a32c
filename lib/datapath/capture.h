// Copies of packets for the operator, while somebody wants them.
//
// A lane looks once per loop whether there is a capture (one load, and a branch per burst while
// there is none). If there is, it copies what the capture wants into a ring of its slot, cut to a
// length, and counts what found no room: forwarding never waits for a capture. The control lcore
// reads the rings. Packets are copied where a lane takes them in, where it gives them to a port's
// TX queue (which may still refuse them, counted as tx_full) or to LOCAL, and where they are
// dropped.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "datapath/drop_reason.h"
#include "datapath/packet_ring.h"
#include "flow/port_no.h"
#include "sync/slot.h"

namespace lifeline::datapath {

struct CaptureSpec {
  std::vector<flow::PortNo> ports;    // with LOCAL, if it is wanted
  bool in = true;                     // what comes in on `ports`
  bool out = true;                    // what leaves by them
  std::bitset<kDropReasons> dropped;  // what is dropped for these reasons, on any port
  std::uint32_t snap_bytes = 65535;   // kept of each packet
};

// The reason with this name (drop_reason.cc); nullopt: none. `has_packet` is false for those that
// count what is no packet.
std::optional<DropReason> drop_reason_of(std::string_view name);
bool has_packet(DropReason reason);

class Capture {
 public:
  static constexpr std::uint32_t kRingBytes = 4u << 20;  // per slot

  Capture(CaptureSpec spec, std::uint32_t n_slots, std::uint64_t tsc_hz);
  bool ok() const;  // memory was found

  // -- the slot's lane
  void see(sync::SlotId slot, bool out, flow::PortNo port, rte_mbuf* const* packets,
           std::uint32_t n);
  void see_drop(sync::SlotId slot, DropReason reason, const rte_mbuf* packet) {
    if (spec_.dropped.test(static_cast<std::size_t>(reason))) copy(slot, &packet, 1);
  }

  // -- control lcore
  const CaptureSpec& spec() const { return spec_; }
  // The oldest packet in any ring; pop() lets go of it.
  std::optional<CapturedPacket> front();
  void pop();
  std::uint64_t lost() const;  // packets that found no room so far
  std::uint64_t realtime_ns(std::uint64_t tsc) const;
  // The lanes are told soon after; what lies in the rings can still be read.
  void end() { ended_ = true; }
  bool ended() const { return ended_; }

 private:
  struct Slot {
    Slot() : ring(kRingBytes) {}
    PacketRing ring;
    std::atomic<std::uint64_t> lost{0};  // one writer, the lane
  };
  void copy(sync::SlotId slot, const rte_mbuf* const* packets, std::uint32_t n);

  const CaptureSpec spec_;
  std::vector<std::unique_ptr<Slot>> slots_;
  const std::uint64_t tsc_hz_;
  std::uint64_t tsc_start_ = 0;
  std::uint64_t realtime_start_ns_ = 0;
  std::size_t oldest_ = 0;  // slot of the last front()
  bool ended_ = false;
};

}  // namespace lifeline::datapath
