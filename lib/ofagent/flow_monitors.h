// What one connection watches of the flow tables, and what it has been told of them. Internal to
// ofagent.
//
// Updates are written as changes happen and sent at the end of the step that made them
// (flush()), before any later reply. Where a walk over the tables is under way (the first dump of a
// monitor, or the catching up after a pause), rules that it has passed are reported as they change
// and rules that it will still meet are not: so every update tells of a rule that the peer knows,
// though other connections change the tables between two slices.
//
// A peer that reads too slowly is told that updates pause, as Open vSwitch does; until it has read
// everything it hears of deletions only. Then what was added or modified meanwhile is reported.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "ofagent/flow_tables.h"
#include "openflow/channel.h"
#include "openflow/error.h"
#include "openflow/multipart.h"

namespace lifeline::ofagent {

class FlowMonitors {
 public:
  static constexpr std::size_t kMaxMonitors = 64;
  // As in Open vSwitch (connmgr.c, ofmonitor_flush).
  static constexpr std::size_t kPauseBytes = 128 * 1024;
  // Updates kept back while a first dump is sent; more, and the peer is given up.
  static constexpr std::size_t kMaxHeldBytes = 8u << 20;

  bool empty() const { return monitors_.empty(); }
  std::size_t size() const { return monitors_.size(); }
  bool is_paused() const { return paused_at_ != 0; }

  // All of them or none: nullopt, or why not.
  std::optional<openflow::ErrorId> add(const openflow::FlowMonitorsRequest& request);
  bool remove(std::uint32_t id);

  // `own_xid`: the request of this very connection that made the change.
  void report(const RuleChange& change, std::optional<std::uint32_t> own_xid,
              openflow::Channel& channel);
  // Sends what was reported; `seqno` is moved on if that makes a pause.
  void flush(openflow::Channel& channel, std::uint64_t& seqno);
  // The request whose changes were reported is over: the next is abbreviated anew.
  void end_request() { is_abbreviated_ = false; }

  // The first dump, with the request's xid. True when it is over.
  void begin_dump(openflow::FlowMonitorsRequest request, std::uint32_t xid,
                  openflow::Channel& channel);
  bool dump(const FlowTables& tables, openflow::Channel& channel, Budget& budget);

  // True if the peer has read what it was sent before the pause.
  bool may_resume(const openflow::Channel& channel);
  // A slice of the catching up. True when it is over.
  bool resume(const FlowTables& tables, openflow::Channel& channel, Budget& budget);

 private:
  enum class Walk : std::uint8_t { kNone, kDump, kResume };

  // The flags of all monitors that watch the rule for this; 0: none does.
  std::uint16_t flags_for(const StoredRule& stored, const flow::Instructions* old,
                          std::uint16_t event) const;
  bool knows(const RuleChange& change) const;
  openflow::MultipartWriter& batch(openflow::Channel& channel);
  void send(openflow::Bytes message, openflow::Channel& channel);
  std::size_t waiting_bytes(const openflow::Channel& channel);

  std::map<std::uint32_t, openflow::FlowMonitorRequest> monitors_;
  std::optional<openflow::MultipartWriter> batch_;
  bool is_abbreviated_ = false;
  std::uint64_t paused_at_ = 0;  // sequence number; 0: not paused

  Walk walk_ = Walk::kNone;
  FlowTables::Cursor cursor_;
  openflow::FlowMonitorsRequest dumped_;  // whose first dump it is
  // Some monitor is not among them, so rules that the dump will still meet are news as well.
  bool hears_all_ = false;
  std::optional<openflow::MultipartWriter> dump_writer_;
  std::deque<openflow::Bytes> held_;  // until the dump is over: replies are not interleaved
  std::size_t held_bytes_ = 0;

  // Updates in the channel's queue: where each ends in the stream of bytes, and its size.
  std::deque<std::pair<std::uint64_t, std::size_t>> sent_;
  std::size_t sent_bytes_ = 0;
};

}  // namespace lifeline::ofagent
