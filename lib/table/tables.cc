#include "table/tables.h"

#include <algorithm>

#include "table/writer.h"

namespace lifeline::table {

namespace {

TablesConfig in_range(TablesConfig c) {
  c.n_tables = std::clamp<std::uint16_t>(c.n_tables, 1, 255);
  c.n_slots = std::clamp<sync::SlotId>(c.n_slots, 1, sync::kMaxSlots);
  return c;
}

bool key_within_mask(const flow::Match& match) {
  std::uint64_t outside = 0;
  for (std::size_t i = 0; i < flow::FlowKey::kWords; ++i)
    outside |= match.key.words()[i] & ~match.mask.words()[i];
  return outside == 0;
}

}  // namespace

Tables::Tables(sync::Qsbr& qsbr, sync::RetireList& retired, const TablesConfig& config)
    : qsbr_(qsbr),
      retired_(retired),
      config_(in_range(config)),
      hidden_classifier_(std::make_unique<Classifier>(retired, recent_)),
      counters_(retired, config_.n_slots),
      lookups_(std::make_unique<LookupCell[]>(config_.n_slots * std::size_t{256})),
      hidden_(std::make_unique<Writer>(*this, true)),
      pipeline_(std::make_unique<Writer>(*this, false)) {
  classifiers_.reserve(config_.n_tables);
  for (int i = 0; i < config_.n_tables; ++i)
    classifiers_.push_back(std::make_unique<Classifier>(retired, recent_));
}

Tables::~Tables() {
  retired_.drain();  // what waits there refers to the writers
}

flow::RuleWriter& Tables::pipeline() { return *pipeline_; }
flow::RuleWriter& Tables::hidden() { return *hidden_; }
std::uint32_t Tables::rule_count() const { return pipeline_->rule_count(); }
std::uint32_t Tables::hidden_rule_count() const { return hidden_->rule_count(); }
std::uint32_t Tables::rule_count(std::uint8_t table_id) const {
  return pipeline_->rule_count(table_id);
}

void Tables::set_max_rules(std::uint32_t n) {
  config_.max_rules = n;
  config_.max_rules_per_table = n;
}

// For whoever publishes now. Should it reach the version that one has taken ahead, that one is
// finished first: all or nothing is worth more than a slice.
std::uint64_t Tables::next_version() {
  const auto next = [this] { return version_.load(std::memory_order_relaxed) + 1; };
  if (ahead_ != nullptr && next() >= ahead_->next_version()) ahead_->publish();
  return next();
}

void Tables::touch() {
  const std::uint64_t next = next_version();
  touched_.store(next, std::memory_order_relaxed);
  recent_.touched(next);
  move_version(next);
}

template <class Ask>
Proof Tables::prove_each(std::uint64_t since, std::uint64_t now, const VisitedTables& visited,
                         Ask ask) const {
  if (since >= now) return Proof::kUnchanged;
  if (touched_.load(std::memory_order_relaxed) > since) return Proof::kChanged;
  if (const Proof p = ask(*hidden_classifier_, true); p != Proof::kUnchanged) return p;
  if (last_pipeline_change_.load(std::memory_order_relaxed) <= since) return Proof::kUnchanged;
  if (visited.more_than_listed()) return Proof::kChanged;
  for (std::uint8_t i = 0; i < visited.count(); ++i) {
    if (visited.table_id(i) >= classifiers_.size()) continue;
    const Classifier& c = *classifiers_[visited.table_id(i)];
    // The key of a later lookup, rewritten, is not known here: any change in that table counts.
    if (!visited.original_key(i) && !c.untouched(since)) return Proof::kChanged;
    if (!visited.original_key(i)) continue;
    if (const Proof p = ask(c, false); p != Proof::kUnchanged) return p;
  }
  return Proof::kUnchanged;
}

Proof Tables::prove(std::uint64_t since, std::uint64_t now, const flow::FlowKey& key,
                    const flow::FlowKey& hidden_key, const VisitedTables& visited,
                    ChangeHint* hint) const {
  return prove_each(since, now, visited, [&](const Classifier& c, bool is_hidden) {
    return c.prove(since, is_hidden ? hidden_key : key, hint);
  });
}

Proof Tables::prove(std::uint64_t since, std::uint64_t now, const VisitedTables& visited,
                    ChangeHint hint) const {
  return prove_each(since, now, visited,
                    [&](const Classifier& c, bool) { return c.prove(since, hint); });
}

TableStats Tables::table_stats(std::uint8_t table_id) const {
  TableStats stats;
  for (std::size_t slot = 0; slot < config_.n_slots; ++slot) {
    const LookupCell& c = lookups_[slot * 256 + table_id];
    stats.lookups += c.lookups.load(std::memory_order_relaxed);
    stats.matched += c.matched.load(std::memory_order_relaxed);
  }
  stats.active_rules = pipeline_->rule_count(table_id);
  return stats;
}

Tables::Writer::~Writer() {
  // Replaced rules, staged, are in no other place.
  for (PublishedRule* rule : removed_)
    if (rules_.find(rule->id) != rule) delete rule;
  rules_.for_each([](PublishedRule* rule) { delete rule; });
}

Expected<void> Tables::Writer::check(const flow::Rule& rule) const {
  if (!key_within_mask(rule.match))
    return make_error("the match has values in bits that its mask does not cover: clear them");
  if (hidden_) {
    if (total_ >= t_.config_.max_hidden_rules)
      return make_error("no room: all {} hidden rules are in use", t_.config_.max_hidden_rules);
    return {};
  }
  if (rule.table_id >= t_.config_.n_tables)
    return make_error("there is no table {}: tables are 0 to {}", rule.table_id,
                      t_.config_.n_tables - 1);
  if (rule.priority > flow::kPriorityStandalone)
    return make_error("priority {} is above {}", rule.priority, flow::kPriorityStandalone);
  if (total_ >= t_.config_.max_rules)
    return make_error("no room: all {} rules are in use", t_.config_.max_rules);
  if (counts_[rule.table_id] >= t_.config_.max_rules_per_table)
    return make_error("no room: all {} rules of table {} are in use",
                      t_.config_.max_rules_per_table, rule.table_id);
  return {};
}

Expected<flow::RuleId> Tables::Writer::add(const flow::Rule& rule) {
  if (auto ok = check(rule); !ok) return tl::make_unexpected(ok.error());
  auto published = std::make_unique<PublishedRule>();
  published->rule = rule;
  if (hidden_) published->rule.table_id = 0;
  if (!classifier_of(*published).insert(published.get()))
    return make_error("a rule of equal match and priority {} stands in table {}: replace it",
                      rule.priority, rule.table_id);
  const auto counter = t_.counters_.allocate();
  if (!counter) {
    classifier_of(*published).unlink(published.get());
    published->leaving = true;
    t_.retired_.retire(std::move(published));  // readers may stand on it
    return make_error("no room: all counters are in use");
  }
  published->counter = *counter;
  published->id = t_.next_rule_id_++;
  PublishedRule* p = published.release();
  rules_.set(p->id, p);
  added_.push_back(p);
  ++total_;
  ++counts_[p->rule.table_id];
  return p->id;
}

void Tables::Writer::stage_removal(PublishedRule* rule) {
  rule->leaving = true;
  removed_.push_back(rule);
}

Expected<void> Tables::Writer::replace(flow::RuleId id, const flow::Instructions& instructions,
                                       std::uint64_t cookie) {
  PublishedRule* old = rules_.find(id);
  if (old == nullptr || old->leaving) return make_error("there is no rule {}", id);
  stage_removal(old);
  auto next = std::make_unique<PublishedRule>();
  next->rule = old->rule;
  next->rule.instructions = instructions;
  next->rule.cookie = cookie;
  next->id = id;
  next->counter = old->counter;
  classifier_of(*next).insert(next.get());  // cannot be refused: its only equal is leaving
  rules_.set(id, next.get());
  added_.push_back(next.release());
  return {};
}

void Tables::Writer::remove(flow::RuleId id) {
  PublishedRule* rule = rules_.find(id);
  if (rule == nullptr || rule->leaving) return;
  stage_removal(rule);
  --total_;
  --counts_[rule->rule.table_id];
}

bool Tables::Writer::publish_some(std::size_t n) {
  if (next_version_ == 0) {
    if (added_.empty() && removed_.empty()) return true;
    next_version_ = t_.next_version();
    // One at a time: of two versions ahead, the first to come would show half of the other.
    if (added_.size() + removed_.size() > n && t_.ahead_ == nullptr) {
      next_version_ += kAhead;
      t_.ahead_ = this;
    } else {
      n = kAll;
    }
  }
  if (!is_visible_) {
    if (!stamp(n)) return false;
    make_visible();
  }
  if (!settle_removals(n)) return false;
  next_version_ = 0;
  is_visible_ = false;
  return true;
}

// Readers of today's version see nothing of it. True when all are stamped.
bool Tables::Writer::stamp(std::size_t& n) {
  for (; n > 0 && !added_.empty(); --n) {
    PublishedRule* rule = added_.front();
    added_.pop_front();
    rule->add_version.store(next_version_, std::memory_order_relaxed);
    classifier_of(*rule).mark_changed(*rule, next_version_);
    has_added_.set(rule->rule.table_id);
  }
  for (; n > 0 && n_stamped_ < removed_.size(); --n) {
    PublishedRule* rule = removed_[n_stamped_++];
    rule->remove_version.store(next_version_, std::memory_order_relaxed);
    classifier_of(*rule).mark_changed(*rule, next_version_);
  }
  return added_.empty() && n_stamped_ == removed_.size();
}

void Tables::Writer::make_visible() {
  if (hidden_) {
    t_.hidden_classifier_->flush();
  } else {
    for (std::size_t i = 0; i < t_.classifiers_.size(); ++i)
      if (has_added_.test(i)) t_.classifiers_[i]->flush();
    t_.last_pipeline_change_.store(next_version_, std::memory_order_relaxed);
  }
  t_.move_version(next_version_);
  if (t_.ahead_ == this) t_.ahead_ = nullptr;
  is_visible_ = true;
  n_stamped_ = 0;
  has_added_.reset();
}

// Removals first: what they restore is what an identity goes back to; additions that stand for an
// identity then are those that had none before.
bool Tables::Writer::roll_back(std::size_t n) {
  for (; n > 0 && !removed_.empty(); --n) {
    PublishedRule* rule = removed_.back();
    removed_.pop_back();
    if (rule->add_version.load(std::memory_order_relaxed) != PublishedRule::kNever) restore(rule);
  }
  for (; n > 0 && !added_.empty(); --n) {
    PublishedRule* rule = added_.back();
    added_.pop_back();
    withdraw(rule);
  }
  return removed_.empty() && added_.empty();
}

// A published rule that was to be removed or replaced.
void Tables::Writer::restore(PublishedRule* rule) {
  if (rules_.find(rule->id)->leaving) {  // removed in the end: no longer counted
    ++total_;
    ++counts_[rule->rule.table_id];
  }
  rule->leaving = false;
  rules_.set(rule->id, rule);
}

// A rule that was never published. Readers may stand on it, although none sees it.
void Tables::Writer::withdraw(PublishedRule* rule) {
  if (rules_.find(rule->id) == rule) {
    t_.counters_.release(rule->counter);
    if (!rule->leaving) {
      --total_;
      --counts_[rule->rule.table_id];
    }
    rules_.erase(rule->id);
  }
  classifier_of(*rule).unlink(rule);
  t_.retired_.retire(std::unique_ptr<PublishedRule>{rule});
}

// Readers may still use the version before: the removed rules stay linked for a grace period, and
// in memory for another one. True when none is left.
bool Tables::Writer::settle_removals(std::size_t& n) {
  if (removed_.empty()) return true;
  for (; n > 0 && !removed_.empty(); --n) {
    PublishedRule* rule = removed_.front();
    removed_.pop_front();
    t_.retired_.retire(&Writer::unlink_one, this, rule);
    if (rules_.find(rule->id) != rule) continue;  // replaced: id and counter live on
    t_.counters_.release(rule->counter);
    rules_.erase(rule->id);
  }
  if (!removed_.empty()) return false;
  t_.retired_.retire(&Writer::flush_unlinked, this, nullptr);
  return true;
}

void Tables::Writer::unlink_one(void* self, void* p) {
  auto& w = *static_cast<Writer*>(self);
  auto* rule = static_cast<PublishedRule*>(p);
  w.classifier_of(*rule).unlink(rule);
  w.unlinked_.set(rule->rule.table_id);
  w.t_.retired_.retire(std::unique_ptr<PublishedRule>{rule});
}

// After the last of a publish, so that a mass delete sorts the list of subtables once.
void Tables::Writer::flush_unlinked(void* self, void*) {
  auto& w = *static_cast<Writer*>(self);
  if (w.hidden_) {
    w.t_.hidden_classifier_->flush();
  } else {
    for (std::size_t i = 0; i < w.t_.classifiers_.size(); ++i)
      if (w.unlinked_.test(i)) w.t_.classifiers_[i]->flush();
  }
  w.unlinked_.reset();
}

flow::RuleCounters Tables::Writer::counters(flow::RuleId id) const {
  const PublishedRule* rule = rules_.find(id);
  return rule == nullptr ? flow::RuleCounters{} : t_.counters_.read(rule->counter);
}

void Tables::Writer::reset_counters(flow::RuleId id) {
  if (const PublishedRule* rule = rules_.find(id)) t_.counters_.reset(rule->counter);
}

}  // namespace lifeline::table
