// The flow tables: the master copy of what controllers have installed.
//
// Holds the rules of the pipeline with cookies, time-outs and flags, keeps the datapath's copy in
// step through a flow::RuleWriter, and knows nothing of wire formats or connections. Hidden rules
// are in another writer's table and do not exist here: no filter is needed that could be forgotten.
//
// Everything that may touch many rules runs in slices: the caller keeps a Cursor, passes a Budget
// and calls again until it is told that the walk is over. A cursor is a place in a table, not a
// pointer, and survives any change between two slices: a rule that stays from the beginning to the
// end of the walk is visited exactly once, one that comes or goes meanwhile at most once.
//
// A transaction makes many changes one: packets see all of them at once or, when it is rolled back,
// none. Everything it does is in a log of its own, with what was before.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "flow/rule_writer.h"
#include "ofagent/budget.h"
#include "ofagent/rule_index.h"
#include "ofagent/stored_rule.h"

namespace lifeline::ofagent {

struct FlowTablesConfig {
  std::uint8_t n_tables = 254;  // 1..254
  std::uint32_t max_rules_per_table = 1'000'000;
};

enum class AddError : std::uint8_t { kTableFull, kBadTableId };

// A rule that has just been removed, with its last counters.
struct RemovedRule {
  const StoredRule& stored;
  RemovedReason reason;
  flow::RuleCounters counters;
  Duration age;
};

// A rule that has come, changed or is about to go; of a transaction, at its commit.
struct RuleChange {
  enum class Kind : std::uint8_t { kAdded, kModified, kRemoved };
  Kind kind = Kind::kAdded;  // kAdded: also one that has replaced another
  const StoredRule& stored;
  RemovedReason reason = RemovedReason::kDelete;         // kRemoved only
  const flow::Instructions* old_instructions = nullptr;  // if there were others
};

// Not thread-safe. `writer` must outlive it.
class FlowTables {
 public:
  using RemovalObserver = std::function<void(const RemovedRule&)>;
  using ChangeObserver = std::function<void(const RuleChange&)>;

  FlowTables(flow::RuleWriter& writer, FlowTablesConfig config);
  // Leaves the writer's rules alone: they go with the datapath, and a datapath that outlives the
  // agent keeps forwarding.
  ~FlowTables() = default;
  FlowTables(const FlowTables&) = delete;
  FlowTables& operator=(const FlowTables&) = delete;

  // Called for every removal but those by replacement, before the rule is freed. Must not change
  // the tables.
  void set_removal_observer(RemovalObserver observer) { observer_ = std::move(observer); }

  // Called for every change while the tables are watched. Must not change the tables.
  void set_change_observer(ChangeObserver observer) { change_observer_ = std::move(observer); }
  // `cost`: of telling one change, in units of a Budget; 0: nobody watches.
  void set_watched(std::int64_t cost) { watch_cost_ = cost; }
  bool is_watched() const { return watch_cost_ != 0; }
  std::int64_t change_cost() const { return kCostChange + watch_cost_; }
  // Counts changes while somebody watches; a rule keeps those of its last.
  std::uint64_t& seqno() { return seqno_; }

  const FlowTablesConfig& config() const { return config_; }
  // What is there already stays, whatever the number.
  void set_max_rules_per_table(std::uint32_t n) { config_.max_rules_per_table = n; }
  std::size_t size() const { return index_.size(); }
  std::size_t size(std::uint8_t table_id) const;
  StoredRule* find(std::uint8_t table_id, std::uint32_t priority, const flow::Match& match) const;
  flow::RuleCounters counters(const StoredRule& stored) const {
    return stored.reset_due ? flow::RuleCounters{} : writer_.counters(stored.id);
  }

  // Adds a rule, or replaces the one with the same table, priority and match: instructions, cookie,
  // time-outs, flags and age are the new ones, the counters go on unless kResetCounts. Does not
  // look for overlaps: the caller walks with overlaps() first.
  tl::expected<StoredRule*, AddError> add(const RuleSpec& spec, TimePoint now);
  // Time-outs, flags, age and counters are kept. An error if the writer has no room: unchanged.
  Expected<void> modify(StoredRule& stored, const flow::Instructions& instructions,
                        std::optional<std::uint64_t> new_cookie, bool reset_counts);
  void remove(StoredRule& stored, RemovedReason reason, TimePoint now);

  // What add, modify and remove have staged becomes visible to packets, all at once. In a
  // transaction: does nothing.
  void publish();

  // From begin() until commit() or roll_back() has returned true, changes are one. Publishes what
  // was staged before. Nobody else may change the tables meanwhile, time-outs included.
  void begin_transaction();
  bool in_transaction() const { return in_transaction_; }
  // Each in slices: call until true, and change nothing in between. Removals are told to the
  // observer by commit() only.
  bool commit(TimePoint now, Budget& budget);
  bool roll_back(Budget& budget);

  struct Cursor {
    std::uint16_t table = 0;
    std::size_t slot = 0;
  };
  // Calls visit(StoredRule&) for the rules that the filter means; visit may remove that rule and no
  // other. True when the walk is over.
  template <class Visit>
  bool walk(Cursor& cursor, const RuleFilter& filter, Budget& budget, Visit&& visit) const;
  // Looks for a rule of the same table and priority that overlaps. nullopt: call again.
  std::optional<bool> overlaps(Cursor& cursor, const flow::Rule& rule, Budget& budget) const;

  // Removes what has timed out (and frees memory in small pieces). True if more is due now.
  bool expire(TimePoint now, Budget& budget);
  std::optional<TimePoint> next_deadline() const;

 private:
  using Slots = std::deque<std::unique_ptr<StoredRule>>;  // grows without moving what it has
  struct Table {
    Slots slots;
    std::deque<std::size_t> free_slots;
    std::size_t size() const { return slots.size() - free_slots.size(); }
  };

  // What a transaction has done, to be undone.
  struct Added {
    StoredRule* stored;
  };
  struct Modified {
    StoredRule* stored;
    flow::Instructions instructions;  // these three as they were before
    std::uint64_t cookie;
    RuleState state;
    RuleChange::Kind kind;  // kAdded: replaced
  };
  struct Removed {
    std::unique_ptr<StoredRule> stored;
    RemovedReason reason;
  };
  using Change = std::variant<Added, Modified, Removed>;

  Expected<void> change(StoredRule& stored, const flow::Instructions& instructions,
                        std::optional<std::uint64_t> new_cookie, bool reset_counts,
                        RuleChange::Kind kind);
  void note_modification(StoredRule& stored, RuleChange::Kind kind);
  void tell(RuleChange::Kind kind, StoredRule& stored, const flow::Instructions* old,
            RemovedReason reason = RemovedReason::kDelete);
  void tell(const Change& change);
  void undo(Change& change);
  void restore(std::unique_ptr<StoredRule> stored);
  std::unique_ptr<StoredRule> take_out(StoredRule& stored);
  void retire_if_empty(Table& table);
  void announce(const StoredRule& stored, RemovedReason reason, TimePoint now) const;

  std::pair<std::uint16_t, std::uint16_t> table_range(std::uint8_t table_id) const;
  void schedule(StoredRule& stored, TimePoint now);
  void unschedule(StoredRule& stored);
  // What is due for a rule whose deadline has come.
  std::optional<RemovedReason> due(StoredRule& stored, TimePoint now) const;

  flow::RuleWriter& writer_;
  FlowTablesConfig config_;
  RemovalObserver observer_;
  ChangeObserver change_observer_;
  std::int64_t watch_cost_ = 0;
  std::uint64_t seqno_ = 0;
  std::deque<Table> tables_;
  RuleIndex index_;
  std::set<std::pair<TimePoint, StoredRule*>> deadlines_;
  // Empty places of tables that were large: freed by expire(), for freeing 100 k at once takes
  // longer than a slice.
  std::deque<Table> retired_places_;
  bool staged_ = false;
  bool in_transaction_ = false;
  std::deque<Change> log_;
  std::size_t announced_ = 0;  // of log_, by commit()
};

template <class Visit>
bool FlowTables::walk(Cursor& cursor, const RuleFilter& filter, Budget& budget,
                      Visit&& visit) const {
  const auto [first, last] = table_range(filter.table_id);
  if (cursor.table < first) cursor = {first, 0};
  const std::uint64_t hash =
      filter.strict_priority ? RuleIndex::hash_of(*filter.strict_priority, filter.match) : 0;
  const bool every_match = filter.match.is_catch_all();
  for (; cursor.table < last; ++cursor.table, cursor.slot = 0) {
    const auto table_id = static_cast<std::uint8_t>(cursor.table);
    const Table& table = tables_[table_id];
    if (filter.strict_priority) {
      budget.charge(kCostExamine);
      StoredRule* r = table.size() == 0
                          ? nullptr
                          : index_.find(table_id, *filter.strict_priority, filter.match, hash);
      if (r != nullptr && passes(filter, *r)) visit(*r);
      continue;
    }
    for (; cursor.slot < table.slots.size(); ++cursor.slot) {
      if (budget.spent()) return false;
      budget.charge(kCostExamine);
      StoredRule* r = table.slots[cursor.slot].get();
      if (r == nullptr || !(every_match || filter.match.covers(r->rule.match))) continue;
      if (passes(filter, *r)) visit(*r);
    }
  }
  return true;
}

}  // namespace lifeline::ofagent
