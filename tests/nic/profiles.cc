// The list of profiles, and those that are no Intel NIC.
#include <algorithm>

#include "profile.h"

namespace testnic {
namespace {

// As the real drivers do where the kernel or the firmware says no.
Verdict install_never(const RuleShape&, const Rules&, std::uint32_t) {
  return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_HANDLE, "couldn't receive kernel ack to our request");
}

constexpr std::uint32_t kMany = 1u << 16;

const Profile kProfiles[] = {
    {.name = "full",
     .accept = accept_full,
     .install = install_simple,
     .says_it_keeps = true,
     .can_isolate = true,
     .can_count = true,
     .capacity = kMany},
    {.name = "mlx5",
     .accept = accept_mlx5,
     .install = install_simple,
     .can_isolate = true,
     .can_count = true,
     .capacity = kMany},
    {.name = "ice",
     .accept = accept_ice,
     .install = install_ice,
     .can_count = true,
     .capacity = 16384},
    {.name = "i40e", .accept = accept_i40e, .install = install_i40e, .capacity = 8192},
    {.name = "ixgbe", .accept = accept_ixgbe, .install = install_ixgbe, .capacity = 128},
    {.name = "igb", .accept = accept_igb, .install = install_igb, .capacity = 8},
    {.name = "tap",
     .accept = accept_tap,
     .install = install_tap,
     .can_isolate = true,
     .has_reta = false,
     .capacity = kMany},
    {.name = "flushes",
     .accept = accept_mlx5,
     .install = install_simple,
     .at_stop = AtStop::kFlushes,
     .can_count = true,
     .capacity = kMany},
    {.name = "validates", .accept = accept_mlx5, .install = install_never, .capacity = kMany},
    {.name = "loses",
     .accept = accept_mlx5,
     .install = install_simple,
     .at_stop = AtStop::kLosesSilently,
     .says_it_keeps = true,
     .can_count = true,
     .capacity = kMany},
    {.name = "blind",
     .accept = accept_mlx5,
     .install = install_simple,
     .steers = false,
     .can_count = true,
     .capacity = kMany},
    {.name = "none", .capacity = 0},
};

// Bits may stand in these fields only; otherwise the driver refuses the item.
Verdict only(const Item& item, std::initializer_list<Field> fields, const char* message) {
  if (item.only(fields)) return std::nullopt;
  return refuse_item(ENOTSUP, message, &item);
}

Verdict check_attr(const rte_flow_attr& attr, std::uint32_t max_priority) {
  if (!attr.ingress)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_INGRESS, "ingress attribute is mandatory");
  if (attr.egress)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_EGRESS, "egress is not supported");
  if (attr.transfer)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER, "transfer is not supported");
  if (attr.group != 0)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_GROUP, "groups are not supported");
  if (attr.priority > max_priority)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY, "priority out of range");
  return std::nullopt;
}

Verdict check_actions(const Request& request) {
  const Actions& actions = request.actions;
  if (actions.unknown != nullptr || actions.fate == Fate::kPassthru)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, "action not supported", actions.unknown);
  if (actions.n_fates > 1)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "can't have 2 fate actions in same flow");
  if (actions.fate == Fate::kNone)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, "no fate action is found");
  if (actions.fate == Fate::kQueue && actions.queue >= request.n_rxq)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, "queue index out of range");
  for (std::uint16_t queue : actions.rss_queues)
    if (queue >= request.n_rxq)
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, "queue index out of range");
  return std::nullopt;
}

int depth(Layer layer) {
  switch (layer) {
    case Layer::kEth: return 0;
    case Layer::kVlan: return 1;
    case Layer::kArp:
    case Layer::kIpv4:
    case Layer::kIpv6: return 2;
    default: return 3;
  }
}

// Layers in order, each once (two VLAN tags at most), and the ether type in accord.
Verdict check_order(const Pattern& pattern) {
  int last = -1, n_vlan = 0;
  std::uint16_t type = 0;
  for (const Item& item : pattern) {
    const int d = depth(item.layer);
    const bool second_tag = item.layer == Layer::kVlan && last == 1 && n_vlan == 1;
    if (d <= last && !second_tag)
      return refuse_item(EINVAL, "items are not in the order of layers", &item);
    if (d == 3 && last != 2) return refuse_item(EINVAL, "L3 is mandatory to filter on L4", &item);
    if (item.range) return refuse_item(ENOTSUP, "range is not supported", &item);
    if (item.layer == Layer::kVlan) ++n_vlan;
    const std::uint16_t wants = item.layer == Layer::kIpv4   ? 0x0800
                                : item.layer == Layer::kIpv6 ? 0x86dd
                                : item.layer == Layer::kArp  ? 0x0806
                                                             : 0;
    if (wants != 0 && type != 0 && type != wants)
      return refuse_item(EINVAL, "L3 cannot follow L2/VLAN layer of another ether type", &item);
    if (item.layer == Layer::kEth && item.cover(field::kEthType) == Cover::kFull)
      type = item.be16(field::kEthType);
    if (item.layer == Layer::kVlan)
      type =
          item.cover(field::kVlanInnerType) == Cover::kFull ? item.be16(field::kVlanInnerType) : 0;
    last = d;
  }
  return std::nullopt;
}

}  // namespace

Verdict refuse(int error, rte_flow_error_type type, const char* message, const void* cause) {
  return Refusal{error, type, message, cause};
}

Verdict refuse_item(int error, const char* message, const Item* item) {
  return Refusal{error, RTE_FLOW_ERROR_TYPE_ITEM, message,
                 item != nullptr ? item->source : nullptr};
}

bool is_pattern(const Pattern& pattern, std::initializer_list<Layer> layers) {
  return std::equal(pattern.begin(), pattern.end(), layers.begin(), layers.end(),
                    [](const Item& item, Layer layer) { return item.layer == layer; });
}

std::uint32_t count_of(const Rules& rules, Table table) {
  return static_cast<std::uint32_t>(std::count_if(
      rules.begin(), rules.end(), [table](const Rule* r) { return r->shape.table == table; }));
}

// Everything that this NIC's matcher can do, ARP's and neighbour discovery's fields included: like
// cnxk and iavf.
Verdict accept_full(const Request& request, RuleShape& shape) {
  if (auto no = check_attr(*request.attr, 0xffff)) return no;
  if (auto no = check_order(request.pattern)) return no;
  if (auto no = check_actions(request)) return no;
  shape.match = {request.pattern};
  shape.rank = shape.priority;
  return std::nullopt;
}

// drivers/net/mlx5: no ARP, no fields of neighbour discovery; priorities 0 to 4 in the root group.
Verdict accept_mlx5(const Request& request, RuleShape& shape) {
  if (request.creating && !request.started)
    return refuse(ENODEV, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "port not started");
  if (auto no = check_attr(*request.attr, 4)) return no;
  if (auto no = check_order(request.pattern)) return no;
  constexpr const char* kNotEnough = "mask enables non supported bits";
  for (const Item& item : request.pattern) {
    Verdict no;
    switch (item.layer) {
      case Layer::kEth: break;
      case Layer::kVlan:
        if (item.cover(field::kVlanInnerType) == Cover::kPart)
          no = refuse_item(ENOTSUP, kNotEnough, &item);
        break;
      case Layer::kIpv4:
        no = only(item,
                  {field::kIpv4Tos, field::kIpv4Ttl, field::kIpv4Fragment, field::kIpv4Proto,
                   field::kIpv4Src, field::kIpv4Dst},
                  kNotEnough);
        if (!no && item.cover(field::kIpv4Proto) == Cover::kPart)
          no = refuse_item(EINVAL, "partial mask is not supported for protocol", &item);
        break;
      case Layer::kIpv6:
        no = only(item,
                  {field::kIpv6Flow, field::kIpv6Proto, field::kIpv6Hop, field::kIpv6Src,
                   field::kIpv6Dst},
                  kNotEnough);
        break;
      case Layer::kTcp:
        no = only(item, {field::kSrcPort, field::kDstPort, field::kTcpFlags}, kNotEnough);
        break;
      case Layer::kUdp: no = only(item, {field::kSrcPort, field::kDstPort}, kNotEnough); break;
      case Layer::kIcmp:
      case Layer::kIcmp6: no = only(item, {field::kIcmpType, field::kIcmpCode}, kNotEnough); break;
      default: no = refuse_item(ENOTSUP, "item not supported", &item); break;
    }
    if (no) return no;
  }
  if (auto no = check_actions(request)) return no;
  shape.match = {request.pattern};
  shape.rank = shape.priority;
  return std::nullopt;
}

Verdict install_simple(const RuleShape&, const Rules& installed, std::uint32_t capacity) {
  if (installed.size() >= capacity)
    return refuse(ENOMEM, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, "hardware refuses to create flow");
  return std::nullopt;
}

const Profile* find_profile(std::string_view name) {
  const auto* found = std::find_if(std::begin(kProfiles), std::end(kProfiles),
                                   [name](const Profile& p) { return p.name == name; });
  return found == std::end(kProfiles) ? nullptr : found;
}

const char* profile_names() {
  return "full, mlx5, ice, i40e, ixgbe, igb, tap, flushes, validates, loses, blind, none";
}

}  // namespace testnic
