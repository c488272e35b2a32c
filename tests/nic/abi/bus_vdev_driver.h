/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2016 RehiveTech. All rights reserved.
 *
 * The part of DPDK 22.11's drivers/bus/vdev/bus_vdev_driver.h that a driver needs; Debian's
 * libdpdk-dev has it not. Redistribution terms: LICENSE.BSD-3-Clause beside this file.
 */
#pragma once

#include <rte_bus_vdev.h>
#include <rte_devargs.h>

#include "dev_driver.h"

extern "C" {

struct rte_vdev_device {
  RTE_TAILQ_ENTRY(rte_vdev_device) next;
  struct rte_device device;
};

typedef int(rte_vdev_probe_t)(struct rte_vdev_device* dev);
typedef int(rte_vdev_remove_t)(struct rte_vdev_device* dev);
typedef int(rte_vdev_dma_t)(struct rte_vdev_device* dev, void* addr, uint64_t iova, size_t len);

struct rte_vdev_driver {
  RTE_TAILQ_ENTRY(rte_vdev_driver) next;
  struct rte_driver driver;
  rte_vdev_probe_t* probe;
  rte_vdev_remove_t* remove;
  rte_vdev_dma_t* dma_map;
  rte_vdev_dma_t* dma_unmap;
  uint32_t drv_flags;
};

void rte_vdev_register(struct rte_vdev_driver* driver);
void rte_vdev_unregister(struct rte_vdev_driver* driver);

}  // extern "C"
