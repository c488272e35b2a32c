// What would happen to a packet, for the operator: the tables are asked as a lane asks them, and
// the operations run on a copy that goes nowhere.
#include <fmt/format.h>
#include <rte_cycles.h>

#include <bit>
#include <optional>

#include "datapath/datapath_impl.h"
#include "datapath/exact_key.h"
#include "datapath/forwarding.h"
#include "datapath/nd_guard.h"
#include "datapath/ops_text.h"
#include "datapath/relay.h"
#include "flow/match.h"
#include "packet/parse.h"

namespace lifeline::datapath {
namespace {

namespace port_flag = port::port_flag;

packet::FlowMask full_mask() {
  packet::FlowMask mask;
  for (std::size_t i = 0; i < packet::FlowKey::kWords; ++i) mask.words()[i] = ~std::uint64_t{0};
  return mask;
}

// Runs operations as Lane::execute() does, but only says where the packet would go.
class DryRun {
 public:
  DryRun(const Shared& shared, const World& world, std::byte* scratch, rte_mbuf* m, PortNo in_port)
      : shared_(shared),
        world_(world),
        scratch_(scratch),
        m_(m),
        in_port_(in_port),
        now_s_(shared.now_s(rte_rdtsc())) {}

  // False: the packet ends here.
  bool step(Op op, const std::uint64_t* data, Trace::Operation* out) {
    switch (op.code) {
      case OpCode::kDrop:
        out->note = std::string(describe(static_cast<DropReason>(op.b)).meaning);
        return false;
      case OpCode::kOutput: send(op.b, out); return true;
      case OpCode::kLocal: send(flow::kPortLocal, out); return true;
      case OpCode::kNormal: normal(op, out); return true;
      case OpCode::kFlood: flood(op, false, true, out); return true;
      case OpCode::kAll: flood(op, true, true, out); return true;
      case OpCode::kUpcall: out->ports.push_back(flow::kPortController); return true;
      case OpCode::kCount: out->note = describe(static_cast<DropReason>(op.b)).meaning; return true;
      case OpCode::kTable: return true;  // of packet-outs only
      case OpCode::kStrict: return strict(out);
      case OpCode::kRelay: return !relay(op, out);
      case OpCode::kDhcpGuard:
      case OpCode::kNextHopGuard:
      case OpCode::kPathMtuGuard:
      case OpCode::kNdGuard: guard(op, out); return true;
      default: return rewrite(op, data, out);
    }
  }

 private:
  std::uint16_t vlan_in() const { return vlan_of(*world_.view, in_port_, m_).value_or(0); }

  void send(PortNo port, Trace::Operation* out) {
    if (port == flow::kPortLocal) {
      if (local_done_) {
        add_note(out, "LOCAL has it already");
        return;
      }
      local_done_ = true;
    }
    const port::PortEntry* entry = world_.view->find(port);
    if (port != flow::kPortLocal && (entry == nullptr || !entry->usable)) {
      add_note(out, describe(DropReason::kTxPortGone).meaning);
      return;
    }
    if (port != flow::kPortLocal && !entry->link_up) add_note(out, "its link is down");
    out->ports.push_back(port);
  }

  void flood(Op op, bool all, bool to_local, Trace::Operation* out,
             std::optional<std::uint16_t> vlan = std::nullopt) {
    const bool hidden = (op.flags & kOpHidden) != 0;
    const FloodTargets targets = flood_targets(*world_.view, in_port_, hidden, all, to_local, vlan);
    if (targets.local) send(flow::kPortLocal, out);
    for (std::uint64_t left = targets.ports; left != 0; left &= left - 1) {
      send(world_.view->entries[static_cast<std::size_t>(std::countr_zero(left))].port_no, out);
    }
    if (targets.ports == 0 && !targets.local)
      add_note(out, describe(DropReason::kNormalNoPort).meaning);
  }

  void normal(Op op, Trace::Operation* out) {
    const bool hidden = (op.flags & kOpHidden) != 0;
    const auto classified = vlan_of(*world_.view, in_port_, m_);
    if (!classified) {
      add_note(out, describe(DropReason::kVlanNotCarried).meaning);
      return;
    }
    const std::uint16_t vlan = *classified;
    if (world_.view->has_vlans)
      add_note(out, vlan == 0 ? "untagged" : fmt::format("in VLAN {}", vlan));
    const packet::FlowKey key = packet::parse(linear(m_, scratch_), in_port_);
    if (hidden && in_port_ != flow::kPortLocal &&
        !is_known_next_hop(*world_.guards, shared_.fdb, vlan, key.eth_src, in_port_))
      add_note(out, "not from a next hop: within the rate of its port");
    if (key.eth_dst.is_multicast()) {
      add_note(out, "multicast or broadcast: to every port");
      flood(op, false, true, out, vlan);
      return;
    }
    const auto port = shared_.fdb.lookup(vlan, key.eth_dst);
    if (!port) {
      add_note(out, "the destination is not in the FDB: to every port but LOCAL");
      flood(op, false, false, out, vlan);
      return;
    }
    if (*port == in_port_) {
      add_note(out, describe(DropReason::kNormalNoReflection).meaning);
      return;
    }
    const port::PortEntry* entry = world_.view->find(*port);
    if (!carries(*world_.view, *port, vlan)) {
      add_note(out, "the port of the destination does not carry the VLAN: to every port but LOCAL");
      flood(op, false, false, out, vlan);
    } else if (!hidden && entry != nullptr &&
               (entry->flags & (port_flag::kDown | port_flag::kNoFwd)) != 0) {
      add_note(out, describe(DropReason::kPortFiltered).meaning);
    } else if (*port != flow::kPortLocal &&
               (entry == nullptr || !entry->link_up || !entry->usable)) {
      add_note(out, "the port of the destination is down: to every port but LOCAL");
      flood(op, false, false, out, vlan);
    } else {
      add_note(out, "the FDB has the destination there");
      send(*port, out);
    }
  }

  bool rewrite(Op op, const std::uint64_t* data, Trace::Operation* out) {
    switch (Editor(m_, scratch_).apply(op, data)) {
      case RewriteResult::kDone: return true;
      case RewriteResult::kNoRoom:
        out->note = describe(DropReason::kRewriteNoRoom).meaning;
        return false;
      case RewriteResult::kInvalidTtl: break;
    }
    out->ports.push_back(flow::kPortController);
    out->note = describe(DropReason::kTtlInvalid).meaning;
    return false;
  }

  bool strict(Trace::Operation* out) {
    const packet::FlowKey key = packet::parse(linear(m_, scratch_), in_port_);
    const DropReason why = strict_objection(*world_.guards, shared_.fdb, key, vlan_in(), in_port_,
                                            [](const MacAddress&) {});
    if (why == kNoObjection) return true;
    out->note = describe(why).meaning;
    return false;
  }

  // True: it is relayed, and what follows does not count.
  bool relay(Op op, Trace::Operation* out) {
    const auto what = static_cast<Relay>(op.a);
    const auto frame = linear(m_, scratch_);
    packet::Layers layers;
    const packet::FlowKey key = packet::parse(frame, in_port_, &layers);
    if (!is_relayed(frame, key, layers, *world_.guards, what)) {
      out->note = "not for a switch behind this one, or malformed";
      return false;
    }
    if (what == Relay::kRouterAdvertisement &&
        !is_trusted_port(*world_.guards, shared_.fdb, vlan_in(), in_port_)) {
      out->note = "the port is not trusted for routers";
      return false;
    }
    add_note(out, "in place of the rules");
    normal({.code = OpCode::kNormal, .flags = kOpHidden}, out);
    return true;
  }

  // Rates are not asked: that would use them up.
  void guard(Op op, Trace::Operation* out) {
    if (op.code == OpCode::kNdGuard && local_done_) return;
    if (const std::string_view objection = guard_objection(op); !objection.empty()) {
      out->note = objection;
      return;
    }
    send(flow::kPortLocal, out);
    add_note(out, "a copy, within the guard's rate");
  }

  // What only a look at the packet decides; empty: it is what the guard looks for.
  std::string_view guard_objection(Op op) {
    const auto frame = linear(m_, scratch_);
    packet::Layers layers;
    const packet::FlowKey key = packet::parse(frame, in_port_, &layers);
    const GuardState& guards = *world_.guards;
    constexpr std::string_view kNoReply = "not a reply to a request of ours";
    switch (op.code) {
      case OpCode::kDhcpGuard:
        return is_our_dhcp_reply(frame, layers.l4, guards, shared_.dhcp_xids, now_s_) ? ""
                                                                                      : kNoReply;
      case OpCode::kPathMtuGuard:
        return is_our_path_mtu(frame, key, layers.l4, guards) ? ""
                                                              : "not about a connection of ours";
      case OpCode::kNdGuard: break;
      default: return "";
    }
    const auto& exchanges = shared_.dhcpv6_exchanges;
    switch (static_cast<NdGuard>(op.a)) {
      case NdGuard::kDhcpv6:
        return is_our_dhcpv6_reply(frame, layers.l4, guards, exchanges, now_s_) ? "" : kNoReply;
      case NdGuard::kSolicitation:
        return asks_for_our_address(key, exchanges, now_s_)
                   ? ""
                   : "not for an address that asks for one by DHCPv6";
      case NdGuard::kRouter: break;
    }
    if (!is_router_message(frame, layers)) return "not a router advertisement or MLD query";
    return is_trusted_port(guards, shared_.fdb, vlan_in(), in_port_)
               ? ""
               : "the port is not trusted for routers";
  }

  static void add_note(Trace::Operation* out, std::string_view note) {
    if (!out->note.empty()) out->note += "; ";
    out->note += note;
  }

  const Shared& shared_;
  const World& world_;
  std::byte* scratch_;
  rte_mbuf* m_;
  PortNo in_port_;
  std::uint32_t now_s_;
  bool local_done_ = false;
};

Trace::Step step_of(const Visit& visit) {
  Trace::Step step{.hidden = visit.hidden, .table_id = visit.table_id};
  if (visit.rule == nullptr) return step;
  step.rule_id = visit.rule->id;
  step.priority = visit.rule->rule.priority;
  step.cookie = visit.rule->rule.cookie;
  step.match = visit.rule->rule.match.to_string();
  step.instructions = flow::to_string(visit.rule->rule.instructions);
  return step;
}

// Empty: a lane keeps the decision.
std::string_view why_not_cached(const packet::FlowKey& key, const Decision& decision) {
  ExactKey exact;
  if (!to_exact(key, &exact)) return "it has more fields than an exact-match key holds";
  if (!decision.cacheable) return "it depends on headers that only the rewritten packet shows";
  DecisionSlab slab(1);
  HotDecision hot;
  ColdDecision cold;
  return pack(decision, 0, slab, &hot, &cold)
             ? ""
             : "the rules that matched do more than an entry holds";
}

}  // namespace

Expected<Trace> Datapath::explain(std::span<const std::byte> frame, PortNo in_port) const {
  if (frame.size() < 14)
    return make_error("frame of {} bytes has no Ethernet header", frame.size());
  auto packet = impl_->make_packet(frame);
  if (!packet) return tl::make_unexpected(packet.error());
  impl_->shared.qsbr.online(sync::kControlSlot);
  const World world = impl_->shared.world();
  Decision& decision = *impl_->decision;
  const packet::FlowKey key = packet::parse(frame, in_port);
  translate(world, key, *packet, impl_->control->scratch(), &decision);
  Trace trace;
  trace.key = flow::Match{key, full_mask()}.to_string();
  for (std::uint32_t i = 0; i < decision.n_visits; ++i)
    trace.steps.push_back(step_of(decision.visits[i]));
  trace.operations = to_strings({decision.words.data(), decision.n_words});
  trace.not_cached = why_not_cached(key, decision);
  trace.cacheable = trace.not_cached.empty();
  DryRun run(impl_->shared, world, impl_->control->scratch(), *packet, in_port);
  bool alive = true;
  for (std::size_t at = 0, n = 0; at < decision.n_words && alive; ++n) {
    const Op op = Op::from_word(decision.words[at]);
    Trace::Operation done;
    done.text = trace.operations[n];
    alive = run.step(op, decision.words.data() + at + 1, &done);
    trace.outcome.push_back(std::move(done));
    at += 1u + op.data_words;
  }
  impl_->shared.qsbr.offline(sync::kControlSlot);
  rte_pktmbuf_free(*packet);
  return trace;
}

}  // namespace lifeline::datapath
