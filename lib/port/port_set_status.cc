// What PortSet tells of its ports: links, status, counters.
#include <algorithm>
#include <utility>

#include "port/device_thread.h"
#include "port/ethdev_port.h"
#include "port/port_set.h"

namespace lifeline::port {

std::vector<flow::PortNo> PortSet::refresh_links() {
  std::vector<LinkReading> readings;
  for (const auto& port : ports_) readings.emplace_back(port, port->read_link());
  return apply_links(readings);
}

void PortSet::request_link_refresh(std::function<void(std::vector<flow::PortNo>)> done) {
  thread_->post(
      [ports = ports_] {
        std::vector<LinkReading> readings;
        for (const auto& port : ports) readings.emplace_back(port, port->read_link());
        return readings;
      },
      [this, done = std::move(done)](const std::vector<LinkReading>& readings) {
        make_more_room();  // what could not be had before
        done(apply_links(readings));
      });
}

std::vector<flow::PortNo> PortSet::apply_links(const std::vector<LinkReading>& readings) {
  std::vector<flow::PortNo> changed;
  std::vector<flow::PortNo> gone;
  auto next = copy_view();
  for (const auto& [port, link] : readings) {
    // It may have been removed since it was asked.
    if (std::find(ports_.begin(), ports_.end(), port) == ports_.end()) continue;
    PortStatus& status = port->status();
    if (!link.present) gone.push_back(status.port_no);
    status.speed_mbps = link.speed_mbps;
    if (status.link_up == link.up) continue;
    status.link_up = link.up;
    next->entries[port->index].link_up = link.up;
    changed.push_back(status.port_no);
  }
  if (!changed.empty()) publish(std::move(next));
  for (const flow::PortNo port_no : gone)
    if (on_device_event_) on_device_event_(port_no, DeviceEvent::kGone);
  return changed;
}

EthdevPort* PortSet::find(flow::PortNo port_no) const {
  for (const auto& port : ports_)
    if (port->status().port_no == port_no) return port.get();
  return nullptr;
}

std::vector<PortStatus> PortSet::status() const {
  std::vector<PortStatus> out;
  for (const auto& port : ports_) out.push_back(port->status());
  for (const auto& [number, aside] : aside_) out.push_back(aside.status);
  if (local_) out.push_back(*local_);
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.port_no < b.port_no; });
  return out;
}

std::optional<PortStatus> PortSet::status(flow::PortNo port_no) const {
  if (port_no == flow::kPortLocal) return local_;
  if (const auto it = aside_.find(port_no); it != aside_.end()) return it->second.status;
  const EthdevPort* port = find(port_no);
  return port == nullptr ? std::nullopt : std::optional(port->status());
}

void PortSet::request_counters(bool extended,
                               std::function<void(std::vector<CountersOfPort>)> done) const {
  thread_->post(
      [ports = ports_, extended] {
        std::vector<CountersOfPort> all;
        for (const auto& port : ports)
          all.push_back({.port_no = port->spec().port_no,
                         .stats = port->stats(),
                         .extended = extended ? port->extended_stats() : NamedCounters()});
        return all;
      },
      std::move(done));
}

std::optional<std::uint32_t> PortSet::smallest_mtu() const {
  std::optional<std::uint32_t> smallest;
  for (const auto& port : ports_) {
    const std::uint32_t mtu = port->status().mtu;
    if (mtu != 0 && (!smallest || mtu < *smallest)) smallest = mtu;
  }
  return smallest;
}

std::uint32_t PortSet::largest_mtu() const {
  std::uint32_t largest = 0;
  for (const auto& port : ports_) largest = std::max(largest, port->status().mtu);
  return largest;
}

}  // namespace lifeline::port
