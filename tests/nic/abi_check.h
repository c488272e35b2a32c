// Whether the DPDK at run time has the internal layout that abi/ declares.
#pragma once

#include <string>

#include "ethdev_driver.h"

namespace testnic {

// Empty: good. Otherwise what differs. Of any thread, before a device is made.
std::string abi_difference();

// The same for a device that rte_eth_dev_allocate() has just made under `name`: its fields stand
// where abi/ says.
std::string abi_difference(const rte_eth_dev& device, const char* name);

}  // namespace testnic
