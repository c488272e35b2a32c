// Set-field: each field of OpenFlow 1.3 that may be set, with the checksums that cover it.
#include <algorithm>
#include <array>
#include <cstring>

#include "datapath/rewrite.h"
#include "flow/field.h"
#include "packet/checksum.h"

namespace lifeline::datapath {
namespace {

using flow::FieldId;

std::uint64_t low_value(const std::uint8_t* value, FieldId id) {
  std::uint64_t v = 0;
  for (std::uint32_t i = 0; i < flow::field_info(id).oxm_bytes; ++i) v = v << 8 | value[i];
  return v;
}

bool is_transport(FieldId id) {
  return (id >= FieldId::kTcpSrc && id <= FieldId::kIcmpv4Code) || id == FieldId::kIcmpv6Type ||
         id == FieldId::kIcmpv6Code;
}

}  // namespace

std::uint8_t* Editor::transport_checksum() const {
  if (layers_.l4 == 0) return nullptr;
  switch (key_.ip_proto) {
    case packet::kProtoTcp: return at(layers_.l4 + 16u);
    case packet::kProtoUdp: {
      std::uint8_t* field = at(layers_.l4 + 6u);
      // Zero says that the sender made none; it stays so.
      return field[0] == 0 && field[1] == 0 ? nullptr : field;
    }
    case packet::kProtoIcmp:
    case packet::kProtoIcmpv6: return at(layers_.l4 + 2u);
    default: return nullptr;
  }
}

void Editor::update_checksum(std::uint8_t* field, const std::uint8_t* before,
                             const std::uint8_t* after, std::uint32_t n, bool udp) {
  be16 sum;
  std::memcpy(&sum, field, 2);
  for (std::uint32_t i = 0; i < n; i += 2) {
    be16 was;
    be16 is;
    std::memcpy(&was, before + i, 2);
    std::memcpy(&is, after + i, 2);
    sum = packet::checksum_update(sum, was, is);
  }
  if (udp) sum = packet::udp_checksum_on_wire(sum);
  std::memcpy(field, &sum, 2);
}

void Editor::write_ipv4(std::uint32_t offset, const void* bytes, std::uint32_t n,
                        bool pseudo_header) {
  // Whole 16-bit words of the header, so that one byte can be changed too.
  const std::uint32_t start = offset & ~1u;
  const std::uint32_t span = ((offset + n + 1) & ~1u) - start;
  std::array<std::uint8_t, 8> before{};
  std::array<std::uint8_t, 8> after{};
  std::uint8_t* p = at(layers_.l3 + start);
  std::memcpy(before.data(), p, span);
  after = before;
  std::memcpy(after.data() + (offset - start), bytes, n);
  update_checksum(at(layers_.l3 + 10u), before.data(), after.data(), span, false);
  const bool covered = pseudo_header && key_.ip_proto != packet::kProtoIcmp;
  if (std::uint8_t* field = covered ? transport_checksum() : nullptr) {
    // The pseudo-header holds the protocol behind a zero byte; of the header's word, TTL and
    // protocol, only the protocol counts, and the TTL is the same before and after.
    update_checksum(field, before.data(), after.data(), span, key_.ip_proto == packet::kProtoUdp);
  }
  std::memcpy(p, after.data(), span);
}

void Editor::write_transport(std::uint32_t offset, const void* bytes, std::uint32_t n) {
  std::array<std::uint8_t, 32> before{};
  std::array<std::uint8_t, 32> after{};
  const std::uint32_t start = offset & ~1u;
  const std::uint32_t span = ((offset + n + 1) & ~1u) - start;
  std::uint8_t* p = at(layers_.l4 + start);
  std::memcpy(before.data(), p, span);
  after = before;
  std::memcpy(after.data() + (offset - start), bytes, n);
  if (std::uint8_t* field = transport_checksum()) {
    update_checksum(field, before.data(), after.data(), span, key_.ip_proto == packet::kProtoUdp);
  }
  std::memcpy(p, after.data(), span);
  if (key_.ip_proto == packet::kProtoSctp) finish_sctp();
}

void Editor::finish_sctp() {
  // A CRC over the whole packet; a fragment does not hold all of it.
  if (key_.ip_frag != 0 || m_->nb_segs != 1) return;
  std::uint32_t end = rte_pktmbuf_data_len(m_);
  be16 length;
  if (key_.is_ipv4()) {
    std::memcpy(&length, at(layers_.l3 + 2u), 2);
    end = std::min<std::uint32_t>(end, layers_.l3 + length.host());
  } else {
    std::memcpy(&length, at(layers_.l3 + 4u), 2);
    end = std::min<std::uint32_t>(end, layers_.l3 + 40u + length.host());
  }
  if (end < layers_.l4 + 12u) return;
  const be32 sum =
      packet::sctp_checksum({reinterpret_cast<const std::byte*>(at(layers_.l4)), end - layers_.l4});
  std::memcpy(at(layers_.l4 + 8u), &sum, 4);
}

void Editor::set_ip_field(Op op, const std::uint8_t* value) {
  const auto id = static_cast<FieldId>(op.a);
  if (layers_.l3 == 0) return;
  if (key_.is_ipv4()) {
    const std::uint8_t tos = *at(layers_.l3 + 1u);
    std::uint8_t byte = 0;
    switch (id) {
      case FieldId::kIpDscp:
        byte = static_cast<std::uint8_t>((tos & 3) | value[0] << 2);
        write_ipv4(1, &byte, 1, false);
        break;
      case FieldId::kIpEcn:
        byte = static_cast<std::uint8_t>((tos & 0xfc) | (value[0] & 3));
        write_ipv4(1, &byte, 1, false);
        break;
      case FieldId::kIpProto: write_ipv4(9, value, 1, true); break;
      case FieldId::kIpv4Src: write_ipv4(12, value, 4, true); break;
      case FieldId::kIpv4Dst: write_ipv4(16, value, 4, true); break;
      default: break;
    }
    return;
  }
  if (!key_.is_ipv6()) return;
  std::uint8_t* p = at(layers_.l3);
  const std::uint8_t tos = static_cast<std::uint8_t>(p[0] << 4 | p[1] >> 4);
  std::uint8_t next_tos = tos;
  switch (id) {
    case FieldId::kIpDscp: next_tos = static_cast<std::uint8_t>((tos & 3) | value[0] << 2); break;
    case FieldId::kIpEcn:
      next_tos = static_cast<std::uint8_t>((tos & 0xfc) | (value[0] & 3));
      break;
    case FieldId::kIpProto:
      // With extension headers it stands in the last of them, which nobody wants rewritten.
      if (key_.ipv6_exthdr) return;
      if (std::uint8_t* field = transport_checksum()) {
        const std::uint8_t before[2] = {0, p[6]};
        const std::uint8_t after[2] = {0, value[0]};
        update_checksum(field, before, after, 2, key_.ip_proto == packet::kProtoUdp);
      }
      p[6] = value[0];
      return;
    case FieldId::kIpv6Flabel:
      p[1] = static_cast<std::uint8_t>((p[1] & 0xf0) | (value[1] & 0x0f));
      p[2] = value[2];
      p[3] = value[3];
      return;
    case FieldId::kIpv6Src:
    case FieldId::kIpv6Dst: {
      std::uint8_t* address = p + (id == FieldId::kIpv6Src ? 8 : 24);
      if (std::uint8_t* field = transport_checksum()) {
        update_checksum(field, address, value, 16, key_.ip_proto == packet::kProtoUdp);
      }
      std::memcpy(address, value, 16);
      return;
    }
    default: return;
  }
  p[0] = static_cast<std::uint8_t>((p[0] & 0xf0) | next_tos >> 4);
  p[1] = static_cast<std::uint8_t>((p[1] & 0x0f) | next_tos << 4);
}

void Editor::set_transport_field(Op op, const std::uint8_t* value) {
  if (layers_.l4 == 0) return;
  const auto wants = [this](std::uint8_t proto) { return key_.ip_proto == proto; };
  switch (static_cast<FieldId>(op.a)) {
    case FieldId::kTcpSrc:
      if (wants(packet::kProtoTcp)) write_transport(0, value, 2);
      break;
    case FieldId::kTcpDst:
      if (wants(packet::kProtoTcp)) write_transport(2, value, 2);
      break;
    case FieldId::kUdpSrc:
      if (wants(packet::kProtoUdp)) write_transport(0, value, 2);
      break;
    case FieldId::kUdpDst:
      if (wants(packet::kProtoUdp)) write_transport(2, value, 2);
      break;
    case FieldId::kSctpSrc:
      if (wants(packet::kProtoSctp)) write_transport(0, value, 2);
      break;
    case FieldId::kSctpDst:
      if (wants(packet::kProtoSctp)) write_transport(2, value, 2);
      break;
    case FieldId::kIcmpv4Type:
      if (wants(packet::kProtoIcmp)) write_transport(0, value, 1);
      break;
    case FieldId::kIcmpv4Code:
      if (wants(packet::kProtoIcmp)) write_transport(1, value, 1);
      break;
    case FieldId::kIcmpv6Type:
      if (wants(packet::kProtoIcmpv6)) write_transport(0, value, 1);
      break;
    case FieldId::kIcmpv6Code:
      if (wants(packet::kProtoIcmpv6)) write_transport(1, value, 1);
      break;
    default: break;
  }
}

void Editor::set_arp_field(Op op, const std::uint8_t* value) {
  if (layers_.l3 == 0 || !key_.is_arp()) return;
  std::uint8_t* arp = at(layers_.l3);
  switch (static_cast<FieldId>(op.a)) {
    case FieldId::kArpOp: std::memcpy(arp + 6, value, 2); break;
    case FieldId::kArpSha: std::memcpy(arp + 8, value, 6); break;
    case FieldId::kArpSpa: std::memcpy(arp + 14, value, 4); break;
    case FieldId::kArpTha: std::memcpy(arp + 18, value, 6); break;
    case FieldId::kArpTpa: std::memcpy(arp + 24, value, 4); break;
    default: break;
  }
}

void Editor::set_nd_field(Op op, const std::uint8_t* value) {
  const std::uint16_t type = key_.tp_src.host();
  const bool nd = key_.is_ipv6() && key_.ip_proto == packet::kProtoIcmpv6 && layers_.l4 != 0 &&
                  (type == 135 || type == 136) && !key_.tp_dst;
  const std::uint32_t end = rte_pktmbuf_data_len(m_);
  if (!nd || layers_.l4 + 24u > end) return;
  const auto id = static_cast<FieldId>(op.a);
  if (id == FieldId::kIpv6NdTarget) {
    write_transport(8, value, 16);
    return;
  }
  const std::uint8_t wanted = id == FieldId::kIpv6NdSll ? 1 : 2;
  if ((wanted == 1) != (type == 135)) return;
  for (std::uint32_t o = layers_.l4 + 24u; o + 8 <= end;) {
    const std::uint8_t* option = at(o);
    if (option[1] == 0) return;
    if (option[0] == wanted && option[1] == 1) {
      write_transport(o + 2 - layers_.l4, value, 6);
      return;
    }
    o += option[1] * 8u;
  }
}

void Editor::set_mpls_field(Op op, const std::uint8_t* value) {
  if (layers_.l2_5 == 0) return;
  const auto id = static_cast<FieldId>(op.a);
  be32 wire;
  std::memcpy(&wire, at(layers_.l2_5), 4);
  const std::uint32_t v = static_cast<std::uint32_t>(low_value(value, id));
  std::uint32_t lse = wire.host();
  if (id == FieldId::kMplsLabel) lse = (lse & 0xfff) | v << 12;
  if (id == FieldId::kMplsTc) lse = (lse & ~0xe00u) | (v & 7) << 9;
  if (id == FieldId::kMplsBos) lse = (lse & ~0x100u) | (v & 1) << 8;
  wire = be32{lse};
  std::memcpy(at(layers_.l2_5), &wire, 4);
}

RewriteResult Editor::set_field(Op op, const std::uint64_t* data) {
  if (!locate()) return RewriteResult::kNoRoom;
  const auto id = static_cast<FieldId>(op.a);
  const auto* value = reinterpret_cast<const std::uint8_t*>(data);
  const std::uint32_t bytes = rte_pktmbuf_data_len(m_);
  if (bytes < 14) return RewriteResult::kDone;
  switch (id) {
    case FieldId::kEthDst: std::memcpy(at(0), value, 6); break;
    case FieldId::kEthSrc: std::memcpy(at(6), value, 6); break;
    case FieldId::kEthType: {
      // Behind all tags. What stands there in an IEEE 802.3 frame is a length.
      const std::uint32_t type = payload_offset() - 2;
      if (key_.eth_type == be16{packet::kEthTypeNone} || *at(type) < 6) break;
      std::memcpy(at(type), value, 2);
      break;
    }
    case FieldId::kVlanVid:
    case FieldId::kVlanPcp:
      if (!key_.has_vlan()) return RewriteResult::kDone;
      return set_vlan10(
          {.code = id == FieldId::kVlanVid ? OpCode::kSetVlanVid10 : OpCode::kSetVlanPcp10,
           .b = static_cast<std::uint16_t>(low_value(value, id) & 0xfff)});
    case FieldId::kArpOp:
    case FieldId::kArpSpa:
    case FieldId::kArpTpa:
    case FieldId::kArpSha:
    case FieldId::kArpTha: set_arp_field(op, value); break;
    case FieldId::kIpv6NdTarget:
    case FieldId::kIpv6NdSll:
    case FieldId::kIpv6NdTll: set_nd_field(op, value); break;
    case FieldId::kMplsLabel:
    case FieldId::kMplsTc:
    case FieldId::kMplsBos: set_mpls_field(op, value); break;
    case FieldId::kPbbIsid:
      if (key_.eth_type == be16{packet::kEthTypePbb} && payload_offset() + 4 <= bytes) {
        std::memcpy(at(payload_offset() + 1), value, 3);
      }
      break;
    case FieldId::kTunnelId: break;  // state of the pipeline, not of the frame
    default:
      if (is_transport(id)) {
        set_transport_field(op, value);
      } else {
        set_ip_field(op, value);
      }
  }
  located_ = false;
  return RewriteResult::kDone;
}

}  // namespace lifeline::datapath
