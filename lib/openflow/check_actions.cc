#include <algorithm>

#include "openflow/action_codec.h"
#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

using flow::FieldId;
using flow::FieldValue;
using packet::kEthTypeMpls;
using packet::kEthTypeMplsMulticast;
using packet::kEthTypePbb;
using packet::kEthTypeQinQ;
using packet::kEthTypeVlan;
using packet::kVlanPresent;
using packet::kVlanVidMask;

using Verdict = std::optional<ErrorId>;
constexpr Verdict kSound = std::nullopt;

// Walks a list of actions with what is known of the packet: the match, as the actions change it.
class Checker {
 public:
  explicit Checker(const flow::Match& match) : known_(match) {}

  Verdict operator()(const flow::Output& a) const {
    return valid_output_port(a.port) ? kSound : ErrorId::kBacBadOutPort;
  }
  Verdict operator()(const flow::SetField& a) {
    if (!flow::field_info(a.field).settable) return ErrorId::kBacBadSetType;
    if (a.field == FieldId::kVlanVid && !has_vlan()) return ErrorId::kBacMatchInconsistent;
    if (!flow::prerequisites_met(a.field, known_.key, known_.mask))
      return ErrorId::kBacMatchInconsistent;
    flow::set_field(known_.key, a.field, a.value);
    flow::set_field(known_.mask, a.field, flow::full_mask(a.field));
    return kSound;
  }
  Verdict operator()(const flow::SetVlanVid10& a) {
    known_.vlan_vid(a.vid);
    return a.vid <= kVlanVidMask ? kSound : ErrorId::kBacBadArgument;
  }
  Verdict operator()(const flow::SetVlanPcp10& a) {
    if (!has_vlan()) known_.vlan_vid(0);
    return a.pcp <= 7 ? kSound : ErrorId::kBacBadArgument;
  }
  Verdict operator()(const flow::SetTpSrc10&) const { return kSound; }
  Verdict operator()(const flow::SetTpDst10&) const { return kSound; }
  Verdict operator()(const flow::PushVlan& a) {
    if (a.eth_type != kEthTypeVlan && a.eth_type != kEthTypeQinQ) return ErrorId::kBacBadArgument;
    if (!has_vlan()) {
      known_.vlan_vid(0);
    } else {
      ++more_vlans_;
    }
    return kSound;
  }
  Verdict operator()(const flow::PopVlan&) {
    if (!has_vlan()) return ErrorId::kBacMatchInconsistent;
    // Whether a second tag follows is known only of those pushed here; the rest is not matched.
    known_.key.vlan_tci = be16{};
    known_.mask.vlan_tci = be16{};
    if (more_vlans_ > 0) {
      --more_vlans_;
      known_.vlan_vid(0);
    }
    return kSound;
  }
  Verdict operator()(const flow::PushMpls& a) {
    if (a.eth_type != kEthTypeMpls && a.eth_type != kEthTypeMplsMulticast)
      return ErrorId::kBacBadArgument;
    known_.eth_type(a.eth_type);
    return kSound;
  }
  Verdict operator()(const flow::PopMpls& a) {
    if (!is_mpls()) return ErrorId::kBacMatchInconsistent;
    known_.eth_type(a.eth_type);
    return kSound;
  }
  Verdict operator()(const flow::PushPbb& a) {
    if (a.eth_type != kEthTypePbb) return ErrorId::kBacBadArgument;
    known_.eth_type(a.eth_type);
    return kSound;
  }
  Verdict operator()(const flow::PopPbb&) {
    if (!is_type(kEthTypePbb)) return ErrorId::kBacMatchInconsistent;
    known_ = {};  // what was inside is not known
    return kSound;
  }
  Verdict operator()(const flow::SetMplsTtl&) const { return needs(is_mpls()); }
  Verdict operator()(const flow::DecMplsTtl&) const { return needs(is_mpls()); }
  Verdict operator()(const flow::SetIpTtl&) const { return needs(is_ip()); }
  Verdict operator()(const flow::DecIpTtl&) const { return needs(is_ip()); }
  // Of what the outer and the inner header are, a match says too little to refuse anything.
  Verdict operator()(const flow::CopyTtlOut&) const { return kSound; }
  Verdict operator()(const flow::CopyTtlIn&) const { return kSound; }
  Verdict operator()(const flow::SetQueue&) const { return kSound; }
  Verdict operator()(const flow::Group& a) const {
    return a.group_id <= kGroupMax ? kSound : ErrorId::kBacBadOutGroup;
  }

 private:
  static Verdict needs(bool condition) {
    return condition ? kSound : ErrorId::kBacMatchInconsistent;
  }
  bool is_type(std::uint16_t type) const {
    return known_.mask.eth_type == be16::all_ones() && known_.key.eth_type == be16{type};
  }
  bool is_mpls() const { return is_type(kEthTypeMpls) || is_type(kEthTypeMplsMulticast); }
  bool is_ip() const { return is_type(packet::kEthTypeIpv4) || is_type(packet::kEthTypeIpv6); }
  bool has_vlan() const {
    return bool{known_.key.vlan_tci & known_.mask.vlan_tci & be16{kVlanPresent}};
  }

  flow::Match known_;
  int more_vlans_ = 0;
};

// The order in which an action set runs (OpenFlow 1.3.5, 5.10).
int set_rank(const flow::Action& action) {
  struct Rank {
    int operator()(const flow::CopyTtlIn&) const { return 1; }
    int operator()(const flow::PopVlan&) const { return 2; }
    int operator()(const flow::PopMpls&) const { return 2; }
    int operator()(const flow::PopPbb&) const { return 2; }
    int operator()(const flow::PushMpls&) const { return 3; }
    int operator()(const flow::PushPbb&) const { return 4; }
    int operator()(const flow::PushVlan&) const { return 5; }
    int operator()(const flow::CopyTtlOut&) const { return 6; }
    int operator()(const flow::DecIpTtl&) const { return 7; }
    int operator()(const flow::DecMplsTtl&) const { return 7; }
    int operator()(const flow::SetQueue&) const { return 9; }
    int operator()(const flow::Group&) const { return 10; }
    int operator()(const flow::Output&) const { return 11; }
    int operator()(const flow::SetField&) const { return 8; }
    int operator()(const flow::SetVlanVid10&) const { return 8; }
    int operator()(const flow::SetVlanPcp10&) const { return 8; }
    int operator()(const flow::SetTpSrc10&) const { return 8; }
    int operator()(const flow::SetTpDst10&) const { return 8; }
    int operator()(const flow::SetMplsTtl&) const { return 8; }
    int operator()(const flow::SetIpTtl&) const { return 8; }
  };
  return std::visit(Rank{}, action);
}

Verdict check_list(Checker& checker, const flow::ActionList& actions) {
  for (const flow::Action& action : actions) {
    if (const Verdict v = std::visit(checker, action)) return v;
  }
  return kSound;
}

}  // namespace

std::optional<ErrorId> check_actions(const flow::Match& match,
                                     const flow::Instructions& instructions,
                                     std::uint8_t table_id) {
  if (instructions.meter && (*instructions.meter == 0 || *instructions.meter > kMeterMax))
    return ErrorId::kMmfcInvalidMeter;
  Checker checker(match);
  if (instructions.apply) {
    if (const Verdict v = check_list(checker, *instructions.apply)) return v;
  }
  if (instructions.write) {
    flow::ActionList set = *instructions.write;
    std::stable_sort(set.begin(), set.end(), [](const flow::Action& a, const flow::Action& b) {
      return set_rank(a) < set_rank(b);
    });
    if (const Verdict v = check_list(checker, set)) return v;
  }
  if (instructions.goto_table && table_id < kTableAll && *instructions.goto_table <= table_id)
    return ErrorId::kBicBadTableId;
  if (instructions.goto_table == kTableAll) return ErrorId::kBicBadTableId;
  return std::nullopt;
}

}  // namespace lifeline::openflow
