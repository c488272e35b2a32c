#include "rss.h"

#include <rte_thash.h>

#include <algorithm>

namespace testnic {
namespace {

// The verification key of Microsoft's specification of RSS, which most drivers start with.
constexpr std::array<std::uint8_t, kKeyBytes> kDefaultKey = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

std::uint32_t dword(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 |
         at[3];
}

}  // namespace

Rss::Rss() : key(kDefaultKey) {}

std::uint32_t Rss::hash(const std::uint8_t* frame, const Layers& layers) const {
  if (!on || layers.ip_version == 0) return 0;
  std::uint32_t tuple[9];
  std::uint32_t n = 0;
  const bool v4 = layers.ip_version == 4;
  const std::uint32_t first = v4 ? 12 : 8, words = v4 ? 2 : 8;
  for (std::uint32_t i = 0; i < words; ++i) tuple[n++] = dword(frame + layers.l3 + first + 4 * i);
  const std::uint64_t ports =
      layers.protocol == 6    ? (v4 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP : RTE_ETH_RSS_NONFRAG_IPV6_TCP)
      : layers.protocol == 17 ? (v4 ? RTE_ETH_RSS_NONFRAG_IPV4_UDP : RTE_ETH_RSS_NONFRAG_IPV6_UDP)
                              : 0;
  const std::uint64_t addresses =
      v4 ? RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER
         : RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER |
               RTE_ETH_RSS_IPV6_EX;
  if ((types & ports) != 0 && layers.l4 != kAbsent && !layers.fragment) {
    tuple[n++] = dword(frame + layers.l4);
  } else if ((types & addresses) == 0) {
    return 0;
  }
  return rte_softrss(tuple, n, key.data());
}

bool Rss::in_reta(std::uint16_t queue) const {
  if (!on) return reta[0] == queue;
  return std::find(reta.begin(), reta.end(), queue) != reta.end();
}

}  // namespace testnic
