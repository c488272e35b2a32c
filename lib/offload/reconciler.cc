#include "offload/reconciler.h"

#include <fmt/format.h>

#include <algorithm>

namespace lifeline::offload {
namespace {

constexpr std::uint32_t kLossesThatCount = 2;

}  // namespace

bool Reconciler::is_refused(const Form& form, TimePoint now) const {
  const auto it = refusals_.find(form);
  return it != refusals_.end() && it->second.retry_at > now;
}

Reconciler::Choices Reconciler::plan(const std::vector<std::vector<Step>>& ladders,
                                     TimePoint now) const {
  Choices choices(ladders.size());
  for (std::size_t i = 0; i < ladders.size(); ++i) {
    for (const Step& step : ladders[i]) {
      if (is_refused(step.form, now)) continue;
      choices[i] = {step.rung, step.form};
      break;
    }
  }
  // The coarse swallow the fine. Each is compared with what others chose at first: covering is
  // transitive, so the coarsest of all that cover a form is found in one pass.
  const Choices first = choices;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    for (const Choice& other : first) {
      if (!choices[i].form || !other.form || *other.form == *choices[i].form) continue;
      if (!other.form->covers(*choices[i].form)) continue;
      choices[i].form = other.form;
      choices[i].rung = std::max(choices[i].rung, other.rung);
    }
  }
  return choices;
}

void Reconciler::refused(const Form& form, std::string message, TimePoint now) {
  Refusal& r = refusals_[form];
  r.message = std::move(message);
  const std::uint32_t doublings = std::min(r.times, 20u);
  ++r.times;
  ++n_refusals_;
  r.retry_at =
      now + std::min(options_.retry_first * (std::int64_t{1} << doublings), options_.retry_most);
}

// The least valuable rule that is less valuable than `form`, of the same ether type or of another.
std::optional<Form> Reconciler::victim(const Form& form, const Choices& choices,
                                       bool same_type) const {
  // Choices are in the order of value. What nobody wants any more goes first.
  const auto value = [&](const Form& f) {
    const auto is_it = [&](const Choice& c) { return c.form && *c.form == f; };
    return std::find_if(choices.begin(), choices.end(), is_it) - choices.begin();
  };
  std::optional<Form> found;
  auto worst = value(form);
  for (const auto& [candidate, handle] : installed_) {
    if ((candidate.eth_type == form.eth_type) != same_type || value(candidate) <= worst) continue;
    worst = value(candidate);
    found = candidate;
  }
  return found;
}

// The NIC said no to a form that it can do: less valuable rules make room, and come back if it was
// not for want of room. NICs have tables by kind, so one of the same kind goes first.
Expected<NicPort::Handle> Reconciler::make_room_and_create(const Form& form, const Choices& choices,
                                                           const Error& error) {
  for (const bool same_type : {true, false}) {
    const std::optional<Form> evicted = victim(form, choices, same_type);
    if (!evicted) continue;
    (void)nic_.destroy(installed_[*evicted]);
    installed_.erase(*evicted);
    auto made = nic_.create(form);
    if (made) return made;
    if (auto back = nic_.create(*evicted)) installed_[*evicted] = *back;
  }
  return tl::make_unexpected(error);
}

bool Reconciler::create(const Form& form, const Choices& choices, TimePoint now) {
  if (auto ok = nic_.validate(form); !ok) {
    refused(form, ok.error().message, now);
    return false;
  }
  auto made = nic_.create(form);
  if (!made && accepted_shapes_.count(form.shape()) != 0)
    made = make_room_and_create(form, choices, made.error());
  if (!made) {
    ++n_liar_creates_;
    refused(form, fmt::format("validated, but not created: {}", made.error().message), now);
    return false;
  }
  installed_[form] = *made;
  accepted_shapes_[form.shape()] = true;
  refusals_.erase(form);
  if (before_reset_.erase(form) != 0) ++n_restored_;
  return true;
}

bool Reconciler::create_missing(const Choices& choices, TimePoint now) {
  bool all = true;
  for (const Choice& choice : choices) {
    if (!choice.form || installed_.count(*choice.form) != 0) continue;
    if (is_refused(*choice.form, now)) continue;  // by an intent before, a moment ago
    // Rules that are planned may have been evicted for this one, so each refusal ends the round.
    if (!create(*choice.form, choices, now)) all = false;
  }
  return all;
}

bool Reconciler::destroy_unwanted(const Choices& choices) {
  bool room = false;
  for (auto it = installed_.begin(); it != installed_.end();) {
    const auto wanted = [&](const Choice& c) { return c.form && *c.form == it->first; };
    if (std::any_of(choices.begin(), choices.end(), wanted)) {
      ++it;
      continue;
    }
    (void)nic_.destroy(it->second);
    losses_.erase(it->first);
    it = installed_.erase(it);
    room = true;
  }
  return room;
}

std::string Reconciler::why_not(const std::vector<Step>& ladder, const Choice& choice) const {
  if (choice.rung == Rung::kExact) return {};
  const auto it = ladder.empty() ? refusals_.end() : refusals_.find(ladder.front().form);
  if (it != refusals_.end())
    return it->second.times > 1
               ? fmt::format("{} (refused {} times)", it->second.message, it->second.times)
               : it->second.message;
  return choice.form ? "shares a coarser rule" : "no room";
}

Report Reconciler::report(const std::vector<flow::SteeringIntent>& intents,
                          const std::vector<std::vector<Step>>& ladders, const Choices& choices,
                          TimePoint now) const {
  Report r;
  for (std::size_t i = 0; i < intents.size(); ++i) {
    const auto users = std::count_if(choices.begin(), choices.end(), [&](const Choice& c) {
      return c.form && c.form == choices[i].form;
    });
    r.intents.push_back({.intent = intents[i],
                         .rung = choices[i].rung,
                         .form = choices[i].form,
                         .shared = users > 1,
                         .why_not_better = why_not(ladders[i], choices[i])});
  }
  r.nic_rules = installed_.size();
  r.refusals = n_refusals_;
  r.restored = n_restored_;
  r.lost = n_lost_;
  r.liar_creates = n_liar_creates_;
  // One whose time has come and that was not asked is not wanted at present: another covers it.
  for (const auto& [form, refusal] : refusals_)
    if (refusal.retry_at > now && (!r.retry_at || refusal.retry_at < *r.retry_at))
      r.retry_at = refusal.retry_at;
  return r;
}

Report Reconciler::reconcile(const std::vector<flow::SteeringIntent>& intents, TimePoint now) {
  std::vector<std::vector<Step>> ladders;
  std::size_t n_steps = 1;
  for (const auto& intent : intents) {
    ladders.push_back(ladder(intent));
    n_steps += ladders.back().size();
  }
  // What nobody would ask any more is forgotten, or the notes would grow with every MAC address.
  std::erase_if(refusals_, [&](const auto& note) {
    return std::none_of(ladders.begin(), ladders.end(), [&](const std::vector<Step>& steps) {
      return std::any_of(steps.begin(), steps.end(),
                         [&](const Step& s) { return s.form == note.first; });
    });
  });
  Choices choices = settle(ladders, n_steps, now);
  if (destroy_unwanted(choices)) {
    // There is room now: what was refused is worth asking again at once.
    for (auto& [form, refusal] : refusals_) refusal.retry_at = std::min(refusal.retry_at, now);
    choices = settle(ladders, n_steps, now);
    destroy_unwanted(choices);
  }
  return report(intents, ladders, choices, now);
}

Reconciler::Choices Reconciler::settle(const std::vector<std::vector<Step>>& ladders,
                                       std::size_t n_steps, TimePoint now) {
  Choices choices = plan(ladders, now);
  // Each round but the last notes a refusal, and there are no more forms than steps.
  for (std::size_t round = 0; round < n_steps && !create_missing(choices, now); ++round)
    choices = plan(ladders, now);
  // Evicted for something more valuable, and not refused itself: software brings it.
  for (Choice& choice : choices)
    if (choice.form && installed_.count(*choice.form) == 0) choice = {};
  return choices;
}

void Reconciler::nic_was_reset() {
  for (const auto& [form, handle] : installed_) before_reset_[form] = true;
  installed_.clear();
  refusals_.clear();
  losses_.clear();
}

void Reconciler::rule_is_lost(const Form& form, TimePoint now) {
  const auto it = installed_.find(form);
  if (it == installed_.end()) return;
  (void)nic_.destroy(it->second);
  installed_.erase(it);
  ++n_lost_;
  before_reset_[form] = true;
  if (++losses_[form] < kLossesThatCount) return;
  refused(form, "accepted, but its packets come by the data queues", now);
}

void Reconciler::remove_all() {
  for (const auto& [form, handle] : installed_) (void)nic_.destroy(handle);
  installed_.clear();
}

}  // namespace lifeline::offload
