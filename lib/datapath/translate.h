// From a flow key to what is done with the packet: the tables, walked once per new flow.
//
// What. translate() looks a packet up in the hidden table and, if no hidden rule matches, in the
// pipeline from table 0 on, and compiles all that the rules say into one straight list of
// operations (ops.h): the *decision*. The exact-match table keeps it for the packets that follow.
//
// Order, which is the promise of in-band control:
//   1. A frame from a data port with our own MAC as source is dropped.
//   2. Guards are put in front: they look at each packet, since no key says "our DHCP reply". (That
//      of the next hops is left out where a hidden rule delivers to LOCAL anyway.)
//      What is relayed for switches behind this one (relay.h) goes by none of what follows.
//   3. The hidden table. A match means NORMAL, whatever flags the ports carry.
//      Guards and hidden rules see a packet in the VLAN that NORMAL would forward it in, whether it
//      came tagged or not; what its port does not take is not theirs. The pipeline sees it as it
//      is.
//   4. Only then the ingress port's flags, and the pipeline.
//
// What a cached decision may depend on: the flow key, the rules, the port view, the guards, the
// table-miss setting. The rules are covered by the table version and Tables::prove(); the
// rest by Tables::touch(), which whoever changes it must call *after* publishing it, while readers
// load the version *before* the rest: a decision made from old state then never carries the new
// version. All else (FDB, DHCP xids, TTLs, rates) is looked at per packet by an operation.
//
// A push or a pop may uncover headers that the flow key does not hold (the inner tag, what is
// behind MPLS). If a later table is to match them, the packet itself is rewritten in a copy and
// parsed again, and the decision is not cacheable: right, and slow, and rare. Rejected: telling the
// parser to look deeper, which every packet would pay for.
//
// Action lists run in order, the action set at the end in the order of OpenFlow 1.3, 5.10. Set
// fields change the key too, so that later tables see the new values; metadata lives in the key.
//
// Invariants: a decision never has more than kMaxOpWords words (it becomes a drop, counted by
// name); the walk ends, since goto only goes up. Thread-safe: everything is in the caller's hands;
// the caller is an online QSBR reader and calls with one version from start to end.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "datapath/drop_reason.h"
#include "datapath/guard_state.h"
#include "datapath/ops.h"
#include "flow/action.h"
#include "packet/flow_key.h"
#include "port/port_view.h"
#include "table/tables.h"

namespace lifeline::datapath {

// What happens to a packet that no rule of a table matches (a 1.3 table-miss rule is a rule).
enum class TableMiss : std::uint8_t {
  kDrop,        // OpenFlow 1.3
  kController,  // OpenFlow 1.0: packet-in NO_MATCH; for table 0, others drop
};

enum class PacketInReason : std::uint8_t { kNoMatch = 0, kAction = 1, kInvalidTtl = 2 };
inline constexpr std::size_t kPacketInReasons = 3;

inline constexpr std::uint32_t kMaxOpWords = 256;
inline constexpr std::uint32_t kMaxVisits = 256;

// One lookup of a walk.
struct Visit {
  const table::PublishedRule* rule = nullptr;  // null: no rule matched
  std::uint8_t table_id = 0;
  bool hidden = false;
};

// Scratch of a translation, several KiB: one per slot, reused.
struct Decision {
  std::array<std::uint64_t, kMaxOpWords> words;
  std::uint32_t n_words = 0;
  // Every lookup in order, for counters and for the operator; rules valid until quiescent.
  std::array<Visit, kMaxVisits> visits;
  std::uint32_t n_visits = 0;
  table::VisitedTables visited;
  bool hidden = false;  // decided by a hidden rule
  bool cacheable = true;

  void clear() {
    n_words = 0;
    n_visits = 0;
    visited = {};
    hidden = false;
    cacheable = true;
  }
};

// What a translation reads besides the packet. Taken once per loop: first the version, then the
// rest.
struct World {
  const table::Tables* tables = nullptr;
  std::uint64_t version = 0;
  table::Recent recent;  // of the tables, up to `version`
  const port::PortView* view = nullptr;
  const GuardState* guards = nullptr;
  TableMiss table_miss = TableMiss::kDrop;
  bool drop_fragments = false;  // OpenFlow's fragment handling
};

// `packet` is the frame the key was parsed from; it is only read. `scratch` as for linear().
void translate(const World& world, const packet::FlowKey& key, const rte_mbuf* packet,
               std::byte* scratch, Decision* out);

// The same for a packet-out: `actions` in place of the tables, no guards, no ingress filter.
// OUTPUT to TABLE becomes kTable.
void translate_actions(const World& world, const packet::FlowKey& key,
                       const flow::ActionList& actions, Decision* out);

}  // namespace lifeline::datapath
