#include "statistics.h"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "nic.h"

namespace testnic {
namespace {

Nic& nic_of(const rte_eth_dev* dev) { return *static_cast<Nic*>(dev->data->dev_private); }

// The number of names must not change while an application holds it: so many rules have one.
constexpr std::uint32_t kNamedRules = 32;

using Values = std::vector<std::pair<std::string, std::uint64_t>>;

Values collect(const rte_eth_dev* dev) {
  const Nic& nic = nic_of(dev);
  Values out = {{"rx_live_packets", nic.from_live.get()},
                {"rx_generated_packets", nic.generated.get()},
                {"rx_generator_lost", nic.generator_lost.get()},
                {"rx_mac_filtered", nic.filtered.get()},
                {"rx_dropped_by_rule", nic.dropped_by_rule.get()},
                {"rx_dropped_isolated", nic.dropped_isolated.get()}};
  for (std::uint16_t q = 0; q < nic.n_rxq(); ++q) {
    const RxQueue& queue = nic.rx[q];
    const std::string name = "rx_q" + std::to_string(q);
    out.emplace_back(name + "_missed", queue.missed.get());
    out.emplace_back(name + "_no_mbuf", queue.no_mbuf.get());
    out.emplace_back(name + "_oversize", queue.oversize.get());
    out.emplace_back(name + "_steered", queue.steered.get());
  }
  // ethdev takes this one for rte_flow, not for statistics, which any thread may ask for.
  pthread_mutex_lock(&dev->data->flow_ops_mutex);
  const Rules rules = nic.rules();
  for (std::uint32_t i = 0; i < kNamedRules; ++i)
    out.emplace_back("rule" + std::to_string(i) + "_packets",
                     i < rules.size() ? rules[i]->packets.load(std::memory_order_relaxed) : 0);
  pthread_mutex_unlock(&dev->data->flow_ops_mutex);
  return out;
}

}  // namespace

int stats_get(rte_eth_dev* dev, rte_eth_stats* stats) {
  const Nic& nic = nic_of(dev);
  stats->imissed = nic.generator_lost.get();
  stats->rx_nombuf = 0;
  for (std::uint16_t q = 0; q < kMaxQueues; ++q) {
    const RxQueue& rx = nic.rx[q];
    const TxQueue& tx = nic.tx[q];
    if (q < RTE_ETHDEV_QUEUE_STAT_CNTRS) {
      stats->q_ipackets[q] = rx.packets.get();
      stats->q_ibytes[q] = rx.bytes.get();
      stats->q_errors[q] = rx.missed.get() + rx.no_mbuf.get() + rx.oversize.get();
      stats->q_opackets[q] = tx.packets.get();
      stats->q_obytes[q] = tx.bytes.get();
    }
    stats->ipackets += rx.packets.get();
    stats->ibytes += rx.bytes.get();
    stats->imissed += rx.missed.get();
    stats->ierrors += rx.oversize.get();
    stats->rx_nombuf += rx.no_mbuf.get();
    stats->opackets += tx.packets.get();
    stats->obytes += tx.bytes.get();
  }
  return 0;
}

int stats_reset(rte_eth_dev* dev) {
  Nic& nic = nic_of(dev);
  for (Counter* c : {&nic.from_live, &nic.generated, &nic.generator_lost, &nic.filtered,
                     &nic.dropped_by_rule, &nic.dropped_isolated})
    c->clear();
  for (RxQueue& q : nic.rx)
    for (Counter* c : {&q.packets, &q.bytes, &q.missed, &q.no_mbuf, &q.oversize, &q.steered})
      c->clear();
  for (TxQueue& q : nic.tx)
    for (Counter* c : {&q.packets, &q.bytes}) c->clear();
  return 0;
}

int xstats_get(rte_eth_dev* dev, rte_eth_xstat* stats, unsigned n) {
  const Values values = collect(dev);
  if (stats != nullptr)
    for (unsigned i = 0; i < n && i < values.size(); ++i) stats[i] = {i, values[i].second};
  return static_cast<int>(values.size());
}

int xstats_names(rte_eth_dev* dev, rte_eth_xstat_name* names, unsigned n) {
  const Values values = collect(dev);
  if (names != nullptr)
    for (unsigned i = 0; i < n && i < values.size(); ++i)
      std::snprintf(names[i].name, sizeof(names[i].name), "%s", values[i].first.c_str());
  return static_cast<int>(values.size());
}

}  // namespace testnic
