// Unaligned loads from and stores to wire bytes. The caller has checked the bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace lifeline::packet::wire {

// T is a type whose memory is its wire form: be16, be32, be64, MacAddress, Ipv4Address,
// Ipv6Address.
template <class T>
T load(const std::byte* p) {
  static_assert(std::is_trivially_copyable_v<T>);
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline std::uint8_t load_u8(const std::byte* p) { return std::to_integer<std::uint8_t>(*p); }

template <class T>
void store(std::byte* p, const T& v) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(p, &v, sizeof v);
}

inline void store_u8(std::byte* p, std::uint8_t v) { *p = std::byte{v}; }

}  // namespace lifeline::packet::wire
