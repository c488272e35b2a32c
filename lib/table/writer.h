// The RuleWriter of one side of the tables: the hidden table or the pipeline. Internal to Tables.
#pragma once

#include <bitset>
#include <deque>
#include <limits>
#include <vector>

#include "table/rule_map.h"
#include "table/tables.h"

namespace lifeline::table {

class Tables::Writer final : public flow::RuleWriter {
 public:
  Writer(Tables& tables, bool hidden) : t_(tables), hidden_(hidden), counts_(256) {}
  ~Writer() override;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Expected<flow::RuleId> add(const flow::Rule& rule) override;
  Expected<void> replace(flow::RuleId id, const flow::Instructions& instructions,
                         std::uint64_t cookie) override;
  void remove(flow::RuleId id) override;
  void publish() override {
    while (!publish_some(kAll)) {
    }
  }
  bool publish_some(std::size_t n) override;
  bool roll_back(std::size_t n) override;
  flow::RuleCounters counters(flow::RuleId id) const override;
  void reset_counters(flow::RuleId id) override;
  Fence fence() override { return t_.qsbr_.start(); }
  bool passed(Fence fence) override { return t_.qsbr_.passed(fence); }

  std::uint64_t next_version() const { return next_version_; }
  std::uint32_t rule_count() const { return total_; }
  std::uint32_t rule_count(std::uint8_t table_id) const { return counts_[table_id]; }

 private:
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  // How far ahead the version of a publication in pieces lies: others publish meanwhile, a few
  // times a second.
  static constexpr std::uint64_t kAhead = 1024;

  Classifier& classifier_of(const PublishedRule& rule) const {
    return hidden_ ? *t_.hidden_classifier_ : *t_.classifiers_[rule.rule.table_id];
  }
  Expected<void> check(const flow::Rule& rule) const;
  void stage_removal(PublishedRule* rule);
  void restore(PublishedRule* rule);
  void withdraw(PublishedRule* rule);
  bool stamp(std::size_t& n);
  void make_visible();
  bool settle_removals(std::size_t& n);
  static void unlink_one(void* self, void* rule);
  static void flush_unlinked(void* self, void*);

  Tables& t_;
  const bool hidden_;
  // Standing rules and those staged for removal; of a replaced rule only the new one.
  RuleMap rules_;
  // Staged. Not vectors: one that grows past 64 k changes moves them all at once.
  std::deque<PublishedRule*> added_;
  std::deque<PublishedRule*> removed_;
  std::vector<std::uint32_t> counts_;  // by table, without those staged for removal
  std::uint32_t total_ = 0;
  // What is being published in pieces.
  std::uint64_t next_version_ = 0;  // 0: nothing is
  bool is_visible_ = false;         // what is left is to let go of the removed ones
  std::size_t n_stamped_ = 0;       // of removed_
  std::bitset<256> has_added_;      // tables
  std::bitset<256> unlinked_;       // tables whose list of subtables may have become too long
};

}  // namespace lifeline::table
