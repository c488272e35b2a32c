// What the lanes of one datapath share: the tables, the published settings, the rings between them.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "datapath/capture.h"
#include "datapath/datapath.h"
#include "datapath/guard_state.h"
#include "datapath/record_ring.h"
#include "port/port_set.h"
#include "sync/published.h"
#include "sync/qsbr.h"
#include "sync/spsc_ring.h"
#include "table/fdb.h"
#include "table/tables.h"

namespace lifeline::datapath {

// Travels in the private area of an mbuf that changes lcores.
struct MbufNote {
  std::uint64_t cookie = 0;
  std::uint64_t metadata = 0;
  std::uint16_t in_port = 0;
  std::uint16_t max_len = 0;
  std::uint8_t reason = 0;
  std::uint8_t table_id = 0;
  std::uint8_t out_index = 0;  // TX handed to the queue's owner: index in the port view,
  std::uint16_t out_port = 0;  // and the port that had it;
  bool urgent = false;         // goes first there
};
static_assert(sizeof(MbufNote) <= port::kMbufPrivBytes);

struct LearnRecord {
  std::uint64_t mac = 0;
  std::uint16_t vlan = 0;
  PortNo port = 0;
  bool operator==(const LearnRecord&) const = default;
};

// From one slot to the control lcore, by class.
struct UpRings {
  explicit UpRings(std::uint32_t size) : inband(size), local(size), upcall(size), learn(size) {}
  sync::SpscRing<rte_mbuf> inband;
  sync::SpscRing<rte_mbuf> local;
  sync::SpscRing<rte_mbuf> upcall;
  RecordRing<LearnRecord> learn;
};

struct Shared {
  DatapathConfig config;
  table::Tables& tables;
  table::Fdb& fdb;
  port::PortSet& ports;
  sync::Qsbr& qsbr;
  std::uint32_t n_slots;
  std::uint64_t tsc_hz;
  std::uint64_t tsc_start;
  std::uint64_t tx_hold_tsc;  // config.tx_hold_us

  sync::Published<GuardState> guards;
  DhcpXids dhcp_xids;
  Dhcpv6Exchanges dhcpv6_exchanges;
  std::atomic<TableMiss> table_miss{TableMiss::kDrop};
  std::atomic<bool> drop_fragments{false};
  std::atomic<Capture*> capture{nullptr};    // null: nobody wants copies; valid until quiescent
  std::vector<std::unique_ptr<UpRings>> up;  // by slot
  // handoff[from * n_slots + to]: frames for a TX queue that slot `to` owns.
  std::vector<std::unique_ptr<sync::SpscRing<rte_mbuf>>> handoff;
  // By slot: what came by the control queues and is a worker's work (control_queue.h).
  std::vector<std::unique_ptr<sync::SpscRing<rte_mbuf>>> excess;
  // True while the control lcore is about to sleep or asleep; the first lane to put something into
  // a ring then clears it and writes wake_fd, so a sleep costs one system call, not one a packet.
  std::atomic<bool> control_asleep{false};
  int wake_fd = -1;

  // Seconds since the start, from the TSC: what FDB and DHCP guard call "now".
  std::uint32_t now_s(std::uint64_t tsc) const {
    return static_cast<std::uint32_t>((tsc - tsc_start) / tsc_hz);
  }
  World world() const {
    // The version first: see translate.h.
    World w;
    w.tables = &tables;
    w.version = tables.version();
    w.recent = tables.recent();
    w.view = ports.view();
    w.guards = guards.read();
    w.table_miss = table_miss.load(std::memory_order_acquire);
    w.drop_fragments = drop_fragments.load(std::memory_order_acquire);
    return w;
  }
};

}  // namespace lifeline::datapath
