// The datapath's insides, shared by datapath.cc (life, settings, statistics) and control_side.cc
// (the packets of the control lcore).
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "datapath/control_queue.h"
#include "datapath/datapath.h"
#include "datapath/lane.h"
#include "datapath/move_watch.h"
#include "datapath/rewrite.h"
#include "datapath/shared.h"
#include "datapath/token_bucket.h"
#include "datapath/worker.h"

namespace lifeline::datapath {

struct Datapath::Impl {
  Shared shared;
  sync::RetireList& retired;
  std::unique_ptr<Lane> control;                 // slot 0
  std::vector<std::unique_ptr<Worker>> workers;  // slot 1 first
  std::vector<unsigned> lcores;                  // where they run; empty: not running
  std::uint32_t first_ring = 0;                  // of which slot: another one each time
  TokenBucket local_meter;
  TokenBucket upcall_meter;
  // By index of the ingress port: its share of upcall_meter, which no other port can take.
  std::array<TokenBucket, port::kMaxPorts + 2> upcall_shares;
  MoveWatch moves;
  std::array<std::uint64_t, kEvents> events{};
  std::shared_ptr<Capture> capture;  // null: none runs
  ControlQueues control_queues;
  // Of packet-ins: the handler may send packet-outs, which use the lane's.
  std::unique_ptr<std::byte[]> upcall_scratch = std::make_unique<std::byte[]>(kMaxFrameBytes + 1);
  std::unique_ptr<Decision> decision = std::make_unique<Decision>();

  Impl(const DatapathConfig& config, table::Tables& tables, table::Fdb& fdb, port::PortSet& ports,
       sync::Qsbr& qsbr, sync::RetireList& retired_list);
  ~Impl();

  // Brackets the control lcore's own use of published state.
  class Reading {
   public:
    explicit Reading(Impl& impl);
    ~Reading();
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    Impl& impl_;
  };

  template <class Take>
  std::size_t drain(std::size_t budget, Take take);
  std::size_t deliver_local(ControlHandler& handler, std::size_t budget, bool inband);
  std::size_t learn(ControlHandler& handler, std::size_t budget);
  void ask_where_it_was(ControlHandler& handler, const LearnRecord& claim);
  void decide_moves();
  void stop_capture();
  bool can_be_behind(PortNo port) const;  // may the FDB say that an address is behind it?
  std::size_t deliver_upcalls(ControlHandler& handler, std::size_t budget);
  // -- control_queue.cc
  Expected<void> start_control_queues();
  std::uint32_t sort_control_burst(rte_mbuf** m, std::uint32_t n, const port::RxQueue& queue);
  void hand_to_worker(rte_mbuf* m, PortNo in_port, std::uint8_t index);
  bool anything_waits() const;
  Expected<rte_mbuf*> make_packet(std::span<const std::byte> frame) const;
};

}  // namespace lifeline::datapath
