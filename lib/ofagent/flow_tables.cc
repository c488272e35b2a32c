#include "ofagent/flow_tables.h"

#include <algorithm>
#include <utility>

namespace lifeline::ofagent {
namespace {

// Idle time-outs are judged by counters, so a rule is looked at more often than its time-out: it
// lives at most this long too long. Once a second is seldom enough for 100 k rules that are in use.
Duration idle_check_interval(std::uint16_t idle_timeout_s) {
  const Duration eighth = std::chrono::milliseconds{idle_timeout_s * 125};
  return std::min<Duration>(eighth, std::chrono::seconds{1});
}

}  // namespace

FlowTables::FlowTables(flow::RuleWriter& writer, FlowTablesConfig config)
    : writer_(writer), config_(config), tables_(config.n_tables) {}

std::pair<std::uint16_t, std::uint16_t> FlowTables::table_range(std::uint8_t table_id) const {
  if (table_id == kAllTables) return {0, config_.n_tables};
  if (table_id >= config_.n_tables) return {0, 0};
  return {table_id, static_cast<std::uint16_t>(table_id + 1)};
}

std::size_t FlowTables::size(std::uint8_t table_id) const {
  return table_id < tables_.size() ? tables_[table_id].size() : 0;
}

StoredRule* FlowTables::find(std::uint8_t table_id, std::uint32_t priority,
                             const flow::Match& match) const {
  return index_.find(table_id, priority, match, RuleIndex::hash_of(priority, match));
}

tl::expected<StoredRule*, AddError> FlowTables::add(const RuleSpec& spec, TimePoint now) {
  if (spec.rule.table_id >= config_.n_tables) return tl::make_unexpected(AddError::kBadTableId);
  const std::uint64_t hash = RuleIndex::hash_of(spec.rule.priority, spec.rule.match);
  StoredRule* stored = index_.find(spec.rule.table_id, spec.rule.priority, spec.rule.match, hash);
  flow::Instructions old;
  const bool replaces = stored != nullptr;
  if (replaces) {
    if (is_watched()) old = stored->rule.instructions;
    if (!change(*stored, spec.rule.instructions, spec.rule.cookie, (spec.flags & kResetCounts) != 0,
                RuleChange::Kind::kAdded)) {
      return tl::make_unexpected(AddError::kTableFull);
    }
    unschedule(*stored);
  } else {
    Table& table = tables_[spec.rule.table_id];
    if (table.size() >= config_.max_rules_per_table) {
      return tl::make_unexpected(AddError::kTableFull);
    }
    const Expected<flow::RuleId> id = writer_.add(spec.rule);
    if (!id) return tl::make_unexpected(AddError::kTableFull);
    std::size_t slot = table.slots.size();
    if (table.free_slots.empty()) {
      table.slots.push_back(std::make_unique<StoredRule>());
    } else {
      slot = table.free_slots.back();
      table.free_slots.pop_back();
      table.slots[slot] = std::make_unique<StoredRule>();
    }
    stored = table.slots[slot].get();
    stored->rule = spec.rule;
    stored->id = *id;
    stored->slot = slot;
    index_.insert(*stored, hash);
    staged_ = true;
    if (in_transaction_) log_.emplace_back(Added{stored});
  }
  stored->idle_timeout_s = spec.idle_timeout_s;
  stored->hard_timeout_s = spec.hard_timeout_s;
  stored->flags = spec.flags;
  stored->created = now;
  stored->last_used = now;
  schedule(*stored, now);
  if (is_watched() && !in_transaction_)
    tell(RuleChange::Kind::kAdded, *stored, replaces ? &old : nullptr);
  return stored;
}

Expected<void> FlowTables::modify(StoredRule& stored, const flow::Instructions& instructions,
                                  std::optional<std::uint64_t> new_cookie, bool reset_counts) {
  constexpr auto kModified = RuleChange::Kind::kModified;
  if (!is_watched() || in_transaction_)
    return change(stored, instructions, new_cookie, reset_counts, kModified);
  const flow::Instructions old = stored.rule.instructions;
  const std::uint64_t old_cookie = stored.rule.cookie;
  auto done = change(stored, instructions, new_cookie, reset_counts, kModified);
  // As Open vSwitch: what changes nothing is no news.
  const bool is_other = stored.rule.instructions != old;
  if (done && (is_other || stored.rule.cookie != old_cookie))
    tell(kModified, stored, is_other ? &old : nullptr);
  return done;
}

void FlowTables::tell(RuleChange::Kind kind, StoredRule& stored, const flow::Instructions* old,
                      RemovedReason reason) {
  if (kind == RuleChange::Kind::kAdded) stored.add_seqno = stored.modify_seqno = ++seqno_;
  if (kind == RuleChange::Kind::kModified) stored.modify_seqno = ++seqno_;
  if (change_observer_)
    change_observer_({.kind = kind, .stored = stored, .reason = reason, .old_instructions = old});
}

Expected<void> FlowTables::change(StoredRule& stored, const flow::Instructions& instructions,
                                  std::optional<std::uint64_t> new_cookie, bool reset_counts,
                                  RuleChange::Kind kind) {
  const std::uint64_t cookie = new_cookie.value_or(stored.rule.cookie);
  if (auto done = writer_.replace(stored.id, instructions, cookie); !done) return done;
  if (in_transaction_) note_modification(stored, kind);
  stored.rule.instructions = instructions;
  stored.rule.cookie = cookie;
  if (reset_counts) {
    // A roll-back could not bring the counts back.
    if (in_transaction_) {
      stored.reset_due = true;
    } else {
      writer_.reset_counters(stored.id);
    }
    stored.last_packets = 0;
  }
  staged_ = true;
  return {};
}

void FlowTables::announce(const StoredRule& stored, RemovedReason reason, TimePoint now) const {
  if (!observer_) return;
  observer_({.stored = stored,
             .reason = reason,
             .counters = counters(stored),
             .age = now - stored.created});
}

void FlowTables::remove(StoredRule& stored, RemovedReason reason, TimePoint now) {
  if (!in_transaction_) {
    announce(stored, reason, now);
    if (is_watched()) tell(RuleChange::Kind::kRemoved, stored, nullptr, reason);
  }
  writer_.remove(stored.id);
  staged_ = true;
  Table& table = tables_[stored.rule.table_id];
  std::unique_ptr<StoredRule> taken = take_out(stored);
  if (in_transaction_) {
    log_.emplace_back(Removed{std::move(taken), reason});
  } else {
    retire_if_empty(table);
  }
}

std::unique_ptr<StoredRule> FlowTables::take_out(StoredRule& stored) {
  unschedule(stored);
  index_.erase(stored);
  Table& table = tables_[stored.rule.table_id];
  table.free_slots.push_back(stored.slot);
  return std::move(table.slots[stored.slot]);
}

// So that a table once large is not walked for its empty places.
void FlowTables::retire_if_empty(Table& table) {
  if (table.slots.empty() || table.size() != 0) return;
  retired_places_.push_back(std::exchange(table, {}));
}

void FlowTables::publish() {
  if (!staged_ || in_transaction_) return;
  staged_ = false;
  writer_.publish();
}

std::optional<bool> FlowTables::overlaps(Cursor& cursor, const flow::Rule& rule,
                                         Budget& budget) const {
  if (rule.table_id >= tables_.size()) return false;
  const Table& table = tables_[rule.table_id];
  for (; cursor.slot < table.slots.size(); ++cursor.slot) {
    if (budget.spent()) return std::nullopt;
    budget.charge(kCostExamine);
    const StoredRule* r = table.slots[cursor.slot].get();
    if (r == nullptr || r->rule.priority != rule.priority) continue;
    if (r->rule.match.overlaps(rule.match)) return true;
  }
  return false;
}

void FlowTables::schedule(StoredRule& stored, TimePoint now) {
  TimePoint deadline = TimePoint::max();
  if (stored.hard_timeout_s != 0) {
    deadline = stored.created + std::chrono::seconds{stored.hard_timeout_s};
  }
  if (stored.idle_timeout_s != 0) {
    const TimePoint idle = stored.last_used + std::chrono::seconds{stored.idle_timeout_s};
    deadline = std::min({deadline, idle, now + idle_check_interval(stored.idle_timeout_s)});
  }
  stored.deadline = deadline;
  if (deadline != TimePoint::max()) deadlines_.emplace(deadline, &stored);
}

void FlowTables::unschedule(StoredRule& stored) {
  if (stored.deadline != TimePoint::max()) deadlines_.erase({stored.deadline, &stored});
  stored.deadline = TimePoint::max();
}

std::optional<RemovedReason> FlowTables::due(StoredRule& stored, TimePoint now) const {
  if (stored.hard_timeout_s != 0 &&
      now >= stored.created + std::chrono::seconds{stored.hard_timeout_s}) {
    return RemovedReason::kHardTimeout;
  }
  if (stored.idle_timeout_s == 0) return std::nullopt;
  const std::uint64_t packets = writer_.counters(stored.id).packets;
  if (packets != stored.last_packets) {
    stored.last_packets = packets;
    stored.last_used = now;
    return std::nullopt;
  }
  if (now < stored.last_used + std::chrono::seconds{stored.idle_timeout_s}) return std::nullopt;
  return RemovedReason::kIdleTimeout;
}

bool FlowTables::expire(TimePoint now, Budget& budget) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    if (budget.spent()) return true;
    StoredRule& stored = *deadlines_.begin()->second;
    if (const auto reason = due(stored, now)) {
      budget.charge(change_cost());
      remove(stored, *reason, now);
    } else {
      budget.charge(4 * kCostExamine);
      unschedule(stored);
      schedule(stored, now);
    }
  }
  while (!retired_places_.empty()) {
    if (budget.spent()) return true;
    budget.charge(kCostExamine);
    Table& places = retired_places_.back();
    for (int i = 0; i < 16 && !places.slots.empty(); ++i) {
      places.slots.pop_back();
      places.free_slots.pop_back();
    }
    if (places.slots.empty()) retired_places_.pop_back();
  }
  return false;
}

std::optional<TimePoint> FlowTables::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

}  // namespace lifeline::ofagent
