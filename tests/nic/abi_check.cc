#include "abi_check.h"

#include <dlfcn.h>
#include <link.h>
#include <rte_version.h>

#include <cstring>

namespace testnic {

std::string abi_difference() {
  // The layout is fixed within a long-term release: fixes there keep to it.
  const char* running = rte_version();
  if (std::strncmp(running, "DPDK 22.11", 10) != 0)
    return std::string("made for DPDK 22.11, this is ") + running;
  // The symbol's size in the library is that of an array of RTE_MAX_ETHPORTS devices.
  Dl_info where{};
  void* found = nullptr;
  if (dladdr1(static_cast<void*>(rte_eth_devices), &where, &found, RTLD_DL_SYMENT) == 0 ||
      found == nullptr)
    return "no symbol rte_eth_devices";
  const auto bytes = static_cast<const ElfW(Sym)*>(found)->st_size;
  if (bytes != sizeof(rte_eth_dev) * RTE_MAX_ETHPORTS)
    return "struct rte_eth_dev has another size: " + std::to_string(bytes / RTE_MAX_ETHPORTS) +
           " bytes, not " + std::to_string(sizeof(rte_eth_dev));
  return {};
}

std::string abi_difference(const rte_eth_dev& device, const char* name) {
  const rte_eth_dev_data& data = *device.data;
  if (std::strcmp(data.name, name) != 0) return "rte_eth_dev_data::name is elsewhere";
  if (data.port_id >= RTE_MAX_ETHPORTS || &rte_eth_devices[data.port_id] != &device)
    return "rte_eth_dev_data::port_id is elsewhere";
  if (data.mtu != RTE_ETHER_MTU) return "rte_eth_dev_data::mtu is elsewhere";
  if (data.backer_port_id != RTE_MAX_ETHPORTS)
    return "rte_eth_dev_data::backer_port_id is elsewhere";
  return {};
}

}  // namespace testnic
