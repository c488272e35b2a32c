#include "table/classifier.h"

#include <algorithm>
#include <random>

#include "table/subtable.h"

namespace lifeline::table {

std::size_t Classifier::MaskHash::operator()(const flow::FlowMask& mask) const {
  std::uint64_t h = 0;
  for (std::size_t i = 0; i < flow::FlowMask::kWords; ++i) {
    h = (h ^ mask.words()[i]) * 0x9e3779b97f4a7c15ULL;
    h ^= h >> 32;
  }
  return h;
}

Classifier::Classifier(sync::RetireList& retired, RecentChange& recent)
    : retired_(retired), recent_(recent), seed_(std::random_device{}() * 0x9e3779b97f4a7c15ULL) {}

Classifier::~Classifier() = default;

const PublishedRule* Classifier::lookup(const flow::FlowKey& key, std::uint64_t version) const {
  const Entries* entries = published_.read();
  if (entries == nullptr) return nullptr;
  const PublishedRule* best = nullptr;
  for (const Entry& e : *entries) {
    if (best != nullptr && best->rule.priority >= e.max_priority) break;
    const PublishedRule* rule = e.subtable->lookup(key, version);
    if (rule != nullptr && (best == nullptr || rule->rule.priority > best->rule.priority))
      best = rule;
  }
  return best;
}

Proof Classifier::prove(std::uint64_t since, const flow::FlowKey& key, ChangeHint* hint) const {
  if (untouched(since)) return Proof::kUnchanged;
  // The list first: who sees one without a subtable sees the floor that its end has set.
  const Entries* entries = published_.read();
  if (entries == nullptr || floor_.load(std::memory_order_relaxed) > since) return Proof::kChanged;
  for (const Entry& e : *entries) {
    if (!e.subtable->touched(since)) continue;
    *hint = e.subtable->hint(key);
    if (e.subtable->changed(since, *hint)) return Proof::kChanged;
  }
  return Proof::kUnchanged;
}

Proof Classifier::prove(std::uint64_t since, ChangeHint hint) const {
  if (untouched(since)) return Proof::kUnchanged;
  const Entries* entries = published_.read();
  if (entries == nullptr || floor_.load(std::memory_order_relaxed) > since) return Proof::kChanged;
  for (const Entry& e : *entries) {
    if (!e.subtable->touched(since)) continue;
    if (e.subtable->number() != hint.subtable || hint.subtable == ChangeHint::kNoSubtable)
      return Proof::kUnknown;
    if (e.subtable->changed(since, hint)) return Proof::kChanged;
  }
  return Proof::kUnchanged;
}

Subtable* Classifier::subtable_for(const flow::FlowMask& mask) {
  std::unique_ptr<Subtable>& s = subtables_[mask];
  if (s == nullptr) {
    s = std::make_unique<Subtable>(mask, seed_, recent_.take_number(), retired_);
    dirty_ = true;
  }
  return s.get();
}

bool Classifier::insert(PublishedRule* rule) {
  Subtable* s = subtable_for(rule->rule.match.mask);
  const bool raises = s->rule_count() == 0 || rule->rule.priority > s->max_priority();
  if (!s->insert(rule)) return false;
  dirty_ = dirty_ || raises;
  ++rule_count_;
  return true;
}

void Classifier::mark_changed(const PublishedRule& rule, std::uint64_t version) {
  rule.subtable->mark_changed(rule, version);
  recent_.changed(rule.subtable);
  last_change_.store(version, std::memory_order_relaxed);
}

void Classifier::unlink(PublishedRule* rule) {
  Subtable* s = rule->subtable;
  const std::uint32_t before = s->max_priority();
  s->unlink(rule);
  --rule_count_;
  dirty_ = dirty_ || s->rule_count() == 0 || s->max_priority() != before;
}

void Classifier::flush() {
  if (!dirty_) return;
  dirty_ = false;
  auto entries = std::make_unique<Entries>();
  std::vector<std::unique_ptr<Subtable>> gone;
  for (auto it = subtables_.begin(); it != subtables_.end();) {
    if (it->second->rule_count() > 0) {
      entries->push_back({it->second.get(), it->second->max_priority()});
      ++it;
      continue;
    }
    const std::uint64_t end = it->second->last_change();
    if (end > floor_.load(std::memory_order_relaxed)) floor_.store(end, std::memory_order_relaxed);
    recent_.forget(it->second.get());
    gone.push_back(std::move(it->second));
    it = subtables_.erase(it);
  }
  std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) {
    if (a.max_priority != b.max_priority) return a.max_priority > b.max_priority;
    return a.subtable->number() < b.subtable->number();
  });
  published_.publish(std::move(entries), retired_);
  for (auto& s : gone) retired_.retire(std::move(s));
}

}  // namespace lifeline::table
