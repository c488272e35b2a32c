// Where the headers of a frame begin: what a NIC's parser finds.
#pragma once

#include <cstdint>

namespace testnic {

constexpr std::uint16_t kAbsent = 0xffff;

struct Layers {
  std::uint16_t n_vlans = 0;       // of those, two are looked at
  std::uint16_t vlan[2] = {0, 0};  // offset of the TCI
  std::uint16_t ether_type = 0;    // behind the VLAN tags; host byte order
  std::uint16_t l3 = kAbsent;      // behind the ether type; kAbsent: the frame ends before it
  std::uint16_t l4 = kAbsent;      // kAbsent: not IP, a later fragment, or cut off
  std::uint8_t ip_version = 0;     // 0: not IP
  std::uint8_t protocol = 0;       // of IP
  bool fragment = false;           // first or later
};

// Reads nothing beyond `bytes`. IPv6 extension headers are not skipped: then l4 is kAbsent, but for
// the ports of none of them a test asks.
Layers parse_layers(const std::uint8_t* frame, std::uint32_t bytes);

}  // namespace testnic
