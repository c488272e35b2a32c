// A frame: its flow key, the views into it, its checksums, and a frame built from the key.
#include <vector>

#include "flow/match.h"
#include "fuzz/check.h"
#include "packet/arp_view.h"
#include "packet/checksum.h"
#include "packet/dhcp_view.h"
#include "packet/nd_view.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "packet/path_mtu_view.h"

namespace lifeline::packet {
namespace {

constexpr std::uint32_t kInPort = 7;

void check_layers(std::span<const std::byte> frame, const FlowKey& key, const Layers& layers) {
  FUZZ_CHECK(layers.l3 == 0 || layers.l3 < frame.size());
  FUZZ_CHECK(layers.l4 == 0 || (layers.l3 != 0 && layers.l4 > layers.l3));
  FUZZ_CHECK(layers.l4 == 0 || layers.l4 < frame.size());
  FUZZ_CHECK(layers.l2_5 == 0 || layers.l3 == 0);
  FUZZ_CHECK(key.zero1.raw() == 0 && key.zero2 == 0 &&
             key.icmpv6_hop_255 <= (key.ip_proto == kProtoIcmpv6 ? 1 : 0) && key.inner_vlan <= 1);
  FUZZ_CHECK((key.ip_frag & kFragLater) == 0 || layers.l4 == 0);
  FUZZ_CHECK(layers.l4 != 0 || (key.tp_src.raw() == 0 && key.tp_dst.raw() == 0));
}

// What lies behind an IP datagram does not belong to it.
void check_padding(std::span<const std::byte> frame, const FlowKey& key, const Layers& layers) {
  if (layers.l3 == 0) return;
  std::vector<std::byte> padded(frame.begin(), frame.end());
  padded.resize(frame.size() + 17, std::byte{0xff});
  FUZZ_CHECK(parse(padded, kInPort) == key);
}

void check_views(std::span<const std::byte> frame, const FlowKey& key, const Layers& layers) {
  if (key.is_arp() && layers.l3 != 0) {
    const auto arp = parse_arp(frame.subspan(layers.l3));
    FUZZ_CHECK(arp && be16{arp->op} == key.arp_op && arp->sha == key.arp_sha);
    FUZZ_CHECK(arp->spa == key.ipv4_src && arp->tpa == key.ipv4_dst && arp->tha == key.arp_tha);
  }
  if (layers.l4 == 0) return;
  const auto l4 = frame.subspan(layers.l4);
  if (key.ip_proto == kProtoUdp) parse_dhcp(l4);
  if (key.ip_proto == kProtoIcmpv6) {
    const auto nd = parse_nd(l4);
    if (nd && !key.nd_target.is_zero()) FUZZ_CHECK(nd->target == key.nd_target);
    const auto too_big = parse_packet_too_big(l4);
    FUZZ_CHECK(!too_big || (too_big->src.is_v6() && too_big->dst.is_v6()));
  }
  if (key.ip_proto == kProtoIcmp) {
    const auto needed = parse_fragmentation_needed(l4);
    FUZZ_CHECK(!needed || (needed->src.is_v4() && needed->dst.is_v4() && needed->mtu <= 0xffff));
    FUZZ_CHECK(!needed || (key.tp_src == be16{3} && key.tp_dst == be16{4}));
  }
}

void check_checksums(std::span<const std::byte> frame, const FlowKey& key) {
  std::vector<std::byte> fixed(frame.begin(), frame.end());
  checksums_ok(frame);
  fix_checksums(fixed);
  FUZZ_CHECK(checksums_ok(fixed));
  FUZZ_CHECK(parse(fixed, kInPort) == key);
  const std::vector<std::byte> once = fixed;
  fix_checksums(fixed);
  FUZZ_CHECK(fixed == once);
}

// A frame built from the key's values has the same key.
void check_rebuild(const FlowKey& key, const Layers& layers) {
  if (layers.l3 == 0 || key.inner_vlan != 0 || key.ip_frag != 0 || key.ipv6_exthdr) return;
  PacketBuilder b;
  b.eth(key.eth_src, key.eth_dst);
  if (key.has_vlan()) b.vlan(key.vlan_vid(), static_cast<std::uint8_t>(key.vlan_tci.host() >> 13));
  if (key.is_arp()) {
    b.arp(key.arp_op.host(), key.arp_sha, key.ipv4_src, key.arp_tha, key.ipv4_dst);
  } else if (key.is_ipv4()) {
    b.ipv4(key.ipv4_src, key.ipv4_dst);
  } else {
    b.ipv6(key.ipv6_src, key.ipv6_dst, key.icmpv6_hop_255 != 0 ? 255 : 64, key.ipv6_label.host());
  }
  if (!key.is_arp()) b.tos(key.ip_tos).ip_proto(key.ip_proto);
  FlowKey expected = key;
  expected.nd_target = {};
  expected.nd_sll = expected.nd_tll = {};
  if (layers.l4 != 0) {
    const std::uint16_t src = key.tp_src.host();
    const std::uint16_t dst = key.tp_dst.host();
    const auto type = static_cast<std::uint8_t>(src);
    const auto code = static_cast<std::uint8_t>(dst);
    switch (key.ip_proto) {
      case kProtoTcp: b.tcp(src, dst); break;
      case kProtoUdp: b.udp(src, dst); break;
      case kProtoSctp: b.sctp(src, dst); break;
      case kProtoIcmp: b.icmp(type, code); break;
      default: b.icmpv6(type, code); break;
    }
  } else if (key.is_ipv6()) {
    // A payload's next-header number must not be one of an extension that is not there.
    return;
  }
  const Frame frame = b.build();
  FUZZ_CHECK(checksums_ok(frame));
  FUZZ_CHECK(parse(frame, kInPort) == expected);
}

}  // namespace
}  // namespace lifeline::packet

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline::packet;
  const auto frame = lifeline::fuzz::as_bytes(data, size);
  Layers layers;
  const FlowKey key = parse(frame, kInPort, &layers);
  check_layers(frame, key, layers);
  check_padding(frame, key, layers);
  check_views(frame, key, layers);
  check_checksums(frame, key);
  check_rebuild(key, layers);
  FlowMask all;
  for (std::size_t i = 0; i < FlowKey::kWords; ++i) all.words()[i] = ~std::uint64_t{0};
  const lifeline::flow::Match exact{key, all};
  FUZZ_CHECK(exact.matches(key) && exact.covers(exact) && exact.overlaps(exact));
  FUZZ_CHECK(!exact.to_string().empty());
  return 0;
}
