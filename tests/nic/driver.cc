// The driver net_testnic: what ethdev and the bus of virtual devices call.
#include <rte_errno.h>
#include <rte_log.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "abi_check.h"
#include "bus_vdev_driver.h"
#include "ethdev_driver.h"
#include "flow_ops.h"
#include "nic.h"
#include "remote_control.h"
#include "statistics.h"

namespace testnic {
namespace {

Nic& nic_of(const rte_eth_dev* dev) { return *static_cast<Nic*>(dev->data->dev_private); }

std::uint16_t receive(void* queue, rte_mbuf** packets, std::uint16_t n) {
  auto& rx = *static_cast<RxQueue*>(queue);
  return rx.nic->receive(rx, packets, n);
}

std::uint16_t transmit(void* queue, rte_mbuf** packets, std::uint16_t n) {
  auto& tx = *static_cast<TxQueue*>(queue);
  return tx.nic->transmit(tx, packets, n);
}

std::uint32_t rx_queue_count(void* queue) {
  return rte_ring_count(static_cast<RxQueue*>(queue)->ring);
}

int configure(rte_eth_dev* dev) {
  return nic_of(dev).configure(dev->data->nb_rx_queues, dev->data->nb_tx_queues,
                               dev->data->dev_conf);
}

int link_update(rte_eth_dev* dev, int) {
  const rte_eth_link link = nic_of(dev).link();
  std::uint64_t bits = 0;
  static_assert(sizeof(link) == sizeof(bits));
  std::memcpy(&bits, &link, sizeof(bits));
  // Readers take it in one piece.
  __atomic_store_n(reinterpret_cast<std::uint64_t*>(&dev->data->dev_link), bits, __ATOMIC_SEQ_CST);
  return 0;
}

int start(rte_eth_dev* dev) {
  const int rc = nic_of(dev).start();
  if (rc == 0) link_update(dev, 0);
  return rc;
}

int stop(rte_eth_dev* dev) {
  // Rules may go; statistics may be read meanwhile.
  pthread_mutex_lock(&dev->data->flow_ops_mutex);
  nic_of(dev).stop();
  pthread_mutex_unlock(&dev->data->flow_ops_mutex);
  link_update(dev, 0);
  return 0;
}

int close(rte_eth_dev* dev) {
  Nic* nic = static_cast<Nic*>(dev->data->dev_private);
  if (nic == nullptr) return 0;
  unlist(*nic);
  nic->record_close();
  // Neither is of rte_malloc: ethdev must not free them.
  dev->data->dev_private = nullptr;
  dev->data->mac_addrs = nullptr;
  delete nic;
  return 0;
}

int reset(rte_eth_dev* dev) {
  pthread_mutex_lock(&dev->data->flow_ops_mutex);
  nic_of(dev).flush();
  pthread_mutex_unlock(&dev->data->flow_ops_mutex);
  return 0;
}

int is_removed(rte_eth_dev* dev) { return nic_of(dev).present ? 0 : 1; }

int infos_get(rte_eth_dev* dev, rte_eth_dev_info* info) {
  const Nic& nic = nic_of(dev);
  info->max_rx_queues = info->max_tx_queues = nic.arguments().queues;
  info->max_mac_addrs = 1;
  info->max_rx_pktlen = 9728;
  info->min_rx_bufsize = 0;
  info->max_mtu = 9728 - 18;
  info->min_mtu = RTE_ETHER_MIN_MTU;
  info->rx_desc_lim = {.nb_max = 4096, .nb_min = 32, .nb_align = 1};
  info->tx_desc_lim = {.nb_max = 4096, .nb_min = 32, .nb_align = 1};
  info->default_rxportconf.ring_size = 512;
  info->default_txportconf.ring_size = 512;
  info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_RSS_HASH;
  info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  info->flow_type_rss_offloads = kRssTypes;
  if (nic.profile().has_reta) {
    info->reta_size = kRetaSize;
    info->hash_key_size = kKeyBytes;
  }
  if (nic.profile().says_it_keeps) info->dev_capa |= RTE_ETH_DEV_CAPA_FLOW_RULE_KEEP;
  return 0;
}

int rx_queue_setup(rte_eth_dev* dev, std::uint16_t queue, std::uint16_t n_desc, unsigned socket,
                   const rte_eth_rxconf*, rte_mempool* pool) {
  Nic& nic = nic_of(dev);
  if (const int rc = nic.set_up_rx(queue, n_desc, static_cast<int>(socket), pool); rc != 0)
    return rc;
  dev->data->rx_queues[queue] = &nic.rx[queue];
  return 0;
}

void rx_queue_release(rte_eth_dev* dev, std::uint16_t queue) { nic_of(dev).release_rx(queue); }

int tx_queue_setup(rte_eth_dev* dev, std::uint16_t queue, std::uint16_t, unsigned,
                   const rte_eth_txconf*) {
  dev->data->tx_queues[queue] = &nic_of(dev).tx[queue];
  return 0;
}

int promiscuous(rte_eth_dev* dev, bool on) {
  nic_of(dev).promiscuous = on;
  return 0;
}

int all_multicast(rte_eth_dev* dev, bool on) {
  nic_of(dev).all_multicast = on;
  return 0;
}

int mac_addr_set(rte_eth_dev* dev, rte_ether_addr* mac) {
  nic_of(dev).mac = *mac;
  return 0;
}

int mtu_set(rte_eth_dev*, std::uint16_t) { return 0; }

int rss_hash_update(rte_eth_dev* dev, rte_eth_rss_conf* conf) {
  Nic& nic = nic_of(dev);
  if (!nic.profile().has_reta) return -ENOTSUP;
  if (conf->rss_key != nullptr && conf->rss_key_len != kKeyBytes) return -EINVAL;
  Rss rss = nic.rss();
  rss.types = conf->rss_hf & kRssTypes;
  if (conf->rss_key != nullptr) std::copy_n(conf->rss_key, kKeyBytes, rss.key.begin());
  nic.update_rss(rss);
  return 0;
}

int rss_hash_conf_get(rte_eth_dev* dev, rte_eth_rss_conf* conf) {
  const Rss& rss = nic_of(dev).rss();
  conf->rss_hf = rss.types;
  if (conf->rss_key != nullptr && conf->rss_key_len >= kKeyBytes)
    std::copy(rss.key.begin(), rss.key.end(), conf->rss_key);
  conf->rss_key_len = kKeyBytes;
  return 0;
}

int reta_update(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size) {
  Nic& nic = nic_of(dev);
  if (!nic.profile().has_reta) return -ENOTSUP;
  if (size != kRetaSize) return -EINVAL;
  Rss rss = nic.rss();
  for (std::uint32_t i = 0; i < size; ++i) {
    const auto& group = reta[i / RTE_ETH_RETA_GROUP_SIZE];
    if ((group.mask >> (i % RTE_ETH_RETA_GROUP_SIZE) & 1) == 0) continue;
    const std::uint16_t queue = group.reta[i % RTE_ETH_RETA_GROUP_SIZE];
    if (queue >= nic.n_rxq()) return -EINVAL;
    rss.reta[i] = queue;
  }
  nic.update_rss(rss);
  return 0;
}

int reta_query(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size) {
  const Nic& nic = nic_of(dev);
  if (!nic.profile().has_reta) return -ENOTSUP;
  if (size != kRetaSize) return -EINVAL;
  for (std::uint32_t i = 0; i < size; ++i)
    reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = nic.rss().reta[i];
  return 0;
}

int flow_ops_get(rte_eth_dev* dev, const rte_flow_ops** ops) {
  *ops = nic_of(dev).profile().accept == nullptr ? nullptr : &kFlowOps;
  return 0;
}

eth_dev_ops make_ops() {
  eth_dev_ops ops{};
  ops.dev_configure = configure;
  ops.dev_start = start;
  ops.dev_stop = stop;
  ops.dev_close = close;
  ops.dev_reset = reset;
  ops.is_removed = is_removed;
  ops.link_update = link_update;
  ops.promiscuous_enable = [](rte_eth_dev* dev) { return promiscuous(dev, true); };
  ops.promiscuous_disable = [](rte_eth_dev* dev) { return promiscuous(dev, false); };
  ops.allmulticast_enable = [](rte_eth_dev* dev) { return all_multicast(dev, true); };
  ops.allmulticast_disable = [](rte_eth_dev* dev) { return all_multicast(dev, false); };
  ops.mac_addr_set = mac_addr_set;
  ops.mtu_set = mtu_set;
  ops.stats_get = stats_get;
  ops.stats_reset = stats_reset;
  ops.xstats_get = xstats_get;
  ops.xstats_reset = stats_reset;
  ops.xstats_get_names = xstats_names;
  ops.dev_infos_get = infos_get;
  ops.rx_queue_setup = rx_queue_setup;
  ops.rx_queue_release = rx_queue_release;
  ops.tx_queue_setup = tx_queue_setup;
  ops.rss_hash_update = rss_hash_update;
  ops.rss_hash_conf_get = rss_hash_conf_get;
  ops.reta_update = reta_update;
  ops.reta_query = reta_query;
  ops.flow_ops_get = flow_ops_get;
  return ops;
}

const eth_dev_ops kOps = make_ops();

int fail(const char* name, const std::string& why) {
  rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "net_testnic: %s: %s\n", name, why.c_str());
  return -EINVAL;
}

int probe(rte_vdev_device* vdev) {
  const char* name = vdev->device.name;
  if (const std::string wrong = abi_difference(); !wrong.empty()) return fail(name, wrong);
  if (is_unplugged(name)) return -ENODEV;
  if (rte_eal_process_type() != RTE_PROC_PRIMARY) return fail(name, "not in a secondary process");
  const char* text = vdev->device.devargs != nullptr ? vdev->device.devargs->args : "";
  auto parsed = parse_arguments(text != nullptr ? text : "");
  if (const auto* wrong = std::get_if<std::string>(&parsed)) return fail(name, *wrong);
  auto nic = std::make_unique<Nic>(name, std::move(std::get<Arguments>(parsed)));
  rte_eth_dev* dev = rte_eth_dev_allocate(name);
  if (dev == nullptr) return fail(name, "no ethdev left, or the name is taken");
  if (const std::string wrong = abi_difference(*dev, name); !wrong.empty())
    return fail(name, wrong);
  // After our own port, so that a live port made for us does not take the number before it.
  if (const std::string wrong = nic->attach_live(); !wrong.empty()) {
    rte_eth_dev_release_port(dev);
    return fail(name, wrong);
  }
  nic->port_id = dev->data->port_id;
  dev->device = &vdev->device;
  dev->intr_handle = nullptr;
  dev->data->numa_node = vdev->device.numa_node;
  dev->data->dev_private = nic.get();
  dev->data->mac_addrs = &nic->mac;
  dev->data->dev_flags |= RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
  dev->dev_ops = &kOps;
  dev->rx_pkt_burst = receive;
  dev->tx_pkt_burst = transmit;
  dev->rx_queue_count = rx_queue_count;
  list(*nic.release());
  link_update(dev, 0);
  rte_eth_dev_probing_finish(dev);
  return 0;
}

int remove(rte_vdev_device* vdev) {
  rte_eth_dev* dev = rte_eth_dev_allocated(vdev->device.name);
  return dev == nullptr ? 0 : rte_eth_dev_close(dev->data->port_id);
}

rte_vdev_driver driver;

__attribute__((constructor)) void register_driver() {
  driver.driver.name = "net_testnic";
  driver.probe = probe;
  driver.remove = remove;
  rte_vdev_register(&driver);
}

__attribute__((destructor)) void unregister_driver() { rte_vdev_unregister(&driver); }

}  // namespace
}  // namespace testnic
