// What is relayed for switches behind this one (relay.h).
#include "datapath/forwarding.h"
#include "datapath/lane.h"
#include "datapath/relay.h"
#include "datapath/rewrite.h"
#include "packet/parse.h"

namespace lifeline::datapath {

// True if the decision begins with a kRelay that this packet is for; it is gone then, and no rule
// counts it.
bool Lane::relayed(const std::uint64_t* words, Packet p) {
  const Op op = Op::from_word(words[0]);
  if (op.code != OpCode::kRelay) return false;
  const auto relay = static_cast<Relay>(op.a);
  const std::span<const std::byte> frame = linear(p.m, scratch_.get());
  packet::Layers layers;
  const packet::FlowKey key = packet::parse(frame, p.in_port, &layers);
  if (!is_relayed(frame, key, layers, *world_.guards, relay)) return false;
  if (relay == Relay::kRouterAdvertisement &&
      !is_trusted_port(*world_.guards, shared_.fdb, vlan_in(p), p.in_port))
    return false;  // the guard behind counts it
  if (p.in_port != flow::kPortLocal && !is_from_known_next_hop(p) &&
      !meters_of(p.in_port).relay.take(now_tsc_)) {
    drop(p.m, DropReason::kRelayMetered);
    return true;
  }
  stats_.relayed.add(1);
  op_normal(p, {.code = OpCode::kNormal, .flags = kOpHidden | kOpLast, .c = kHiddenKinds});
  if (p.m != nullptr) rte_pktmbuf_free(p.m);
  return true;
}

}  // namespace lifeline::datapath
