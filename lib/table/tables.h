// The published tables: the hidden table and the OpenFlow pipeline, under one version number.
//
// Two agents write, each through its own RuleWriter: neither can name a rule of the other. Every
// publish() moves the version; a reader that uses one version for a whole packet sees every change
// completely or not at all. publish() stamps every staged rule, so its cost is linear in what was
// staged; publish_some() stamps with a version that lies ahead of what others will publish until it
// is done. Removed rules are reclaimed one by one, spread over as many loops as the caller likes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "flow/rule_writer.h"
#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "table/change_hint.h"
#include "table/classifier.h"
#include "table/counters.h"
#include "table/published_rule.h"

namespace lifeline::table {

struct TablesConfig {
  std::uint16_t n_tables = 254;         // pipeline tables, 1..255: ids 0..n_tables-1
  std::uint32_t max_rules = 1'000'000;  // of the whole pipeline
  std::uint32_t max_rules_per_table = 1'000'000;
  std::uint32_t max_hidden_rules = 16384;  // of their own: a full pipeline takes nothing from them
  sync::SlotId n_slots = 1;                // lcores that count, the control lcore included
};

// Which lookups led to a decision, in 8 bytes, to be kept with it. The hidden table is always
// looked up, and needs no entry. Default: nothing but the hidden table.
class VisitedTables {
 public:
  static constexpr std::uint8_t kMax = 6;

  // A lookup in pipeline table `table_id`, matched or not, in order. `original_key`: with the very
  // key that prove() will be given; false once a field or the metadata was rewritten.
  void add(std::uint8_t table_id, bool original_key) {
    if (count_ == kMax) {
      flags_ |= kMore;
      return;
    }
    if (!original_key) flags_ = static_cast<std::uint8_t>(flags_ | (1U << count_));
    ids_[count_++] = table_id;
  }

  std::uint8_t count() const { return count_; }
  std::uint8_t table_id(std::uint8_t i) const { return ids_[i]; }
  bool original_key(std::uint8_t i) const { return (flags_ >> i & 1) == 0; }
  bool more_than_listed() const { return (flags_ & kMore) != 0; }

 private:
  static constexpr std::uint8_t kMore = 1U << kMax;
  std::uint8_t count_ = 0;
  std::uint8_t flags_ = 0;
  std::uint8_t ids_[kMax] = {};
};
static_assert(sizeof(VisitedTables) == 8);

struct TableStats {
  std::uint64_t lookups = 0;
  std::uint64_t matched = 0;
  std::uint32_t active_rules = 0;
};

class Tables {
 public:
  // Sizes out of range are brought into it. `qsbr` and `retired` must outlive the tables; `retired`
  // is reclaimed by the caller's loop. Destroy only when no reader is online.
  Tables(sync::Qsbr& qsbr, sync::RetireList& retired, const TablesConfig& config);
  ~Tables();
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;

  // -- the writer's side: control lcore only

  // Rules of tables 0..n_tables-1, priorities 0..65535.
  flow::RuleWriter& pipeline();
  // Any priority; table_id is ignored.
  flow::RuleWriter& hidden();
  // Something outside the rules changed that decisions depend on (ports, guards, groups): a new
  // version for which prove() is kChanged for everything older.
  void touch();

  const TablesConfig& config() const { return config_; }
  // Most rules of the pipeline, and of each of its tables. What is there already stays.
  void set_max_rules(std::uint32_t n);
  std::uint32_t rule_count() const;                       // of the pipeline
  std::uint32_t rule_count(std::uint8_t table_id) const;  // of one pipeline table
  std::uint32_t hidden_rule_count() const;
  // Lookups and matches over all lcores. `table_id` below n_tables.
  TableStats table_stats(std::uint8_t table_id) const;

  // -- the readers' side: any online QSBR reader; lock-free

  // Read it once per burst (or packet) and use it for all lookups of it; never across a quiescent
  // state. Starts at 1; 0 is older than anything.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  const PublishedRule* lookup_hidden(const flow::FlowKey& key, std::uint64_t version) const {
    return hidden_classifier_->lookup(key, version);
  }
  // Null if no rule matches, or there is no such table.
  const PublishedRule* lookup(std::uint8_t table_id, const flow::FlowKey& key,
                              std::uint64_t version) const {
    if (table_id >= classifiers_.size()) return nullptr;
    return classifiers_[table_id]->lookup(key, version);
  }

  // May a decision that was right at version `since` be used at version `now` (from version())?
  // kUnchanged only if provably so: no rule that matches `key` came or went in the hidden table or
  // a visited one, and there was no touch(). kChanged means "look it up again"; no kUnknown.
  // Typical cost: one load per visited table when nothing changed there; else a hash per changed
  // subtable. `hidden_key`: what the hidden table was looked up with. Leaves a hint.
  Proof prove(std::uint64_t since, std::uint64_t now, const flow::FlowKey& key,
              const flow::FlowKey& hidden_key, const VisitedTables& visited,
              ChangeHint* hint) const;
  // The same by the hint that it left; kUnknown where that does not tell.
  Proof prove(std::uint64_t since, std::uint64_t now, const VisitedTables& visited,
              ChangeHint hint) const;

  // What has changed before a version read earlier, so that prove() need not be asked: a decision
  // of which the answer's tells() is right still unless its marks say that it changed.
  Recent recent() const { return recent_.recent(); }

  // Counters of rules: counters().add(slot, rule->counter, packets, bytes).
  CounterBlocks& counters() { return counters_; }

  // By the owner of `slot`: packets that were looked up in a table, and those that matched there.
  void count_lookups(sync::SlotId slot, std::uint8_t table_id, std::uint64_t lookups,
                     std::uint64_t matched) {
    LookupCell& c = lookups_[slot * std::size_t{256} + table_id];
    c.lookups.store(c.lookups.load(std::memory_order_relaxed) + lookups, std::memory_order_relaxed);
    c.matched.store(c.matched.load(std::memory_order_relaxed) + matched, std::memory_order_relaxed);
  }

 private:
  class Writer;
  struct LookupCell {
    std::atomic<std::uint64_t> lookups{0};
    std::atomic<std::uint64_t> matched{0};
  };
  // `ask`: a Proof of (a classifier of a table that was looked up with the key at hand, hidden?).
  template <class Ask>
  Proof prove_each(std::uint64_t since, std::uint64_t now, const VisitedTables& visited,
                   Ask ask) const;
  std::uint64_t next_version();
  void move_version(std::uint64_t next) { version_.store(next, std::memory_order_release); }

  sync::Qsbr& qsbr_;
  sync::RetireList& retired_;
  TablesConfig config_;
  std::atomic<std::uint64_t> version_{1};
  std::atomic<std::uint64_t> touched_{0};
  std::atomic<std::uint64_t> last_pipeline_change_{0};
  RecentChange recent_;
  std::unique_ptr<Classifier> hidden_classifier_;
  std::vector<std::unique_ptr<Classifier>> classifiers_;
  CounterBlocks counters_;
  std::unique_ptr<LookupCell[]> lookups_;  // [slot][256]
  flow::RuleId next_rule_id_ = 1;
  std::unique_ptr<Writer> hidden_;
  std::unique_ptr<Writer> pipeline_;
  Writer* ahead_ = nullptr;  // publishes in pieces, and has not moved the version yet
};

}  // namespace lifeline::table
