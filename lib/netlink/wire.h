// A bounded walk over netlink messages and attributes. Everything is copied out of the span: the
// bytes need no alignment, and a length that lies ends the walk.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace lifeline::netlink::wire {

using Bytes = std::span<const std::byte>;

// The fixed header at the start of `bytes`; nullopt when it is cut short.
template <class T>
std::optional<T> load(Bytes bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

constexpr std::size_t align4(std::size_t n) { return (n + 3) & ~std::size_t{3}; }

// Splits records that begin with their own length (struct nlmsghdr, rtattr, rtnexthop).
// `Header::*Length` is that length, header included. next() is false at the end, or where a record
// is malformed; malformed() tells the two apart.
template <class Header, auto Length>
class Walk {
 public:
  explicit Walk(Bytes bytes) : rest_(bytes) {}

  bool next() {
    if (rest_.empty()) return false;
    const std::optional<Header> h = load<Header>(rest_);
    if (!h) return fail();
    const std::size_t length = (*h).*Length;
    if (length < sizeof(Header) || length > rest_.size()) return fail();
    header_ = *h;
    record_ = rest_.first(length);
    rest_ = rest_.subspan(std::min(align4(length), rest_.size()));
    return true;
  }

  const Header& header() const { return header_; }
  Bytes record() const { return record_; }  // header included
  Bytes payload() const {
    return record_.subspan(std::min(align4(sizeof(Header)), record_.size()));
  }
  bool malformed() const { return malformed_; }

 private:
  bool fail() {
    malformed_ = true;
    rest_ = {};
    return false;
  }
  Bytes rest_;
  Bytes record_;
  Header header_{};
  bool malformed_ = false;
};

using MessageWalk = Walk<nlmsghdr, &nlmsghdr::nlmsg_len>;
using AttributeWalk = Walk<rtattr, &rtattr::rta_len>;
using NextHopWalk = Walk<rtnexthop, &rtnexthop::rtnh_len>;

inline std::uint16_t attribute_type(const rtattr& a) {
  return static_cast<std::uint16_t>(a.rta_type & NLA_TYPE_MASK);
}

// An attribute's value, if it has exactly the right size.
inline std::optional<std::uint32_t> as_u32(Bytes v) {
  if (v.size() != 4) return std::nullopt;
  return load<std::uint32_t>(v);
}

inline std::optional<IpAddress> as_ip(Bytes v, int family) {
  if (family == AF_INET && v.size() == 4) return IpAddress{*load<Ipv4Address>(v)};
  if (family == AF_INET6 && v.size() == 16) return IpAddress{Ipv6Address::from_bytes(v.data())};
  return std::nullopt;
}

// A string that ends at its NUL or with the attribute.
inline std::string as_string(Bytes v) {
  const char* text = reinterpret_cast<const char*>(v.data());
  return std::string(text, strnlen(text, v.size()));
}

}  // namespace lifeline::netlink::wire
