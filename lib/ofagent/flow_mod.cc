#include <algorithm>
#include <bit>

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

bool is_add_or_modify(FlowModCommand command) {
  return command == FlowModCommand::kAdd || command == FlowModCommand::kModify ||
         command == FlowModCommand::kModifyStrict;
}

bool is_strict(FlowModCommand command) {
  return command == FlowModCommand::kModifyStrict || command == FlowModCommand::kDeleteStrict;
}

// What the codec cannot know: the tables, groups, meters and abilities of this switch.
std::optional<ErrorId> find_error(const AgentCore& core, const Connection& c, const FlowMod& m) {
  const std::uint8_t n_tables = core.config.tables.n_tables;
  if (m.buffer_id != openflow::kNoBuffer) return ErrorId::kBrcBufferUnknown;
  constexpr std::uint16_t kKnownFlags = 0x1f;
  if (c.is_13() && (m.flags & ~kKnownFlags) != 0) return ErrorId::kFmfcBadFlags;
  // The specification keeps "all tables" to deletions; Open vSwitch lets modifications have it too.
  const bool all_tables = m.table_id == kAllTables && m.command != FlowModCommand::kAdd;
  if (!all_tables && m.table_id >= n_tables) return ErrorId::kFmfcBadTableId;
  if (!is_add_or_modify(m.command)) return std::nullopt;
  const flow::Instructions& in = m.instructions;
  if (in.goto_table && *in.goto_table >= n_tables) return ErrorId::kBicBadTableId;
  if (in.meter) return ErrorId::kMmfcInvalidMeter;  // there is none
  for (const auto* list : {&in.apply, &in.write}) {
    if (!*list) continue;
    if (const auto error = find_unsupported(core, **list)) return error;
  }
  return std::nullopt;
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

class FlowModTask final : public Task {
 public:
  FlowModTask(const Request& request, FlowMod flow_mod)
      : request_(request), mod_(std::move(flow_mod)) {
    filter_ = {
        .table_id = mod_.table_id,
        .match = mod_.match,
        .strict_priority = is_strict(mod_.command) ? std::optional{mod_.priority} : std::nullopt,
        .cookie = mod_.cookie,
        .cookie_mask = mod_.cookie_mask};
    // Only deletions are filtered by output (OpenFlow 1.3.5, 6.4).
    if (!is_add_or_modify(mod_.command)) {
      filter_.out_port = mod_.out_port;
      filter_.out_group = mod_.out_group;
    }
  }

  Progress step(AgentCore& core, Connection& c, Budget& budget) override {
    if (!core.begin_change(c.id)) return Progress::kBlocked;
    const Progress progress = change(core, c, budget);
    if (progress == Progress::kDone) core.end_change();
    return progress;
  }
  bool outlives_connection() const override { return true; }

 private:
  Progress change(AgentCore& core, Connection& c, Budget& budget) {
    switch (mod_.command) {
      case FlowModCommand::kAdd: return add(core, c, budget);
      case FlowModCommand::kModify:
      case FlowModCommand::kModifyStrict: return modify(core, c, budget);
      case FlowModCommand::kDelete:
      case FlowModCommand::kDeleteStrict: break;
    }
    const TimePoint now = core.now();
    const bool done = core.tables.walk(cursor_, filter_, budget, [&](StoredRule& stored) {
      budget.charge(kCostChange);
      core.tables.remove(stored, RemovedReason::kDelete, now);
    });
    return done ? Progress::kDone : Progress::kMore;
  }

  Progress add(AgentCore& core, Connection& c, Budget& budget) {
    RuleSpec spec;
    // Modifications of 1.0 that add carry "all tables".
    spec.rule.table_id = mod_.table_id == kAllTables ? std::uint8_t{0} : mod_.table_id;
    spec.rule.priority = mod_.priority;
    spec.rule.match = mod_.match;
    spec.rule.cookie = mod_.cookie;
    if ((mod_.flags & kCheckOverlap) != 0) {
      const auto overlaps = core.tables.overlaps(cursor_, spec.rule, budget);
      if (!overlaps) return Progress::kMore;
      if (*overlaps) {
        c.error(ErrorId::kFmfcOverlap, request_);
        return Progress::kDone;
      }
    }
    spec.rule.instructions = std::move(mod_.instructions);
    spec.idle_timeout_s = mod_.idle_timeout;
    spec.hard_timeout_s = mod_.hard_timeout;
    spec.flags = mod_.flags;
    // A replaced rule's counters always start anew in 1.0, which has no flag for it (4.6).
    if (!c.is_13()) spec.flags |= kResetCounts;
    budget.charge(kCostChange);
    const auto stored = core.tables.add(spec, core.now());
    if (!stored) {
      c.error(stored.error() == AddError::kTableFull ? ErrorId::kFmfcTableFull
                                                     : ErrorId::kFmfcBadTableId,
              request_);
    } else {
      (*stored)->flags = mod_.flags;
    }
    return Progress::kDone;
  }

  Progress modify(AgentCore& core, Connection& c, Budget& budget) {
    // 1.0 gives a modified rule the new cookie; 1.3 never changes one (6.4).
    std::optional<std::uint64_t> cookie;
    if (!c.is_13() && mod_.cookie != ~std::uint64_t{0}) cookie = mod_.cookie;
    const bool reset = c.is_13() && (mod_.flags & kResetCounts) != 0;
    const bool done = core.tables.walk(cursor_, filter_, budget, [&](StoredRule& stored) {
      budget.charge(kCostChange);
      is_any_met_ = true;
      if (!core.tables.modify(stored, mod_.instructions, cookie, reset)) is_refused_ = true;
    });
    if (!done) return Progress::kMore;
    if (is_refused_) c.error(ErrorId::kFmfcTableFull, request_);
    if (is_any_met_ || c.is_13()) return Progress::kDone;
    mod_.command = FlowModCommand::kAdd;  // OpenFlow 1.0, 4.6
    cursor_ = {};
    return add(core, c, budget);
  }

  Request request_;
  FlowMod mod_;
  RuleFilter filter_;
  FlowTables::Cursor cursor_;
  bool is_any_met_ = false;
  bool is_refused_ = false;
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

void handle_flow_mod(AgentCore& core, Connection& c, const Request& request, FlowMod flow_mod,
                     Budget& budget) {
  if (const auto error = find_error(core, c, flow_mod)) {
    c.error(*error, request);
    return;
  }
  if (!c.is_13() && is_exact_10(flow_mod.match)) flow_mod.priority = 65535;
  core.start(c, std::make_unique<FlowModTask>(request, std::move(flow_mod)), budget);
}

}  // namespace lifeline::ofagent
