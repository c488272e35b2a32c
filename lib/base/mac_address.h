#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace lifeline {

// An Ethernet address (IEEE 802 MAC-48), in wire order.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  constexpr auto operator<=>(const MacAddress&) const = default;

  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
  static MacAddress from_bytes(const void* p) {
    MacAddress m;
    std::memcpy(m.bytes.data(), p, 6);
    return m;
  }
  // The address in the low 48 bits, first wire byte most significant.
  static constexpr MacAddress from_u64(std::uint64_t v) {
    MacAddress m;
    for (int i = 5; i >= 0; --i, v >>= 8)
      m.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(v);
    return m;
  }
  constexpr std::uint64_t to_u64() const {
    std::uint64_t v = 0;
    for (std::uint8_t b : bytes) v = v << 8 | b;
    return v;
  }

  constexpr bool is_zero() const { return to_u64() == 0; }
  constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }  // broadcast included
  constexpr bool is_broadcast() const { return *this == broadcast(); }
  // IEEE 802.1D reserved group addresses 01:80:c2:00:00:0X, which a bridge never forwards.
  constexpr bool is_link_local_reserved() const {
    return (to_u64() & 0xfffffffffff0ULL) == 0x0180c2000000ULL;
  }

  // Accepts "aa:bb:cc:dd:ee:ff" (any case). nullopt for anything else.
  static std::optional<MacAddress> parse(std::string_view text);
  std::string to_string() const;
};

}  // namespace lifeline

template <>
struct std::hash<lifeline::MacAddress> {
  std::size_t operator()(const lifeline::MacAddress& m) const noexcept {
    return std::hash<std::uint64_t>{}(m.to_u64());
  }
};
