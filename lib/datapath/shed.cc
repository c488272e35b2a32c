// What a lane keeps of the packets that its worker has no time for (worker.h): control traffic.
//
// In three steps, each for what the one before lets through: the sieve (control_sieve.h) looks at a
// few bytes; the tables say whether a hidden rule, a guard or the relay is about the packet; who is
// not a next hop at its port is let through up to a rate, so that a flood of SYNs to the controller
// or of forged ARP costs no more than looking. A hit needs none of that.
#include <rte_prefetch.h>

#include "datapath/control_sieve.h"
#include "datapath/forwarding.h"
#include "datapath/lane.h"
#include "datapath/nd_guard.h"
#include "datapath/relay.h"
#include "datapath/rewrite.h"
#include "datapath/vlan.h"
#include "packet/parse.h"

namespace lifeline::datapath {
namespace {

std::span<const std::uint8_t> first_bytes(const rte_mbuf* m) {
  return {rte_pktmbuf_mtod(m, const std::uint8_t*), rte_pktmbuf_data_len(m)};
}

}  // namespace

bool Lane::admit_miss(rte_mbuf* packet, PortNo in_port) {
  if (misses_left_ != 0 && !sheds_misses_) [[likely]] {
    --misses_left_;
    return true;
  }
  if (control_misses_left_ == 0 || !world_.guards->sieve().may_be_control(first_bytes(packet)) ||
      !is_saved(packet, in_port)) {
    drop(packet, sheds_misses_ ? DropReason::kShed : DropReason::kMissShed);
    return false;
  }
  --control_misses_left_;
  return true;
}

// Of what the sieve let through.
bool Lane::is_saved(const rte_mbuf* packet, PortNo in_port) {
  const GuardState& guards = *world_.guards;
  const auto seen = in_vlan(*world_.view, packet::parse(linear(packet, scratch_.get()), in_port));
  if (!seen) return false;
  const packet::FlowKey& key = *seen;
  if (guards.local_mac() && key.eth_src == *guards.local_mac()) return false;
  if (world_.tables->lookup_hidden(key, world_.version) == nullptr &&
      !is_guards_affair(guards, key) && !wants_relay(guards, key))
    return false;
  if (is_known_next_hop(guards, shared_.fdb, key.vlan_vid(), key.eth_src, in_port)) return true;
  return meters_of(in_port).overload.take(now_tsc_);
}

void Lane::shed(rte_mbuf** packets, std::uint32_t n, PortNo in_port, bool hits) {
  sheds_misses_ = true;
  if (hits) {
    process(packets, n, in_port);
    sheds_misses_ = false;
    return;
  }
  const ControlSieve& sieve = world_.guards->sieve();
  std::array<rte_mbuf*, kBurst> kept;
  std::array<rte_mbuf*, kBurst> lost;
  std::uint32_t n_kept = 0;
  std::uint32_t n_lost = 0;
  constexpr std::uint32_t kAhead = 8;
  for (std::uint32_t i = 0; i < std::min(n, kAhead); ++i)
    rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
  for (std::uint32_t i = 0; i < n; ++i) {
    if (i + kAhead < n) rte_prefetch0(rte_pktmbuf_mtod(packets[i + kAhead], void*));
    (sieve.may_be_control(first_bytes(packets[i])) ? kept[n_kept++] : lost[n_lost++]) = packets[i];
  }
  if (n_lost != 0) {
    if (capture_ != nullptr) [[unlikely]] {
      capture_->see(slot_, false, in_port, lost.data(), n_lost);
      for (std::uint32_t i = 0; i < n_lost; ++i)
        capture_->see_drop(slot_, DropReason::kShed, lost[i]);
    }
    count_drop(DropReason::kShed, n_lost);
    stats_.rx_packets.add(n_lost);
    rte_pktmbuf_free_bulk(lost.data(), n_lost);
  }
  if (n_kept != 0) process(kept.data(), n_kept, in_port);
  sheds_misses_ = false;
}

}  // namespace lifeline::datapath
