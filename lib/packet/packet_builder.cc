#include "packet/packet_builder.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "packet/checksum.h"
#include "packet/nd_view.h"
#include "packet/wire.h"

namespace lifeline::packet {
namespace {

using wire::store;
using wire::store_u8;

// IEEE 802's ether type for local experiments, and RFC 3692's IP protocol: what a payload that
// names no type of its own gets.
constexpr std::uint16_t kEthTypeExperiment = 0x88b5;
constexpr std::uint8_t kProtoExperiment = 253;
constexpr std::uint8_t kProtoIpip = 4;
constexpr std::uint8_t kProtoIpv6 = 41;
constexpr std::uint8_t kNextFragment = 44;
constexpr std::uint8_t kNextAuth = 51;

}  // namespace

PacketBuilder::Header& PacketBuilder::add(Kind kind, std::size_t bytes) {
  headers_.emplace_back();
  headers_.back().kind = kind;
  headers_.back().bytes.resize(bytes);
  return headers_.back();
}

PacketBuilder::Header& PacketBuilder::last(Kind kind) {
  const auto it = std::find_if(headers_.rbegin(), headers_.rend(),
                               [kind](const Header& h) { return h.kind == kind; });
  assert(it != headers_.rend() && "a setter follows the header it changes");
  return *it;
}

PacketBuilder::Header& PacketBuilder::last_ip() {
  const auto it = std::find_if(headers_.rbegin(), headers_.rend(), [](const Header& h) {
    return h.kind == Kind::kIpv4 || h.kind == Kind::kIpv6;
  });
  assert(it != headers_.rend() && "a setter follows the header it changes");
  return *it;
}

PacketBuilder& PacketBuilder::eth(MacAddress src, MacAddress dst) {
  Header& h = add(Kind::kEth, 14);
  store(h.data(), dst);
  store(h.data() + 6, src);
  return *this;
}

PacketBuilder& PacketBuilder::eth_type(std::uint16_t type) {
  const auto it = std::find_if(headers_.rbegin(), headers_.rend(), [](const Header& h) {
    return h.kind == Kind::kEth || h.kind == Kind::kVlan;
  });
  assert(it != headers_.rend() && "eth_type() follows eth() or vlan()");
  it->next_type = type;
  return *this;
}

PacketBuilder& PacketBuilder::length_field() {
  headers_.back().length_field = true;
  return *this;
}

PacketBuilder& PacketBuilder::llc(std::uint8_t dsap, std::uint8_t ssap, std::uint8_t control) {
  add(Kind::kLlc, 3).bytes = {dsap, ssap, control};
  return *this;
}

PacketBuilder& PacketBuilder::snap(std::uint16_t type) {
  Header& h = add(Kind::kSnap, 8);
  h.bytes = {0xaa, 0xaa, 3, 0, 0, 0, 0, 0};
  store(h.data() + 6, be16{type});
  return *this;
}

PacketBuilder& PacketBuilder::vlan(std::uint16_t vid, std::uint8_t pcp, std::uint16_t tpid) {
  Header& h = add(Kind::kVlan, 4);
  h.eth_type = tpid;
  store(h.data(), be16{static_cast<std::uint16_t>((vid & kVlanVidMask) | pcp << 13)});
  return *this;
}

PacketBuilder& PacketBuilder::mpls(std::uint32_t label, std::uint8_t tc, std::uint8_t ttl,
                                   std::uint16_t eth_type) {
  Header& h = add(Kind::kMpls, 4);
  h.eth_type = eth_type;
  store(h.data(), be32{label << 12 | (tc & 7u) << 9 | ttl});
  return *this;
}

PacketBuilder& PacketBuilder::pbb(std::uint32_t isid) {
  Header& h = add(Kind::kPbb, 4);
  h.eth_type = kEthTypePbb;
  store(h.data(), be32{isid & 0xffffff});
  return *this;
}

PacketBuilder& PacketBuilder::arp(std::uint16_t op, MacAddress sha, Ipv4Address spa, MacAddress tha,
                                  Ipv4Address tpa) {
  Header& h = add(Kind::kArp, kArpBytes);
  h.eth_type = kEthTypeArp;
  store(h.data(), be32{0x00010800});
  store(h.data() + 4, be16{0x0604});
  store(h.data() + 6, be16{op});
  store(h.data() + 8, sha);
  store(h.data() + 14, spa);
  store(h.data() + 18, tha);
  store(h.data() + 24, tpa);
  return *this;
}

PacketBuilder& PacketBuilder::ipv4(Ipv4Address src, Ipv4Address dst, std::uint8_t ttl) {
  Header& h = add(Kind::kIpv4, 20);
  h.eth_type = kEthTypeIpv4;
  h.proto = kProtoIpip;
  h.bytes[0] = 0x45;
  h.bytes[8] = ttl;
  store(h.data() + 12, src);
  store(h.data() + 16, dst);
  return *this;
}

PacketBuilder& PacketBuilder::ipv6(const Ipv6Address& src, const Ipv6Address& dst,
                                   std::uint8_t hop_limit, std::uint32_t label) {
  Header& h = add(Kind::kIpv6, 40);
  h.eth_type = kEthTypeIpv6;
  h.proto = kProtoIpv6;
  store(h.data(), be32{6u << 28 | (label & 0xfffff)});
  h.bytes[7] = hop_limit;
  store(h.data() + 8, src);
  store(h.data() + 24, dst);
  return *this;
}

PacketBuilder& PacketBuilder::tos(std::uint8_t tos) {
  Header& h = last_ip();
  if (h.kind == Kind::kIpv4) {
    h.bytes[1] = tos;
  } else {
    h.bytes[0] = static_cast<std::uint8_t>(0x60 | tos >> 4);
    h.bytes[1] = static_cast<std::uint8_t>((h.bytes[1] & 15) | (tos & 15) << 4);
  }
  return *this;
}

PacketBuilder& PacketBuilder::ip_proto(std::uint8_t proto) {
  const auto it = std::find_if(headers_.rbegin(), headers_.rend(), [](const Header& h) {
    return h.kind == Kind::kIpv4 || h.kind == Kind::kIpv6 || h.kind == Kind::kExt ||
           h.kind == Kind::kAuth || h.kind == Kind::kFrag;
  });
  assert(it != headers_.rend() && "ip_proto() follows an IP header");
  it->next_proto = proto;
  return *this;
}

PacketBuilder& PacketBuilder::ip_id(std::uint16_t id) {
  store(last(Kind::kIpv4).data() + 4, be16{id});
  return *this;
}

PacketBuilder& PacketBuilder::ip_options(std::span<const std::byte> options) {
  Header& h = last(Kind::kIpv4);
  const std::size_t padded = std::min<std::size_t>((options.size() + 3) / 4 * 4, 40);
  h.bytes.resize(20 + padded);
  std::memcpy(h.bytes.data() + 20, options.data(), std::min(options.size(), padded));
  h.bytes[0] = static_cast<std::uint8_t>(0x40 | h.bytes.size() / 4);
  return *this;
}

PacketBuilder& PacketBuilder::fragment(std::uint16_t offset_bytes, bool more) {
  if (last_ip().kind == Kind::kIpv4) {
    const unsigned flags = (more ? 0x2000u : 0u) | offset_bytes / 8u;
    store(last_ip().data() + 6, be16{static_cast<std::uint16_t>(flags)});
    return *this;
  }
  Header& h = add(Kind::kFrag, 8);
  h.proto = kNextFragment;
  const unsigned field = (offset_bytes & 0xfff8u) | (more ? 1u : 0u);
  store(h.data() + 2, be16{static_cast<std::uint16_t>(field)});
  return *this;
}

PacketBuilder& PacketBuilder::ext_header(std::uint8_t number, std::span<const std::byte> body) {
  const bool auth = number == kNextAuth;
  const std::size_t unit = auth ? 4 : 8;
  const std::size_t least = auth ? 12 : 8;
  const std::size_t bytes = std::max(least, (body.size() + 2 + unit - 1) / unit * unit);
  Header& h = add(auth ? Kind::kAuth : Kind::kExt, bytes);
  h.proto = number;
  h.bytes[1] = static_cast<std::uint8_t>(auth ? bytes / 4 - 2 : bytes / 8 - 1);
  if (!body.empty()) std::memcpy(h.bytes.data() + 2, body.data(), body.size());
  return *this;
}

PacketBuilder& PacketBuilder::tcp(std::uint16_t src_port, std::uint16_t dst_port,
                                  std::uint8_t flags, std::uint32_t seq, std::uint32_t ack) {
  Header& h = add(Kind::kTcp, 20);
  h.proto = kProtoTcp;
  store(h.data(), be16{src_port});
  store(h.data() + 2, be16{dst_port});
  store(h.data() + 4, be32{seq});
  store(h.data() + 8, be32{ack});
  h.bytes[12] = 5 << 4;
  h.bytes[13] = flags;
  store(h.data() + 14, be16{0xffff});
  return *this;
}

PacketBuilder& PacketBuilder::udp(std::uint16_t src_port, std::uint16_t dst_port) {
  Header& h = add(Kind::kUdp, 8);
  h.proto = kProtoUdp;
  store(h.data(), be16{src_port});
  store(h.data() + 2, be16{dst_port});
  return *this;
}

PacketBuilder& PacketBuilder::no_udp_checksum() {
  last(Kind::kUdp).no_checksum = true;
  return *this;
}

PacketBuilder& PacketBuilder::sctp(std::uint16_t src_port, std::uint16_t dst_port) {
  Header& h = add(Kind::kSctp, 12);
  h.proto = kProtoSctp;
  store(h.data(), be16{src_port});
  store(h.data() + 2, be16{dst_port});
  return *this;
}

PacketBuilder& PacketBuilder::icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest) {
  Header& h = add(Kind::kIcmp, 8);
  h.proto = kProtoIcmp;
  h.bytes[0] = type;
  h.bytes[1] = code;
  store(h.data() + 4, be32{rest});
  return *this;
}

PacketBuilder& PacketBuilder::icmpv6(std::uint8_t type, std::uint8_t code, std::uint32_t rest) {
  icmp(type, code, rest);
  headers_.back().kind = Kind::kIcmpv6;
  headers_.back().proto = kProtoIcmpv6;
  return *this;
}

PacketBuilder& PacketBuilder::neighbor_discovery(std::uint8_t type, std::uint32_t flags,
                                                 const Ipv6Address& target, std::uint8_t option,
                                                 const std::optional<MacAddress>& address) {
  icmpv6(type, 0, flags);
  std::vector<std::uint8_t>& bytes = headers_.back().bytes;
  bytes.insert(bytes.end(), target.bytes.begin(), target.bytes.end());
  if (address) {
    bytes.push_back(option);
    bytes.push_back(1);
    bytes.insert(bytes.end(), address->bytes.begin(), address->bytes.end());
  }
  return *this;
}

PacketBuilder& PacketBuilder::neighbor_solicitation(const Ipv6Address& target,
                                                    std::optional<MacAddress> sll) {
  return neighbor_discovery(kNdNeighborSolicitation, 0, target, kNdOptSourceLinkAddress, sll);
}

PacketBuilder& PacketBuilder::neighbor_advertisement(const Ipv6Address& target,
                                                     std::optional<MacAddress> tll) {
  constexpr std::uint32_t kSolicitedOverride = 0x60000000;
  return neighbor_discovery(kNdNeighborAdvertisement, kSolicitedOverride, target,
                            kNdOptTargetLinkAddress, tll);
}

PacketBuilder& PacketBuilder::dhcp(const DhcpView& view, std::span<const std::byte> options) {
  Frame body(kDhcpFixedBytes);
  store_u8(&body[0], static_cast<std::uint8_t>(view.op));
  store_u8(&body[1], 1);
  store_u8(&body[2], 6);
  store(&body[4], be32{view.xid});
  store(&body[12], view.ciaddr);
  store(&body[16], view.yiaddr);
  store(&body[28], view.chaddr);
  store(&body[236], be32{0x63825363});
  if (view.type != DhcpView::Type::kNone) {
    body.insert(body.end(), {std::byte{53}, std::byte{1}, static_cast<std::byte>(view.type)});
  }
  body.insert(body.end(), options.begin(), options.end());
  body.push_back(std::byte{255});
  return payload(body);
}

PacketBuilder& PacketBuilder::payload(std::span<const std::byte> bytes) {
  Header& h = add(Kind::kPayload, bytes.size());
  if (!bytes.empty()) std::memcpy(h.bytes.data(), bytes.data(), bytes.size());
  return *this;
}

PacketBuilder& PacketBuilder::payload(std::string_view bytes) {
  return payload(std::as_bytes(std::span(bytes)));
}

PacketBuilder& PacketBuilder::payload_bytes(std::size_t n, std::uint8_t fill) {
  add(Kind::kPayload, 0).bytes.assign(n, fill);
  return *this;
}

// Fills in what one header says about the next, and all lengths.
void PacketBuilder::link(std::vector<Header>& headers) {
  std::size_t behind = 0;  // bytes behind header i
  for (std::size_t i = headers.size(); i-- > 0;) {
    Header& h = headers[i];
    const Header* next = i + 1 < headers.size() ? &headers[i + 1] : nullptr;
    const auto length = [&](std::size_t own) {
      return be16{static_cast<std::uint16_t>(own + behind)};
    };
    const std::uint16_t type = h.next_type              ? *h.next_type
                               : next && next->eth_type ? next->eth_type
                                                        : kEthTypeExperiment;
    const std::uint8_t proto = h.next_proto          ? *h.next_proto
                               : next && next->proto ? *next->proto
                                                     : kProtoExperiment;
    switch (h.kind) {
      case Kind::kEth:
      case Kind::kVlan:
        store(h.data() + h.bytes.size() - 2, h.length_field ? length(0) : be16{type});
        break;
      case Kind::kMpls:
        if (next == nullptr || next->kind != Kind::kMpls) h.bytes[2] |= 1;
        break;
      case Kind::kIpv4:
        store(h.data() + 2, length(h.bytes.size()));
        h.bytes[9] = proto;
        break;
      case Kind::kIpv6:
        store(h.data() + 4, length(0));
        h.bytes[6] = proto;
        break;
      case Kind::kExt:
      case Kind::kAuth:
      case Kind::kFrag: h.bytes[0] = proto; break;
      case Kind::kUdp: store(h.data() + 4, length(8)); break;
      default: break;
    }
    behind += h.bytes.size();
  }
}

// The checksum of headers[i], which lies at `offset` of the frame; all behind it is finished.
void PacketBuilder::checksum(const std::vector<Header>& headers, std::size_t i, std::size_t offset,
                             Frame& frame) {
  const Header& h = headers[i];
  std::byte* p = frame.data() + offset;
  const auto rest = std::span<const std::byte>(frame).subspan(offset);
  std::size_t field = 0;
  switch (h.kind) {
    case Kind::kIpv4: store(p + 10, internet_checksum(rest.first(h.bytes.size()))); return;
    case Kind::kSctp: store(p + 8, sctp_checksum(rest)); return;
    case Kind::kIcmp: store(p + 2, internet_checksum(rest)); return;
    case Kind::kIcmpv6: field = 2; break;
    case Kind::kTcp: field = 16; break;
    case Kind::kUdp: field = 6; break;
    default: return;
  }
  if (h.no_checksum) return;
  ChecksumSum sum;
  for (std::size_t j = i; j-- > 0;) {
    const std::byte* ip = reinterpret_cast<const std::byte*>(headers[j].bytes.data());
    if (headers[j].kind == Kind::kIpv4) {
      sum = pseudo_header(wire::load<Ipv4Address>(ip + 12), wire::load<Ipv4Address>(ip + 16),
                          *h.proto, static_cast<std::uint16_t>(rest.size()));
      break;
    }
    if (headers[j].kind == Kind::kIpv6) {
      sum = pseudo_header(wire::load<Ipv6Address>(ip + 8), wire::load<Ipv6Address>(ip + 24),
                          *h.proto, static_cast<std::uint32_t>(rest.size()));
      break;
    }
  }
  sum.add(rest);
  const be16 value = sum.checksum();
  store(p + field, h.kind == Kind::kUdp ? udp_checksum_on_wire(value) : value);
}

Frame PacketBuilder::build(std::size_t min_bytes) const {
  std::vector<Header> headers = headers_;
  link(headers);
  Frame frame;
  std::vector<std::size_t> offsets;
  for (const Header& h : headers) {
    offsets.push_back(frame.size());
    const auto bytes = std::as_bytes(std::span(h.bytes));
    frame.insert(frame.end(), bytes.begin(), bytes.end());
  }
  for (std::size_t i = headers.size(); i-- > 0;) checksum(headers, i, offsets[i], frame);
  if (frame.size() < min_bytes) frame.resize(min_bytes);
  return frame;
}

}  // namespace lifeline::packet
