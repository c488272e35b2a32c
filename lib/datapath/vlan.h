// VLANs as NORMAL has them: in which one a frame is by the port where it came in, and how it leaves
// by another (flow/port_vlan.h). Any online QSBR reader; retag() is for who owns the frame.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <optional>

#include "datapath/rewrite.h"
#include "flow/port_no.h"
#include "packet/flow_key.h"
#include "port/port_view.h"

namespace lifeline::datapath {

inline bool has_tag(const rte_mbuf* m) {
  const auto* p = rte_pktmbuf_mtod(m, const std::uint8_t*);
  if (rte_pktmbuf_data_len(m) < 18) return false;
  return (p[12] == 0x81 && p[13] == 0x00) || (p[12] == 0x88 && p[13] == 0xa8);
}

// The VID of its outermost tag; 0: untagged, or a priority tag.
inline std::uint16_t vid_of(const rte_mbuf* m) {
  const auto* p = rte_pktmbuf_mtod(m, const std::uint8_t*);
  return has_tag(m) ? static_cast<std::uint16_t>((p[14] & 0x0f) << 8 | p[15]) : std::uint16_t{0};
}

// The VLAN that NORMAL forwards it in; nullopt: its port does not take it. No such port: a
// packet-out of nowhere, in the VLAN that its tag says.
inline std::optional<std::uint16_t> vlan_of(const port::PortView& view, flow::PortNo in_port,
                                            const rte_mbuf* m) {
  const std::uint16_t vid = vid_of(m);
  if (!view.has_vlans) return vid;
  const port::PortEntry* in = view.find(in_port);
  return in == nullptr ? vid : in->vlan.classify(vid);
}

// The key by which hidden rules and guards look at a packet: as if it had come tagged with the VLAN
// that NORMAL forwards it in. nullopt: its port does not take it, so it is nobody's control
// traffic.
inline std::optional<packet::FlowKey> in_vlan(const port::PortView& view,
                                              const packet::FlowKey& key) {
  if (!view.has_vlans) return key;
  const port::PortEntry* in = view.find(static_cast<flow::PortNo>(key.in_port));
  if (in == nullptr) return key;
  const auto vlan = in->vlan.classify(key.vlan_vid());
  if (!vlan) return std::nullopt;
  std::optional<packet::FlowKey> out = key;
  if (*vlan != key.vlan_vid())
    out->vlan_tci = (key.vlan_tci & be16{packet::kVlanPcpMask}) |
                    be16{static_cast<std::uint16_t>(packet::kVlanPresent | *vlan)};
  return out;
}

inline bool carries(const port::PortView& view, flow::PortNo port_no, std::uint16_t vlan) {
  const port::PortEntry* entry = view.find(port_no);
  return entry == nullptr || entry->vlan.carries(vlan);
}

// What makes of a frame in `vlan` what the port sends. In VLAN 0 frames stay as they are, priority
// tags included.
enum class Retag : std::uint8_t { kNothing, kPop, kPush, kSetVid };
inline Retag retag_for(const port::PortView& view, flow::PortNo out, std::uint16_t vlan,
                       const rte_mbuf* m) {
  if (!view.has_vlans || vlan == 0) return Retag::kNothing;
  const port::PortEntry* entry = view.find(out);
  const bool untagged = entry != nullptr && entry->vlan.is_untagged(vlan);
  if (!has_tag(m)) return untagged ? Retag::kNothing : Retag::kPush;
  if (untagged) return Retag::kPop;
  return vid_of(m) == vlan ? Retag::kNothing : Retag::kSetVid;
}

// False, and the frame as it was: no room in front of it, or its header is not in one segment.
inline bool retag(rte_mbuf* m, Retag how, std::uint16_t vlan) {
  constexpr std::size_t kMacsBytes = 12;
  constexpr std::uint16_t kTagBytes = 4;
  auto* p = rte_pktmbuf_mtod(m, std::uint8_t*);
  switch (how) {
    case Retag::kNothing: return true;
    case Retag::kPop: erase_bytes(m, kMacsBytes, kTagBytes); return true;  // has_tag(): 18 bytes
    case Retag::kSetVid:
      p[14] = static_cast<std::uint8_t>((p[14] & 0xf0) | vlan >> 8);
      p[15] = static_cast<std::uint8_t>(vlan & 0xff);
      return true;
    case Retag::kPush: break;
  }
  if (rte_pktmbuf_data_len(m) < kMacsBytes || !insert_bytes(m, kMacsBytes, kTagBytes)) return false;
  p = rte_pktmbuf_mtod(m, std::uint8_t*);
  p[12] = 0x81;
  p[13] = 0x00;
  p[14] = static_cast<std::uint8_t>(vlan >> 8);
  p[15] = static_cast<std::uint8_t>(vlan & 0xff);
  return true;
}

}  // namespace lifeline::datapath
