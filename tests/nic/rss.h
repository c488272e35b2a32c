// Receive side scaling: Toeplitz over addresses and ports, and the redirection table.
#pragma once

#include <rte_ethdev.h>

#include <array>
#include <cstdint>

#include "layers.h"

namespace testnic {

constexpr std::uint32_t kRetaSize = 128;
constexpr std::uint32_t kKeyBytes = 40;
constexpr std::uint64_t kRssTypes = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

struct Rss {
  bool on = false;
  std::uint64_t types = 0;                  // RTE_ETH_RSS_*, within kRssTypes
  std::array<std::uint8_t, kKeyBytes> key;  // Microsoft's, until the application sets one
  std::array<std::uint16_t, kRetaSize> reta{};

  Rss();
  // 0: nothing of the packet is hashed, as NICs answer then.
  std::uint32_t hash(const std::uint8_t* frame, const Layers& layers) const;
  std::uint16_t queue(std::uint32_t hash) const { return on ? reta[hash % kRetaSize] : reta[0]; }
  bool in_reta(std::uint16_t queue) const;
};

}  // namespace testnic
