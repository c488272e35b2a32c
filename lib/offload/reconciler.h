// Keeps one NIC's rules equal to what is wanted of it, as far as the NIC goes along.
//
// What. reconcile() is given all intents, in the order of their value, and plans: each takes the
// first rung of its ladder that the NIC is not known to refuse. Forms that another chosen form
// covers are dropped, so intents that fall to the same coarse form share one NIC rule. What is
// missing is created in the order of value, what is refused is noted and planned anew, and only
// when all that stand are there what is no longer wanted is destroyed.
//
// Why this way. The plan is a function of the intents and of what the NIC has refused, not of
// history, so it settles; a rule that is asked for twice, or a call that came too late, cannot
// leave anything behind. Rejected: priorities. 0 is the highest in rte_flow, levels differ per NIC,
// and here every rule says the same ("to the control queue"), so no order among them matters.
//
// Room. Nobody tells why a driver refuses. A form that validates, whose shape (the same fields) has
// been accepted before and that is refused now, has found the NIC full: the least valuable rule
// that is less valuable makes room for it, first one of the same ether type, then of another, and
// comes back if that was not it.
//
// A NIC that lies. Validate says yes and create says no: noted like any refusal. Create says yes
// and packets come by the data queues all the same: lost() has it made anew; one that was lost
// twice counts as refused. What is refused is asked again after retry_first, then each time twice
// as long after, up to retry_most, and once more when a rule has gone (room).
//
// Thread-safety: none. One thread (the device thread) owns it, as it owns the NicPort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "flow/steering.h"
#include "offload/ladder.h"
#include "offload/nic_port.h"

namespace lifeline::offload {

// What became of one intent.
struct IntentReport {
  flow::SteeringIntent intent;
  Rung rung = Rung::kSoftware;
  std::optional<Form> form;    // of the NIC rule that brings it; unset with kSoftware
  bool shared = false;         // the rule is there for others, too
  std::string why_not_better;  // "" where it is exact
};

struct Report {
  std::vector<IntentReport> intents;
  std::size_t nic_rules = 0;
  std::uint64_t refusals = 0;         // since the start
  std::uint64_t restored = 0;         // rules made anew after a reset or a loss
  std::uint64_t lost = 0;             // rules that the NIC accepted and did not act by
  std::uint64_t liar_creates = 0;     // validated, then refused
  std::optional<TimePoint> retry_at;  // when something refused is worth asking again
};

class Reconciler {
 public:
  struct Options {
    Duration retry_first = std::chrono::seconds{1};
    Duration retry_most = std::chrono::hours{1};
  };

  Reconciler(NicPort& nic, Options options) : nic_(nic), options_(options) {}
  explicit Reconciler(NicPort& nic) : Reconciler(nic, Options{}) {}

  // `intents` in the order of value, as inband::steering_intents() gives them.
  Report reconcile(const std::vector<flow::SteeringIntent>& intents, TimePoint now);
  // The port was stopped, reset or replaced: its rules are gone, and so are its refusals. The next
  // reconcile() makes them anew.
  void nic_was_reset();
  // Packets of the rule with this form came by a data queue. No such rule: nothing happens.
  void rule_is_lost(const Form& form, TimePoint now);
  // Before the port goes. Errors do not matter any more.
  void remove_all();

  std::size_t installed() const { return installed_.size(); }

 private:
  struct Refusal {
    std::string message;
    std::uint32_t times = 0;
    TimePoint retry_at{};
  };
  struct Choice {
    Rung rung = Rung::kSoftware;
    std::optional<Form> form;
  };
  using Choices = std::vector<Choice>;

  bool is_refused(const Form& form, TimePoint now) const;
  Choices plan(const std::vector<std::vector<Step>>& ladders, TimePoint now) const;
  // In order of value. False: something was refused, plan again.
  bool create_missing(const Choices& choices, TimePoint now);
  bool create(const Form& form, const Choices& choices, TimePoint now);
  std::optional<Form> victim(const Form& form, const Choices& choices, bool same_type) const;
  Expected<NicPort::Handle> make_room_and_create(const Form& form, const Choices& choices,
                                                 const Error& error);
  void refused(const Form& form, std::string message, TimePoint now);
  Choices settle(const std::vector<std::vector<Step>>& ladders, std::size_t n_steps, TimePoint now);
  bool destroy_unwanted(const Choices& choices);
  std::string why_not(const std::vector<Step>& ladder, const Choice& choice) const;
  Report report(const std::vector<flow::SteeringIntent>& intents,
                const std::vector<std::vector<Step>>& ladders, const Choices& choices,
                TimePoint now) const;

  NicPort& nic_;
  const Options options_;
  std::map<Form, NicPort::Handle> installed_;
  std::map<Form, Refusal> refusals_;
  std::map<Form, std::uint32_t> losses_;
  std::map<std::uint32_t, bool> accepted_shapes_;
  std::map<Form, bool> before_reset_;  // what stood then: made anew, it is restored
  std::uint64_t n_refusals_ = 0;
  std::uint64_t n_restored_ = 0;
  std::uint64_t n_lost_ = 0;
  std::uint64_t n_liar_creates_ = 0;
};

}  // namespace lifeline::offload
