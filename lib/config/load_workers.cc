#include <fmt/format.h>

#include <set>
#include <utility>

#include "config/loader.h"

namespace lifeline::config {

void Loader::load_workers(const Mapping& top) {
  const auto node = top.get("workers");
  if (!node || (node->IsScalar() && node->Scalar() == "auto")) return;
  if (!node->IsSequence()) {
    number(top, "workers", 1, kMaxWorkers, c_.workers.number);
    return;
  }
  const auto elements = r_.list(*node, "workers", "lcores");
  if (elements.empty() || elements.size() > kMaxWorkers)
    r_.error(*node, "workers",
             fmt::format("{} lcores are not 1 to {}: auto takes all of EAL's", elements.size(),
                         kMaxWorkers));
  std::set<std::uint32_t> lcores;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Mapping m(r_, elements[i], fmt::format("workers[{}]", i), {"lcore", "ports"});
    if (!m.is_map()) continue;
    WorkerLcore worker;
    const auto lcore = m.get("lcore");
    if (!lcore) r_.error(elements[i], fmt::format("workers[{}]", i), "'lcore' is missing");
    number(m, "lcore", 0, kMaxLcore, worker.lcore);
    if (lcore && !lcores.insert(worker.lcore).second)
      r_.error(*lcore, m.where("lcore"), fmt::format("lcore {} is there twice", worker.lcore));
    load_worker_ports(m, worker.ports);
    c_.workers.lcores.push_back(std::move(worker));
  }
}

void Loader::load_worker_ports(const Mapping& worker, std::vector<std::string>& out) {
  const auto node = worker.get("ports");
  if (!node) return;
  const auto elements = r_.list(*node, worker.where("ports"), "ports");
  if (elements.empty() && node->IsSequence())
    r_.error(*node, worker.where("ports"), "polls nothing: leave it out for any port");
  port_names(elements, worker.where("ports"), out);
}

}  // namespace lifeline::config
