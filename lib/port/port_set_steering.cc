// PortSet's part of the hidden rules in NICs.
#include <algorithm>
#include <utility>

#include "port/device_thread.h"
#include "port/ethdev_port.h"
#include "port/port_set.h"

namespace lifeline::port {

std::vector<PortSet::SteeringPort> PortSet::steering_ports() const {
  std::vector<SteeringPort> out;
  for (const auto& port : ports_) {
    const PortStatus& status = port->status();
    out.push_back({.port_no = status.port_no,
                   .name = status.name,
                   .index = port->index,
                   .life = port->life(),
                   .queue = status.control_queue,
                   .reason = status.control_queue_reason});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.port_no < b.port_no; });
  return out;
}

void PortSet::request_steering(flow::PortNo port_no, std::vector<flow::SteeringIntent> intents,
                               std::vector<offload::Form> lost, TimePoint now,
                               std::function<void(std::uint64_t, offload::Report)> done) {
  const auto it = std::find_if(ports_.begin(), ports_.end(),
                               [port_no](const auto& p) { return p->status().port_no == port_no; });
  if (it == ports_.end() || thread_ == nullptr) return;
  thread_->post(
      [port = *it, intents = std::move(intents), lost = std::move(lost),
       now]() -> std::optional<offload::Report> {
        // The port may have been closed, on this thread, since it was asked.
        ControlQueue* queue = port->control_queue();
        if (queue == nullptr) return std::nullopt;
        queue->rules_are_lost(lost, now);
        return queue->reconcile(intents, now);
      },
      [done = std::move(done), life = (*it)->life()](std::optional<offload::Report> report) {
        if (report) done(life, std::move(*report));
      });
}

}  // namespace lifeline::port
