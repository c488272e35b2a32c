#include <algorithm>

#include "packet/arp_view.h"
#include "packet/dhcp_view.h"
#include "packet/flow_key.h"
#include "packet/nd_view.h"
#include "packet/path_mtu_view.h"
#include "packet/wire.h"

namespace lifeline::packet {

using wire::load;
using wire::load_u8;

std::optional<ArpView> parse_arp(std::span<const std::byte> arp) {
  if (arp.size() < kArpBytes) return std::nullopt;
  const std::byte* p = arp.data();
  // Hardware type Ethernet, protocol IPv4, and the lengths of both addresses.
  if (load<be32>(p) != be32{0x00010800} || load<be16>(p + 4) != be16{0x0604}) return std::nullopt;
  ArpView view;
  view.op = load<be16>(p + 6).host();
  view.sha = load<MacAddress>(p + 8);
  view.spa = load<Ipv4Address>(p + 14);
  view.tha = load<MacAddress>(p + 18);
  view.tpa = load<Ipv4Address>(p + 24);
  return view;
}

namespace {

constexpr std::size_t kUdpBytes = 8;
constexpr std::uint32_t kDhcpMagicCookie = 0x63825363;  // RFC 2132, 2
constexpr std::uint8_t kOptionPad = 0;
constexpr std::uint8_t kOptionMessageType = 53;
constexpr std::uint8_t kOptionEnd = 255;

// Walks the options and takes the message type from them. False if one runs over the end, or the
// type is not one byte long. Without END the options end with the message.
bool read_dhcp_options(std::span<const std::byte> options, DhcpView& view) {
  std::size_t i = 0;
  while (i < options.size()) {
    const std::uint8_t code = load_u8(&options[i++]);
    if (code == kOptionPad) continue;
    if (code == kOptionEnd) return true;
    if (i == options.size()) return false;
    const std::size_t length = load_u8(&options[i++]);
    if (length > options.size() - i) return false;
    if (code == kOptionMessageType) {
      if (length != 1) return false;
      const std::uint8_t type = load_u8(&options[i]);
      if (type == 0) return false;
      view.type = static_cast<DhcpView::Type>(type);
    }
    i += length;
  }
  return true;
}

}  // namespace

std::optional<DhcpView> parse_dhcp(std::span<const std::byte> udp) {
  if (udp.size() < kUdpBytes + kDhcpFixedBytes) return std::nullopt;
  const std::size_t udp_length = load<be16>(udp.data() + 4).host();
  if (udp_length < kUdpBytes + kDhcpFixedBytes || udp_length > udp.size()) return std::nullopt;
  const std::span<const std::byte> bootp = udp.subspan(kUdpBytes, udp_length - kUdpBytes);
  const std::byte* p = bootp.data();
  const std::uint8_t op = load_u8(p);
  if (op != 1 && op != 2) return std::nullopt;
  if (load_u8(p + 1) != 1 || load_u8(p + 2) != 6) return std::nullopt;
  if (load<be32>(p + 236) != be32{kDhcpMagicCookie}) return std::nullopt;
  DhcpView view;
  view.op = static_cast<DhcpView::Op>(op);
  view.xid = load<be32>(p + 4).host();
  view.ciaddr = load<Ipv4Address>(p + 12);
  view.yiaddr = load<Ipv4Address>(p + 16);
  view.chaddr = load<MacAddress>(p + 28);
  if (!read_dhcp_options(bootp.subspan(kDhcpFixedBytes), view)) return std::nullopt;
  return view;
}

std::optional<NdView> parse_nd(std::span<const std::byte> icmpv6) {
  constexpr std::size_t kFixedBytes = 24;
  if (icmpv6.size() < kFixedBytes) return std::nullopt;
  const std::byte* p = icmpv6.data();
  NdView view;
  view.type = load_u8(p);
  const bool solicitation = view.type == kNdNeighborSolicitation;
  if (!solicitation && view.type != kNdNeighborAdvertisement) return std::nullopt;
  if (load_u8(p + 1) != 0) return std::nullopt;
  if (!solicitation) {
    const std::uint8_t flags = load_u8(p + 4);
    view.router = (flags & 0x80) != 0;
    view.solicited = (flags & 0x40) != 0;
    view.override_ = (flags & 0x20) != 0;
  }
  view.target = load<Ipv6Address>(p + 8);
  const std::uint8_t wanted = solicitation ? kNdOptSourceLinkAddress : kNdOptTargetLinkAddress;
  for (auto options = icmpv6.subspan(kFixedBytes); !options.empty();) {
    if (options.size() < 8) return std::nullopt;
    const std::size_t bytes = std::size_t{load_u8(&options[1])} * 8;
    if (bytes == 0 || bytes > options.size()) return std::nullopt;
    if (load_u8(&options[0]) == wanted && bytes == 8 && !view.link_address) {
      view.link_address = load<MacAddress>(&options[2]);
    }
    options = options.subspan(bytes);
  }
  return view;
}

namespace {

constexpr std::size_t kIcmpBytes = 8;

// `tcp` begins at the quoted TCP header.
bool read_ports(std::span<const std::byte> tcp, PathMtuView& view) {
  if (tcp.size() < 4) return false;
  view.src_port = load<be16>(tcp.data()).host();
  view.dst_port = load<be16>(tcp.data() + 2).host();
  return true;
}

}  // namespace

std::optional<PathMtuView> parse_fragmentation_needed(std::span<const std::byte> icmp) {
  constexpr std::size_t kMinIpv4Bytes = 20;
  if (icmp.size() < kIcmpBytes + kMinIpv4Bytes) return std::nullopt;
  if (load_u8(&icmp[0]) != kIcmpUnreachable || load_u8(&icmp[1]) != kIcmpFragmentationNeeded)
    return std::nullopt;
  const std::span<const std::byte> ip = icmp.subspan(kIcmpBytes);
  const std::uint8_t version = load_u8(&ip[0]);
  const std::size_t header_bytes = (version & 0xfu) * 4u;
  if (version >> 4 != 4 || header_bytes < kMinIpv4Bytes || header_bytes > ip.size())
    return std::nullopt;
  const bool is_later_fragment = (load<be16>(&ip[6]).host() & 0x1fff) != 0;
  if (load_u8(&ip[9]) != kProtoTcp || is_later_fragment) return std::nullopt;
  PathMtuView view;
  view.mtu = load<be16>(&icmp[6]).host();
  view.src = load<Ipv4Address>(&ip[12]);
  view.dst = load<Ipv4Address>(&ip[16]);
  if (!read_ports(ip.subspan(header_bytes), view)) return std::nullopt;
  return view;
}

std::optional<PathMtuView> parse_packet_too_big(std::span<const std::byte> icmpv6) {
  constexpr std::size_t kIpv6Bytes = 40;
  if (icmpv6.size() < kIcmpBytes + kIpv6Bytes) return std::nullopt;
  if (load_u8(&icmpv6[0]) != kIcmpv6PacketTooBig || load_u8(&icmpv6[1]) != 0) return std::nullopt;
  const std::span<const std::byte> ip = icmpv6.subspan(kIcmpBytes);
  if (load_u8(&ip[0]) >> 4 != 6 || load_u8(&ip[6]) != kProtoTcp) return std::nullopt;
  PathMtuView view;
  view.mtu = load<be32>(&icmpv6[4]).host();
  view.src = load<Ipv6Address>(&ip[8]);
  view.dst = load<Ipv6Address>(&ip[24]);
  if (!read_ports(ip.subspan(kIpv6Bytes), view)) return std::nullopt;
  return view;
}

}  // namespace lifeline::packet
