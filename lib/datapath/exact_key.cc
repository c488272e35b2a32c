#include "datapath/exact_key.h"

#include <bit>

#include "datapath/exact_parse.h"

namespace lifeline::datapath {

static_assert(std::endian::native == std::endian::little, "words are laid out for little endian");

namespace {

std::uint64_t load_mac(const MacAddress& mac) {
  std::uint64_t v = 0;
  std::memcpy(&v, mac.bytes.data(), 6);
  return v;
}

MacAddress store_mac(std::uint64_t v) { return MacAddress::from_bytes(&v); }

template <class T>
T load(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

KeyKind kind_for(const FlowKey& key) {
  switch (key.eth_type.host()) {
    case packet::kEthTypeIpv4: return KeyKind::kIpv4;
    case packet::kEthTypeIpv6: return KeyKind::kIpv6;
    case packet::kEthTypeArp: return KeyKind::kArp;
    default: return KeyKind::kOther;
  }
}

}  // namespace

bool to_exact(const FlowKey& key, ExactKey* out) {
  ExactKey k;
  const KeyKind kind = kind_for(key);
  const std::uint64_t kind_frag = static_cast<std::uint64_t>(kind) |
                                  static_cast<std::uint64_t>(key.ip_frag & 7u) << 4 |
                                  static_cast<std::uint64_t>(key.inner_vlan & 1u) << 7;
  k.w[0] = (key.in_port & 0xffffu) | load_mac(key.eth_dst) << 16;
  k.w[1] = load_mac(key.eth_src) | kind_frag << 48 | static_cast<std::uint64_t>(key.ip_tos) << 56;
  k.w[2] = key.vlan_tci.raw() | static_cast<std::uint64_t>(key.ip_proto) << 16 |
           static_cast<std::uint64_t>(key.tp_src.raw()) << 32 |
           static_cast<std::uint64_t>(key.tp_dst.raw()) << 48;
  switch (kind) {
    case KeyKind::kIpv4: k.w[3] = load<std::uint64_t>(&key.ipv4_src); break;
    case KeyKind::kArp:
      k.w[3] = load<std::uint64_t>(&key.ipv4_src);
      k.w[4] = load_mac(key.arp_sha) | static_cast<std::uint64_t>(key.arp_op.raw()) << 48;
      k.w[5] = load_mac(key.arp_tha);
      break;
    case KeyKind::kIpv6:
      std::memcpy(&k.w[3], key.ipv6_src.bytes.data(), 16);
      std::memcpy(&k.w[5], key.ipv6_dst.bytes.data(), 16);
      k.w[7] = key.ipv6_label.raw() | static_cast<std::uint64_t>(key.ipv6_exthdr.raw()) << 32 |
               static_cast<std::uint64_t>(key.icmpv6_hop_255) << 48;
      break;
    case KeyKind::kOther:
    case KeyKind::kNone:
      k.w[3] = key.mpls_lse.raw() | static_cast<std::uint64_t>(key.pbb_isid.raw()) << 32;
      k.w[4] = key.eth_type.raw();
      break;
  }
  *out = k;
  return expand(k) == key;
}

FlowKey expand(const ExactKey& k) {
  FlowKey key;
  key.in_port = static_cast<std::uint16_t>(k.w[0]);
  key.eth_dst = store_mac(k.w[0] >> 16);
  key.eth_src = store_mac(k.w[1]);
  key.ip_frag = static_cast<std::uint8_t>(k.w[1] >> 52 & 7);
  key.inner_vlan = static_cast<std::uint8_t>(k.w[1] >> 55 & 1);
  key.ip_tos = static_cast<std::uint8_t>(k.w[1] >> 56);
  key.vlan_tci = be16::from_raw(static_cast<std::uint16_t>(k.w[2]));
  key.ip_proto = static_cast<std::uint8_t>(k.w[2] >> 16);
  key.tp_src = be16::from_raw(static_cast<std::uint16_t>(k.w[2] >> 32));
  key.tp_dst = be16::from_raw(static_cast<std::uint16_t>(k.w[2] >> 48));
  switch (kind_of(k)) {
    case KeyKind::kIpv4:
      key.eth_type = be16{packet::kEthTypeIpv4};
      std::memcpy(static_cast<void*>(&key.ipv4_src), &k.w[3], 8);
      break;
    case KeyKind::kArp:
      key.eth_type = be16{packet::kEthTypeArp};
      std::memcpy(static_cast<void*>(&key.ipv4_src), &k.w[3], 8);
      key.arp_sha = store_mac(k.w[4]);
      key.arp_op = be16::from_raw(static_cast<std::uint16_t>(k.w[4] >> 48));
      key.arp_tha = store_mac(k.w[5]);
      break;
    case KeyKind::kIpv6:
      key.eth_type = be16{packet::kEthTypeIpv6};
      std::memcpy(key.ipv6_src.bytes.data(), &k.w[3], 16);
      std::memcpy(key.ipv6_dst.bytes.data(), &k.w[5], 16);
      key.ipv6_label = be32::from_raw(static_cast<std::uint32_t>(k.w[7]));
      key.ipv6_exthdr = be16::from_raw(static_cast<std::uint16_t>(k.w[7] >> 32));
      key.icmpv6_hop_255 = static_cast<std::uint8_t>(k.w[7] >> 48);
      break;
    case KeyKind::kOther:
    case KeyKind::kNone:
      key.mpls_lse = be32::from_raw(static_cast<std::uint32_t>(k.w[3]));
      key.pbb_isid = be32::from_raw(static_cast<std::uint32_t>(k.w[3] >> 32));
      key.eth_type = be16::from_raw(static_cast<std::uint16_t>(k.w[4]));
      break;
  }
  return key;
}

}  // namespace lifeline::datapath
