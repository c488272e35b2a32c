// Runs a decision's operations on one packet: everything that is not a plain output of a cached
// flow, and everything that must be looked at per packet.
#include <rte_cycles.h>

#include <algorithm>
#include <bit>

#include "datapath/forwarding.h"
#include "datapath/lane.h"
#include "datapath/rewrite.h"
#include "packet/parse.h"

namespace lifeline::datapath {

namespace port_flag = port::port_flag;

void Lane::execute(const std::uint64_t* words, std::uint32_t n, Packet p) {
  for (std::uint32_t i = 0; i < n && p.m != nullptr;) {
    const Op op = Op::from_word(words[i]);
    const std::uint64_t* data = words + i + 1;
    i += 1u + op.data_words;
    switch (op.code) {
      case OpCode::kDrop: drop(p.m, static_cast<DropReason>(op.b)); return;
      case OpCode::kOutput: op_output(p, op); break;
      case OpCode::kLocal: to_local(p, (op.flags & kOpLast) != 0, p.hidden); break;
      case OpCode::kNormal: op_normal(p, op); break;
      case OpCode::kFlood: op_flood(p, op, false, true); break;
      case OpCode::kAll: op_flood(p, op, true, true); break;
      case OpCode::kTable: op_table(p, op); break;
      case OpCode::kUpcall: op_upcall(p, op, data); break;
      case OpCode::kDhcpGuard: op_dhcp_guard(p); break;
      case OpCode::kNextHopGuard: op_next_hop_guard(p); break;
      case OpCode::kPathMtuGuard: op_path_mtu_guard(p); break;
      case OpCode::kStrict:
        if (const DropReason why = objection(p); why != kNoObjection) {
          drop(p.m, why);
          return;
        }
        break;
      case OpCode::kCount: count_drop(static_cast<DropReason>(op.b), p.m); break;
      case OpCode::kNdGuard: op_nd_guard(p, op); break;
      case OpCode::kRelay: break;  // relayed() has looked
      default:
        if (!op_rewrite(p, op, data)) return;
    }
  }
  if (p.m != nullptr) rte_pktmbuf_free(p.m);
}

// The packet itself if nothing after this needs it, else a copy; null if no buffer was left.
rte_mbuf* Lane::take(Packet& p, bool last) {
  if (last) {
    rte_mbuf* m = p.m;
    p.m = nullptr;
    return m;
  }
  rte_mbuf* copy = rte_pktmbuf_copy(p.m, p.m->pool, 0, UINT32_MAX);
  if (copy == nullptr) count_drop(DropReason::kNoBuffer, p.m);
  return copy;
}

void Lane::op_output(Packet& p, Op op) {
  rte_mbuf* m = take(p, (op.flags & kOpLast) != 0);
  if (m != nullptr) transmit(op.a, m);
}

bool Lane::op_rewrite(Packet& p, Op op, const std::uint64_t* data) {
  Editor editor(p.m, scratch_.get());
  switch (editor.apply(op, data)) {
    case RewriteResult::kDone: return true;
    case RewriteResult::kNoRoom: drop(p.m, DropReason::kRewriteNoRoom); return false;
    case RewriteResult::kInvalidTtl: break;
  }
  count_drop(DropReason::kTtlInvalid, p.m);
  if (!may_raise(p.in_port, static_cast<std::uint8_t>(PacketInReason::kInvalidTtl))) {
    drop(p.m, DropReason::kPacketInMetered);
    return false;
  }
  raise(p.m, {.cookie = data[0],
              .metadata = data[1],
              .in_port = p.in_port,
              .max_len = flow::kMaxLenWholePacket,
              .reason = static_cast<std::uint8_t>(PacketInReason::kInvalidTtl),
              .table_id = static_cast<std::uint8_t>(op.c)});
  return false;
}

void Lane::op_upcall(Packet& p, Op op, const std::uint64_t* data) {
  // Before a copy is made.
  if (!may_raise(p.in_port, op.a)) {
    count_drop(DropReason::kPacketInMetered, p.m);
    return;
  }
  rte_mbuf* m = take(p, (op.flags & kOpLast) != 0);
  if (m == nullptr) return;
  raise(m, {.cookie = data[0],
            .metadata = data[1],
            .in_port = p.in_port,
            .max_len = op.b,
            .reason = op.a,
            .table_id = static_cast<std::uint8_t>(op.c)});
}

bool Lane::may_raise(PortNo in_port, std::uint8_t reason) {
  return meters_of(in_port).packet_in[std::min<std::size_t>(reason, kPacketInReasons - 1)].take(
      now_tsc_);
}

// Sends a packet up to the control lcore as a packet-in.
void Lane::raise(rte_mbuf* m, const MbufNote& note) {
  *port::mbuf_private<MbufNote>(m) = note;
  if (shared_.up[slot_]->upcall.enqueue(m)) {
    raised_ = true;
  } else {
    drop(m, DropReason::kUpcallRingFull);
  }
}

Lane::PortMeters& Lane::meters_of(PortNo in_port) {
  const std::uint8_t index = world_.view->index_of[in_port];
  return meters_[std::min<std::size_t>(index, meters_.size() - 1)];
}

bool Lane::is_from_known_next_hop(const Packet& p) const {
  const auto src = MacAddress::from_bytes(rte_pktmbuf_mtod(p.m, const std::uint8_t*) + 6);
  return is_known_next_hop(*world_.guards, shared_.fdb, vlan_in(p), src, p.in_port);
}

std::uint16_t Lane::vlan_in(const Packet& p) const {
  return vlan_of(*world_.view, p.in_port, p.m).value_or(0);
}

// False: the frame is gone, and counted.
bool Lane::tag_for(PortNo port, rte_mbuf* m, std::uint16_t vlan) {
  if (retag(m, retag_for(*world_.view, port, vlan, m), vlan)) return true;
  drop(m, DropReason::kRewriteNoRoom);
  return false;
}

Retag Lane::send_in_vlan(std::uint8_t index, rte_mbuf* m, std::uint16_t vlan, bool urgent) {
  const Retag how = retag_for(*world_.view, world_.view->entries[index].port_no, vlan, m);
  if (retag(m, how, vlan)) [[likely]]
    transmit(index, m, urgent);
  else
    drop(m, DropReason::kRewriteNoRoom);
  return how;
}

void Lane::to_local(Packet& p, bool last, bool inband, std::optional<std::uint16_t> vlan) {
  if (p.local_done) return;  // a guard was first
  rte_mbuf* m = take(p, last);
  if (m == nullptr || (vlan && !tag_for(flow::kPortLocal, m, *vlan))) return;
  p.local_done = true;
  UpRings& up = *shared_.up[slot_];
  if ((inband ? up.inband : up.local).enqueue(m)) {
    raised_ = true;
  } else {
    drop(m, inband ? DropReason::kInbandRingFull : DropReason::kLocalRingFull);
  }
}

// In addition to what the tables decide: from the control lcore's own pool, which a flood of data
// cannot empty.
void Lane::copy_to_local(Packet& p) {
  rte_mbuf* copy = rte_pktmbuf_copy(p.m, world_.view->control_pool, 0, UINT32_MAX);
  if (copy == nullptr) {
    count_drop(DropReason::kNoBuffer, p.m);
    return;
  }
  if (!tag_for(flow::kPortLocal, copy, vlan_in(p))) return;
  p.local_done = true;
  if (shared_.up[slot_]->inband.enqueue(copy)) {
    raised_ = true;
  } else {
    drop(copy, DropReason::kInbandRingFull);
  }
}

void Lane::op_dhcp_guard(Packet& p) {
  const std::span<const std::byte> frame = linear(p.m, scratch_.get());
  packet::Layers layers;
  packet::parse(frame, p.in_port, &layers);
  if (!is_our_dhcp_reply(frame, layers.l4, *world_.guards, shared_.dhcp_xids, now_s_)) return;
  if (!meters_of(p.in_port).dhcp.take(now_tsc_) && !is_from_known_next_hop(p)) {
    count_drop(DropReason::kDhcpGuardMetered, p.m);
    return;
  }
  copy_to_local(p);
}

void Lane::op_next_hop_guard(Packet& p) {
  if (meters_of(p.in_port).next_hop.take(now_tsc_)) {
    copy_to_local(p);
  } else if (shared_.config.next_hop_arps_per_s != 0) {
    count_drop(DropReason::kNextHopMetered, p.m);
  }
}

void Lane::op_path_mtu_guard(Packet& p) {
  const std::span<const std::byte> frame = linear(p.m, scratch_.get());
  packet::Layers layers;
  const packet::FlowKey key = packet::parse(frame, p.in_port, &layers);
  if (!is_our_path_mtu(frame, key, layers.l4, *world_.guards)) return;
  if (meters_of(p.in_port).path_mtu.take(now_tsc_)) {
    copy_to_local(p);
  } else {
    count_drop(DropReason::kPathMtuMetered, p.m);
  }
}

DropReason Lane::objection(const Packet& p) {
  const packet::FlowKey key = packet::parse(linear(p.m, scratch_.get()), p.in_port);
  const std::uint16_t vlan = vlan_in(p);
  return strict_objection(*world_.guards, shared_.fdb, key, vlan, p.in_port,
                          [&](const MacAddress& mac) { ask_for(vlan, mac); });
}

// Has the control lcore look for a next hop that no port is known for: its answer is learned.
void Lane::ask_for(std::uint16_t vlan, const MacAddress& mac) {
  if (!world_.guards->is_protected(mac) || shared_.fdb.lookup(vlan, mac)) return;
  report_source({mac.to_u64(), vlan, flow::kPortNone});
}

// Tells the control lcore about a source address. The same again only after learn_repeat_us: it may
// have been forgotten or refused since, or learned elsewhere by another lane.
void Lane::report_source(const LearnRecord& record) {
  const std::uint64_t repeat_tsc = shared_.tsc_hz / 1'000'000 * shared_.config.learn_repeat_us;
  if (record == last_learn_ && now_tsc_ - last_learn_tsc_ < repeat_tsc) return;
  if (!shared_.up[slot_]->learn.push(record)) {
    count_drop(DropReason::kLearnRingFull);
    return;
  }
  last_learn_ = record;
  last_learn_tsc_ = now_tsc_;
  raised_ = true;
}

// What a NIC with a control queue should have brought there. A priority tag is beyond its rules.
void Lane::count_unsteered(const Packet& p, Op op) {
  if (steered_ || slot_ == sync::kControlSlot || op.c >= kHiddenKinds) return;
  const std::uint8_t index = world_.view->index_of[p.in_port];
  if (index == port::kNoIndex || !world_.view->entries[index].has_control_queue) return;
  const auto* bytes = rte_pktmbuf_mtod(p.m, const std::uint8_t*);
  if (vid_of(p.m) == 0 && bytes[12] == 0x81 && bytes[13] == 0x00) return;
  stats_.hidden_by_data_queue[index][op.c].add(1);
}

void Lane::op_normal(Packet& p, Op op, ColdDecision* memo) {
  const bool last = (op.flags & kOpLast) != 0;
  const auto classified = vlan_of(*world_.view, p.in_port, p.m);
  if (!classified) {
    count_drop(DropReason::kVlanNotCarried, p.m);
    return;
  }
  const std::uint16_t vlan = *classified;
  const auto* bytes = rte_pktmbuf_mtod(p.m, const std::uint8_t*);
  const MacAddress dst = MacAddress::from_bytes(bytes);
  const MacAddress src = MacAddress::from_bytes(bytes + 6);
  const bool news = learns_ && shared_.fdb.needs_learning(vlan, src, p.in_port, now_s_);
  if (news && (p.in_port == flow::kPortLocal || world_.view->find(p.in_port) != nullptr)) {
    report_source({src.to_u64(), vlan, p.in_port});
  }
  const bool hidden = (op.flags & kOpHidden) != 0;
  if (hidden) count_unsteered(p, op);
  // Not for LOCAL only: (h) and (i) together would else be a tunnel of any rate.
  const bool stranger = hidden && p.in_port != flow::kPortLocal && !is_from_known_next_hop(p);
  if (stranger && !meters_of(p.in_port).inband.take(now_tsc_)) {
    count_drop(DropReason::kInbandMetered, p.m);
    return;
  }
  if (dst.is_multicast()) {
    op_flood(p, op, false, true, vlan);
    return;
  }
  const std::optional<PortNo> port = shared_.fdb.lookup(vlan, dst);
  if (!port) {
    // Unknown unicast is not for LOCAL: its address is static in the FDB.
    op_flood(p, op, false, false, vlan);
    return;
  }
  if (*port == p.in_port) {
    count_drop(DropReason::kNormalNoReflection, p.m);
    return;
  }
  const port::PortEntry* entry = world_.view->find(*port);
  if (entry != nullptr && world_.view->has_vlans && !entry->vlan.carries(vlan)) {
    // Our own MAC in a VLAN that LOCAL is not in, or learned before the port's VLANs changed.
    op_flood(p, op, false, false, vlan);
  } else if (!hidden && entry != nullptr &&
             (entry->flags & (port_flag::kDown | port_flag::kNoFwd)) != 0) {
    count_drop(DropReason::kPortFiltered, p.m);
  } else if (*port == flow::kPortLocal) {
    to_local(p, last, hidden, vlan);
  } else if (entry == nullptr || !entry->link_up || !entry->usable) {
    op_flood(p, op, false, false, vlan);  // the port is gone or dead, its address may be anywhere
  } else if (rte_mbuf* m = take(p, last)) {
    const std::uint8_t index = world_.view->index_of[*port];
    const Retag how = send_in_vlan(index, m, vlan, hidden);
    if (memo != nullptr && !news && !hidden && how == Retag::kNothing) {
      memo->words[kNormalPort] = index;
      memo->words[kNormalStamp] = normal_stamp_;
    }
  }
}

void Lane::op_flood(Packet& p, Op op, bool all, bool to_local_too,
                    std::optional<std::uint16_t> vlan) {
  const bool hidden = (op.flags & kOpHidden) != 0;
  const FloodTargets where =
      flood_targets(*world_.view, p.in_port, hidden, all, to_local_too, vlan);
  const bool with_local = where.local;
  std::uint64_t targets = where.ports;
  if (targets == 0 && !with_local) {
    count_drop(DropReason::kNormalNoPort, p.m);
    return;
  }
  const bool last = (op.flags & kOpLast) != 0;
  if (with_local) to_local(p, last && targets == 0, hidden, vlan);
  for (; targets != 0; targets &= targets - 1) {
    const auto index = static_cast<std::uint8_t>(std::countr_zero(targets));
    rte_mbuf* m = take(p, last && (targets & (targets - 1)) == 0);
    if (m == nullptr) continue;
    if (vlan)
      send_in_vlan(index, m, *vlan, hidden);
    else
      transmit(index, m, hidden);
  }
}

// OUTPUT to TABLE of a packet-out: as if the packet had come in on its in_port.
void Lane::op_table(Packet& p, Op op) {
  rte_mbuf* m = take(p, (op.flags & kOpLast) != 0);
  if (m != nullptr) process(&m, 1, p.in_port);
}

}  // namespace lifeline::datapath
