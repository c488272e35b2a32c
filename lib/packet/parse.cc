#include "packet/parse.h"

#include <algorithm>

#include "packet/wire.h"

namespace lifeline::packet {
namespace {

using wire::load;
using wire::load_u8;

constexpr std::size_t kEthBytes = 14;
constexpr std::size_t kVlanBytes = 4;
constexpr std::size_t kSnapBytes = 8;  // LLC included
constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::uint16_t kEthTypeMin = 0x0600;  // below it, an IEEE 802.3 length
constexpr int kMaxVlanTags = 2;
// A chain of extension headers is as long as its sender likes; the miss path is not.
constexpr int kMaxExtensionHeaders = 16;

constexpr std::uint8_t kNextHopByHop = 0;
constexpr std::uint8_t kNextRouting = 43;
constexpr std::uint8_t kNextFragment = 44;
constexpr std::uint8_t kNextEsp = 50;
constexpr std::uint8_t kNextAuth = 51;
constexpr std::uint8_t kNextNone = 59;
constexpr std::uint8_t kNextDestination = 60;

// What is left of the frame: [p, end). `end` shrinks when an IP length says where the datagram
// ends, so that padding is never taken for headers.
struct Cursor {
  const std::byte* begin;
  const std::byte* p;
  const std::byte* end;

  std::size_t left() const { return static_cast<std::size_t>(end - p); }
  std::uint16_t offset() const {
    return static_cast<std::uint16_t>(std::min<std::ptrdiff_t>(p - begin, 0xffff));
  }
};

// Ether type at c.p of a frame without a tag there; moves c behind type, LLC or SNAP header.
be16 parse_eth_type(Cursor& c) {
  const be16 type = load<be16>(c.p);
  c.p += 2;
  if (type.host() >= kEthTypeMin) return type;
  // SNAP with the OUI of encapsulated Ethernet (RFC 1042) names the type; all else has none.
  if (c.left() >= kSnapBytes && load<be32>(c.p) == be32{0xaaaa0300} &&
      load<be16>(c.p + 4) == be16{0}) {
    const be16 snap_type = load<be16>(c.p + 6);
    if (snap_type.host() >= kEthTypeMin) {
      c.p += kSnapBytes;
      return snap_type;
    }
  }
  return be16{kEthTypeNone};
}

bool is_vlan_tpid(be16 type) { return type == be16{kEthTypeVlan} || type == be16{kEthTypeQinQ}; }

void parse_tags(Cursor& c, FlowKey& key) {
  for (int tags = 0; tags < kMaxVlanTags && is_vlan_tpid(key.eth_type); ++tags) {
    if (c.left() < kVlanBytes) return;
    if (tags == 0) {
      key.vlan_tci = (load<be16>(c.p) & be16{kVlanPcpMask | kVlanVidMask}) | be16{kVlanPresent};
    } else {
      key.inner_vlan = 1;
    }
    c.p += 2;
    key.eth_type = parse_eth_type(c);
  }
}

void parse_arp_body(Cursor c, FlowKey& key, Layers& layers) {
  // Ethernet, IPv4, their lengths: the only ARP whose fields OpenFlow can name.
  if (c.left() < 28 || load<be32>(c.p) != be32{0x00010800} || load<be16>(c.p + 4) != be16{0x0604}) {
    return;
  }
  layers.l3 = c.offset();
  key.arp_op = load<be16>(c.p + 6);
  key.arp_sha = load<MacAddress>(c.p + 8);
  key.ipv4_src = load<Ipv4Address>(c.p + 14);
  key.arp_tha = load<MacAddress>(c.p + 18);
  key.ipv4_dst = load<Ipv4Address>(c.p + 24);
}

// Options of a neighbour solicitation or advertisement. c is behind the target address.
void parse_nd_options(Cursor c, FlowKey& key, bool solicitation) {
  const std::uint8_t wanted = solicitation ? 1 : 2;
  while (c.left() >= 8) {
    const std::size_t bytes = std::size_t{load_u8(c.p + 1)} * 8;
    if (bytes == 0 || bytes > c.left()) return;
    if (load_u8(c.p) == wanted && bytes == 8) {
      (solicitation ? key.nd_sll : key.nd_tll) = load<MacAddress>(c.p + 2);
      return;
    }
    c.p += bytes;
  }
}

void parse_icmpv6(Cursor c, FlowKey& key) {
  const std::uint8_t type = load_u8(c.p);
  const std::uint8_t code = load_u8(c.p + 1);
  key.tp_src = be16{type};
  key.tp_dst = be16{code};
  if ((type != 135 && type != 136) || code != 0 || c.left() < 24) return;
  key.nd_target = load<Ipv6Address>(c.p + 8);
  c.p += 24;
  parse_nd_options(c, key, type == 135);
}

// The fixed part of the transport header must be there; options and lengths in it are not for us.
void parse_transport(Cursor c, FlowKey& key, Layers& layers) {
  switch (key.ip_proto) {
    case kProtoTcp:
      if (c.left() < 20) return;
      break;
    case kProtoUdp:
      if (c.left() < 8) return;
      break;
    case kProtoSctp:
      if (c.left() < 12) return;
      break;
    case kProtoIcmp:
      if (!key.is_ipv4() || c.left() < 8) return;
      layers.l4 = c.offset();
      key.tp_src = be16{load_u8(c.p)};
      key.tp_dst = be16{load_u8(c.p + 1)};
      return;
    case kProtoIcmpv6:
      if (!key.is_ipv6() || c.left() < 4) return;
      layers.l4 = c.offset();
      parse_icmpv6(c, key);
      return;
    default: return;
  }
  layers.l4 = c.offset();
  key.tp_src = load<be16>(c.p);
  key.tp_dst = load<be16>(c.p + 2);
}

void parse_ipv4(Cursor c, FlowKey& key, Layers& layers) {
  if (c.left() < kIpv4Bytes || load_u8(c.p) >> 4 != 4) return;
  const std::size_t header = (load_u8(c.p) & 15u) * 4u;
  const std::size_t total = load<be16>(c.p + 2).host();
  if (header < kIpv4Bytes || total < header || total > c.left()) return;
  layers.l3 = c.offset();
  key.ip_tos = load_u8(c.p + 1);
  key.ip_proto = load_u8(c.p + 9);
  key.ipv4_src = load<Ipv4Address>(c.p + 12);
  key.ipv4_dst = load<Ipv4Address>(c.p + 16);
  const std::uint16_t fragment = load<be16>(c.p + 6).host();
  if ((fragment & 0x3fff) != 0) {
    key.ip_frag = kFragAny;
    if ((fragment & 0x1fff) != 0) {
      key.ip_frag |= kFragLater;
      return;
    }
  }
  c.end = c.p + total;
  c.p += header;
  parse_transport(c, key, layers);
}

// Collects OFPIEH bits (OpenFlow 1.3, 7.2.3.8) as the headers go by.
class ExtensionOrder {
 public:
  void see(std::uint8_t number, std::uint8_t next) {
    std::uint16_t bit = 0;
    int rank = 0;  // place in the order that RFC 8200, 4.1 recommends
    switch (number) {
      case kNextHopByHop: bit = kExthdrHop, rank = 1; break;
      case kNextRouting: bit = kExthdrRouter, rank = 3; break;
      case kNextFragment: bit = kExthdrFrag, rank = 4; break;
      case kNextAuth: bit = kExthdrAuth, rank = 5; break;
      case kNextEsp: bit = kExthdrEsp, rank = 6; break;
      case kNextDestination:
        // Before a routing header, or last: the one header with two places.
        bit = kExthdrDest;
        rank = rank_ < 2 && (next == kNextRouting || destinations_ == 0) ? 2 : 7;
        if (++destinations_ > 2) bits_ |= kExthdrUnrep;
        break;
      default: return;
    }
    if (bit != kExthdrDest && (bits_ & bit) != 0) {
      bits_ |= kExthdrUnrep;
    } else if (rank < rank_) {
      bits_ |= kExthdrUnseq;
    }
    rank_ = std::max(rank_, rank);
    bits_ |= bit;
  }
  void none() { bits_ |= kExthdrNoNext; }
  be16 bits() const { return be16{bits_}; }

 private:
  std::uint16_t bits_ = 0;
  int rank_ = 0;
  int destinations_ = 0;
};

// Walks the extension headers. True if a transport header is at c.p. `ip_proto` ends as the number
// of the header where the walk ended: one cut short counts as not read.
bool walk_extensions(Cursor& c, FlowKey& key) {
  ExtensionOrder order;
  bool transport = false;
  for (int n = 0; n < kMaxExtensionHeaders; ++n) {
    const std::uint8_t number = key.ip_proto;
    if (number == kNextNone) {
      order.none();
      break;
    }
    if (number == kNextEsp) {
      if (c.left() >= 8) order.see(number, 0);
      break;
    }
    if (!is_ipv6_extension(number)) {
      transport = true;
      break;
    }
    if (c.left() < 8) break;
    const std::size_t length_field = load_u8(c.p + 1);
    const std::size_t bytes = number == kNextFragment ? 8
                              : number == kNextAuth   ? (length_field + 2) * 4
                                                      : (length_field + 1) * 8;
    if (bytes > c.left()) break;
    key.ip_proto = load_u8(c.p);
    order.see(number, key.ip_proto);
    if (number == kNextFragment) {
      const std::uint16_t fragment = load<be16>(c.p + 2).host();
      if ((fragment & 0xfff9) != 0) key.ip_frag |= kFragAny;
      if ((fragment & 0xfff8) != 0) {
        key.ip_frag |= kFragLater;
        break;
      }
    }
    c.p += bytes;
  }
  key.ipv6_exthdr = order.bits();
  return transport;
}

void parse_ipv6(Cursor c, FlowKey& key, Layers& layers) {
  if (c.left() < kIpv6Bytes) return;
  const std::uint32_t first = load<be32>(c.p).host();
  const std::size_t payload = load<be16>(c.p + 4).host();
  if (first >> 28 != 6 || payload > c.left() - kIpv6Bytes) return;
  layers.l3 = c.offset();
  key.ip_tos = static_cast<std::uint8_t>(first >> 20);
  key.ipv6_label = be32{first & 0xfffff};
  key.ip_proto = load_u8(c.p + 6);
  key.ipv6_src = load<Ipv6Address>(c.p + 8);
  key.ipv6_dst = load<Ipv6Address>(c.p + 24);
  const std::uint8_t hop_limit = load_u8(c.p + 7);
  c.p += kIpv6Bytes;
  c.end = c.p + payload;
  if (walk_extensions(c, key)) parse_transport(c, key, layers);
  if (key.ip_proto == kProtoIcmpv6 && layers.l4 != 0 && hop_limit == 255) key.icmpv6_hop_255 = 1;
}

void parse_payload(const Cursor& c, FlowKey& key, Layers& layers) {
  switch (key.eth_type.host()) {
    case kEthTypeIpv4: parse_ipv4(c, key, layers); break;
    case kEthTypeIpv6: parse_ipv6(c, key, layers); break;
    case kEthTypeArp: parse_arp_body(c, key, layers); break;
    case kEthTypeMpls:
    case kEthTypeMplsMulticast:
      if (c.left() < 4) return;
      layers.l2_5 = c.offset();
      key.mpls_lse = load<be32>(c.p) & be32{0xffffff00};
      break;
    case kEthTypePbb:
      // I-TAG: PCP, DEI, UCA, reserved (8 bits), I-SID (24 bits).
      if (c.left() < 4) return;
      key.pbb_isid = load<be32>(c.p) & be32{0x00ffffff};
      break;
    default: break;
  }
}

}  // namespace

bool is_ipv6_extension(std::uint8_t number) {
  return number == kNextHopByHop || number == kNextRouting || number == kNextFragment ||
         number == kNextAuth || number == kNextDestination;
}

FlowKey parse(std::span<const std::byte> frame, std::uint32_t in_port, Layers* layers) {
  FlowKey key;
  Layers found;
  key.in_port = in_port;
  if (frame.size() >= kEthBytes) {
    Cursor c{frame.data(), frame.data(), frame.data() + frame.size()};
    key.eth_dst = load<MacAddress>(c.p);
    key.eth_src = load<MacAddress>(c.p + 6);
    c.p += 12;
    key.eth_type = parse_eth_type(c);
    parse_tags(c, key);
    parse_payload(c, key, found);
  }
  if (layers != nullptr) *layers = found;
  return key;
}

}  // namespace lifeline::packet
