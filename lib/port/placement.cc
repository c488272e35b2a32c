#include "port/placement.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace lifeline::port {
namespace {

template <class Which>
std::vector<sync::SlotId> slots_where(std::span<const WorkerPlace> workers, const Which& which) {
  std::vector<sync::SlotId> slots;
  for (std::size_t i = 0; i < workers.size(); ++i)
    if (which(workers[i])) slots.push_back(static_cast<sync::SlotId>(i + 1));
  return slots;
}

std::string names_of(std::span<const WorkerPlace> lcores) {
  std::string out;
  for (const WorkerPlace& one : lcores)
    out += (out.empty() ? "" : ", ") + std::to_string(one.lcore);
  return out.empty() ? "none" : out;
}

}  // namespace

Expected<std::vector<WorkerPlace>> choose_lcores(std::optional<std::uint32_t> number,
                                                 std::vector<WorkerPlace> wanted,
                                                 std::span<const WorkerPlace> eal) {
  if (wanted.empty()) {
    if (number.value_or(0) > eal.size())
      return make_error(
          "workers: {} are configured, but EAL has only {} worker lcores; start with more (-l)",
          *number, eal.size());
    const auto n = static_cast<std::ptrdiff_t>(number.value_or(eal.size()));
    return std::vector<WorkerPlace>(eal.begin(), eal.begin() + n);
  }
  for (WorkerPlace& worker : wanted) {
    const auto it = std::find_if(eal.begin(), eal.end(), [&](const WorkerPlace& known) {
      return known.lcore == worker.lcore;
    });
    if (it == eal.end())
      return make_error(
          "workers: lcore {} is none of EAL's worker lcores ({}): name it in -l, whose first is "
          "the control lcore",
          worker.lcore, names_of(eal));
    worker.socket = it->socket;
  }
  return wanted;
}

Pollers choose_pollers(const std::string& port, int socket, std::span<const WorkerPlace> workers) {
  const auto is_near = [socket](const WorkerPlace& worker) {
    return socket == kAnySocket || worker.socket == kAnySocket || worker.socket == socket;
  };
  Pollers out;
  out.slots = slots_where(workers, [&](const WorkerPlace& worker) {
    return std::find(worker.ports.begin(), worker.ports.end(), port) != worker.ports.end();
  });
  out.is_told = !out.slots.empty();
  if (!out.is_told) {
    out.slots = slots_where(workers, [](const WorkerPlace& w) { return w.ports.empty(); });
    if (out.slots.empty()) out.slots = slots_where(workers, [](const auto&) { return true; });
  }
  std::vector<sync::SlotId> near;
  for (const sync::SlotId slot : out.slots)
    if (is_near(workers[slot - 1])) near.push_back(slot);
  out.is_remote = near.empty() && !out.slots.empty();
  if (!out.is_told && !near.empty()) out.slots = std::move(near);
  return out;
}

std::vector<sync::SlotId> deal_queues(std::uint32_t n_rxq, std::span<const sync::SlotId> pollers,
                                      std::vector<std::uint32_t> load) {
  std::vector<sync::SlotId> out;
  if (pollers.empty()) return out;
  for (std::uint32_t q = 0; q < n_rxq; ++q) {
    const sync::SlotId least =
        *std::min_element(pollers.begin(), pollers.end(),
                          [&](sync::SlotId a, sync::SlotId b) { return load[a] < load[b]; });
    ++load[least];
    out.push_back(least);
  }
  return out;
}

}  // namespace lifeline::port
