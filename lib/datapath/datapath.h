// The datapath as control/ sees it: workers that forward, and the control lcore's own part in it.
//
// Thread-safety: everything here is called from the control lcore (slot 0) only, except wake-ups
// (see wake_fd()) and reading statistics (each a relaxed load). Nothing blocks but
// start_workers() and stop_workers().
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "datapath/control_queue.h"
#include "datapath/drop_reason.h"
#include "datapath/translate.h"
#include "flow/action.h"
#include "flow/guards.h"
#include "flow/port_no.h"
#include "flow/port_vlan.h"

namespace lifeline::sync {
class Qsbr;
class RetireList;
}  // namespace lifeline::sync
namespace lifeline::table {
class Tables;
class Fdb;
}  // namespace lifeline::table
namespace lifeline::port {
class PortSet;
}

namespace lifeline::datapath {

using flow::PortNo;
class Capture;
struct CaptureSpec;

struct DatapathConfig {
  // Longest sleep of an idle worker, in us. 0 = it polls without ever sleeping.
  std::uint32_t max_idle_sleep_us = 0;
  // Entries of each worker's exact-match table (a power of two), and of the control lcore's.
  std::uint32_t exact_entries = 1u << 17;
  std::uint32_t control_exact_entries = 1u << 10;
  std::uint32_t ring_size = 1024;  // of each ring to the control lcore; a power of two
  // Most misses that one worker translates per loop; the rest of the burst is dropped and counted.
  std::uint32_t misses_per_loop = 256;
  // Upcalls and deliveries to LOCAL per second (token buckets of as many).
  std::uint32_t upcalls_per_s = 20'000;
  // Of each worker, per ingress port and reason: packet-ins (a tenth of a second's worth at once).
  // A port's share of upcalls_per_s, one in kMaxPorts, is its own whatever the others do.
  std::uint32_t packet_ins_per_s = 5'000;
  std::uint32_t local_per_s = 100'000;
  // Of each worker, per ingress port: what hidden rules take, wherever it goes, replies that the
  // DHCP guard lets in (a tenth of a second's worth at once), ARP that the next-hop guard lets in,
  // and path MTU messages (a second's). What comes from a next hop, by the port it is learned on,
  // is not limited by the first two.
  std::uint32_t inband_per_s = 20'000;
  std::uint32_t dhcp_replies_per_s = 1'000;
  std::uint32_t relays_per_s = 1'000;  // DHCP of stations that the operator relays
  std::uint32_t next_hop_arps_per_s = 100;
  std::uint32_t path_mtu_per_s = 100;
  // Of each port's control queue: packets per second that are no known session's, for each of the
  // two kinds (control_queue.h).
  std::uint32_t foreign_per_s = 10'000;
  // A lane tells the control lcore about the same source again only after so long: it takes a while
  // to learn.
  std::uint32_t learn_repeat_us = 1000;
  // Longest that frames of hidden rules wait for a TX queue that is full.
  std::uint32_t tx_hold_us = 10'000;
  // A next hop that another port claims to have is asked where it was, and moved if it has not been
  // heard there for so long after.
  std::uint32_t move_confirm_ms = 500;
  // The lcore of each worker, by slot - 1. Empty: EAL's worker lcores in their order.
  std::vector<unsigned> lcores;
};

// A packet on its way to the controllers. Valid during the call only.
struct PacketIn {
  std::span<const std::byte> frame;  // the whole packet
  std::uint16_t max_len = flow::kMaxLenWholePacket;
  PortNo in_port = 0;
  PacketInReason reason = PacketInReason::kNoMatch;
  std::uint8_t table_id = 0;
  std::uint64_t cookie = 0;    // of the rule that sent it; all ones if none
  std::uint64_t metadata = 0;  // pipeline state, host order
};

class ControlHandler {
 public:
  virtual ~ControlHandler() = default;
  // Write these frames to the TAP. Takes ownership of the mbufs.
  virtual void to_local(std::span<rte_mbuf*> frames) = 0;
  virtual void packet_in(const PacketIn& packet) = 0;
  // Have the next hop with this MAC asked whether it is still there. False: it cannot be.
  virtual bool probe(const MacAddress& mac) = 0;
};

// A named reason for which packets were dropped. `name` is stable: it appears in the operator's
// tools and in tests.
struct DropCounter {
  std::string_view name;
  std::string_view meaning;
  std::uint64_t packets = 0;
};

struct WorkerStats {
  unsigned slot = 0;
  std::uint64_t rx_packets = 0, tx_packets = 0;
  std::uint64_t hits = 0, misses = 0, revalidated = 0;
  std::uint64_t wide_packets = 0;   // had no exact key; classified one by one
  std::uint64_t exact_entries = 0;  // now in the exact-match table
  std::uint64_t busy_cycles = 0, idle_cycles = 0;
};

// Which rules a packet met, in order, and what becomes of it. The answer of explain().
struct Trace {
  struct Step {
    bool hidden = false;
    std::uint8_t table_id = 0;
    std::uint64_t rule_id = 0;  // 0: no rule matched, and what follows says nothing
    std::uint32_t priority = 0;
    std::uint64_t cookie = 0;
    std::string match;         // as ovs-ofctl writes it
    std::string instructions;  // the same
  };
  struct Operation {
    std::string text;           // "NORMAL", "output:2", ...
    std::vector<PortNo> ports;  // that it would send to now; kPortController: a packet-in
    std::string note;           // why there, or why nowhere
  };
  std::string key;  // the packet's fields, as ovs-ofctl writes them
  std::vector<Step> steps;
  std::vector<std::string> operations;  // what is done, in order: "NORMAL", "output:2", ...
  std::vector<Operation> outcome;       // the same, as far as the packet lives
  bool cacheable = false;  // the next packet of this kind is decided by the exact-match table
  std::string not_cached;  // why not
};

class Datapath final : public flow::GuardWriter {
 public:
  // The references outlive the datapath. Slot 0 is the control lcore; slots 1..n_workers are
  // workers, as port::PortSet assigned rxqs to them.
  static Expected<std::unique_ptr<Datapath>> create(const DatapathConfig& config,
                                                    table::Tables& tables, table::Fdb& fdb,
                                                    port::PortSet& ports, sync::Qsbr& qsbr,
                                                    sync::RetireList& retired);
  ~Datapath() override;
  Datapath(const Datapath&) = delete;
  Datapath& operator=(const Datapath&) = delete;

  // Launches a worker on each EAL worker lcore (one per slot); stop waits for them.
  Expected<void> start_workers();
  void stop_workers();
  // One turn of a worker that is not running, on the caller's thread; returns how many packets it
  // moved. For tests, and for a switch with a single lcore. `slot`: 1..n_workers.
  std::uint32_t turn(unsigned slot);

  // -- settings; each takes effect on the next packet of every lcore, cached decisions included
  void set_guards(const flow::Guards& guards) override;
  // A controller's port_mod: port::port_flag bits. Filters in software; hidden traffic and guards
  // ignore all of them, on LOCAL and on every other port. Error: no such port.
  Expected<void> set_port_flags(PortNo port, std::uint32_t flags, std::uint32_t mask);
  // What NORMAL carries on these ports, LOCAL among them; the others keep theirs. Forgets what was
  // learned behind those that change.
  void set_port_vlans(const std::vector<std::pair<PortNo, flow::PortVlan>>& vlans);
  void set_table_miss(TableMiss miss);
  // OpenFlow's fragment handling: true drops (and counts) IPv4 and IPv6 fragments before the
  // pipeline; hidden traffic is not touched.
  void set_drop_fragments(bool drop);
  // Call after the port set, a port's link or its queues changed. Forgets the addresses that were
  // behind ports that are gone or whose link is down.
  void ports_changed();

  // -- packets of the control lcore
  // Frames read from the TAP. Takes ownership.
  void process_local(std::span<rte_mbuf*> frames);
  // Runs `actions` on a frame. `in_port` may be kPortNone/kPortController. OUTPUT to TABLE runs the
  // pipeline. Errors: frame too long for a buffer, no buffer left.
  Expected<void> packet_out(std::span<const std::byte> frame, PortNo in_port,
                            const flow::ActionList& actions);
  // Drains the rings from the workers in order inband, local, learn, upcall, at most `budget`
  // packets (of which the first leave the others a share; what is beyond a rate counts an eighth),
  // and sends what this lcore's TX buffers hold. Returns how many it handled.
  std::size_t poll_control(ControlHandler& handler, std::size_t budget);

  // Polls the control queues of the ports, at most `budget` packets, and forwards what is control
  // traffic, and of the rest what the rates allow. Returns how many it received.
  std::size_t poll_control_queues(std::size_t budget);
  bool has_control_queues() const;
  ControlQueueCounts control_queue_counts(std::uint8_t port_index) const;
  // Packets that a hidden rule of this kind (0: (a)) matched and that came by a data queue of a
  // port that has a control queue.
  std::uint64_t hidden_by_data_queue(std::uint8_t port_index, std::uint32_t kind) const;

  // -- sleeping: readable when a ring got its first entry after arm_wakeup(). arm_wakeup() returns
  // false if something waits already (do not sleep then).
  int wake_fd() const;
  bool arm_wakeup();
  void disarm_wakeup();

  // -- what happened
  // Seconds since create(): the clock of the FDB's ages.
  std::uint32_t now_s() const;
  std::vector<DropCounter> drop_counters() const;  // sums over all slots
  std::vector<WorkerStats> worker_stats() const;
  // What is counted and drops nothing.
  std::vector<DropCounter> event_counters() const;
  // Has the lanes copy packets (capture.h) until the capture is told to end(); one at a time.
  // Control lcore only. Errors: another one runs, no memory.
  Expected<std::shared_ptr<Capture>> start_capture(CaptureSpec spec);
  // What would happen to this frame now, and why. Nothing is sent, learned, counted or taken from
  // a rate. Control lcore only. Errors: no Ethernet header, longer than a buffer, no buffer left.
  Expected<Trace> explain(std::span<const std::byte> frame, PortNo in_port) const;

 private:
  struct Impl;
  explicit Datapath(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lifeline::datapath
