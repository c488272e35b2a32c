/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2022 Red Hat, Inc.
 *
 * The part of DPDK 22.11's lib/eal/include/dev_driver.h that a driver needs; Debian's libdpdk-dev
 * has it not. Redistribution terms: LICENSE.BSD-3-Clause beside this file.
 */
#pragma once

#include <rte_common.h>
#include <rte_dev.h>

struct rte_driver {
  RTE_TAILQ_ENTRY(rte_driver) next;
  const char* name;
  const char* alias;
};

struct rte_bus;

struct rte_device {
  RTE_TAILQ_ENTRY(rte_device) next;
  const char* name;
  const char* bus_info;
  const struct rte_driver* driver;
  const struct rte_bus* bus;
  int numa_node;
  struct rte_devargs* devargs;
};
