#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/byte_order.h"

namespace lifeline {

struct Ipv4Address {
  be32 value;

  constexpr auto operator<=>(const Ipv4Address&) const = default;
  static constexpr Ipv4Address from_host(std::uint32_t v) { return {be32{v}}; }
  static constexpr Ipv4Address of(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return from_host(std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d);
  }
  constexpr bool is_zero() const { return value.raw() == 0; }
  constexpr bool is_loopback() const { return (value.host() >> 24) == 127; }

  // Strict dotted quad; nullopt for anything else (no octal, no short forms).
  static std::optional<Ipv4Address> parse(std::string_view text);
  std::string to_string() const;
};

struct Ipv6Address {
  std::array<std::uint8_t, 16> bytes{};

  constexpr auto operator<=>(const Ipv6Address&) const = default;
  static Ipv6Address from_bytes(const void* p) {
    Ipv6Address a;
    std::memcpy(a.bytes.data(), p, 16);
    return a;
  }
  constexpr bool is_zero() const { return *this == Ipv6Address{}; }
  constexpr bool is_link_local() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  constexpr bool is_multicast() const { return bytes[0] == 0xff; }
  bool is_loopback() const;

  static std::optional<Ipv6Address> parse(std::string_view text);
  std::string to_string() const;  // RFC 5952
};

// Either family. Which one it is decides which hidden rules a remote gets.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  constexpr IpAddress(Ipv4Address a) : value_(a) {}  // NOLINT(google-explicit-constructor)
  constexpr IpAddress(Ipv6Address a) : value_(a) {}  // NOLINT(google-explicit-constructor)

  constexpr auto operator<=>(const IpAddress&) const = default;
  constexpr bool is_v4() const { return std::holds_alternative<Ipv4Address>(value_); }
  constexpr bool is_v6() const { return !is_v4(); }
  constexpr const Ipv4Address& v4() const { return std::get<Ipv4Address>(value_); }
  constexpr const Ipv6Address& v6() const { return std::get<Ipv6Address>(value_); }
  bool is_loopback() const;
  bool is_zero() const;

  static std::optional<IpAddress> parse(std::string_view text);
  std::string to_string() const;

 private:
  std::variant<Ipv4Address, Ipv6Address> value_;
};

}  // namespace lifeline
