#include "ofagent/flow_monitors.h"

#include <algorithm>

namespace lifeline::ofagent {
namespace {

namespace flags = openflow::flow_monitor_flags;
using openflow::Bytes;
using openflow::Channel;
using openflow::ErrorId;
using openflow::FlowMonitorRequest;
using openflow::FlowUpdate;
using openflow::MultipartWriter;

std::uint16_t event_flag(RuleChange::Kind kind) {
  switch (kind) {
    case RuleChange::Kind::kAdded: return flags::kAdd;
    case RuleChange::Kind::kModified: return flags::kModify;
    case RuleChange::Kind::kRemoved: break;
  }
  return flags::kDelete;
}

FlowUpdate::Event event_of(RuleChange::Kind kind) {
  switch (kind) {
    case RuleChange::Kind::kAdded: return FlowUpdate::Event::kAdded;
    case RuleChange::Kind::kModified: return FlowUpdate::Event::kModified;
    case RuleChange::Kind::kRemoved: break;
  }
  return FlowUpdate::Event::kDeleted;
}

FlowUpdate update_of(const StoredRule& stored, FlowUpdate::Event event, std::uint16_t wanted) {
  FlowUpdate u;
  u.event = event;
  u.priority = static_cast<std::uint16_t>(stored.rule.priority);
  u.idle_timeout = stored.idle_timeout_s;
  u.hard_timeout = stored.hard_timeout_s;
  u.table_id = stored.rule.table_id;
  u.cookie = stored.rule.cookie;
  u.match = stored.rule.match;
  if ((wanted & flags::kActions) != 0) u.instructions = stored.rule.instructions;
  return u;
}

// `old`: its instructions before, if they were others. A rule that no longer outputs there is news.
bool watches(const FlowMonitorRequest& m, const StoredRule& stored, const flow::Instructions* old) {
  if (m.table_id != kAllTables && m.table_id != stored.rule.table_id) return false;
  if (m.out_port != flow::kPortNone && !outputs_to(stored.rule.instructions, m.out_port) &&
      (old == nullptr || !outputs_to(*old, m.out_port))) {
    return false;
  }
  return m.match.covers(stored.rule.match);
}

}  // namespace

std::optional<ErrorId> FlowMonitors::add(const openflow::FlowMonitorsRequest& request) {
  if (monitors_.size() + request.monitors.size() > kMaxMonitors) return ErrorId::kBrcEperm;
  auto all = monitors_;
  for (const FlowMonitorRequest& m : request.monitors) {
    if (!all.emplace(m.id, m).second) return ErrorId::kMofcMonitorExists;
  }
  monitors_ = std::move(all);
  return std::nullopt;
}

bool FlowMonitors::remove(std::uint32_t id) { return monitors_.erase(id) != 0; }

std::uint16_t FlowMonitors::flags_for(const StoredRule& stored, const flow::Instructions* old,
                                      std::uint16_t event) const {
  std::uint16_t all = 0;
  for (const auto& [id, m] : monitors_) {
    if ((m.flags & event) != 0 && watches(m, stored, old)) all |= m.flags;
  }
  return all;
}

// True if the peer is to hear of it now.
bool FlowMonitors::knows(const RuleChange& change) const {
  const StoredRule& stored = change.stored;
  const bool passed = stored.rule.table_id < cursor_.table ||
                      (stored.rule.table_id == cursor_.table && stored.slot < cursor_.slot);
  if (walk_ == Walk::kDump) return passed || hears_all_;
  if (!is_paused() || (walk_ == Walk::kResume && passed)) return true;
  // A rule that came and went during the pause was never heard of.
  return change.kind == RuleChange::Kind::kRemoved && stored.add_seqno <= paused_at_;
}

void FlowMonitors::report(const RuleChange& change, std::optional<std::uint32_t> own_xid,
                          Channel& channel) {
  if (!knows(change)) return;
  const std::uint16_t wanted =
      flags_for(change.stored, change.old_instructions, event_flag(change.kind));
  if (wanted == 0) return;
  if (own_xid && (wanted & flags::kOwn) == 0 && !is_paused()) {
    if (is_abbreviated_) return;
    is_abbreviated_ = true;
    batch(channel).add(FlowUpdate{.event = FlowUpdate::Event::kAbbreviated, .xid = *own_xid});
    return;
  }
  FlowUpdate u = update_of(change.stored, event_of(change.kind), wanted);
  u.reason = static_cast<openflow::FlowRemovedReason>(change.reason);
  batch(channel).add(u);
}

MultipartWriter& FlowMonitors::batch(Channel& channel) {
  if (!batch_) {
    batch_ = MultipartWriter::flow_monitor(0, channel.version(), [this, &channel](Bytes message) {
      send(std::move(message), channel);
    });
  }
  return *batch_;
}

void FlowMonitors::send(Bytes message, Channel& channel) {
  const std::size_t size = message.size();
  if (walk_ == Walk::kDump) {
    held_bytes_ += size;
    held_.push_back(std::move(message));
    if (held_bytes_ > kMaxHeldBytes) channel.close("peer does not read its flow updates");
    return;
  }
  if (!channel.send_bytes(std::move(message))) return;
  sent_.emplace_back(channel.counters().tx_bytes, size);
  sent_bytes_ += size;
}

std::size_t FlowMonitors::waiting_bytes(const Channel& channel) {
  const std::uint64_t taken = channel.counters().tx_bytes - channel.output_bytes();
  while (!sent_.empty() && sent_.front().first <= taken) {
    sent_bytes_ -= sent_.front().second;
    sent_.pop_front();
  }
  return sent_bytes_;
}

void FlowMonitors::flush(Channel& channel, std::uint64_t& seqno) {
  if (batch_) {
    batch_->finish();
    batch_.reset();
  }
  if (empty() || is_paused() || walk_ != Walk::kNone || waiting_bytes(channel) <= kPauseBytes)
    return;
  paused_at_ = ++seqno;
  send(openflow::encode(openflow::FlowMonitorPaused{}, 0, channel.version()), channel);
}

void FlowMonitors::begin_dump(openflow::FlowMonitorsRequest request, std::uint32_t xid,
                              Channel& channel) {
  walk_ = Walk::kDump;
  cursor_ = {};
  dumped_ = std::move(request);
  const auto n_initial =
      std::count_if(dumped_.monitors.begin(), dumped_.monitors.end(),
                    [](const FlowMonitorRequest& m) { return (m.flags & flags::kInitial) != 0; });
  hears_all_ = monitors_.size() > static_cast<std::size_t>(n_initial);
  dump_writer_ = MultipartWriter::flow_monitor(xid, channel.version(), [&channel](Bytes message) {
    channel.send_bytes(std::move(message));
  });
}

bool FlowMonitors::dump(const FlowTables& tables, Channel& channel, Budget& budget) {
  const bool done = tables.walk(cursor_, {}, budget, [&](const StoredRule& stored) {
    std::uint16_t wanted = 0;
    for (const FlowMonitorRequest& m : dumped_.monitors) {
      if ((m.flags & flags::kInitial) != 0 && watches(m, stored, nullptr)) wanted |= m.flags;
    }
    if (wanted == 0) return;
    budget.charge(kCostReport);
    dump_writer_->add(update_of(stored, FlowUpdate::Event::kAdded, wanted));
  });
  if (!done) return false;
  dump_writer_->finish();
  dump_writer_.reset();
  walk_ = Walk::kNone;
  held_bytes_ = 0;
  for (; !held_.empty(); held_.pop_front()) send(std::move(held_.front()), channel);
  return true;
}

bool FlowMonitors::may_resume(const Channel& channel) {
  return is_paused() && (walk_ == Walk::kResume || waiting_bytes(channel) == 0);
}

bool FlowMonitors::resume(const FlowTables& tables, Channel& channel, Budget& budget) {
  if (walk_ != Walk::kResume) {
    walk_ = Walk::kResume;
    cursor_ = {};
  }
  const bool done = tables.walk(cursor_, {}, budget, [&](const StoredRule& stored) {
    const bool is_new = stored.add_seqno > paused_at_;
    if (!is_new && stored.modify_seqno <= paused_at_) return;
    const std::uint16_t wanted =
        flags_for(stored, nullptr, is_new ? flags::kAdd | flags::kModify : flags::kModify);
    if (wanted == 0) return;
    budget.charge(kCostReport);
    batch(channel).add(update_of(
        stored, is_new ? FlowUpdate::Event::kAdded : FlowUpdate::Event::kModified, wanted));
  });
  if (!done) return false;
  if (batch_) {
    batch_->finish();
    batch_.reset();
  }
  walk_ = Walk::kNone;
  paused_at_ = 0;
  send(openflow::encode(openflow::FlowMonitorResumed{}, 0, channel.version()), channel);
  return true;
}

}  // namespace lifeline::ofagent
