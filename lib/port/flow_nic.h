// offload::NicPort by rte_flow: rules that send packets of a form to one RX queue of an ethdev.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "offload/nic_port.h"

struct rte_flow;

namespace lifeline::port {

// The device must be configured; most drivers want it started. Device thread only, or whoever
// starts the port before the workers run.
class FlowNic final : public offload::NicPort {
 public:
  FlowNic(std::uint16_t ethdev_id, std::uint16_t control_queue)
      : ethdev_id_(ethdev_id), control_queue_(control_queue) {}

  Expected<void> validate(const offload::Form& form) override;
  Expected<Handle> create(const offload::Form& form) override;
  Expected<void> destroy(Handle handle) override;

  // Everything that no rule takes goes to `queue`, for devices without a redirection table. The
  // one rule here that lies below the others; a driver that turns priorities round is found out by
  // control packets that come by the data queue.
  Expected<Handle> create_catch_all(std::uint16_t queue);
  // The device forgot all rules (stopped, reset): so do we.
  void forget() { rules_.clear(); }

 private:
  std::uint16_t ethdev_id_;
  std::uint16_t control_queue_;
  std::map<Handle, rte_flow*> rules_;
  Handle next_ = 0;
};

}  // namespace lifeline::port
