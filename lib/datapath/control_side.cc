// The control lcore's packets: what the TAP sends, packet-outs, and what the workers hand up.
#include <rte_cycles.h>

#include <array>
#include <cstring>

#include "datapath/datapath_impl.h"
#include "datapath/forwarding.h"
#include "datapath/nd_guard.h"
#include "datapath/rewrite.h"
#include "packet/parse.h"

namespace lifeline::datapath {

void Datapath::process_local(std::span<rte_mbuf*> frames) {
  if (frames.empty()) return;
  Impl::Reading reading(*impl_);
  Lane& lane = *impl_->control;
  for (std::size_t at = 0; at < frames.size(); at += kBurst) {
    const auto burst = frames.subspan(at, std::min<std::size_t>(kBurst, frames.size() - at));
    if (lane.world().guards->enabled()) {
      for (rte_mbuf* m : burst) {
        // The reply may only be let in if the request is known before it leaves.
        const auto frame = linear(m, lane.scratch());
        const std::uint32_t now_s = impl_->shared.now_s(rte_rdtsc());
        note_dhcp_request(frame, *lane.world().guards, impl_->shared.dhcp_xids, now_s);
        note_dhcpv6_request(frame, *lane.world().guards, impl_->shared.dhcpv6_exchanges, now_s);
      }
    }
    lane.process(burst.data(), static_cast<std::uint32_t>(burst.size()), flow::kPortLocal);
  }
}

Expected<rte_mbuf*> Datapath::Impl::make_packet(std::span<const std::byte> frame) const {
  rte_mbuf* m = rte_pktmbuf_alloc(shared.ports.control_pool());
  if (m == nullptr) {
    shared.ports.reclaim_sent();
    m = rte_pktmbuf_alloc(shared.ports.control_pool());
  }
  if (m == nullptr) return make_error("no buffer left in the control pool");
  if (frame.size() > rte_pktmbuf_tailroom(m)) {
    const std::size_t room = rte_pktmbuf_tailroom(m);
    rte_pktmbuf_free(m);
    return make_error("frame of {} bytes, a buffer takes {}", frame.size(), room);
  }
  char* p = rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size()));
  if (!frame.empty()) std::memcpy(p, frame.data(), frame.size());
  return m;
}

Expected<void> Datapath::packet_out(std::span<const std::byte> frame, PortNo in_port,
                                    const flow::ActionList& actions) {
  if (frame.size() < 14)
    return make_error("frame of {} bytes has no Ethernet header", frame.size());
  auto packet = impl_->make_packet(frame);
  if (!packet) return tl::make_unexpected(packet.error());
  Impl::Reading reading(*impl_);
  Lane& lane = *impl_->control;
  translate_actions(lane.world(), packet::parse(frame, in_port), actions, impl_->decision.get());
  lane.run_packet_out(*impl_->decision, *packet, in_port);
  return {};
}

namespace {

// What the meter refuses costs next to nothing, so a flood of it does not use up the budget.
std::size_t price(std::size_t kept, std::size_t refused) { return kept + (refused + 7) / 8; }

}  // namespace

// A burst of each ring in turn, so that no worker's flood keeps another worker's waiting.
template <class Take>
std::size_t Datapath::Impl::drain(std::size_t budget, Take take) {
  std::size_t handled = 0;
  std::uint32_t n_empty = 0;
  for (std::uint32_t slot = first_ring; n_empty < shared.n_slots && handled < budget;
       slot = (slot + 1) % shared.n_slots) {
    const auto want = static_cast<std::uint32_t>(std::min<std::size_t>(kBurst, budget - handled));
    const std::size_t cost = take(*shared.up[slot], want);
    n_empty = cost == 0 ? n_empty + 1 : 0;
    handled += cost;
  }
  return handled;
}

std::size_t Datapath::Impl::deliver_local(ControlHandler& handler, std::size_t budget,
                                          bool inband) {
  const std::uint64_t tsc = rte_rdtsc();
  return drain(budget, [&](UpRings& up, std::uint32_t want) -> std::size_t {
    std::array<rte_mbuf*, kBurst> m;
    const std::uint32_t n = (inband ? up.inband : up.local).dequeue_burst(m.data(), want);
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (inband || local_meter.take(tsc)) {
        m[kept++] = m[i];
      } else {
        control->drop(m[i], DropReason::kLocalMetered);
      }
    }
    if (kept != 0) {
      control->deliver(m.data(), kept);
      handler.to_local({m.data(), kept});
    }
    return price(kept, n - kept);
  });
}

// A probe goes to where the station was; its answer is heard there. A second between two probes.
void Datapath::Impl::ask_where_it_was(ControlHandler& handler, const LearnRecord& claim) {
  const std::uint64_t tsc = rte_rdtsc();
  const auto mac = MacAddress::from_u64(claim.mac);
  MoveWatch::Claim* entry = moves.open(mac, claim.vlan, tsc);
  if (entry == nullptr) return;
  const std::uint64_t wait = shared.tsc_hz / 1000 * shared.config.move_confirm_ms;
  *entry = {.mac = mac,
            .vlan = claim.vlan,
            .port = claim.port,
            .decide_tsc = tsc + wait,
            .forget_tsc = tsc + 2 * wait};
  const bool is_claim = claim.port != flow::kPortNone;
  const bool asked = handler.probe(mac);
  if (asked) ++events[static_cast<std::size_t>(Event::kFdbMoveProbed)];
  // Who was not asked has not failed to answer. (No answer is heard before this lcore has sent.)
  entry->decided = !asked || !is_claim || !shared.fdb.doubt(claim.vlan, mac, shared.now_s(tsc));
}

void Datapath::Impl::decide_moves() {
  moves.decide_due(rte_rdtsc(), [&](const MoveWatch::Claim& c) {
    if (!can_be_behind(c.port)) return;
    if (shared.fdb.confirm_move(c.vlan, c.mac, c.port, shared.now_s(rte_rdtsc())))
      ++events[static_cast<std::size_t>(Event::kFdbMoveConfirmed)];
  });
}

std::size_t Datapath::Impl::learn(ControlHandler& handler, std::size_t budget) {
  const std::uint32_t now_s = shared.now_s(rte_rdtsc());
  return drain(budget, [&](UpRings& up, std::uint32_t want) -> std::size_t {
    std::uint32_t n = 0;
    for (LearnRecord r; n < want && up.learn.pop(&r); ++n) {
      if (r.port == flow::kPortNone) {
        ask_where_it_was(handler, r);
        continue;
      }
      if (!can_be_behind(r.port) || !carries(*shared.ports.view(), r.port, r.vlan)) continue;
      const auto learned = shared.fdb.learn(r.vlan, MacAddress::from_u64(r.mac), r.port, now_s);
      if (learned != table::Fdb::Learned::kHeld) continue;
      control->count_drop(DropReason::kFdbMoveRefused);
      ask_where_it_was(handler, r);
    }
    return n;
  });
}

std::size_t Datapath::Impl::deliver_upcalls(ControlHandler& handler, std::size_t budget) {
  const std::uint64_t tsc = rte_rdtsc();
  return drain(budget, [&](UpRings& up, std::uint32_t want) -> std::size_t {
    std::array<rte_mbuf*, kBurst> m;
    const std::uint32_t n = up.upcall.dequeue_burst(m.data(), want);
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      const MbufNote note = *port::mbuf_private<MbufNote>(m[i]);
      const std::size_t index = shared.ports.view()->index_of[note.in_port];
      TokenBucket& share = upcall_shares[std::min(index, upcall_shares.size() - 1)];
      if (!share.take(tsc) && !upcall_meter.take(tsc)) {
        control->drop(m[i], DropReason::kUpcallMetered);
        continue;
      }
      ++kept;
      handler.packet_in({.frame = linear(m[i], upcall_scratch.get()),
                         .max_len = note.max_len,
                         .in_port = note.in_port,
                         .reason = static_cast<PacketInReason>(note.reason),
                         .table_id = note.table_id,
                         .cookie = note.cookie,
                         .metadata = note.metadata});
      rte_pktmbuf_free(m[i]);
    }
    return price(kept, n - kept);
  });
}

bool Datapath::Impl::anything_waits() const {
  for (const auto& up : shared.up) {
    if (!up->inband.empty() || !up->local.empty() || !up->learn.empty() || !up->upcall.empty()) {
      return true;
    }
  }
  for (std::uint32_t from = 1; from < shared.n_slots; ++from) {
    if (!shared.handoff[from * shared.n_slots]->empty()) return true;
  }
  return control->holds_frames();
}

std::size_t Datapath::poll_control(ControlHandler& handler, std::size_t budget) {
  // In order of importance, but each leaves a share to the later ones; what is not used goes round
  // once more.
  const std::size_t share = budget / 8;
  Impl& impl = *impl_;
  impl.first_ring = (impl.first_ring + 1) % impl.shared.n_slots;
  std::size_t handled = 0;
  const auto left = [&](std::size_t reserved) {
    return budget - std::min(budget, handled + reserved);
  };
  for (const std::size_t reserved : {share, std::size_t{0}}) {
    handled += impl.deliver_local(handler, left(3 * reserved), true);
    handled += impl.deliver_local(handler, left(2 * reserved), false);
    handled += impl.learn(handler, left(reserved));
    handled += impl.deliver_upcalls(handler, left(0));
  }
  impl.decide_moves();
  if (impl.capture && impl.capture->ended()) impl.stop_capture();
  impl.shared.fdb.expire(impl.shared.now_s(rte_rdtsc()));
  const Impl::Reading reading(impl);  // sends what was handed over to this slot
  return handled;
}

}  // namespace lifeline::datapath
