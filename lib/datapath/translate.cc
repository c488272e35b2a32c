#include "datapath/translate.h"

#include "datapath/action_compiler.h"
#include "datapath/forwarding.h"
#include "datapath/nd_guard.h"
#include "datapath/relay.h"
#include "flow/steering.h"

namespace lifeline::datapath {
namespace {

using Source = ActionCompiler::Source;
namespace port_flag = port::port_flag;

void note(Decision* out, const table::PublishedRule* rule, std::uint8_t table_id, bool hidden) {
  if (out->n_visits < kMaxVisits) out->visits[out->n_visits++] = {rule, table_id, hidden};
}

// Spanning tree's own frames pass NO_RECV and are what NO_RECV_STP is about (OpenFlow 1.0, 5.2.1).
bool ingress_filtered(const port::PortEntry* in, const packet::FlowKey& key) {
  if (in == nullptr || in->flags == 0) return false;
  if ((in->flags & port_flag::kDown) != 0) return true;
  const bool stp = key.eth_dst.to_u64() == 0x0180c2000000ULL;
  return (in->flags & (stp ? port_flag::kNoRecvStp : port_flag::kNoRecv)) != 0;
}

void table_miss(const World& world, std::uint8_t table_id, ActionCompiler& compiler) {
  if (table_id != 0 || world.table_miss == TableMiss::kDrop) {
    if (!compiler.has_output()) compiler.drop(DropReason::kNoRule);
    return;
  }
  const Source source{.table_id = table_id, .table_miss = true};
  compiler.run({flow::Output{flow::kPortController, flow::kMaxLenWholePacket}}, source);
}

void run_pipeline(const World& world, const rte_mbuf* packet, std::byte* scratch,
                  ActionCompiler& compiler, Decision* out) {
  ActionSet set;
  Source source;
  std::uint8_t table_id = 0;
  for (;;) {
    if (!compiler.refresh(packet, scratch)) return;
    out->visited.add(table_id, !compiler.rewritten());
    const table::PublishedRule* rule =
        world.tables->lookup(table_id, compiler.key(), world.version);
    note(out, rule, table_id, false);
    if (rule == nullptr) {
      // A miss ends the walk and the action set with it (OpenFlow 1.3, 5.4).
      table_miss(world, table_id, compiler);
      break;
    }
    const flow::Instructions& todo = rule->rule.instructions;
    source = {.table_id = table_id,
              .cookie = rule->rule.cookie,
              .table_miss = rule->rule.is_table_miss()};
    if (todo.apply) compiler.run(*todo.apply, source);
    if (todo.clear) set.clear();
    if (todo.write) set.write(*todo.write);
    if (todo.metadata) compiler.write_metadata(*todo.metadata);
    if (!todo.goto_table || *todo.goto_table <= table_id || compiler.stopped()) {
      if (!set.empty && !compiler.stopped()) compiler.run(set, source);
      break;
    }
    table_id = *todo.goto_table;
  }
}

void nd_guards(const World& world, const packet::FlowKey& key, ActionCompiler& compiler) {
  const auto guard = [&](NdGuard what) {
    compiler.guard({.code = OpCode::kNdGuard, .a = static_cast<std::uint8_t>(what)});
  };
  if (wants_dhcpv6(*world.guards, key)) guard(NdGuard::kDhcpv6);
  if (wants_solicitation(*world.guards, key)) guard(NdGuard::kSolicitation);
  if (wants_router(*world.guards, key)) guard(NdGuard::kRouter);
}

// Guards, in front of what the tables say. `key`: in_vlan()'s.
void guards(const World& world, const packet::FlowKey& key, const table::PublishedRule* hidden,
            ActionCompiler& compiler) {
  if (hidden == nullptr) {
    if (const auto relay = wants_relay(*world.guards, key))
      compiler.guard({.code = OpCode::kRelay, .a = static_cast<std::uint8_t>(*relay)});
  }
  if (!carries(*world.view, flow::kPortLocal, key.vlan_vid())) return;
  if (world.guards->wants_dhcp(key)) compiler.guard({.code = OpCode::kDhcpGuard});
  if (world.guards->wants_path_mtu(key)) compiler.guard({.code = OpCode::kPathMtuGuard});
  if (world.guards->is_control_fragment(key)) {
    compiler.guard(
        {.code = OpCode::kCount, .b = static_cast<std::uint16_t>(DropReason::kControlFragment)});
  }
  // A hidden rule's NORMAL takes these to LOCAL in any case.
  const auto& local_mac = world.guards->local_mac();
  const bool reaches_local =
      hidden != nullptr && (key.eth_dst == local_mac ||
                            (key.eth_dst.is_multicast() && !key.eth_dst.is_link_local_reserved()));
  if (!reaches_local) {
    if (world.guards->wants_next_hop_arp(key) || world.guards->wants_next_hop_nd(key))
      compiler.guard({.code = OpCode::kNextHopGuard});
    else if (world.guards->ipv6())
      nd_guards(world, key, compiler);
  }
}

}  // namespace

void translate(const World& world, const packet::FlowKey& key, const rte_mbuf* packet,
               std::byte* scratch, Decision* out) {
  out->clear();
  ActionCompiler compiler(world, key, out);
  const auto& local_mac = world.guards->local_mac();
  if (local_mac && key.in_port != flow::kPortLocal && key.eth_src == *local_mac) {
    compiler.drop(DropReason::kLocalMacSpoofed);
    return;
  }
  const auto seen = in_vlan(*world.view, key);
  const table::PublishedRule* hidden =
      seen ? world.tables->lookup_hidden(*seen, world.version) : nullptr;
  if (seen) guards(world, *seen, hidden, compiler);
  if (hidden != nullptr) {
    note(out, hidden, 0, true);
    out->hidden = true;
    const Source source{
        .cookie = hidden->rule.cookie,
        .hidden = true,
        .kind = static_cast<std::uint8_t>(flow::kHiddenPriorityOfA - hidden->rule.priority)};
    if (world.guards->wants_strict(key)) compiler.emit({.code = OpCode::kStrict});
    if (hidden->rule.instructions.apply) compiler.run(*hidden->rule.instructions.apply, source);
  } else if (ingress_filtered(world.view->find(static_cast<flow::PortNo>(key.in_port)), key)) {
    compiler.drop(DropReason::kIngressFiltered);
    return;
  } else if (world.drop_fragments && key.ip_frag != 0) {
    compiler.drop(DropReason::kFragment);
    return;
  } else {
    run_pipeline(world, packet, scratch, compiler, out);
  }
  compiler.finish();
}

void translate_actions(const World& world, const packet::FlowKey& key,
                       const flow::ActionList& actions, Decision* out) {
  out->clear();
  ActionCompiler compiler(world, key, out);
  compiler.run(actions, {.packet_out = true});
  compiler.finish();
}

}  // namespace lifeline::datapath
