#include "port/ethdev_port.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/log.h"
#include "port/kernel_interface.h"

namespace lifeline::port {
namespace {

constexpr std::uint16_t kDefaultDescriptors = 1024;
constexpr std::uint32_t kEthernetBytes = 14;
constexpr std::uint32_t kTwoTagsBytes = 8;
constexpr std::uint16_t kMinMtu = 576;

}  // namespace

int EthdevPort::socket_id() const { return rte_eth_dev_socket_id(ethdev_id_); }

Expected<QueueCounts> EthdevPort::queues(std::uint32_t n_slots) const {
  auto counts = choose_queues(
      limits_, spec_.rx_queues, n_slots,
      pollers.slots.empty()
          ? std::nullopt
          : std::optional<std::uint32_t>(static_cast<std::uint32_t>(pollers.slots.size())));
  if (!counts) return make_error("port {}: {}", spec_.name, counts.error().message);
  return counts;
}

std::uint32_t EthdevPort::tx_descriptors() const { return port::tx_descriptors(spec_); }

std::uint32_t tx_descriptors(const PortSpec& spec) {
  return spec.descriptors.value_or(kDefaultDescriptors);
}

std::uint32_t EthdevPort::mbufs_wanted(QueueCounts counts) const {
  return tx_descriptors() * (std::uint32_t{counts.rx} + counts.tx);
}

std::uint32_t EthdevPort::mbuf_bytes_wanted() const {
  std::uint32_t bytes = spec_.mtu.value_or(1500) + kEthernetBytes + kTwoTagsBytes;
  // af_packet refuses mbufs smaller than the slots of its ring.
  if (limits_.driver == "net_af_packet") {
    const std::string text = device_argument(device_arguments(), "framesz");
    std::uint32_t frame = 0;
    std::from_chars(text.data(), text.data() + text.size(), frame);
    bytes = std::max(bytes, frame);
  }
  return bytes;
}

Expected<void> EthdevPort::configure(std::uint32_t n_slots, rte_mempool* pool,
                                     rte_mempool* control_pool) {
  n_slots_ = n_slots;
  pool_ = pool;
  wanted_control_pool_ = control_pool_ = control_pool;
  return configure_queues();
}

// `counts` with the control queue among the RX queues, the last of them. net_tap has as many RX as
// TX queues and gives up one of those that it would fill; a catch-all rule empties them.
QueueCounts EthdevPort::with_control_queue(QueueCounts counts) const {
  if (control_pool_ == nullptr) return counts;
  if (limits_.driver != "net_tap") {
    ++counts.rx;
  } else if (counts.rx < 2) {
    counts = {.rx = 2, .tx = 2};
  }
  return counts;
}

std::string EthdevPort::no_control_queue(std::uint32_t n_slots) const {
  const auto counts = queues(n_slots);
  return counts ? why_no_control_queue(limits_, counts->rx) : counts.error().message;
}

Expected<void> EthdevPort::configure_queues() {
  const auto wanted = queues(n_slots_);
  if (!wanted) return tl::make_unexpected(wanted.error());
  const QueueCounts counts = with_control_queue(*wanted);
  const auto fail = [this](std::string_view what, int rc) {
    return make_error("port {}: device {}: {}: {}", spec_.name, spec_.device, what,
                      std::strerror(rc < 0 ? -rc : rc));
  };
  rte_eth_dev_info info{};
  if (const int rc = rte_eth_dev_info_get(ethdev_id_, &info); rc != 0)
    return fail("cannot be asked what it can do", rc);

  rte_eth_conf conf{};
  if (counts.rx > 1 && limits_.has_rss) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf =
        (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) & info.flow_type_rss_offloads;
  }
  // Frames read from the TAP or flooded may be chains.
  conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS & info.tx_offload_capa;
  if (spec_.mtu.value_or(0) + kEthernetBytes + kTwoTagsBytes >
      static_cast<std::uint32_t>(rte_pktmbuf_data_room_size(pool_)) - RTE_PKTMBUF_HEADROOM)
    conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_SCATTER & info.rx_offload_capa;
  if (const int rc = rte_eth_dev_configure(ethdev_id_, counts.rx, counts.tx, &conf); rc != 0)
    return fail(fmt::format("does not take {} RX and {} TX queues", counts.rx, counts.tx), rc);
  if (auto ok = set_up_queues(counts); !ok) return ok;
  status_.n_rxq = static_cast<std::uint16_t>(counts.rx - (control_pool_ != nullptr ? 1 : 0));
  status_.n_txq = counts.tx;
  if (spec_.last_queue_is_control && control_pool_ == nullptr && counts.rx > 1) {
    status_.control_queue = --status_.n_rxq;
    status_.control_queue_reason.clear();
  }

  std::uint16_t mtu = 0;
  if (rte_eth_dev_get_mtu(ethdev_id_, &mtu) == 0) status_.mtu = mtu;
  // Before the start: many drivers want to be stopped for it.
  if (spec_.mtu) {
    if (auto ok = set_mtu(*spec_.mtu); !ok) return ok;
  }
  rte_ether_addr mac{};
  if (rte_eth_macaddr_get(ethdev_id_, &mac) == 0)
    status_.mac = MacAddress::from_bytes(mac.addr_bytes);
  return {};
}

Expected<void> EthdevPort::set_up_queues(QueueCounts counts) {
  std::uint16_t n_rxd = spec_.descriptors.value_or(kDefaultDescriptors);
  std::uint16_t n_txd = n_rxd;
  int rc = rte_eth_dev_adjust_nb_rx_tx_desc(ethdev_id_, &n_rxd, &n_txd);
  if (rc != 0)
    return make_error("port {}: device {}: does not take {} descriptors: {}", spec_.name,
                      spec_.device, n_rxd, std::strerror(-rc));
  rx_descriptors_ = n_rxd;
  const auto socket = static_cast<unsigned>(socket_id());
  for (std::uint16_t q = 0; q < counts.rx; ++q) {
    const bool control = control_pool_ != nullptr && q + 1 == counts.rx;
    rc = rte_eth_rx_queue_setup(ethdev_id_, q, n_rxd, socket, nullptr,
                                control ? control_pool_ : pool_);
    if (rc != 0)
      return make_error("port {}: device {}: RX queue {} with {} descriptors: {}{}", spec_.name,
                        spec_.device, q, n_rxd, std::strerror(-rc),
                        rc == -ENOMEM ? " (too little memory, or frames longer than an mbuf)" : "");
  }
  for (std::uint16_t q = 0; q < counts.tx; ++q) {
    rc = rte_eth_tx_queue_setup(ethdev_id_, q, n_txd, socket, nullptr);
    if (rc != 0)
      return make_error("port {}: device {}: TX queue {} with {} descriptors: {}", spec_.name,
                        spec_.device, q, n_txd, std::strerror(-rc));
  }
  return {};
}

Expected<void> EthdevPort::set_mtu(std::uint32_t mtu) {
  int rc = mtu < kMinMtu || mtu > 0xffff
               ? -EINVAL
               : rte_eth_dev_set_mtu(ethdev_id_, static_cast<std::uint16_t>(mtu));
  // af_packet (22.11) announces a longest frame of 1514 bytes, from which ethdev concludes that not
  // even 1500 is possible; pcap and others have no MTU of their own. What counts is the
  // interface's.
  if (rc != 0 && status_.if_index != 0) {
    if (const auto found = find_interface(status_.if_index))
      rc = -set_interface_mtu(found->name, mtu);
  }
  if (rc == -ENOTSUP && status_.if_index == 0) rc = 0;  // null, ring: any length will do
  if (rc != 0)
    return make_error("port {}: device {}: does not take an MTU of {}: {}", spec_.name,
                      spec_.device, mtu, std::strerror(-rc));
  status_.mtu = mtu;
  return {};
}

Expected<void> EthdevPort::start() {
  // For devices that EAL created; the others were brought up before.
  if (limits_.driver == "net_af_packet") {
    if (const auto found = find_interface(status_.if_index)) {
      if (auto ok = bring_up(found->name); !ok) return ok;
    }
  }
  if (auto ok = start_device(); !ok) return ok;
  if (control_pool_ != nullptr) {
    if (auto ok = prove_control_queue(); !ok) return ok;
  }
  if (const int rc = rte_eth_promiscuous_enable(ethdev_id_); rc != 0 && rc != -ENOTSUP)
    return make_error("port {}: device {} cannot be made promiscuous, which a switch needs: {}",
                      spec_.name, spec_.device, std::strerror(-rc));
  // An MTU that the interface got from elsewhere is the one that holds.
  if (const auto found = find_interface(status_.if_index); found && !spec_.mtu)
    status_.mtu = found->mtu;
  const LinkState link = read_link();
  status_.link_up = link.up;
  status_.speed_mbps = link.speed_mbps;
  return {};
}

Expected<void> EthdevPort::start_device() {
  if (const int rc = rte_eth_dev_start(ethdev_id_); rc != 0)
    return make_error("port {}: device {} does not start: {}", spec_.name, spec_.device,
                      std::strerror(-rc));
  started_ = true;
  lag_sign_ = find_lag_sign();
  return {};
}

// What cannot be proven is undone: the device is set up once more, without.
Expected<void> EthdevPort::prove_control_queue() {
  const std::uint16_t queue = status_.n_rxq;
  auto proven = ControlQueue::prove(ethdev_id_, queue, queue, limits_.reta_size != 0);
  if (proven) {
    control_queue_ = std::move(*proven);
    status_.control_queue = queue;
    status_.control_queue_reason.clear();
    return {};
  }
  status_.control_queue_reason = proven.error().message;
  log::info("port", "port {}: no control queue: {}", spec_.name, proven.error().message);
  stop();
  control_pool_ = nullptr;
  if (auto ok = configure_queues(); !ok) return ok;
  return start_device();
}

void EthdevPort::stop() {
  if (!started_) return;
  started_ = false;
  // Drivers differ in whether they keep rules over a stop: none does, so that none is left behind.
  if (control_queue_) control_queue_->remove_rules();
  control_queue_.reset();
  status_.control_queue.reset();
  if (const int rc = rte_eth_dev_stop(ethdev_id_); rc != 0)
    log::debug("port", "port {}: stop: {}", spec_.name, std::strerror(-rc));
}

LagSign EthdevPort::find_lag_sign() const {
  if (rte_eth_rx_queue_count(ethdev_id_, 0) >= 0) return LagSign::kQueueCount;
  // Endless sources: a file that is replayed, nothing at all.
  if (limits_.driver == "net_pcap" || limits_.driver == "net_null") return LagSign::kNone;
  return LagSign::kFullBursts;
}

LinkState EthdevPort::read_link() const {
  LinkState state;
  state.present = is_there();
  rte_eth_link link{};
  if (!started_ || !state.present || rte_eth_link_get_nowait(ethdev_id_, &link) != 0) return state;
  state.up = link.link_status == RTE_ETH_LINK_UP;
  if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN) state.speed_mbps = link.link_speed;
  if (state.up && status_.if_index != 0 && limits_.driver != "net_tap") {
    const auto found = find_interface(status_.if_index);
    state.up = found && found->up && found->running;
  }
  return state;
}

PortStats EthdevPort::stats() const {
  rte_eth_stats s{};
  if (rte_eth_stats_get(ethdev_id_, &s) != 0) return {};
  return {.rx_packets = s.ipackets,
          .rx_bytes = s.ibytes,
          .rx_missed = s.imissed,
          .rx_errors = s.ierrors,
          .rx_no_mbuf = s.rx_nombuf,
          .tx_packets = s.opackets,
          .tx_bytes = s.obytes,
          .tx_errors = s.oerrors};
}

std::vector<std::pair<std::string, std::uint64_t>> EthdevPort::extended_stats() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  const int n = rte_eth_xstats_get(ethdev_id_, nullptr, 0);
  if (n <= 0) return out;
  const auto count = static_cast<unsigned>(n);
  std::vector<rte_eth_xstat> values(count);
  std::vector<rte_eth_xstat_name> names(count);
  if (rte_eth_xstats_get(ethdev_id_, values.data(), count) != n ||
      rte_eth_xstats_get_names(ethdev_id_, names.data(), count) != n)
    return out;  // the set changed between two calls: the next question will do
  for (unsigned i = 0; i < count; ++i) out.emplace_back(names[i].name, values[i].value);
  return out;
}

}  // namespace lifeline::port
