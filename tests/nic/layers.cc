#include "layers.h"

namespace testnic {
namespace {

std::uint16_t word(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

bool has_l4(std::uint8_t protocol) {
  return protocol == 1 || protocol == 6 || protocol == 17 || protocol == 58 || protocol == 132;
}

void parse_ipv4(const std::uint8_t* frame, std::uint32_t bytes, Layers& layers) {
  const std::uint32_t at = layers.l3;
  if (bytes < at + 20 || frame[at] >> 4 != 4) return;
  const std::uint32_t header_bytes = (frame[at] & 0x0f) * 4u;
  if (header_bytes < 20) return;
  layers.ip_version = 4;
  layers.protocol = frame[at + 9];
  const std::uint16_t fragment = word(frame + at + 6);
  layers.fragment = (fragment & 0x3fff) != 0;
  if ((fragment & 0x1fff) == 0 && has_l4(layers.protocol) && bytes > at + header_bytes)
    layers.l4 = static_cast<std::uint16_t>(at + header_bytes);
}

void parse_ipv6(const std::uint8_t* frame, std::uint32_t bytes, Layers& layers) {
  const std::uint32_t at = layers.l3;
  if (bytes < at + 40 || frame[at] >> 4 != 6) return;
  layers.ip_version = 6;
  layers.protocol = frame[at + 6];
  layers.fragment = layers.protocol == 44;
  if (has_l4(layers.protocol) && bytes > at + 40) layers.l4 = static_cast<std::uint16_t>(at + 40);
}

}  // namespace

Layers parse_layers(const std::uint8_t* frame, std::uint32_t bytes) {
  Layers layers;
  if (bytes < 14) return layers;
  std::uint32_t at = 12;
  std::uint16_t type = word(frame + at);
  while ((type == 0x8100 || type == 0x88a8) && bytes >= at + 6) {
    if (layers.n_vlans < 2) layers.vlan[layers.n_vlans] = static_cast<std::uint16_t>(at + 2);
    ++layers.n_vlans;
    at += 4;
    type = word(frame + at);
  }
  layers.ether_type = type;
  if (bytes <= at + 2) return layers;
  layers.l3 = static_cast<std::uint16_t>(at + 2);
  if (type == 0x0800) parse_ipv4(frame, bytes, layers);
  if (type == 0x86dd) parse_ipv6(frame, bytes, layers);
  return layers;
}

}  // namespace testnic
