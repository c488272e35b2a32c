#include "port/control_queue.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <cstring>

#include "port/ethdev_port.h"

namespace lifeline::port {
namespace {

constexpr std::uint16_t kDrainBurst = 32;
constexpr int kDrainBursts = 256;  // more than any queue holds

// Rules that take nobody's traffic. A device that takes one of them has a queue action: some have
// ether types only, some no MAC beside them, some nothing but n-tuples.
std::vector<offload::Form> probe_forms() {
  std::vector<offload::Form> forms(3);
  forms[0].eth_type = forms[1].eth_type = 0x88b5;  // IEEE 802 local experimental ether type 1
  forms[1].eth_dst = MacAddress::from_u64(0x02000000c0de);
  forms[2].eth_type = packet::kEthTypeIpv4;
  forms[2].ip_proto = packet::kProtoUdp;
  forms[2].ip_src = Ipv4Address::of(192, 0, 2, 254);  // RFC 5737: documentation
  forms[2].tp_src = 9;                                // discard
  return forms;
}

}  // namespace

std::string why_no_control_queue(const DeviceLimits& limits, std::uint16_t n_data_queues) {
  // Takes a redirection table and keeps to none.
  if (limits.driver == "net_null") return fmt::format("{} has no rte_flow", limits.driver);
  if (limits.driver == "net_tap") return {};  // by a catch-all rule, where its kernel can
  if (limits.reta_size == 0)
    return fmt::format("{} has no redirection table that could keep data out of it", limits.driver);
  if (limits.max_rxq <= n_data_queues)
    return fmt::format("{} has {} RX queues, and all are used", limits.driver, limits.max_rxq);
  return {};
}

Expected<std::unique_ptr<ControlQueue>> ControlQueue::prove(std::uint16_t ethdev_id,
                                                            std::uint16_t queue,
                                                            std::uint16_t n_data, bool has_reta) {
  std::unique_ptr<ControlQueue> self(new ControlQueue(ethdev_id, queue));
  if (has_reta) {
    if (auto ok = self->leave_out_of_reta(n_data); !ok) return tl::make_unexpected(ok.error());
  } else {
    auto made = self->nic_.create_catch_all(0);
    if (!made) return make_error("no catch-all rule to keep data out: {}", made.error().message);
    self->catch_all_ = *made;
  }
  if (auto ok = self->prove_a_rule(); !ok) {
    self->remove_rules();
    return tl::make_unexpected(ok.error());
  }
  self->drain();
  return self;
}

Expected<void> ControlQueue::leave_out_of_reta(std::uint16_t n_data) const {
  rte_eth_dev_info info{};
  if (const int rc = rte_eth_dev_info_get(ethdev_id_, &info); rc != 0)
    return make_error("the device does not describe itself: {}", std::strerror(-rc));
  const std::size_t groups = (info.reta_size + RTE_ETH_RETA_GROUP_SIZE - 1u) /
                             static_cast<std::size_t>(RTE_ETH_RETA_GROUP_SIZE);
  std::vector<rte_eth_rss_reta_entry64> table(groups);
  for (std::size_t i = 0; i < info.reta_size; ++i) {
    auto& group = table[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= std::uint64_t{1} << i % RTE_ETH_RETA_GROUP_SIZE;
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = static_cast<std::uint16_t>(i % n_data);
  }
  if (const int rc = rte_eth_dev_rss_reta_update(ethdev_id_, table.data(), info.reta_size); rc != 0)
    return make_error("the redirection table cannot be written: {}", std::strerror(-rc));
  for (auto& group : table) std::memset(group.reta, 0xff, sizeof group.reta);
  if (const int rc = rte_eth_dev_rss_reta_query(ethdev_id_, table.data(), info.reta_size); rc != 0)
    return make_error("the redirection table cannot be read back: {}", std::strerror(-rc));
  for (std::size_t i = 0; i < info.reta_size; ++i)
    if (table[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] >= n_data)
      return make_error("the redirection table still sends data to the control queue");
  return {};
}

Expected<void> ControlQueue::prove_a_rule() {
  std::string first;
  for (const offload::Form& probe : probe_forms()) {
    std::string why;
    if (auto ok = nic_.validate(probe); !ok) {
      why = fmt::format("no rule to a queue: {}", ok.error().message);
    } else if (auto made = nic_.create(probe); made) {
      (void)nic_.destroy(*made);
      return {};
    } else {
      why =
          fmt::format("a rule to a queue is validated, but not created: {}", made.error().message);
    }
    if (first.empty()) first = why;
  }
  return tl::make_unexpected(Error{first});
}

// What came in before the table said otherwise.
void ControlQueue::drain() const {
  std::array<rte_mbuf*, kDrainBurst> m;
  for (int i = 0; i < kDrainBursts; ++i) {
    const std::uint16_t n = rte_eth_rx_burst(ethdev_id_, queue_, m.data(), kDrainBurst);
    if (n == 0) return;
    rte_pktmbuf_free_bulk(m.data(), n);
  }
}

void ControlQueue::remove_rules() {
  reconciler_.remove_all();
  if (catch_all_ != 0) (void)nic_.destroy(catch_all_);
  catch_all_ = 0;
}

}  // namespace lifeline::port
