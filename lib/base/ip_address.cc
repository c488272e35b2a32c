#include "base/ip_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

namespace lifeline {
namespace {

// inet_pton refuses octal, short forms and trailing text, but takes a C string: a NUL in the middle
// would hide what follows it.
bool parse_as(int family, std::string_view text, void* out) {
  if (text.find('\0') != std::string_view::npos) return false;
  return inet_pton(family, std::string(text).c_str(), out) == 1;
}

}  // namespace

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  in_addr a{};
  if (!parse_as(AF_INET, text, &a)) return std::nullopt;
  return Ipv4Address{be32::from_raw(a.s_addr)};
}

std::string Ipv4Address::to_string() const {
  const std::uint32_t v = value.host();
  return fmt::format("{}.{}.{}.{}", v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255);
}

bool Ipv6Address::is_loopback() const {
  Ipv6Address one;
  one.bytes[15] = 1;
  return *this == one;
}

std::optional<Ipv6Address> Ipv6Address::parse(std::string_view text) {
  Ipv6Address a;
  if (!parse_as(AF_INET6, text, a.bytes.data())) return std::nullopt;
  return a;
}

std::string Ipv6Address::to_string() const {
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, bytes.data(), buffer, sizeof buffer);
}

bool IpAddress::is_loopback() const { return is_v4() ? v4().is_loopback() : v6().is_loopback(); }
bool IpAddress::is_zero() const { return is_v4() ? v4().is_zero() : v6().is_zero(); }

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (auto a = Ipv4Address::parse(text)) return IpAddress{*a};
  if (auto a = Ipv6Address::parse(text)) return IpAddress{*a};
  return std::nullopt;
}

std::string IpAddress::to_string() const { return is_v4() ? v4().to_string() : v6().to_string(); }

}  // namespace lifeline
