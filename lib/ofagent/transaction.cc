// Transactions of the flow tables: a log of what was done, and how it is undone.
#include <algorithm>
#include <utility>

#include "ofagent/flow_tables.h"

namespace lifeline::ofagent {
namespace {

// Staged changes that the writer takes back in one go: some tens of microseconds.
constexpr std::size_t kRollBackChunk = 64;
// Staged changes that the writer publishes in one go: about as much.
constexpr std::size_t kPublishChunk = 64;

}  // namespace

void FlowTables::begin_transaction() {
  publish();
  in_transaction_ = true;
  announced_ = 0;
}

void FlowTables::note_modification(StoredRule& stored, RuleChange::Kind kind) {
  log_.emplace_back(Modified{&stored, stored.rule.instructions, stored.rule.cookie,
                             static_cast<const RuleState&>(stored), kind});
}

bool FlowTables::commit(TimePoint now, Budget& budget) {
  for (; announced_ < log_.size(); ++announced_) {
    if (budget.spent()) return false;
    budget.charge(kCostExamine * 4 + watch_cost_);
    if (is_watched()) tell(log_[announced_]);
    if (const auto* removed = std::get_if<Removed>(&log_[announced_])) {
      announce(*removed->stored, removed->reason, now);
    } else if (const auto* modified = std::get_if<Modified>(&log_[announced_])) {
      StoredRule& r = *modified->stored;
      if (std::exchange(r.reset_due, false)) writer_.reset_counters(r.id);
    }
  }
  while (staged_) {
    if (budget.spent()) return false;
    budget.charge(static_cast<std::int64_t>(kPublishChunk) * kCostExamine * 8);
    staged_ = !writer_.publish_some(kPublishChunk);
  }
  while (!log_.empty()) {
    if (budget.spent()) return false;
    budget.charge(kCostExamine * 4);
    log_.pop_back();
  }
  for (Table& table : tables_) retire_if_empty(table);
  in_transaction_ = false;
  return true;
}

// A rule that the transaction changes several times is told of as it is in the end.
void FlowTables::tell(const Change& change) {
  using Kind = RuleChange::Kind;
  if (const auto* added = std::get_if<Added>(&change)) {
    tell(Kind::kAdded, *added->stored, nullptr);
  } else if (const auto* removed = std::get_if<Removed>(&change)) {
    tell(Kind::kRemoved, *removed->stored, nullptr, removed->reason);
  } else {
    const auto& m = std::get<Modified>(change);
    const bool is_other = m.stored->rule.instructions != m.instructions;
    if (m.kind == Kind::kModified && !is_other && m.stored->rule.cookie == m.cookie) return;
    tell(m.kind, *m.stored, is_other ? &m.instructions : nullptr);
  }
}

bool FlowTables::roll_back(Budget& budget) {
  while (!log_.empty()) {
    if (budget.spent()) return false;
    budget.charge(kCostChange);
    undo(log_.back());
    log_.pop_back();
  }
  while (!writer_.roll_back(kRollBackChunk)) {
    if (budget.spent()) return false;
    budget.charge(static_cast<std::int64_t>(kRollBackChunk) * kCostExamine * 8);
  }
  for (Table& table : tables_) retire_if_empty(table);
  staged_ = false;
  in_transaction_ = false;
  return true;
}

void FlowTables::undo(Change& change) {
  if (const auto* added = std::get_if<Added>(&change)) {
    const std::unique_ptr<StoredRule> gone = take_out(*added->stored);
    return;
  }
  if (auto* removed = std::get_if<Removed>(&change)) {
    restore(std::move(removed->stored));
    return;
  }
  auto& modified = std::get<Modified>(change);
  StoredRule& r = *modified.stored;
  unschedule(r);
  r.rule.instructions = std::move(modified.instructions);
  r.rule.cookie = modified.cookie;
  static_cast<RuleState&>(r) = modified.state;
  schedule(r, r.last_used);
}

void FlowTables::restore(std::unique_ptr<StoredRule> stored) {
  Table& table = tables_[stored->rule.table_id];
  // Undone in reverse, the place that it left is the last that became free.
  const auto place = std::find(table.free_slots.rbegin(), table.free_slots.rend(), stored->slot);
  table.free_slots.erase(std::next(place).base());
  index_.insert(*stored, RuleIndex::hash_of(stored->rule.priority, stored->rule.match));
  schedule(*stored, stored->last_used);
  std::unique_ptr<StoredRule>& slot = table.slots[stored->slot];
  slot = std::move(stored);
}

}  // namespace lifeline::ofagent
