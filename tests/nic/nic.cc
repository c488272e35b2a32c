// Life and configuration of the NIC; nic_feed.cc moves the packets.
#include "nic.h"

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>

namespace testnic {
namespace {

constexpr std::uint32_t kLiveMbufs = 2047;
constexpr auto kAnySocket = static_cast<unsigned>(SOCKET_ID_ANY);

// These fill every queue they have, whatever is set up.
bool all_queues(const char* driver) {
  for (const char* name : {"net_af_packet", "net_ring", "net_pcap", "net_memif"})
    if (std::strcmp(driver, name) == 0) return true;
  return false;
}

rte_ether_addr address_from(const std::string& name) {
  const std::size_t sum = std::hash<std::string>{}(name);
  rte_ether_addr out{};
  std::memcpy(out.addr_bytes, &sum, 6);
  out.addr_bytes[0] = 0x02;
  return out;
}

}  // namespace

Nic::Nic(std::string name, Arguments arguments)
    : name_(std::move(name)), arguments_(std::move(arguments)) {
  for (std::uint16_t i = 0; i < kMaxQueues; ++i) {
    rx[i].nic = tx[i].nic = this;
    rx[i].index = tx[i].index = i;
    rte_spinlock_init(&live_.tx_lock[i]);
  }
}

Nic::~Nic() {
  stop();
  for (std::uint16_t i = 0; i < kMaxQueues; ++i) release_rx(i);
  close_live();
}

std::string Nic::attach_live() {
  std::string live = arguments_.live;
  if (!arguments_.iface.empty()) {
    live = "net_af_packet_" + name_;
    // A device of this name may be left of an earlier life of this NIC.
    rte_vdev_uninit(live.c_str());
    const std::string args = "iface=" + arguments_.iface;
    if (const int rc = rte_vdev_init(live.c_str(), args.c_str()); rc != 0)
      return "iface=" + arguments_.iface + ": no af_packet device: " + rte_strerror(-rc);
    live_.made = true;
  }
  if (!live.empty()) {
    if (rte_eth_dev_get_port_by_name(live.c_str(), &live_.port) != 0) {
      live_.port = kNoPort;
      return "live=" + live + ": no such ethdev; it must stand before this device";
    }
    // Ours alone: applications that take every port leave it out.
    rte_eth_dev_owner owner{};
    rte_eth_dev_owner_new(&owner.id);
    std::strncpy(owner.name, name_.c_str(), sizeof(owner.name) - 1);
    if (const int rc = rte_eth_dev_owner_set(live_.port, &owner); rc != 0)
      return "live=" + live + ": belongs to somebody else";
  }
  mac = address_from(name_);
  if (live_.port != kNoPort) rte_eth_macaddr_get(live_.port, &mac);
  if (std::any_of(arguments_.mac.begin(), arguments_.mac.end(), [](auto b) { return b != 0; }))
    std::copy(arguments_.mac.begin(), arguments_.mac.end(), mac.addr_bytes);
  if (arguments_.generator.source == Source::kNone) return {};
  auto generator = std::make_unique<Generator>();
  std::string wrong =
      generator->start(arguments_.generator, rte_get_timer_cycles(), rte_get_timer_hz());
  generator_ = std::move(generator);
  return wrong;
}

int Nic::configure(std::uint16_t n_rxq, std::uint16_t n_txq, const rte_eth_conf& conf) {
  if (n_rxq > arguments_.queues || n_txq > arguments_.queues || n_rxq == 0) return -EINVAL;
  n_rxq_ = n_rxq;
  n_txq_ = n_txq;
  Rss rss = rss_;
  rss.on = (conf.rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG) != 0 && n_rxq > 1;
  rss.types = conf.rx_adv_conf.rss_conf.rss_hf & kRssTypes;
  if (conf.rx_adv_conf.rss_conf.rss_key != nullptr)
    std::copy_n(conf.rx_adv_conf.rss_conf.rss_key, kKeyBytes, rss.key.begin());
  // tun's own hash spreads over all queues of a tap, whatever is asked for.
  if (!profile().has_reta) {
    rss.on = n_rxq > 1;
    rss.types = kRssTypes;
  }
  for (std::uint32_t i = 0; i < kRetaSize; ++i)
    rss.reta[i] = static_cast<std::uint16_t>(rss.on ? i % n_rxq : 0);
  update_rss(rss);
  return live_.port == kNoPort ? 0 : configure_live(n_txq);
}

int Nic::configure_live(std::uint16_t n_txq) {
  rte_eth_dev_info info{};
  if (const int rc = rte_eth_dev_info_get(live_.port, &info); rc != 0) return rc;
  const auto most = static_cast<std::uint16_t>(kMaxQueues);
  live_.n_rxq =
      all_queues(info.driver_name) ? std::min(info.max_rx_queues, most) : std::uint16_t{1};
  live_.n_txq = std::min({info.max_tx_queues, most, std::max<std::uint16_t>(n_txq, 1)});
  if (std::strcmp(info.driver_name, "net_tap") == 0)
    live_.n_rxq = live_.n_txq = std::min(live_.n_rxq, live_.n_txq);  // wants as many
  if (live_.pool == nullptr) {
    const std::string pool = "testnic_live_" + std::to_string(live_.port);
    live_.pool = rte_pktmbuf_pool_create(pool.c_str(), kLiveMbufs, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                         SOCKET_ID_ANY);
    if (live_.pool == nullptr) return -rte_errno;
  }
  return set_up_live(info);
}

int Nic::set_up_live(const rte_eth_dev_info& info) {
  rte_eth_conf conf{};
  std::uint16_t n_rx_desc = 512, n_tx_desc = 512;
  if (const int rc = rte_eth_dev_configure(live_.port, live_.n_rxq, live_.n_txq, &conf); rc != 0)
    return rc;
  rte_eth_dev_adjust_nb_rx_tx_desc(live_.port, &n_rx_desc, &n_tx_desc);
  for (std::uint16_t q = 0; q < live_.n_rxq; ++q)
    if (const int rc = rte_eth_rx_queue_setup(live_.port, q, n_rx_desc, kAnySocket,
                                              &info.default_rxconf, live_.pool);
        rc != 0)
      return rc;
  for (std::uint16_t q = 0; q < live_.n_txq; ++q)
    if (const int rc =
            rte_eth_tx_queue_setup(live_.port, q, n_tx_desc, kAnySocket, &info.default_txconf);
        rc != 0)
      return rc;
  return 0;
}

void Nic::close_live() {
  if (live_.port != kNoPort) {
    if (live_.made) {
      rte_eth_dev_close(live_.port);
    } else {
      rte_eth_dev_owner owner{};
      if (rte_eth_dev_owner_get(live_.port, &owner) == 0)
        rte_eth_dev_owner_unset(live_.port, owner.id);
    }
    live_.port = kNoPort;
  }
  rte_mempool_free(live_.pool);
  live_.pool = nullptr;
}

int Nic::start() {
  if (live_.port != kNoPort) {
    if (const int rc = rte_eth_dev_start(live_.port); rc != 0) return rc;
    rte_eth_promiscuous_enable(live_.port);  // the wire; the NIC's own filter comes behind
  }
  started_ = true;
  return 0;
}

void Nic::stop() {
  if (!started_) return;
  started_ = false;
  if (live_.port != kNoPort) rte_eth_dev_stop(live_.port);
  for (RxQueue& queue : rx) drain(queue);
  if (profile().at_stop == AtStop::kFlushes) flush();
  if (profile().at_stop == AtStop::kLosesSilently) lose_rules();
}

void Nic::drain(RxQueue& queue) {
  void* packet = nullptr;
  while (queue.ring != nullptr && rte_ring_sc_dequeue(queue.ring, &packet) == 0)
    rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
}

int Nic::set_up_rx(std::uint16_t queue, std::uint16_t n_desc, int socket, rte_mempool* pool) {
  release_rx(queue);
  const std::string ring = "testnic_" + std::to_string(port_id) + "_" + std::to_string(queue);
  rx[queue].ring = rte_ring_create(ring.c_str(), n_desc, socket,
                                   RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
  if (rx[queue].ring == nullptr) return -rte_errno;
  rx[queue].pool = pool;
  update_rss(rss_);  // there is more room now
  return 0;
}

void Nic::release_rx(std::uint16_t queue) {
  drain(rx[queue]);
  rte_ring_free(rx[queue].ring);
  rx[queue].ring = nullptr;
  rx[queue].pool = nullptr;
}

rte_eth_link Nic::link() const {
  rte_eth_link link{};
  if (!hears()) return link;
  if (live_.port != kNoPort && rte_eth_link_get_nowait(live_.port, &link) == 0) return link;
  link.link_speed = RTE_ETH_SPEED_NUM_10G;
  link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
  link.link_autoneg = RTE_ETH_LINK_FIXED;
  link.link_status = started_ ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
  return link;
}

rte_flow* Nic::create(RuleShape shape) {
  auto flow = std::make_unique<rte_flow>();
  flow->rule.id = next_id_++;
  flow->rule.shape = std::move(shape);
  flow->rule.in_hardware = profile().steers;
  rte_flow* handle = flow.get();
  flows_.push_back(std::move(flow));
  publish();
  return handle;
}

bool Nic::destroy(rte_flow* flow) {
  const auto found =
      std::find_if(flows_.begin(), flows_.end(), [flow](const auto& f) { return f.get() == flow; });
  if (found == flows_.end()) return false;
  const std::unique_ptr<rte_flow> gone = std::move(*found);
  flows_.erase(found);
  publish();  // the feeder no longer sees it; now it may be freed
  return true;
}

void Nic::flush() {
  std::vector<std::unique_ptr<rte_flow>> gone;
  gone.swap(flows_);
  publish();
}

bool Nic::has(const rte_flow* flow) const {
  return std::any_of(flows_.begin(), flows_.end(),
                     [flow](const auto& f) { return f.get() == flow; });
}

Rules Nic::rules() const {
  Rules out;
  for (const auto& flow : flows_) out.push_back(&flow->rule);
  return out;
}

void Nic::publish() {
  Rules order;
  for (const auto& flow : flows_)
    if (flow->rule.in_hardware) order.push_back(&flow->rule);
  std::stable_sort(order.begin(), order.end(),
                   [](const Rule* a, const Rule* b) { return a->shape.rank < b->shape.rank; });
  rte_spinlock_lock(&feed_lock_);
  order_.swap(order);
  rte_spinlock_unlock(&feed_lock_);
}

void Nic::isolate(bool on) {
  rte_spinlock_lock(&feed_lock_);
  isolated_ = on;
  rte_spinlock_unlock(&feed_lock_);
}

void Nic::lose_rules() {
  for (const auto& flow : flows_) flow->rule.in_hardware = false;
  publish();
}

void Nic::record_close() const {
  if (arguments_.record.empty()) return;
  std::FILE* file = std::fopen(arguments_.record.c_str(), "a");
  if (file == nullptr) return;
  std::fprintf(file, "%s closed, of %u rules %zu are left\n", name_.c_str(), next_id_,
               flows_.size());
  std::fclose(file);
}

void Nic::update_rss(const Rss& rss) {
  const Rss fresh = rss;
  rte_spinlock_lock(&feed_lock_);
  rss_ = fresh;
  room_ = 0;
  for (std::uint16_t q = 0; q < kMaxQueues; ++q) {
    pays_for_generator_[q] = rss_.in_reta(q);
    if (pays_for_generator_[q] && rx[q].ring != nullptr) room_ += rte_ring_get_capacity(rx[q].ring);
  }
  rte_spinlock_unlock(&feed_lock_);
}

std::string Nic::start_generator(const std::string& text) {
  auto parsed = parse_generator(text, arguments_.generator);
  if (auto* wrong = std::get_if<std::string>(&parsed)) return *wrong;
  auto generator = std::make_unique<Generator>();
  std::string wrong = generator->start(std::get<GeneratorArguments>(parsed), rte_get_timer_cycles(),
                                       rte_get_timer_hz());
  if (!wrong.empty()) return wrong;
  rte_spinlock_lock(&feed_lock_);
  generator_.swap(generator);
  rte_spinlock_unlock(&feed_lock_);
  return {};
}

}  // namespace testnic
