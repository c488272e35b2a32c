/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2017 Intel Corporation
 *
 * The layout of DPDK 22.11's lib/ethdev/ethdev_driver.h, as far as a driver needs it; Debian's
 * libdpdk-dev has it not. Redistribution terms: LICENSE.BSD-3-Clause beside this file. The layout
 * is not part of DPDK's stable ABI: abi_check.cc compares it with the library at run time.
 */
#pragma once

#include <pthread.h>
#include <rte_ethdev.h>

#include "dev_driver.h"

extern "C" {

struct rte_eth_rxtx_callback;
struct rte_eth_dev_data;
struct eth_dev_ops;
struct rte_flow_ops;

struct rte_eth_dev {
  eth_rx_burst_t rx_pkt_burst;
  eth_tx_burst_t tx_pkt_burst;
  eth_tx_prep_t tx_pkt_prepare;
  eth_rx_queue_count_t rx_queue_count;
  eth_rx_descriptor_status_t rx_descriptor_status;
  eth_tx_descriptor_status_t tx_descriptor_status;
  struct rte_eth_dev_data* data;
  void* process_private;
  const struct eth_dev_ops* dev_ops;
  struct rte_device* device;
  struct rte_intr_handle* intr_handle;
  struct rte_eth_dev_cb_list link_intr_cbs;
  struct rte_eth_rxtx_callback* post_rx_burst_cbs[RTE_MAX_QUEUES_PER_PORT];
  struct rte_eth_rxtx_callback* pre_tx_burst_cbs[RTE_MAX_QUEUES_PER_PORT];
  enum rte_eth_dev_state state;
  void* security_ctx;
} __rte_cache_aligned;

struct rte_eth_dev_data {
  char name[RTE_ETH_NAME_MAX_LEN];
  void** rx_queues;
  void** tx_queues;
  uint16_t nb_rx_queues;
  uint16_t nb_tx_queues;
  struct rte_eth_dev_sriov sriov;
  void* dev_private;
  struct rte_eth_link dev_link;
  struct rte_eth_conf dev_conf;
  uint16_t mtu;
  uint32_t min_rx_buf_size;
  uint64_t rx_mbuf_alloc_failed;
  struct rte_ether_addr* mac_addrs;
  uint64_t mac_pool_sel[RTE_ETH_NUM_RECEIVE_MAC_ADDR];
  struct rte_ether_addr* hash_mac_addrs;
  uint16_t port_id;
  uint8_t promiscuous : 1, scattered_rx : 1, all_multicast : 1, dev_started : 1, lro : 1,
      dev_configured : 1, flow_configured : 1;
  uint8_t rx_queue_state[RTE_MAX_QUEUES_PER_PORT];
  uint8_t tx_queue_state[RTE_MAX_QUEUES_PER_PORT];
  uint32_t dev_flags;
  int numa_node;
  struct rte_vlan_filter_conf vlan_filter_conf;
  struct rte_eth_dev_owner owner;
  uint16_t representor_id;
  uint16_t backer_port_id;
  pthread_mutex_t flow_ops_mutex;
} __rte_cache_aligned;

extern struct rte_eth_dev rte_eth_devices[];

/* An operation that the test NIC does not have; only its place in the table matters. */
typedef void (*eth_dev_op_unused)(void);

struct eth_dev_ops {
  int (*dev_configure)(struct rte_eth_dev* dev);
  int (*dev_start)(struct rte_eth_dev* dev);
  int (*dev_stop)(struct rte_eth_dev* dev);
  eth_dev_op_unused dev_set_link_up;
  eth_dev_op_unused dev_set_link_down;
  int (*dev_close)(struct rte_eth_dev* dev);
  int (*dev_reset)(struct rte_eth_dev* dev);
  int (*link_update)(struct rte_eth_dev* dev, int wait_to_complete);
  int (*is_removed)(struct rte_eth_dev* dev);
  int (*promiscuous_enable)(struct rte_eth_dev* dev);
  int (*promiscuous_disable)(struct rte_eth_dev* dev);
  int (*allmulticast_enable)(struct rte_eth_dev* dev);
  int (*allmulticast_disable)(struct rte_eth_dev* dev);
  eth_dev_op_unused mac_addr_remove;
  eth_dev_op_unused mac_addr_add;
  int (*mac_addr_set)(struct rte_eth_dev* dev, struct rte_ether_addr* mac);
  eth_dev_op_unused set_mc_addr_list;
  int (*mtu_set)(struct rte_eth_dev* dev, uint16_t mtu);
  int (*stats_get)(struct rte_eth_dev* dev, struct rte_eth_stats* stats);
  int (*stats_reset)(struct rte_eth_dev* dev);
  int (*xstats_get)(struct rte_eth_dev* dev, struct rte_eth_xstat* stats, unsigned int n);
  int (*xstats_reset)(struct rte_eth_dev* dev);
  int (*xstats_get_names)(struct rte_eth_dev* dev, struct rte_eth_xstat_name* names,
                          unsigned int size);
  eth_dev_op_unused queue_stats_mapping_set;
  int (*dev_infos_get)(struct rte_eth_dev* dev, struct rte_eth_dev_info* info);
  eth_dev_op_unused rxq_info_get;
  eth_dev_op_unused txq_info_get;
  eth_dev_op_unused rx_burst_mode_get;
  eth_dev_op_unused tx_burst_mode_get;
  eth_dev_op_unused fw_version_get;
  eth_dev_op_unused dev_supported_ptypes_get;
  eth_dev_op_unused dev_ptypes_set;
  eth_dev_op_unused vlan_filter_set;
  eth_dev_op_unused vlan_tpid_set;
  eth_dev_op_unused vlan_strip_queue_set;
  eth_dev_op_unused vlan_offload_set;
  eth_dev_op_unused vlan_pvid_set;
  eth_dev_op_unused rx_queue_start;
  eth_dev_op_unused rx_queue_stop;
  eth_dev_op_unused tx_queue_start;
  eth_dev_op_unused tx_queue_stop;
  int (*rx_queue_setup)(struct rte_eth_dev* dev, uint16_t queue, uint16_t n_desc,
                        unsigned int socket, const struct rte_eth_rxconf* conf,
                        struct rte_mempool* pool);
  void (*rx_queue_release)(struct rte_eth_dev* dev, uint16_t queue);
  eth_dev_op_unused rx_queue_intr_enable;
  eth_dev_op_unused rx_queue_intr_disable;
  int (*tx_queue_setup)(struct rte_eth_dev* dev, uint16_t queue, uint16_t n_desc,
                        unsigned int socket, const struct rte_eth_txconf* conf);
  void (*tx_queue_release)(struct rte_eth_dev* dev, uint16_t queue);
  eth_dev_op_unused tx_done_cleanup;
  eth_dev_op_unused dev_led_on;
  eth_dev_op_unused dev_led_off;
  eth_dev_op_unused flow_ctrl_get;
  eth_dev_op_unused flow_ctrl_set;
  eth_dev_op_unused priority_flow_ctrl_set;
  eth_dev_op_unused priority_flow_ctrl_queue_info_get;
  eth_dev_op_unused priority_flow_ctrl_queue_config;
  eth_dev_op_unused uc_hash_table_set;
  eth_dev_op_unused uc_all_hash_table_set;
  eth_dev_op_unused udp_tunnel_port_add;
  eth_dev_op_unused udp_tunnel_port_del;
  eth_dev_op_unused set_queue_rate_limit;
  int (*rss_hash_update)(struct rte_eth_dev* dev, struct rte_eth_rss_conf* conf);
  int (*rss_hash_conf_get)(struct rte_eth_dev* dev, struct rte_eth_rss_conf* conf);
  int (*reta_update)(struct rte_eth_dev* dev, struct rte_eth_rss_reta_entry64* reta, uint16_t size);
  int (*reta_query)(struct rte_eth_dev* dev, struct rte_eth_rss_reta_entry64* reta, uint16_t size);
  eth_dev_op_unused get_reg;
  eth_dev_op_unused get_eeprom_length;
  eth_dev_op_unused get_eeprom;
  eth_dev_op_unused set_eeprom;
  eth_dev_op_unused get_module_info;
  eth_dev_op_unused get_module_eeprom;
  int (*flow_ops_get)(struct rte_eth_dev* dev, const struct rte_flow_ops** ops);
  eth_dev_op_unused get_dcb_info;
  eth_dev_op_unused timesync_enable;
  eth_dev_op_unused timesync_disable;
  eth_dev_op_unused timesync_read_rx_timestamp;
  eth_dev_op_unused timesync_read_tx_timestamp;
  eth_dev_op_unused timesync_adjust_time;
  eth_dev_op_unused timesync_read_time;
  eth_dev_op_unused timesync_write_time;
  eth_dev_op_unused read_clock;
  eth_dev_op_unused xstats_get_by_id;
  eth_dev_op_unused xstats_get_names_by_id;
  eth_dev_op_unused tm_ops_get;
  eth_dev_op_unused mtr_ops_get;
  eth_dev_op_unused pool_ops_supported;
  eth_dev_op_unused hairpin_cap_get;
  eth_dev_op_unused rx_hairpin_queue_setup;
  eth_dev_op_unused tx_hairpin_queue_setup;
  eth_dev_op_unused fec_get_capability;
  eth_dev_op_unused fec_get;
  eth_dev_op_unused fec_set;
  eth_dev_op_unused hairpin_get_peer_ports;
  eth_dev_op_unused hairpin_bind;
  eth_dev_op_unused hairpin_unbind;
  eth_dev_op_unused hairpin_queue_peer_update;
  eth_dev_op_unused hairpin_queue_peer_bind;
  eth_dev_op_unused hairpin_queue_peer_unbind;
  eth_dev_op_unused get_monitor_addr;
  eth_dev_op_unused representor_info_get;
  eth_dev_op_unused rx_metadata_negotiate;
  eth_dev_op_unused ip_reassembly_capability_get;
  eth_dev_op_unused ip_reassembly_conf_get;
  eth_dev_op_unused ip_reassembly_conf_set;
  eth_dev_op_unused buffer_split_supported_hdr_ptypes_get;
  eth_dev_op_unused eth_dev_priv_dump;
  eth_dev_op_unused rx_queue_avail_thresh_set;
  eth_dev_op_unused rx_queue_avail_thresh_query;
  eth_dev_op_unused eth_rx_descriptor_dump;
  eth_dev_op_unused eth_tx_descriptor_dump;
  eth_dev_op_unused cman_info_get;
  eth_dev_op_unused cman_config_init;
  eth_dev_op_unused cman_config_set;
  eth_dev_op_unused cman_config_get;
};

struct rte_eth_dev* rte_eth_dev_allocate(const char* name);
struct rte_eth_dev* rte_eth_dev_allocated(const char* name);
int rte_eth_dev_release_port(struct rte_eth_dev* dev);
void rte_eth_dev_probing_finish(struct rte_eth_dev* dev);
int rte_eth_dev_callback_process(struct rte_eth_dev* dev, enum rte_eth_event_type event,
                                 void* ret_param);

}  // extern "C"
