// Pushing and popping of headers, and TTLs.
#include <algorithm>
#include <cstring>

#include "datapath/rewrite.h"
#include "flow/field.h"
#include "packet/checksum.h"

namespace lifeline::datapath {
namespace {

constexpr std::uint32_t kTagBytes = 4;
constexpr std::uint32_t kMacsBytes = 12;
constexpr std::uint32_t kMinFrameBytes = 60;  // IEEE 802.3, without the check sequence
constexpr std::uint32_t kPbbBytes = 18;       // B-DA, B-SA, ether type, I-TAG

be16 load16(const std::uint8_t* p) {
  be16 v;
  std::memcpy(&v, p, 2);
  return v;
}
void store16(std::uint8_t* p, std::uint16_t host) {
  const be16 v{host};
  std::memcpy(p, &v, 2);
}

bool is_tpid(be16 type) {
  return type == be16{packet::kEthTypeVlan} || type == be16{packet::kEthTypeQinQ};
}

}  // namespace

std::span<const std::byte> linear(const rte_mbuf* m, std::byte* scratch) {
  const std::uint32_t bytes = rte_pktmbuf_pkt_len(m);
  if (m->nb_segs == 1) return {rte_pktmbuf_mtod(m, const std::byte*), bytes};
  if (bytes > kMaxFrameBytes) return {};
  const void* p = rte_pktmbuf_read(m, 0, bytes, scratch);
  return {static_cast<const std::byte*>(p), p == nullptr ? 0u : bytes};
}

bool Editor::locate() {
  if (!located_) {
    key_ = packet::parse(linear(m_, scratch_), 0, &layers_);
    located_ = true;
  }
  // 64 bytes cover the longest header that is edited behind the last offset (ICMPv6 ND apart,
  // which checks for itself).
  const std::uint32_t deepest = std::max({layers_.l2_5, layers_.l3, layers_.l4});
  return rte_pktmbuf_pkt_len(m_) == rte_pktmbuf_data_len(m_) ||
         deepest + 64u <= rte_pktmbuf_data_len(m_);
}

std::uint32_t Editor::payload_offset() const {
  std::uint32_t offset = kMacsBytes;
  while (offset + kTagBytes + 2 <= rte_pktmbuf_data_len(m_) && is_tpid(load16(at(offset)))) {
    offset += kTagBytes;
  }
  return offset + 2;
}

bool insert_bytes(rte_mbuf* m, std::uint32_t offset, std::uint32_t bytes) {
  char* front = rte_pktmbuf_prepend(m, static_cast<std::uint16_t>(bytes));
  if (front == nullptr) return false;
  std::memmove(front, front + bytes, offset);
  return true;
}

void erase_bytes(rte_mbuf* m, std::uint32_t offset, std::uint32_t bytes) {
  const std::uint32_t before = rte_pktmbuf_pkt_len(m);
  char* front = rte_pktmbuf_mtod(m, char*);
  std::memmove(front + bytes, front, offset);
  rte_pktmbuf_adj(m, static_cast<std::uint16_t>(bytes));
  // Not every device pads what it sends, and a runt is dropped on the way.
  const std::uint32_t after = rte_pktmbuf_pkt_len(m);
  if (before >= kMinFrameBytes && after < kMinFrameBytes) {
    const auto missing = static_cast<std::uint16_t>(kMinFrameBytes - after);
    if (char* tail = rte_pktmbuf_append(m, missing)) std::memset(tail, 0, missing);
  }
}

RewriteResult Editor::insert(std::uint32_t offset, std::uint32_t bytes) {
  if (offset > rte_pktmbuf_data_len(m_)) return RewriteResult::kDone;
  if (!insert_bytes(m_, offset, bytes)) return RewriteResult::kNoRoom;
  located_ = false;
  return RewriteResult::kDone;
}

void Editor::erase(std::uint32_t offset, std::uint32_t bytes) {
  erase_bytes(m_, offset, bytes);
  located_ = false;
}

RewriteResult Editor::push_vlan(std::uint16_t tpid) {
  if (rte_pktmbuf_data_len(m_) < kMacsBytes + 2) return RewriteResult::kDone;
  std::uint16_t tci = 0;  // of the tag that is outermost now, if any (OpenFlow 1.3, 5.12.1)
  if (is_tpid(load16(at(kMacsBytes))) && rte_pktmbuf_data_len(m_) >= kMacsBytes + kTagBytes) {
    tci = load16(at(kMacsBytes + 2)).host();
  }
  const RewriteResult result = insert(kMacsBytes, kTagBytes);
  if (result != RewriteResult::kDone) return result;
  store16(at(kMacsBytes), tpid);
  store16(at(kMacsBytes + 2), tci);
  return RewriteResult::kDone;
}

RewriteResult Editor::pop_vlan() {
  if (rte_pktmbuf_data_len(m_) < kMacsBytes + kTagBytes + 2 || !is_tpid(load16(at(kMacsBytes)))) {
    return RewriteResult::kDone;
  }
  erase(kMacsBytes, kTagBytes);
  return RewriteResult::kDone;
}

RewriteResult Editor::set_vlan10(Op op) {
  if (rte_pktmbuf_data_len(m_) < kMacsBytes + 2) return RewriteResult::kDone;
  if (!is_tpid(load16(at(kMacsBytes)))) {
    const RewriteResult result = push_vlan(packet::kEthTypeVlan);
    if (result != RewriteResult::kDone) return result;
  }
  if (rte_pktmbuf_data_len(m_) < kMacsBytes + kTagBytes) return RewriteResult::kDone;
  std::uint16_t tci = load16(at(kMacsBytes + 2)).host();
  if (op.code == OpCode::kSetVlanVid10) {
    tci = static_cast<std::uint16_t>((tci & 0xf000) | (op.b & packet::kVlanVidMask));
  } else {
    tci = static_cast<std::uint16_t>((tci & 0x1fff) | op.b << 13);
  }
  store16(at(kMacsBytes + 2), tci);
  located_ = false;
  return RewriteResult::kDone;
}

RewriteResult Editor::push_mpls(std::uint16_t eth_type) {
  if (!locate()) return RewriteResult::kNoRoom;
  const std::uint32_t payload = payload_offset();
  std::uint32_t lse = 1u << 8;  // bottom of stack, label 0, TTL 0
  if (layers_.l2_5 != 0) {
    be32 outer;
    std::memcpy(&outer, at(layers_.l2_5), 4);
    lse = outer.host() & ~(1u << 8);
  } else if (const std::uint8_t* ttl = ttl_byte(0, nullptr)) {
    lse |= *ttl;
  }
  const RewriteResult result = insert(payload, kTagBytes);
  if (result != RewriteResult::kDone) return result;
  store16(at(payload - 2), eth_type);
  const be32 wire{lse};
  std::memcpy(at(payload), &wire, 4);
  return RewriteResult::kDone;
}

RewriteResult Editor::pop_mpls(std::uint16_t eth_type) {
  if (!locate()) return RewriteResult::kNoRoom;
  if (layers_.l2_5 == 0) return RewriteResult::kDone;
  const std::uint32_t payload = payload_offset();
  store16(at(payload - 2), eth_type);
  erase(payload, kTagBytes);
  return RewriteResult::kDone;
}

RewriteResult Editor::push_pbb() {
  if (!locate()) return RewriteResult::kNoRoom;
  if (rte_pktmbuf_data_len(m_) < kMacsBytes + 2) return RewriteResult::kDone;
  // The I-SID of an outer service tag is copied; the priority is that of the VLAN tag (5.12.1).
  std::uint32_t itag = 0;
  if (key_.eth_type == be16{packet::kEthTypePbb}) itag = key_.pbb_isid.host() & 0xffffff;
  itag |= static_cast<std::uint32_t>(key_.vlan_tci.host() >> 13) << 29;
  const RewriteResult result = insert(0, kPbbBytes);
  if (result != RewriteResult::kDone) return result;
  std::memcpy(at(0), at(kPbbBytes), kMacsBytes);
  store16(at(kMacsBytes), packet::kEthTypePbb);
  const be32 wire{itag};
  std::memcpy(at(kMacsBytes + 2), &wire, 4);
  return RewriteResult::kDone;
}

RewriteResult Editor::pop_pbb() {
  if (!locate()) return RewriteResult::kNoRoom;
  if (key_.eth_type != be16{packet::kEthTypePbb}) return RewriteResult::kDone;
  const std::uint32_t outer = payload_offset() + 4;
  if (outer + kMacsBytes + 2 > rte_pktmbuf_data_len(m_)) return RewriteResult::kDone;
  erase(0, outer);
  return RewriteResult::kDone;
}

std::uint8_t* Editor::ttl_byte(int level, std::uint32_t* ipv4_offset) {
  if (ipv4_offset != nullptr) *ipv4_offset = 0;
  const std::uint32_t bytes = rte_pktmbuf_data_len(m_);
  if (layers_.l2_5 != 0) {
    if (level == 0) return at(layers_.l2_5 + 3u);
    const bool bottom = (*at(layers_.l2_5 + 2u) & 1) != 0;
    const std::uint32_t next = layers_.l2_5 + 4u;
    if (!bottom) return next + 4 <= bytes ? at(next + 3) : nullptr;
    // Behind the bottom of the stack nothing says what follows but its version nibble.
    if (next + 40 <= bytes && *at(next) >> 4 == 6) return at(next + 7);
    if (next + 20 <= bytes && *at(next) >> 4 == 4) {
      if (ipv4_offset != nullptr) *ipv4_offset = next;
      return at(next + 8);
    }
    return nullptr;
  }
  if (level != 0 || layers_.l3 == 0) return nullptr;
  if (key_.is_ipv6()) return at(layers_.l3 + 7u);
  if (!key_.is_ipv4()) return nullptr;
  if (ipv4_offset != nullptr) *ipv4_offset = layers_.l3;
  return at(layers_.l3 + 8u);
}

void Editor::store_ttl(std::uint8_t* byte, std::uint8_t value, std::uint32_t ipv4_offset) {
  if (ipv4_offset != 0) {
    std::uint8_t* field = at(ipv4_offset + 10);
    const be16 protocol_before = load16(byte);
    const be16 protocol_after{
        static_cast<std::uint16_t>((protocol_before.host() & 0xff) | value << 8)};
    const be16 sum = packet::checksum_update(load16(field), protocol_before, protocol_after);
    std::memcpy(field, &sum, 2);
  }
  *byte = value;
}

RewriteResult Editor::ttl(Op op) {
  if (!locate()) return RewriteResult::kNoRoom;
  const bool mpls = op.code == OpCode::kSetMplsTtl || op.code == OpCode::kDecMplsTtl;
  if (mpls != (layers_.l2_5 != 0)) return RewriteResult::kDone;
  std::uint32_t ipv4_offset = 0;
  std::uint8_t* byte = ttl_byte(0, &ipv4_offset);
  if (byte == nullptr) return RewriteResult::kDone;
  std::uint8_t value = static_cast<std::uint8_t>(op.b);
  if (op.code == OpCode::kDecIpTtl || op.code == OpCode::kDecMplsTtl) {
    if (*byte <= 1) return RewriteResult::kInvalidTtl;
    value = static_cast<std::uint8_t>(*byte - 1);
  }
  store_ttl(byte, value, ipv4_offset);
  return RewriteResult::kDone;
}

void Editor::copy_ttl(bool outwards) {
  std::uint32_t outer_ipv4 = 0;
  std::uint32_t inner_ipv4 = 0;
  std::uint8_t* outer = ttl_byte(0, &outer_ipv4);
  std::uint8_t* inner = ttl_byte(1, &inner_ipv4);
  if (outer == nullptr || inner == nullptr) return;
  if (outwards) {
    store_ttl(outer, *inner, outer_ipv4);
  } else {
    store_ttl(inner, *outer, inner_ipv4);
  }
}

RewriteResult Editor::apply(Op op, const std::uint64_t* data) {
  switch (op.code) {
    case OpCode::kSetField: return set_field(op, data);
    case OpCode::kSetVlanVid10:
    case OpCode::kSetVlanPcp10: return set_vlan10(op);
    case OpCode::kPushVlan: return push_vlan(op.b);
    case OpCode::kPopVlan: return pop_vlan();
    case OpCode::kPushMpls: return push_mpls(op.b);
    case OpCode::kPopMpls: return pop_mpls(op.b);
    case OpCode::kPushPbb: return push_pbb();
    case OpCode::kPopPbb: return pop_pbb();
    case OpCode::kSetMplsTtl:
    case OpCode::kDecMplsTtl:
    case OpCode::kSetIpTtl:
    case OpCode::kDecIpTtl: return ttl(op);
    case OpCode::kCopyTtlOut:
    case OpCode::kCopyTtlIn:
      if (!locate()) return RewriteResult::kNoRoom;
      copy_ttl(op.code == OpCode::kCopyTtlOut);
      return RewriteResult::kDone;
    default: return RewriteResult::kDone;
  }
}

}  // namespace lifeline::datapath
