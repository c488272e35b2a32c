// Big-endian integers as types, so that a field's byte order is checked by the compiler.
#pragma once

#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>

namespace lifeline {

template <std::unsigned_integral T>
constexpr T byte_swap(T v) {
  if constexpr (sizeof(T) == 1) return v;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(v);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(v);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(v);
}

// An integer stored in network byte order. Trivially copyable, so it may be laid over wire bytes.
// Bitwise operators need no swap; arithmetic goes through host().
template <std::unsigned_integral T>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  // Takes a value in host order.
  constexpr explicit BigEndian(T host) : raw_(swap_if_little(host)) {}
  static constexpr BigEndian from_raw(T raw) {
    BigEndian v;
    v.raw_ = raw;
    return v;
  }

  constexpr T host() const { return swap_if_little(raw_); }
  constexpr T raw() const { return raw_; }
  constexpr explicit operator bool() const { return raw_ != 0; }

  constexpr bool operator==(const BigEndian&) const = default;
  constexpr std::strong_ordering operator<=>(const BigEndian& o) const {
    return host() <=> o.host();
  }
  constexpr BigEndian operator&(BigEndian o) const {
    return from_raw(static_cast<T>(raw_ & o.raw_));
  }
  constexpr BigEndian operator|(BigEndian o) const {
    return from_raw(static_cast<T>(raw_ | o.raw_));
  }
  constexpr BigEndian operator~() const { return from_raw(static_cast<T>(~raw_)); }

  static constexpr BigEndian all_ones() { return from_raw(static_cast<T>(~T{0})); }

 private:
  static constexpr T swap_if_little(T v) {
    if constexpr (std::endian::native == std::endian::little) return byte_swap(v);
    return v;
  }
  T raw_ = 0;
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

}  // namespace lifeline
