#include "inband/rule_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace lifeline::inband {
namespace {

constexpr std::size_t kReasonsShown = 8;

}  // namespace

void RuleBook::touch(Rule& rule) {
  if (rule.touched) return;
  rule.touched = true;
  touched_.push_back(&rule);
}

void RuleBook::set(Owner owner, const std::vector<HiddenRule>& rules) {
  const auto had = wants_.find(owner);
  if (rules.empty() && had == wants_.end()) return;
  std::vector<Rule*> now;
  now.reserve(rules.size());
  for (const HiddenRule& wanted : rules) {
    Rule& rule = rules_[{wanted.kind, wanted.match}];
    if (rule.reasons.empty()) rule.rule = {wanted.kind, wanted.match, wanted.priority, {}};
    rule.reasons[owner] = wanted.why;
    if (rule.id == 0) touch(rule);
    now.push_back(&rule);
  }
  if (had != wants_.end()) {
    for (Rule* old : had->second) {
      if (std::find(now.begin(), now.end(), old) != now.end()) continue;
      old->reasons.erase(owner);
      if (old->reasons.empty()) touch(*old);
    }
  }
  if (now.empty())
    wants_.erase(had);
  else
    wants_[owner] = std::move(now);
}

bool RuleBook::place(Rule& rule, TimePoint now, Result& result) {
  const auto id =
      writer_.add(flow::Rule{0, rule.rule.priority, rule.rule.match, hidden_instructions(), 0});
  if (!id) {
    result.error = id.error().message;
    return false;
  }
  rule.id = *id;
  rule.since = now;
  by_id_.emplace(*id, &rule);
  note_(with_reasons(rule), true);
  return true;
}

RuleBook::Result RuleBook::commit(TimePoint now, bool retry) {
  if (retry && missing_ != 0) {
    for (auto& [name, rule] : rules_)
      if (rule.id == 0) touch(rule);
  }
  Result result;
  std::vector<Rule*> refused;
  bool removed = false;
  const std::vector<Rule*> touched = std::exchange(touched_, {});
  for (Rule* rule : touched) {
    rule->touched = false;
    if (rule->reasons.empty() || rule->id != 0) continue;
    if (place(*rule, now, result))
      result.published = true;
    else
      refused.push_back(rule);
  }
  for (Rule* rule : touched) {
    if (!rule->reasons.empty()) continue;
    if (rule->id != 0) {
      writer_.remove(rule->id);
      by_id_.erase(rule->id);
      note_(rule->rule, false);
      removed = true;
    }
    rules_.erase(Name{rule->rule.kind, rule->rule.match});
  }
  // A full table may have room now that the removals are staged.
  if (removed) std::erase_if(refused, [&](Rule* rule) { return place(*rule, now, result); });
  result.published |= removed;
  result.refused = refused.size();
  if (result.published) writer_.publish();
  missing_ = rules_.size() - by_id_.size();
  return result;
}

std::vector<flow::RuleId> RuleBook::ids() const {
  std::vector<std::pair<Kind, flow::RuleId>> all;
  all.reserve(by_id_.size());
  for (const auto& [id, rule] : by_id_) all.emplace_back(rule->rule.kind, id);
  std::sort(all.begin(), all.end());
  std::vector<flow::RuleId> ids;
  ids.reserve(all.size());
  for (const auto& [kind, id] : all) ids.push_back(id);
  return ids;
}

HiddenRule RuleBook::with_reasons(const Rule& rule) const {
  HiddenRule out = rule.rule;
  std::size_t more = 0;
  for (const auto& [owner, texts] : rule.reasons) {
    for (const std::string& text : texts) {
      if (out.why.size() == kReasonsShown) {
        ++more;
      } else if (std::find(out.why.begin(), out.why.end(), text) == out.why.end()) {
        out.why.push_back(text);
      }
    }
  }
  if (more != 0) out.why.push_back(fmt::format("and {} more", more));
  return out;
}

std::optional<RuleBook::Standing> RuleBook::find(flow::RuleId id) const {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return std::nullopt;
  return Standing{with_reasons(*it->second), id, it->second->since};
}

}  // namespace lifeline::inband
