// Statistics and extended statistics of the test NIC.
#pragma once

#include "ethdev_driver.h"

namespace testnic {

int stats_get(rte_eth_dev* dev, rte_eth_stats* stats);
int stats_reset(rte_eth_dev* dev);
int xstats_get(rte_eth_dev* dev, rte_eth_xstat* stats, unsigned n);
int xstats_names(rte_eth_dev* dev, rte_eth_xstat_name* names, unsigned n);

}  // namespace testnic
