// The fast half of the parser: from the bytes of a common packet straight to its exact key.
//
// It knows IPv4 (no options, not a fragment) with TCP or UDP, untagged or with one tag, and leaves
// all else to packet::parse() and to_exact(). It must agree with them on every packet it accepts:
// tests/unit/datapath mutates frames at random to prove it.
#pragma once

#include <cstdint>
#include <cstring>

#include "datapath/exact_key.h"

namespace lifeline::datapath {

namespace detail {
template <class T>
inline T load_at(const std::uint8_t* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
}  // namespace detail

// `p`: `len` contiguous bytes, the whole frame. Writes all eight words of `k` if it returns true,
// and may have written some of them if it returns false.
inline bool parse_fast(const std::uint8_t* p, std::uint32_t len, std::uint16_t in_port,
                       ExactKey* k) {
  using detail::load_at;
  constexpr std::uint64_t kMac = 0x0000'ffff'ffff'ffff;
  constexpr std::uint16_t kIpv4Raw = be16{packet::kEthTypeIpv4}.raw();
  constexpr std::uint16_t kVlanRaw = be16{packet::kEthTypeVlan}.raw();
  if (len < 14 + 20 + 8) [[unlikely]]
    return false;
  const std::uint64_t dst = load_at<std::uint64_t>(p);
  const std::uint64_t src_type = load_at<std::uint64_t>(p + 6);
  std::uint16_t eth_type = static_cast<std::uint16_t>(src_type >> 48);
  std::uint64_t tci = 0;
  std::uint32_t l3 = 14;
  if (eth_type != kIpv4Raw) [[unlikely]] {
    if (eth_type != kVlanRaw) return false;
    eth_type = load_at<std::uint16_t>(p + 16);
    if (eth_type != kIpv4Raw) return false;
    constexpr std::uint16_t kKeep = be16{packet::kVlanPcpMask | packet::kVlanVidMask}.raw();
    tci = (load_at<std::uint16_t>(p + 14) & kKeep) | be16{packet::kVlanPresent}.raw();
    l3 = 18;
  }
  const std::uint8_t* ip = p + l3;
  // version, IHL, TOS, total length, id, flags and fragment offset in one word
  const std::uint64_t first = load_at<std::uint64_t>(ip);
  const std::uint32_t proto = ip[9];
  const std::uint32_t total = byte_swap(static_cast<std::uint16_t>(first >> 16));
  const std::uint32_t want = proto == packet::kProtoUdp ? 20u + 8u : 20u + 20u;
  constexpr std::uint64_t kFragmentBits = static_cast<std::uint64_t>(be16{0x3fff}.raw()) << 48;
  const bool plain = ((first & 0xff) == 0x45) & ((first & kFragmentBits) == 0) &
                     ((proto == packet::kProtoUdp) | (proto == packet::kProtoTcp)) &
                     (total >= want) & (total + l3 <= len);
  if (!plain) [[unlikely]]
    return false;
  constexpr std::uint64_t kKindIpv4 = static_cast<std::uint64_t>(KeyKind::kIpv4) << 48;
  k->w[0] = dst << 16 | in_port;
  k->w[1] = (src_type & kMac) | kKindIpv4 | (first & 0xff00) << 48;
  k->w[2] = tci | static_cast<std::uint64_t>(proto) << 16 |
            static_cast<std::uint64_t>(load_at<std::uint32_t>(ip + 20)) << 32;
  k->w[3] = load_at<std::uint64_t>(ip + 12);
  k->w[4] = 0;
  k->w[5] = 0;
  k->w[6] = 0;
  k->w[7] = 0;
  return true;
}

}  // namespace lifeline::datapath
