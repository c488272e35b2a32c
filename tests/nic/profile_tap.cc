// net_tap: drivers/net/tap/tap_flow.c makes a tc flower filter of each rule.
//
// validate() compares masks only; what the conversion to flower refuses, and what the kernel
// refuses, comes out at create().
#include "profile.h"

namespace testnic {
namespace {

constexpr std::uint32_t kMaxPriority = 0xfff;  // tap_flow.h: PRIORITY_MASK
// In group 15 create() keeps the lowest for itself; nobody here uses groups.
constexpr const char* kItem = "item not supported";
constexpr const char* kAction = "action not supported";
constexpr const char* kKernel = "overlapping rules or Kernel too old for flower support";

bool may_follow(const Pattern& pattern, std::size_t i) {
  const Layer layer = pattern[i].layer;
  if (i == 0) return layer == Layer::kEth;
  const Layer before = pattern[i - 1].layer;
  switch (layer) {
    case Layer::kVlan: return before == Layer::kEth;
    case Layer::kIpv4:
    case Layer::kIpv6: return before == Layer::kEth || before == Layer::kVlan;
    case Layer::kTcp:
    case Layer::kUdp: return before == Layer::kIpv4 || before == Layer::kIpv6;
    default: return false;
  }
}

bool mask_supported(const Item& item) {
  switch (item.layer) {
    case Layer::kEth: return true;
    // 0xffef of the TCI as the driver writes it: not the DEI bit.
    case Layer::kVlan: return (item.bits[0] & 0x10) == 0;
    case Layer::kIpv4: return item.only({field::kIpv4Src, field::kIpv4Dst, field::kIpv4Proto});
    case Layer::kIpv6: return item.only({field::kIpv6Src, field::kIpv6Dst, field::kIpv6Proto});
    default: return item.only({field::kSrcPort, field::kDstPort});
  }
}

struct Conversion {
  std::uint16_t ether_type = 0;
  std::uint8_t protocol = 0;
  bool vlan = false;
};

// What tap_flow_create_*() do. False: refused. Changes the item to what flower is given.
bool convert(Item& item, Conversion& info) {
  const auto spec_byte = [&item](Field f) { return item.has_spec ? item.value[f.offset] : 0; };
  switch (item.layer) {
    case Layer::kEth:
      if (item.cover(field::kEthType) == Cover::kPart) return false;
      if (item.cover(field::kEthType) == Cover::kFull) info.ether_type = item.be16(field::kEthType);
      return true;
    case Layer::kVlan:
      if (info.ether_type != 0 || info.vlan) return false;
      info.vlan = true;
      if (item.cover(field::kVlanInnerType) == Cover::kPart) return false;
      if (item.cover(field::kVlanInnerType) == Cover::kFull)
        info.ether_type = item.be16(field::kVlanInnerType);
      return true;
    case Layer::kIpv4:
    case Layer::kIpv6: {
      const bool v4 = item.layer == Layer::kIpv4;
      const std::uint16_t type = v4 ? 0x0800 : 0x86dd;
      if (info.ether_type != 0 && info.ether_type != type) return false;
      info.ether_type = type;
      const Field protocol = v4 ? field::kIpv4Proto : field::kIpv6Proto;
      info.protocol = static_cast<std::uint8_t>(spec_byte(protocol));
      // The protocol of the spec is matched whatever the mask says.
      if (info.protocol != 0) item.set_full(protocol);
      return true;
    }
    default: {
      const std::uint8_t want = item.layer == Layer::kTcp ? 6 : 17;
      if (info.protocol != 0 && info.protocol != want) return false;
      return item.cover(field::kSrcPort) != Cover::kPart &&
             item.cover(field::kDstPort) != Cover::kPart;
    }
  }
}

void match_value(Item& item, Field f, std::uint16_t value) {
  if (f.bytes == 2) item.value[f.offset] = static_cast<std::uint8_t>(value >> 8);
  item.value[f.offset + f.bytes - 1u] = static_cast<std::uint8_t>(value);
  item.set_full(f);
}

// Flower's key is of values, not of items: what an item implies (the ether type of IP, the protocol
// of TCP) is written where it is compared, so that two patterns of one key become alike.
void write_out(Pattern& pattern, const Conversion& info) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    Item& item = pattern[i];
    const bool last_of_l2 = item.layer == Layer::kVlan || (item.layer == Layer::kEth && !info.vlan);
    if (last_of_l2 && info.ether_type != 0)
      match_value(item, item.layer == Layer::kEth ? field::kEthType : field::kVlanInnerType,
                  info.ether_type);
    if (i == 0 || (item.layer != Layer::kTcp && item.layer != Layer::kUdp)) continue;
    Item& ip = pattern[i - 1];
    match_value(ip, ip.layer == Layer::kIpv4 ? field::kIpv4Proto : field::kIpv6Proto,
                item.layer == Layer::kTcp ? 6 : 17);
  }
}

bool same_key(Match a, Match b) {
  for (Match* match : {&a, &b})
    std::erase_if(match->items,
                  [](const Item& item) { return item.layer != Layer::kVlan && item.empty(); });
  return a.same(b);
}

}  // namespace

Verdict accept_tap(const Request& request, RuleShape& shape) {
  const rte_flow_attr& attr = *request.attr;
  if (attr.transfer)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER, "transfer is not supported");
  if (attr.group > 15)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_GROUP, "group value too big: cannot exceed 15");
  if (attr.priority > kMaxPriority - 1)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY, "priority value too big");
  Pattern pattern = request.pattern;
  Conversion info;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    Item& item = pattern[i];
    if (!may_follow(pattern, i) || item.range || (!item.has_spec && item.has_mask) ||
        !mask_supported(item))
      return refuse_item(ENOTSUP, kItem, &item);
    if (request.creating && !convert(item, info)) return refuse_item(ENOTSUP, kItem, &item);
  }
  if (request.creating) write_out(pattern, info);
  const Actions& actions = request.actions;
  if (actions.unknown != nullptr || actions.count || actions.mark || actions.n_actions > 1)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, kAction, actions.unknown);
  // net_tap has RSS by an eBPF program, which no kernel of Debian 12 loads.
  if (actions.fate == Fate::kRss) return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, kAction);
  if (actions.fate == Fate::kQueue && actions.queue >= request.n_rxq)
    return refuse(ERANGE, RTE_FLOW_ERROR_TYPE_ACTION, "queue index out of range");
  shape.match = {std::move(pattern)};
  if (shape.actions.fate == Fate::kNone) shape.actions.fate = Fate::kDrop;
  shape.rank = shape.priority = attr.group << 12 | attr.priority;
  return std::nullopt;
}

// The kernel: one classifier instance per priority and protocol, and flower's hash of keys in it.
Verdict install_tap(const RuleShape& shape, const Rules& installed, std::uint32_t capacity) {
  const auto tagged = [](const RuleShape& s) {
    return s.match.items.size() > 1 && s.match.items[1].layer == Layer::kVlan;
  };
  for (const Rule* rule : installed) {
    if (rule->shape.priority != shape.priority) continue;
    if (same_key(rule->shape.match, shape.match) || tagged(rule->shape) != tagged(shape))
      return refuse(EEXIST, RTE_FLOW_ERROR_TYPE_HANDLE, kKernel);
  }
  if (installed.size() >= capacity) return refuse(EEXIST, RTE_FLOW_ERROR_TYPE_HANDLE, kKernel);
  return std::nullopt;
}

}  // namespace testnic
