// Ports that come, go and are restarted while the switch runs: what needs a driver is done by the
// device thread, what is published by the control lcore.
#include <algorithm>
#include <utility>

#include "port/device_thread.h"
#include "port/ethdev_port.h"
#include "port/hot_plug.h"
#include "port/port_set.h"

namespace lifeline::port {
namespace {

// A `done` that is called exactly once: also where its request is dropped on its way, by the device
// thread's end.
class Once {
 public:
  explicit Once(PortSet::Done done) : done_(std::move(done)) {}
  ~Once() {
    if (done_) done_(make_error("the device thread has ended"));
  }
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  void operator()(Expected<void> result) { std::exchange(done_, nullptr)(std::move(result)); }

 private:
  PortSet::Done done_;
};

std::shared_ptr<Once> once(PortSet::Done done) { return std::make_shared<Once>(std::move(done)); }

}  // namespace

void PortSet::use(DeviceThread* thread) {
  thread_ = thread;
  hot_plug_.reset();
  if (thread != nullptr)
    hot_plug_ =
        std::make_unique<HotPlug>(*thread, [this](const std::string& device, PlugEvent event) {
          if (event == PlugEvent::kGoes) {
            device_goes(device);
          } else if (on_arrival_) {
            on_arrival_(device);
          }
        });
  for (const auto& port : ports_) {
    if (thread != nullptr) {
      watch(port);
    } else {
      port->unwatch();
    }
  }
  for (const auto& [number, aside] : aside_)
    if (thread == nullptr) aside.port->unwatch();
}

// A driver speaks on a thread of its own, whenever it likes: by the time that it is heard, the port
// may be another one.
void PortSet::watch(const std::shared_ptr<EthdevPort>& port) {
  port->watch([this, thread = thread_, life = port->life()](DeviceEvent event) {
    thread->post([] { return 0; }, [this, life, event](int) { device_event(life, event); });
  });
}

void PortSet::device_event(std::uint64_t life, DeviceEvent event) {
  for (const auto& port : ports_) {
    if (port->life() != life) continue;
    if (on_device_event_) on_device_event_(port->status().port_no, event);
    return;
  }
}

// One that is being restarted is not told: vfio-pci asks again.
void PortSet::device_goes(const std::string& device) {
  for (const auto& port : ports_) {
    if (device_name(port->spec().device) != device) continue;
    if (on_device_event_) on_device_event_(port->status().port_no, DeviceEvent::kGone);
    return;
  }
}

void PortSet::request_add(const PortSpec& spec, Done done) {
  if (auto ok = check_spec(spec, {}); !ok) {
    done(std::move(ok));
    return;
  }
  using Prepared = Expected<std::shared_ptr<EthdevPort>>;
  thread_->post(
      [this, spec, workers = config_.workers]() -> Prepared {
        auto port = prepare(spec, workers);
        if (!port) return tl::make_unexpected(port.error());
        return std::shared_ptr<EthdevPort>(std::move(*port));
      },
      [this, answer = once(std::move(done))](Prepared prepared) {
        if (!prepared) {
          (*answer)(tl::make_unexpected(prepared.error()));
          return;
        }
        // Two requests for the same name or number may both have been on their way.
        Expected<void> ok = check_spec((*prepared)->spec(), {});
        if (ok) {
          watch(*prepared);
          insert({std::move(*prepared)});
        } else {
          thread_->post([this, port = std::move(*prepared)] { return detach(*port), 0; },
                        [](int) {});
        }
        (*answer)(std::move(ok));
      });
}

void PortSet::request_remove(flow::PortNo port_no, Done done) {
  std::shared_ptr<EthdevPort> port = take_out(port_no);
  if (!port) {
    done(make_error("there is no port {}", port_no));
    return;
  }
  retire_([this, port, thread = thread_, answer = once(std::move(done))] {
    thread->post([this, port] { return detach(*port), 0; }, [answer](int) { (*answer)({}); });
  });
}

// Out of everybody's hands, but with its place in the view; nullptr: there is no such port.
std::shared_ptr<EthdevPort> PortSet::set_aside(flow::PortNo port_no) {
  std::shared_ptr<EthdevPort> port = extract(port_no);
  if (!port) return nullptr;
  Aside aside{port, port->status()};
  aside.status.link_up = false;
  aside.status.control_queue.reset();
  aside.status.control_queue_reason = "it is being restarted";
  aside_.emplace(port_no, std::move(aside));
  auto next = copy_view();
  PortEntry& entry = next->entries[port->index];
  entry.usable = entry.link_up = entry.has_control_queue = false;
  deal_rx_queues(*next);
  publish(std::move(next));
  return port;
}

Expected<void> PortSet::come_back(const std::shared_ptr<EthdevPort>& port,
                                  Expected<void> restarted) {
  const auto aside = aside_.find(port->spec().port_no);
  port->status().flags = aside->second.status.flags;
  aside_.erase(aside);
  auto next = copy_view();
  if (restarted) {
    fill_entry(next->entries[port->index], *port);
    if (port->rx_slot.size() != port->status().n_rxq) assign_rx_queues(*port);
    ports_.push_back(port);
    deal_rx_queues(*next);
    watch(port);
  } else {
    give_up_index(*next, *port);
  }
  publish(std::move(next));
  if (!restarted) {
    retire_([this, port, leaving = leaving_, thread = thread_] {
      leaving->reset(port->index);
      thread->post([this, port] { return detach(*port), 0; }, [](int) {});
    });
  }
  return restarted;
}

void PortSet::request_restart(flow::PortNo port_no, Done done) {
  std::shared_ptr<EthdevPort> port = set_aside(port_no);
  if (!port) {
    done(make_error("there is no port {}", port_no));
    return;
  }
  retire_([this, port, thread = thread_, answer = once(std::move(done))] {
    thread->post([port] { return port->restart(); },
                 [this, port, answer](Expected<void> restarted) {
                   (*answer)(come_back(port, std::move(restarted)));
                 });
  });
}

}  // namespace lifeline::port
