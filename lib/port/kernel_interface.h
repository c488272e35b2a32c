// Small questions to the kernel about an interface, by ioctl. None of them waits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/expected.h"
#include "base/mac_address.h"

namespace lifeline::port {

struct KernelInterface {
  std::string name;
  std::uint32_t if_index = 0;
  MacAddress mac;
  std::uint32_t mtu = 0;
  bool up = false;       // IFF_UP: the administrator wants it up
  bool running = false;  // IFF_RUNNING: it has carrier
};

// nullopt: there is none of that name (any more) in this network namespace.
std::optional<KernelInterface> find_interface(const std::string& name);
std::optional<KernelInterface> find_interface(std::uint32_t if_index);

// Errors are errno values, 0 is success.
int set_interface_mac(const std::string& name, MacAddress mac);
int set_interface_mtu(const std::string& name, std::uint32_t mtu);
int set_interface_up(const std::string& name);
// Makes the kernel fill in checksums and cut segments before frames reach the interface.
int disable_tx_offload(const std::string& name);
// Time between two neighbour solicitations (ARP requests, ND) on this interface, in ms; the
// kernel's default is 1000. `family`: "ipv4" or "ipv6".
int set_neighbour_retransmit_ms(const char* family, const std::string& name, std::uint32_t ms);

}  // namespace lifeline::port
