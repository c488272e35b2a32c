#include "inband/agent.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace lifeline::inband {
namespace {

constexpr std::string_view kLibrary = "inband";

constexpr Duration kWriterRetry = std::chrono::seconds{1};

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

InbandAgent::InbandAgent(KernelView& kernel, flow::RuleWriter& hidden, flow::GuardWriter& guards,
                         const Clock& clock, Options options)
    : kernel_(kernel),
      hidden_(hidden),
      guard_writer_(guards),
      clock_(clock),
      options_(options),
      last_round_(clock.now() - options.coalesce),
      book_(hidden, [this](const HiddenRule& rule, bool added) {
        note(clock_.now(),
             fmt::format("rule {} {}{}{}", rule.to_string(), added ? "added" : "removed",
                         added ? ": " : "", added ? rule.why_text() : ""),
             log::Level::kDebug);
      }) {
  guards_due_ = true;  // also those of a switch without remotes
}

InbandAgent::InbandAgent(KernelView& kernel, flow::RuleWriter& hidden, flow::GuardWriter& guards,
                         const Clock& clock)
    : InbandAgent(kernel, hidden, guards, clock, Options{}) {}

// ---- events and time

TimePoint InbandAgent::next_round() const {
  return std::max(clock_.now(), last_round_ + options_.coalesce);
}

// Of a loopback remote and a mere MAC address there is nothing to ask.
bool InbandAgent::is_asked_about(const RemoteState& remote) {
  return remote.reach != Reach::kLoopback && remote.reach != Reach::kGiven;
}

void InbandAgent::refresh_at(RemoteState& remote, TimePoint at, std::string_view why) {
  remote.refresh_at = at;
  remote.refresh_why = why;
  first_refresh_ = std::min(first_refresh_, at);
}

void InbandAgent::refresh_soon(RemoteState& remote, std::string_view why) {
  if (!is_asked_about(remote)) return;
  if (const TimePoint at = next_round(); at < remote.refresh_at) refresh_at(remote, at, why);
  round_pending_ = true;
}

void InbandAgent::refresh_all_soon(std::string_view why) {
  for (const auto& r : remotes_) refresh_soon(*r, why);
}

void InbandAgent::refresh_local_soon() {
  local_refresh_at_ = std::min(local_refresh_at_, next_round());
  round_pending_ = true;
}

void InbandAgent::on_neighbour(const netlink::NeighbourEvent& event) {
  const netlink::Neighbour& n = event.neighbour;
  for (const auto& r : remotes_) {
    for (const Hop& hop : r->hops) {
      if (hop.fact.ifindex != n.ifindex || hop.fact.ip != n.ip) continue;
      const bool news = event.deleted || hop.nud != n.state || hop.fact.mac != n.usable_mac();
      if (news) refresh_soon(*r, "neighbour changed");
    }
  }
}

void InbandAgent::on_kernel_event(const netlink::Event& event) {
  ++counters_.events;
  std::visit(
      Overloaded{
          // Routes that vanish with their device are not always announced, so every change of any
          // link has the remotes looked at again.
          [&](const netlink::LinkEvent&) {
            refresh_local_soon();
            refresh_all_soon("link changed");
          },
          [&](const netlink::AddressEvent&) { refresh_all_soon("address changed"); },
          [&](const netlink::RouteEvent&) { refresh_all_soon("route changed"); },
          [&](const netlink::RuleEvent&) { refresh_all_soon("routing rule changed"); },
          [&](const netlink::NeighbourEvent& e) { on_neighbour(e); },
          [&](const netlink::OverrunEvent&) {
            ++counters_.overruns;
            note(clock_.now(), "kernel notifications lost, everything asked again");
            refresh_local_soon();
            refresh_all_soon("notifications lost");
          },
      },
      event);
}

void InbandAgent::start() {
  if (started_) return;
  started_ = true;
  const TimePoint now = clock_.now();
  refresh_local(now);
  if (enabled_) refresh_due_remotes(now);
  apply(now, remotes_.size());
}

void InbandAgent::run(TimePoint now) {
  if (!started_) return;
  if (std::exchange(round_pending_, false)) last_round_ = now;
  if (now >= local_refresh_at_) refresh_local(now);
  if (enabled_) refresh_due_remotes(now);
  // Whatever else changed goes first.
  if (others_ && !rules_due_ && take_over(*others_, options_.changes_per_run)) others_.reset();
  apply(now, options_.rules_per_run);
  if (auto line = digest_.take(now)) note(now, std::move(line->what), line->level);
}

TimePoint InbandAgent::next_deadline() const {
  if (!started_) return TimePoint::max();
  // In the past, not now(): the caller compares with a time it took a moment ago.
  if (rules_due_ || guards_due_ || others_) return TimePoint{};
  TimePoint at = std::min(local_refresh_at_, digest_.due());
  if (writer_retry_at_) at = std::min(at, *writer_retry_at_);
  return enabled_ ? std::min(at, first_refresh_) : at;
}

// ---- rules

RemoteFacts InbandAgent::facts_of(const RemoteState& remote) {
  RemoteFacts fact{remote.remote, remote.reach, {}};
  for (const Hop& h : remote.hops) fact.next_hops.push_back(h.fact);
  return fact;
}

Scope InbandAgent::scope() const {
  return {local_ ? local_->mac : std::nullopt, vlan_, relay_arp_, strict_};
}

Facts InbandAgent::facts() const {
  Facts f;
  f.enabled = enabled_;
  f.local_mac = scope().local_mac;
  f.vlan = vlan_;
  f.relay_arp = relay_arp_;
  f.strict = strict_;
  f.trusted_ports = trusted_ports_;
  f.relay_dhcp = relay_dhcp_;
  f.awaits_names = awaits_names_;
  for (const RemoteState* r : in_order()) f.remotes.push_back(facts_of(*r));
  return f;
}

void InbandAgent::facts_changed(RemoteState& remote) {
  guards_due_ |= guard_book_.set(remote.owner, facts_of(remote), strict_);
  remote.rules_due = true;
  rules_due_ = true;
}

void InbandAgent::scope_changed() {
  for (const auto& r : remotes_) r->rules_due = true;
  local_rules_due_ = true;
  rules_due_ = true;
  guards_due_ = true;
}

void InbandAgent::apply(TimePoint now, std::size_t remotes) {
  if (std::exchange(guards_due_, false)) {
    flow::Guards g = guard_book_.guards(enabled_, scope());
    g.trusted_ports = trusted_ports_;
    g.relay_dhcp = relay_dhcp_;
    guard_writer_.set_guards(g);
  }
  const bool retry = writer_retry_at_ && now >= *writer_retry_at_;
  if (!rules_due_ && !retry) return;
  look_for_use();
  work_out_rules(remotes);
  commit_rules(now, retry);
}

// Without anybody to reach, or with in-band off, no rule stands, whatever the others are.
void InbandAgent::look_for_use() {
  const bool use = enabled_ && guard_book_.serves_anybody();
  const bool ipv6 = use && guard_book_.serves_ipv6();
  if (use != in_use_) {
    for (const auto& r : remotes_) r->rules_due = true;
  }
  local_rules_due_ |= use != in_use_ || ipv6 != ipv6_use_;
  in_use_ = use;
  ipv6_use_ = ipv6;
}

void InbandAgent::work_out_rules(std::size_t remotes) {
  if (std::exchange(local_rules_due_, false))
    book_.set(kLocalOwner,
              in_use_ ? rules_of_local(scope(), ipv6_use_) : std::vector<HiddenRule>{});
  const Scope all = scope();
  rules_due_ = false;
  for (const bool ours : {true, false}) {
    for (const auto& r : remotes_) {
      if (!r->rules_due || serves_us(r->remote.role) != ours) continue;
      if (remotes-- == 0) {
        rules_due_ = true;  // the others follow in the next run
        return;
      }
      r->rules_due = false;
      if (in_use_)
        book_.set(r->owner, rules_of_remote(facts_of(*r), all));
      else
        book_.drop(r->owner);
    }
  }
}

void InbandAgent::commit_rules(TimePoint now, bool retry) {
  const RuleBook::Result done = book_.commit(now, retry);
  if (done.published) ++counters_.publishes;
  counters_.writer_errors += done.refused;
  if (done.refused != 0 && !writer_retry_at_)
    log::warn(kLibrary, "{} hidden rules find no room ({}); tried again every second",
              book_.missing(), done.error);
  if (book_.missing() == 0)
    writer_retry_at_.reset();
  else if (retry || !writer_retry_at_)
    writer_retry_at_ = now + kWriterRetry;
}

void InbandAgent::note(const Remote& remote, RemoteNews news, const std::string& what,
                       log::Level level) {
  const std::size_t coming = others_ ? others_->wanted.size() : 0;
  const TimePoint now = clock_.now();
  if (serves_us(remote.role) || std::max(remotes_.size(), coming) <= options_.remotes_told)
    return note(now, what, level);
  log::debug(kLibrary, "{}", what);
  digest_.add(news, what, level, now);
}

void InbandAgent::note(TimePoint now, std::string what, log::Level level) {
  if (log::enabled(level)) log::write(level, kLibrary, what);
  log_.push_back({now, std::move(what)});
  while (log_.size() > options_.log_entries) log_.pop_front();
}

}  // namespace lifeline::inband
