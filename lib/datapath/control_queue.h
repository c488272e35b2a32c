// What comes by the control queues of NICs (port/control_queue.h), on the control lcore.
//
// A NIC only steers. What its rule caught is classified here again, in the same tables as
// everywhere, so each packet ends where it would have without the NIC's help. What differs is who
// does the work, and that is what is decided here, by packet:
//
//   known      TCP of a session that a remote has answered, and address resolution by a next hop at
//              its port: at once, without a limit
//   stranger   other packets that a hidden rule or a guard is about (somebody's SYN to the
//              controller): up to foreign_per_s and port
//   foreign    packets that are here only because the NIC knows no finer rule (any ARP): up to
//              foreign_per_s and port, a meter of its own
//
// What is beyond a rate goes to a worker by ring, which forwards it like what came by its own
// queues; when that ring is full it is dropped and counted (control_queue_excess). So neither a
// flood of ARP nor one of SYN costs the control lcore more than looking at it, and neither takes
// from the other or from the known.
//
// Nobody keeps a buffer of the queue's own pool: what the control lcore forwards goes on in one of
// the control pool, which has room for all that its TX queues may hold, and what a worker gets in
// one of the data pool. So a flood of foreign packets, however long drivers keep what was sent, has
// no more of them than the ring to the worker holds.
//
// A session is known by what only its remote sends: a segment without SYN or RST from the remote's
// address and port, by the port where its next hop is. The other direction, (h), is recognised by
// the same addresses and ports, which is how switches behind this one are told from a SYN flood.
// Whoever forges a remote's segments from behind the next hop's own port can make sessions known:
// he sits on the path of all of them anyway.
#pragma once

#include <rte_meter.h>

#include <array>
#include <cstdint>

#include "packet/flow_key.h"
#include "port/port_view.h"

namespace lifeline::datapath {

// Sessions that a remote has answered within the last minute. One thread. A cell holds one session
// and is overwritten by the next with the same hash: then that one counts as a stranger for a
// moment, no more.
class Conversations {
 public:
  static constexpr std::uint32_t kLife_s = 60;

  // `key`: IPv4 or IPv6 TCP from a remote.
  void note(const packet::FlowKey& key, std::uint32_t now_s) {
    const std::uint64_t hash = hash_of(key, true);
    cells_[hash % kCells] = {hash, now_s};
  }
  // `key`: TCP to a remote.
  bool knows(const packet::FlowKey& key, std::uint32_t now_s) const {
    const std::uint64_t hash = hash_of(key, false);
    const Cell& cell = cells_[hash % kCells];
    return cell.hash == hash && now_s - cell.seen_s <= kLife_s;
  }

 private:
  static constexpr std::size_t kCells = 4096;
  struct Cell {
    std::uint64_t hash = 0;
    std::uint32_t seen_s = 0;
  };
  // Of the side that is not the remote, then the remote. `reply`: the remote is the source.
  static std::uint64_t hash_of(const packet::FlowKey& key, bool reply);

  std::array<Cell, kCells> cells_{};
};

// One ingress port's share of the control lcore.
struct ControlQueueMeters {
  rte_meter_srtcm strangers{};
  rte_meter_srtcm foreign{};
};

// Packets that came by one port's control queue, since the start; by what they were.
struct ControlQueueCounts {
  std::uint64_t received = 0;
  std::uint64_t known = 0;
  std::uint64_t strangers = 0;
  std::uint64_t foreign = 0;  // forwarded by the control lcore
  std::uint64_t excess = 0;   // strangers and foreign beyond their rate, given to a worker
  std::uint64_t dropped = 0;  // of the excess: the worker's ring was full
};

struct ControlQueues {
  rte_meter_srtcm_profile profile{};
  std::array<ControlQueueMeters, port::kMaxPorts + 1> meters{};  // by port index
  std::array<ControlQueueCounts, port::kMaxPorts + 1> counts{};  //
  Conversations conversations;
  std::size_t first = 0;  // queue that is polled first: another one each time
};

}  // namespace lifeline::datapath
