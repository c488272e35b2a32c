#include <algorithm>
#include <bit>

#include "ofagent/flow_change.h"
#include "ofagent/handlers.h"

namespace lifeline::ofagent {
namespace {

using openflow::ErrorId;
using openflow::FlowMod;
using openflow::FlowModCommand;

// Action types of OpenFlow 1.3 in the order of flow::Action's alternatives.
constexpr std::uint8_t kActionType13[] = {
    0,                       // Output
    25,                      // SetField
    25,                      // SetVlanVid10
    25,                      // SetVlanPcp10
    25,                      // SetTpSrc10
    25,                      // SetTpDst10
    17, 18, 19, 20, 26, 27,  // push and pop of VLAN, MPLS, PBB
    15, 16, 23, 24, 11, 12,  // TTLs
    21,                      // SetQueue
    22,                      // Group
};
static_assert(std::size(kActionType13) == std::variant_size_v<flow::Action>);

bool is_able(const Abilities& abilities, const flow::Action& action) {
  if ((abilities.actions >> kActionType13[action.index()] & 1) == 0) return false;
  const auto* set = std::get_if<flow::SetField>(&action);
  return set == nullptr || (abilities.set_fields >> static_cast<unsigned>(set->field) & 1) != 0;
}

// A match of 1.0 without a wildcard: it outranks every other (1.0, 3.4). 65535 does it, and stays
// below every hidden rule.
bool is_exact_10(const flow::Match& m) {
  const auto exact = [](auto bits) { return bits == decltype(bits)::all_ones(); };
  const MacAddress all_mac = MacAddress::broadcast();  // as a mask: all ones
  const bool vlan = exact(m.mask.vlan_tci) ||
                    (m.key.vlan_tci.raw() == 0 && (m.mask.vlan_tci.host() & packet::kVlanPresent));
  const bool l2 = m.mask.in_port != 0 && m.mask.eth_src == all_mac && m.mask.eth_dst == all_mac &&
                  vlan && exact(m.mask.eth_type);
  if (!l2) return false;
  const bool addresses = exact(m.mask.ipv4_src.value) && exact(m.mask.ipv4_dst.value);
  if (m.key.is_arp()) return addresses && m.mask.arp_op.raw() != 0;
  if (!m.key.is_ipv4()) return true;
  const bool ip = addresses && m.mask.ip_proto == 0xff && (m.mask.ip_tos & 0xfc) == 0xfc;
  const std::uint8_t proto = m.key.ip_proto;
  const bool has_ports =
      proto == packet::kProtoIcmp || proto == packet::kProtoTcp || proto == packet::kProtoUdp;
  return ip && (!has_ports || (m.mask.tp_src.raw() != 0 && m.mask.tp_dst.raw() != 0));
}

// Where the match says which transport it is, 1.0's actions on ports become set-field of that one:
// so a controller of 1.3 reads what the rule does.
void name_transport(FlowMod& m) {
  using flow::FieldId;
  if (!m.instructions.apply || m.match.mask.ip_proto != 0xff) return;
  FieldId src = FieldId::kTcpSrc;
  switch (m.match.key.ip_proto) {
    case packet::kProtoTcp: break;
    case packet::kProtoUdp: src = FieldId::kUdpSrc; break;
    case packet::kProtoSctp: src = FieldId::kSctpSrc; break;
    default: return;
  }
  const auto dst = static_cast<FieldId>(static_cast<unsigned>(src) + 1);
  for (flow::Action& action : *m.instructions.apply) {
    if (const auto* s = std::get_if<flow::SetTpSrc10>(&action)) {
      action = flow::SetField{src, flow::FieldValue::from_u64(src, s->port)};
    } else if (const auto* d = std::get_if<flow::SetTpDst10>(&action)) {
      action = flow::SetField{dst, flow::FieldValue::from_u64(dst, d->port)};
    }
  }
}

class FlowModTask final : public Task {
 public:
  FlowModTask(const Request& request, FlowMod flow_mod, bool is_13)
      : request_(request), change_(std::move(flow_mod), is_13) {}

  Progress step(AgentCore& core, Connection& c, Budget& budget) override {
    if (!core.begin_change(c.id)) return Progress::kBlocked;
    core.changed_by = {.connection = c.id, .xid = request_.xid};
    if (!change_.step(core, budget)) return Progress::kMore;
    core.end_change();
    if (change_.error()) c.error(*change_.error(), request_);
    return Progress::kDone;
  }
  bool outlives_connection() const override { return true; }

 private:
  Request request_;
  FlowChange change_;
};

}  // namespace

std::optional<ErrorId> find_unsupported(const AgentCore& core, const flow::ActionList& actions) {
  for (const flow::Action& action : actions) {
    if (std::holds_alternative<flow::Group>(action)) return ErrorId::kBacBadOutGroup;
    if (!is_able(core.backend.facts().abilities, action)) {
      return std::holds_alternative<flow::SetField>(action) ? ErrorId::kBacBadSetType
                                                            : ErrorId::kBacBadType;
    }
  }
  return std::nullopt;
}

std::optional<ErrorId> find_error(const AgentCore& core, const FlowMod& m, bool is_13) {
  const std::uint8_t n_tables = core.config.tables.n_tables;
  if (m.buffer_id != openflow::kNoBuffer) return ErrorId::kBrcBufferUnknown;
  constexpr std::uint16_t kKnownFlags = 0x1f;
  if (is_13 && (m.flags & ~kKnownFlags) != 0) return ErrorId::kFmfcBadFlags;
  // The specification keeps "all tables" to deletions; Open vSwitch lets modifications have it too.
  const bool all_tables = m.table_id == kAllTables && m.command != FlowModCommand::kAdd;
  if (!all_tables && m.table_id >= n_tables) return ErrorId::kFmfcBadTableId;
  if (!is_add_or_modify(m.command)) return std::nullopt;
  const flow::Instructions& in = m.instructions;
  if (in.goto_table && *in.goto_table >= n_tables) return ErrorId::kBicBadTableId;
  // 6.4: an instruction that the switch does not have; the table features list no meters. (Open
  // vSwitch, which has the instruction, says INVALID_METER of a meter that nobody has added.)
  if (in.meter) return ErrorId::kBicUnsupInst;
  for (const auto* list : {&in.apply, &in.write}) {
    if (!*list) continue;
    if (const auto error = find_unsupported(core, **list)) return error;
  }
  return std::nullopt;
}

void handle_flow_mod(AgentCore& core, Connection& c, const Request& request, FlowMod flow_mod,
                     Budget& budget) {
  if (const auto error = find_error(core, flow_mod, c.is_13())) {
    c.error(*error, request);
    return;
  }
  if (!c.is_13()) {
    if (is_exact_10(flow_mod.match)) flow_mod.priority = 65535;
    name_transport(flow_mod);
  }
  core.start(c, std::make_unique<FlowModTask>(request, std::move(flow_mod), c.is_13()), budget);
}

}  // namespace lifeline::ofagent
