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
        done(apply_links(readings));
      });
}

std::vector<flow::PortNo> PortSet::apply_links(const std::vector<LinkReading>& readings) {
  std::vector<flow::PortNo> changed;
  auto next = copy_view();
  for (const auto& [port, link] : readings) {
    // It may have been removed since it was asked.
    if (std::find(ports_.begin(), ports_.end(), port) == ports_.end()) continue;
    PortStatus& status = port->status();
    status.speed_mbps = link.speed_mbps;
    if (status.link_up == link.up) continue;
    status.link_up = link.up;
    next->entries[port->index].link_up = link.up;
    changed.push_back(status.port_no);
  }
  if (!changed.empty()) publish(std::move(next));
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
  if (local_) out.push_back(*local_);
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.port_no < b.port_no; });
  return out;
}

std::optional<PortStatus> PortSet::status(flow::PortNo port_no) const {
  if (port_no == flow::kPortLocal) return local_;
  const EthdevPort* port = find(port_no);
  return port == nullptr ? std::nullopt : std::optional(port->status());
}

Expected<PortStats> PortSet::stats(flow::PortNo port_no) const {
  const EthdevPort* port = find(port_no);
  if (port == nullptr) return make_error("there is no port {}", port_no);
  return port->stats();
}

Expected<std::vector<std::pair<std::string, std::uint64_t>>> PortSet::extended_stats(
    flow::PortNo port_no) const {
  const EthdevPort* port = find(port_no);
  if (port == nullptr) return make_error("there is no port {}", port_no);
  return port->extended_stats();
}

std::optional<std::uint32_t> PortSet::smallest_mtu() const {
  std::optional<std::uint32_t> smallest;
  for (const auto& port : ports_) {
    const std::uint32_t mtu = port->status().mtu;
    if (mtu != 0 && (!smallest || mtu < *smallest)) smallest = mtu;
  }
  return smallest;
}

}  // namespace lifeline::port
