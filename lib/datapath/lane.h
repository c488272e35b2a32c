// One slot's way of moving packets: its exact-match table, TX buffers and counters. A worker has
// one and feeds it from its rxqs; the control lcore has one for LOCAL and for packet-outs.
//
// Everything is owned by the slot's thread: no locks, no atomics but those of rings and published
// state, no heap, no system calls. Statistics are plain words that others read with relaxed loads.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "datapath/cached_decision.h"
#include "datapath/exact_key.h"
#include "datapath/forwarding.h"
#include "datapath/shared.h"
#include "datapath/token_bucket.h"
#include "datapath/translate.h"

namespace lifeline::datapath {

inline constexpr std::uint32_t kBurst = 32;
inline constexpr std::uint32_t kTxBuffer = 64;
inline constexpr std::uint32_t kUrgent = 64;
// Of a worker whose misses are used up: so many more, of control traffic only.
inline constexpr std::uint32_t kControlMisses = 64;
inline constexpr std::uint32_t kIdleFlow_s = 10;  // an entry unused for so long is swept

inline constexpr std::uint32_t kHiddenKinds = 26;  // letters

// Written by one thread, read by any.
class Tally {
 public:
  void add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct LaneStats {
  Tally rx_packets, tx_packets, hits, misses, revalidated, wide_packets, entries;
  Tally busy_cycles, idle_cycles;
  Tally relayed;  // Event::kRelayed
  std::array<Tally, kDropReasons> drops;
  // By port index and letter of the rule, of ports with a control queue.
  std::array<std::array<Tally, kHiddenKinds>, port::kMaxPorts + 1> hidden_by_data_queue;
};

class Lane {
 public:
  Lane(Shared& shared, sync::SlotId slot, std::uint32_t exact_entries);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  bool ok() const { return exact_.ok(); }

  // Takes the settings as they are now; between begin() and the slot's quiescent state.
  void begin(std::uint64_t tsc);
  // Forwards a burst of at most kBurst packets that came in on one port. Takes ownership.
  void process(rte_mbuf** packets, std::uint32_t n, PortNo in_port);
  // The same for a burst of a queue that the worker does not keep up with (worker.h). Control
  // traffic is forwarded as ever; of the rest what the exact-match table knows, with `hits`, or
  // nothing.
  void shed(rte_mbuf** packets, std::uint32_t n, PortNo in_port, bool hits);
  // Runs a packet-out's decision on one packet. Takes ownership. NORMAL does not learn from it: the
  // controller says where it came in, no port has seen it.
  void run_packet_out(const Decision& decision, rte_mbuf* packet, PortNo in_port);
  // Sends what the TX buffers hold, and what other slots handed over; sweeps a few idle entries;
  // wakes the control lcore if it has something to do. Returns how much there was to do: frames
  // handed over by others, and whether some wait for a TX queue that is full.
  std::uint32_t end();
  // Frames of hidden rules wait for a TX queue that is full: end() is to be called again soon.
  bool holds_frames() const { return urgent_pending_ != 0; }

  // A worker's part of what came by the control queues. Returns how many packets.
  std::uint32_t process_excess();

  void drop(rte_mbuf* packet, DropReason reason) {
    count_drop(reason, packet);
    rte_pktmbuf_free(packet);
  }
  // Of one packet, which the caller frees or keeps.
  void count_drop(DropReason reason, const rte_mbuf* packet) {
    count_drop(reason);
    if (capture_ != nullptr) [[unlikely]]
      capture_->see_drop(slot_, reason, packet);
  }
  void count_drop(DropReason reason, std::uint64_t n = 1) {
    stats_.drops[static_cast<std::size_t>(reason)].add(n);
  }

  // Frames that are written to the TAP. Control lcore.
  void deliver(rte_mbuf* const* frames, std::uint32_t n) {
    if (capture_ != nullptr) [[unlikely]]
      capture_->see(slot_, true, flow::kPortLocal, frames, n);
  }
  // begin() takes what is published; between loops only the thread that publishes may tell.
  void use_capture(Capture* capture) { capture_ = capture; }

  const World& world() const { return world_; }
  std::byte* scratch() { return scratch_.get(); }
  LaneStats& stats() { return stats_; }
  const LaneStats& stats() const { return stats_; }

 private:
  using Entry = DecisionTable::Entry;
  // What one ingress port may bring by hidden rules and to LOCAL by guards, so that a flood from
  // one port leaves the others' sessions alone.
  struct PortMeters {
    TokenBucket inband;
    TokenBucket dhcp;
    TokenBucket relay;  // of what is for switches behind this one
    TokenBucket next_hop;
    TokenBucket path_mtu;
    std::array<TokenBucket, kPacketInReasons> packet_in;
    TokenBucket overload;  // what a worker that sheds looks at as control traffic
  };
  // What is known of the packet that operations run on.
  struct Packet {
    rte_mbuf* m;
    PortNo in_port;
    bool hidden;      // decided by a hidden rule
    bool local_done;  // delivered to LOCAL already: once is enough
  };

  // -- lane.cc: from packets to decisions
  std::uint32_t parse_burst(rte_mbuf** packets, std::uint32_t n, PortNo in_port);
  void process_wide(rte_mbuf* packet, PortNo in_port);
  void count_runs(const std::uint32_t* counter, std::uint32_t n);
  void run_hit(Entry& entry, rte_mbuf* packet, PortNo in_port);
  bool prove(Entry& entry, const ExactKey& key);
  bool prove_by_tables(Entry& entry, const ExactKey& key);
  void prefetch_cold(std::uint32_t n);
  void prefetch_marks(std::uint32_t n);
  void decide_miss(rte_mbuf* packet, const ExactKey& key, std::uint32_t hash, PortNo in_port);
  void run_cached(const Entry& entry, rte_mbuf* packet, PortNo in_port);
  void run(const Decision& decision, rte_mbuf* packet, PortNo in_port);
  void count_rules(const Decision& decision, std::uint32_t bytes);
  void count_rules(const Entry& entry, std::uint32_t bytes);

  // -- shed.cc
  // False: there is no room for another miss, and the packet is gone, and counted.
  bool admit_miss(rte_mbuf* packet, PortNo in_port);
  bool is_saved(const rte_mbuf* packet, PortNo in_port);

  // -- execute.cc: from operations to outputs
  void execute(const std::uint64_t* words, std::uint32_t n, Packet p);
  rte_mbuf* take(Packet& p, bool last);
  void op_output(Packet& p, Op op);
  void op_upcall(Packet& p, Op op, const std::uint64_t* data);
  // `memo`: of a cached kNormal decision, to keep where the packet went if the next one may go
  // there unasked.
  void op_normal(Packet& p, Op op, ColdDecision* memo = nullptr);
  void count_unsteered(const Packet& p, Op op);
  void report_source(const LearnRecord& record);
  void ask_for(std::uint16_t vlan, const MacAddress& mac);
  // `vlan`: of NORMAL's flooding.
  void op_flood(Packet& p, Op op, bool all, bool to_local,
                std::optional<std::uint16_t> vlan = std::nullopt);
  // NORMAL's last step: in the form that the port's VLANs ask for. kNothing: as it was.
  Retag send_in_vlan(std::uint8_t index, rte_mbuf* m, std::uint16_t vlan, bool urgent);
  bool tag_for(PortNo port, rte_mbuf* m, std::uint16_t vlan);
  bool op_rewrite(Packet& p, Op op, const std::uint64_t* data);
  void op_dhcp_guard(Packet& p);
  void op_next_hop_guard(Packet& p);
  void op_path_mtu_guard(Packet& p);
  DropReason objection(const Packet& p);  // of in_band.strict
  void op_nd_guard(Packet& p, Op op);
  std::uint16_t vlan_in(const Packet& p) const;  // of a packet that its port takes
  void op_table(Packet& p, Op op);
  bool relayed(const std::uint64_t* words, Packet p);
  // `vlan`: from NORMAL.
  void to_local(Packet& p, bool last, bool inband,
                std::optional<std::uint16_t> vlan = std::nullopt);
  PortMeters& meters_of(PortNo in_port);
  bool is_from_known_next_hop(const Packet& p) const;
  void copy_to_local(Packet& p);
  void raise(rte_mbuf* m, const MbufNote& note);
  bool may_raise(PortNo in_port, std::uint8_t reason);

  // -- transmit.cc
  void transmit(std::uint8_t index, rte_mbuf* m);
  void transmit_urgent(std::uint8_t index, rte_mbuf* m);
  void transmit(std::uint8_t index, rte_mbuf* m, bool urgent) {
    urgent ? transmit_urgent(index, m) : transmit(index, m);
  }
  void transmit_burst(std::uint8_t index, rte_mbuf** m, std::uint32_t n);
  void flush(std::uint8_t index);
  void flush_urgent(std::uint8_t index);
  void send(std::uint8_t index, rte_mbuf** m, std::uint32_t n);
  std::uint32_t offer(std::uint8_t index, std::span<rte_mbuf*> m, std::uint32_t n_captured,
                      bool urgent, DropReason* why_not);
  std::uint32_t send_handed_over();

  Shared& shared_;
  sync::SlotId slot_;
  World world_;
  std::uint32_t now_s_ = 0;
  std::uint64_t normal_stamp_ = 0;  // the FDB's generation and now_s_, as of this burst
  std::uint64_t now_tsc_ = 0;
  std::uint64_t second_start_ = 0;  // when now_s_ began
  std::uint32_t misses_left_ = 0;
  std::uint32_t control_misses_left_ = 0;
  bool sheds_misses_ = false;  // the burst in hand is of a queue that lags
  bool learns_ = true;
  Capture* capture_ = nullptr;
  // The last burst had hits that are no plain outputs: so will the next.
  bool wants_cold_ = false;
  bool steered_ = false;  // the burst in hand came by a control queue
  bool raised_ = false;   // something went into a ring to the control lcore

  struct TxBuffer {
    std::uint32_t n = 0;
    std::array<rte_mbuf*, kTxBuffer> m;
  };
  std::array<TxBuffer, port::kMaxPorts + 1> tx_;
  std::uint64_t tx_pending_ = 0;  // bit per port index

  // Frames of hidden rules: they go before data, and wait while the port's TX queue is full.
  struct Urgent {
    std::uint32_t n = 0;
    std::uint32_t n_captured = 0;      // of them, the first: they have been offered before
    PortNo port_no = flow::kPortZero;  // that they are for: another may get the index
    std::uint64_t since_tsc = 0;       // they wait; 0: they do not
    std::array<rte_mbuf*, kUrgent> m;
  };
  std::array<Urgent, port::kMaxPorts + 1> urgent_;
  std::uint64_t urgent_pending_ = 0;  // bit per port index

  // Of the burst in hand: packets with an exact key, dense.
  alignas(64) std::array<ExactKey, kBurst> keys_;
  std::array<rte_mbuf*, kBurst> packets_;
  std::array<Entry*, kBurst> entries_;
  std::array<std::uint32_t, kBurst> hashes_;
  std::array<rte_mbuf*, kBurst> wide_;
  std::uint32_t n_wide_ = 0;

  DecisionTable exact_;
  DecisionSlab slab_;
  std::unique_ptr<Decision> decision_;
  std::unique_ptr<std::byte[]> scratch_;
  LaneStats stats_;

  // By port index; the last is for packets of no port (packet-outs).
  std::array<PortMeters, port::kMaxPorts + 2> meters_;
  LearnRecord last_learn_{};
  std::uint64_t last_learn_tsc_ = 0;
};

}  // namespace lifeline::datapath
