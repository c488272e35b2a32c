// The control queue of a port: one more RX queue, the last one, into which rte_flow rules send what
// the hidden rules are about, and nothing else gets by itself.
//
// It stands only where that can be proven: a rule to the queue was created, and either the
// redirection table was written to leave the queue out and says so when read back, or, on a device
// without one and with a single data queue, a catch-all rule sends the rest there. Any doubt: no
// control queue, and the reason is kept for the operator.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/expected.h"
#include "flow/steering.h"
#include "offload/reconciler.h"
#include "port/flow_nic.h"

namespace lifeline::port {

struct DeviceLimits;

// Why a device cannot have one, as far as can be told before it is configured; "" if it may. Pure.
std::string why_no_control_queue(const DeviceLimits& limits, std::uint16_t n_data_queues);

// Of a started port. Calls as NicPort's: device thread.
class ControlQueue {
 public:
  // `queue` is the last RX queue, `n_data` are before it. Error: what could not be proven.
  static Expected<std::unique_ptr<ControlQueue>> prove(std::uint16_t ethdev_id, std::uint16_t queue,
                                                       std::uint16_t n_data, bool has_reta);

  offload::Report reconcile(const std::vector<flow::SteeringIntent>& intents, TimePoint now) {
    return reconciler_.reconcile(intents, now);
  }
  void rules_are_lost(const std::vector<offload::Form>& forms, TimePoint now) {
    for (const auto& form : forms) reconciler_.rule_is_lost(form, now);
  }
  // Before the port stops: nothing is left behind.
  void remove_rules();
  std::uint16_t queue() const { return queue_; }

 private:
  ControlQueue(std::uint16_t ethdev_id, std::uint16_t queue)
      : ethdev_id_(ethdev_id), queue_(queue), nic_(ethdev_id, queue), reconciler_(nic_) {}
  Expected<void> leave_out_of_reta(std::uint16_t n_data) const;
  Expected<void> prove_a_rule();
  void drain() const;

  std::uint16_t ethdev_id_;
  std::uint16_t queue_;
  FlowNic nic_;
  offload::Reconciler reconciler_;
  offload::NicPort::Handle catch_all_ = 0;  // 0: none
};

}  // namespace lifeline::port
