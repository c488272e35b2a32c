#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/mac_address.h"

namespace lifeline {

// The first 1 to 6 bytes of MAC addresses: a maker's (OUI), a hypervisor's, or one station's.
struct MacPrefix {
  MacAddress bytes{};        // zeros behind the prefix
  std::uint8_t n_bytes = 0;  // 0 covers every address

  constexpr auto operator<=>(const MacPrefix&) const = default;
  constexpr bool covers(const MacAddress& mac) const {
    const unsigned rest = 8u * (6u - n_bytes);
    return n_bytes == 0 || (mac.to_u64() ^ bytes.to_u64()) >> rest == 0;
  }

  // Accepts "52:54:00" and the like, 1 to 6 bytes, any case. nullopt for anything else.
  static std::optional<MacPrefix> parse(std::string_view text);
  std::string to_string() const;
};

}  // namespace lifeline
