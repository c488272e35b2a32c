#include "control/offload_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "inband/steering.h"
#include "offload/port_intents.h"

namespace lifeline::control {
namespace {

// How often the data queues are looked at for what should not be there. A rule that was made a
// moment ago is given the time of one look, and some packets are no proof: a burst may have been
// under way.
constexpr Duration kLookInterval = std::chrono::seconds{1};
constexpr std::uint64_t kPacketsThatProve = 8;
// Of the most value: few NICs have room for more, and the reconciler compares each with each.
constexpr std::size_t kMostIntents = 512;

std::uint32_t kind_of(char letter) { return static_cast<std::uint32_t>(letter - 'a'); }

}  // namespace

OffloadKeeper::OffloadKeeper(port::PortSet& ports, port::DeviceThread& thread,
                             const datapath::Datapath& datapath, const Clock& clock)
    : ports_(ports), thread_(thread), datapath_(datapath), clock_(clock) {}

void OffloadKeeper::run(const inband::InbandAgent& agent, TimePoint now) {
  if (const std::uint64_t generation = ports_.view()->generation; generation != generation_) {
    generation_ = generation;
    look_at_ports();
  }
  if (!datapath_.has_control_queues()) return;
  const bool look = now >= next_look_;
  if (look) next_look_ = now + kLookInterval;
  // A rule that came or went says so; of what only guards hang on the next look hears.
  if (look || agent.counters().publishes != publishes_) look_at_facts(agent);
  for (const auto& port : known_ports_) {
    if (!port.queue) continue;
    State& state = states_[port.port_no];
    if (look) look_for_losses(port, state, now);
    const bool again = state.report.retry_at && now >= *state.report.retry_at;
    if (!state.asked && (state.outdated || again)) ask(port, state, now);
  }
}

// Thousands of remotes are too many for a slice: the device thread makes the intents.
void OffloadKeeper::look_at_facts(const inband::InbandAgent& agent) {
  if (working_out_) return;
  publishes_ = agent.counters().publishes;
  inband::Facts facts = agent.facts();
  if (facts == facts_) return;
  facts_ = std::move(facts);
  working_out_ = true;
  thread_.post([wanted = facts_] { return inband::steering_intents(wanted); },
               [this, vlan = facts_.vlan](std::vector<flow::SteeringIntent> intents) {
                 working_out_ = false;
                 management_vlan_ = vlan;
                 cut_ = intents.size() > kMostIntents;
                 if (cut_) intents.resize(kMostIntents);
                 if (intents == intents_) return;
                 intents_ = std::move(intents);
                 for (auto& [number, state] : states_) state.outdated = true;
               });
}

// Ports come and go; one that has another life has a NIC without rules.
void OffloadKeeper::look_at_ports() {
  known_ports_ = ports_.steering_ports();
  std::erase_if(states_, [&](const auto& entry) {
    return std::none_of(known_ports_.begin(), known_ports_.end(), [&](const auto& port) {
      return port.port_no == entry.first && port.life == entry.second.life;
    });
  });
  for (const auto& port : known_ports_) {
    State& state = states_[port.port_no];
    state.life = port.life;
    const port::PortEntry* entry = ports_.view()->find(port.port_no);
    if (entry == nullptr || entry->vlan == state.vlan) continue;
    state.vlan = entry->vlan;
    state.outdated = true;
  }
}

void OffloadKeeper::look_for_losses(const port::PortSet::SteeringPort& port, State& state,
                                    TimePoint now) {
  const bool settled = !cut_ && !state.asked && !state.outdated &&
                       state.stands_since != TimePoint{} &&
                       now - state.stands_since >= kLookInterval;
  for (std::uint32_t kind = 0; kind < kKinds; ++kind) {
    const std::uint64_t count = datapath_.hidden_by_data_queue(port.index, kind);
    const std::uint64_t news = count - std::exchange(state.unsteered[kind], count);
    if (!settled || news < kPacketsThatProve) continue;
    std::vector<offload::Form> suspects;
    bool all_in_nic = true;
    for (const auto& r : state.report.intents) {
      if (r.intent.letter == 0 || kind_of(r.intent.letter) != kind) continue;
      if (r.form)
        suspects.push_back(*r.form);
      else
        all_in_nic = false;
    }
    if (!all_in_nic || suspects.empty()) continue;
    log::info("control", "port {}: {} packets of ({}) came by the data queues, past the NIC's rule",
              port.name, news, static_cast<char>('a' + kind));
    state.lost.insert(state.lost.end(), suspects.begin(), suspects.end());
    state.outdated = true;
  }
}

void OffloadKeeper::ask(const port::PortSet::SteeringPort& port, State& state, TimePoint now) {
  state.asked = true;
  state.outdated = false;
  state.stands_since = {};
  ports_.request_steering(
      port.port_no, offload::port_intents(intents_, management_vlan_, state.vlan),
      std::exchange(state.lost, {}), now,
      [this, number = port.port_no](std::uint64_t life, offload::Report report) {
        answered(number, life, std::move(report));
      });
}

void OffloadKeeper::answered(flow::PortNo port_no, std::uint64_t life, offload::Report report) {
  const auto it = states_.find(port_no);
  if (it == states_.end() || it->second.life != life) return;
  State& state = it->second;
  state.asked = false;
  state.stands_since = clock_.now();
  const std::size_t before = state.report.nic_rules;
  state.report = std::move(report);
  if (state.report.nic_rules != before)
    log::info("control", "port {}: {} rules in the NIC for {} kinds of control traffic", port_no,
              state.report.nic_rules, state.report.intents.size());
}

std::vector<OffloadKeeper::PortReport> OffloadKeeper::reports() const {
  std::vector<PortReport> out;
  for (const auto& port : known_ports_) {
    PortReport& r = out.emplace_back();
    r.port = port;
    r.counts = datapath_.control_queue_counts(port.index);
    if (const auto it = states_.find(port.port_no); it != states_.end() && port.queue)
      r.report = it->second.report;
    for (std::uint32_t kind = 0; kind < kKinds; ++kind)
      r.unsteered += datapath_.hidden_by_data_queue(port.index, kind);
  }
  return out;
}

std::vector<OffloadKeeper::InNic> OffloadKeeper::nics_of(const inband::HiddenRule& rule) const {
  const char letter = inband::kind_letter(rule.kind);
  // A port whose native VLAN is that of management gets it untagged (offload/port_intents.h).
  flow::Match untagged = rule.match;
  untagged.vlan_none_or_priority();
  std::vector<InNic> out;
  for (const auto& port : known_ports_) {
    const auto state = states_.find(port.port_no);
    if (!port.queue || state == states_.end()) continue;
    for (const offload::IntentReport& i : state->second.report.intents) {
      if (i.intent.letter != letter) continue;
      if (i.intent.match == rule.match || i.intent.match == untagged)
        out.push_back({port.name, i.rung});
    }
  }
  return out;
}

}  // namespace lifeline::control
