#include "pattern.h"

#include <algorithm>
#include <cstring>

namespace testnic {
namespace {

struct ItemKind {
  rte_flow_item_type type;
  Layer layer;
  std::uint8_t bytes;
  std::vector<Field> default_mask;  // rte_flow_item_*_mask, which rte_flow.h keeps from C++
};

constexpr Field kArpAddresses{8, 20};
constexpr Field kVlanIdHigh{0, 1}, kVlanIdLow{1, 1};

const std::vector<ItemKind>& kinds() {
  static const std::vector<ItemKind> all = {
      {RTE_FLOW_ITEM_TYPE_ETH, Layer::kEth, 14, {field::kEthDst, field::kEthSrc}},
      {RTE_FLOW_ITEM_TYPE_VLAN, Layer::kVlan, 4, {kVlanIdHigh, kVlanIdLow}},
      {RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, Layer::kArp, 28, {kArpAddresses}},
      {RTE_FLOW_ITEM_TYPE_IPV4, Layer::kIpv4, 20, {field::kIpv4Src, field::kIpv4Dst}},
      {RTE_FLOW_ITEM_TYPE_IPV6, Layer::kIpv6, 40, {field::kIpv6Src, field::kIpv6Dst}},
      {RTE_FLOW_ITEM_TYPE_TCP, Layer::kTcp, 20, {field::kSrcPort, field::kDstPort}},
      {RTE_FLOW_ITEM_TYPE_UDP, Layer::kUdp, 8, {field::kSrcPort, field::kDstPort}},
      {RTE_FLOW_ITEM_TYPE_SCTP, Layer::kSctp, 12, {field::kSrcPort, field::kDstPort}},
      {RTE_FLOW_ITEM_TYPE_ICMP, Layer::kIcmp, 8, {field::kIcmpType, field::kIcmpCode}},
      {RTE_FLOW_ITEM_TYPE_ICMP6, Layer::kIcmp6, 4, {field::kIcmpType, field::kIcmpCode}},
      {RTE_FLOW_ITEM_TYPE_ICMP6_ND_NS, Layer::kIcmp6, 24, {field::kNdTarget}},
      {RTE_FLOW_ITEM_TYPE_ICMP6_ND_NA, Layer::kIcmp6, 24, {field::kNdTarget}}};
  return all;
}

using Bytes = std::array<std::uint8_t, kMaxItemBytes>;

// The structure of ARP is not packed: its addresses are aligned, those in the frame are not.
Bytes arp_bytes(const void* from) {
  const auto& arp = *static_cast<const rte_flow_item_arp_eth_ipv4*>(from);
  Bytes out{};
  std::memcpy(out.data() + 0, &arp.hrd, 2);
  std::memcpy(out.data() + 2, &arp.pro, 2);
  out[4] = arp.hln;
  out[5] = arp.pln;
  std::memcpy(out.data() + 6, &arp.op, 2);
  std::memcpy(out.data() + 8, &arp.sha, 6);
  std::memcpy(out.data() + 14, &arp.spa, 4);
  std::memcpy(out.data() + 18, &arp.tha, 6);
  std::memcpy(out.data() + 24, &arp.tpa, 4);
  return out;
}

Bytes bytes_of(const ItemKind& kind, const void* from) {
  if (kind.layer == Layer::kArp) return arp_bytes(from);
  Bytes out{};
  std::memcpy(out.data(), from, kind.bytes);
  return out;
}

Bytes default_mask_of(const ItemKind& kind) {
  Item all;
  for (Field f : kind.default_mask) all.set_full(f);
  if (kind.layer == Layer::kVlan) all.bits[0] = 0x0f;  // the VLAN id without priority and DEI
  return all.bits;
}

Item read_item(const ItemKind& kind, const rte_flow_item& source) {
  Item item{.layer = kind.layer, .bytes = kind.bytes, .source = &source};
  item.has_spec = source.spec != nullptr;
  item.has_mask = source.mask != nullptr;
  const Bytes mask = source.mask != nullptr ? bytes_of(kind, source.mask) : default_mask_of(kind);
  if (item.has_spec) {
    item.value = bytes_of(kind, source.spec);
    item.bits = mask;
  } else if (item.has_mask) {
    item.bits = mask;  // for drivers that look at it; read_pattern() refuses the rule
  }
  if (item.has_spec && source.last != nullptr) {
    const Bytes last = bytes_of(kind, source.last);
    for (std::uint32_t i = 0; i < kind.bytes; ++i)
      item.range = item.range || ((item.value[i] ^ last[i]) & mask[i]) != 0;
  }
  // The items of neighbour discovery imply the type.
  if (source.type == RTE_FLOW_ITEM_TYPE_ICMP6_ND_NS ||
      source.type == RTE_FLOW_ITEM_TYPE_ICMP6_ND_NA) {
    item.value[0] = source.type == RTE_FLOW_ITEM_TYPE_ICMP6_ND_NS ? 135 : 136;
    item.bits[0] = 0xff;
  }
  return item;
}

}  // namespace

Cover Item::cover(Field f) const {
  bool any = false, all = true;
  for (std::uint32_t i = f.offset; i < std::uint32_t{f.offset} + f.bytes; ++i) {
    any = any || bits[i] != 0;
    all = all && bits[i] == 0xff;
  }
  return all ? Cover::kFull : any ? Cover::kPart : Cover::kNone;
}

bool Item::only(std::initializer_list<Field> fields) const {
  for (std::uint32_t i = 0; i < kMaxItemBytes; ++i) {
    const bool in_field = std::any_of(fields.begin(), fields.end(), [i](Field f) {
      return i >= f.offset && i < std::uint32_t{f.offset} + f.bytes;
    });
    if (!in_field && bits[i] != 0) return false;
  }
  return true;
}

void Item::clear(Field f) { std::fill_n(bits.begin() + f.offset, f.bytes, std::uint8_t{0}); }
void Item::set_full(Field f) { std::fill_n(bits.begin() + f.offset, f.bytes, std::uint8_t{0xff}); }

std::variant<Pattern, Refusal> read_pattern(const rte_flow_item* items) {
  Pattern pattern;
  for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items) {
    if (items->type == RTE_FLOW_ITEM_TYPE_VOID) continue;
    const auto kind = std::find_if(kinds().begin(), kinds().end(),
                                   [&](const ItemKind& k) { return k.type == items->type; });
    if (kind == kinds().end())
      return Refusal{ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, "item not supported", items};
    if (items->spec == nullptr && (items->mask != nullptr || items->last != nullptr) &&
        kind->layer != Layer::kEth && kind->layer != Layer::kIpv4)
      return Refusal{EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, "mask/last without a spec is not supported",
                     items};
    pattern.push_back(read_item(*kind, *items));
  }
  return pattern;
}

Actions read_actions(const rte_flow_action* actions) {
  Actions out;
  for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions) {
    if (actions->type == RTE_FLOW_ACTION_TYPE_VOID) continue;
    ++out.n_actions;
    const auto fate = [&out](Fate f) {
      out.fate = f;
      ++out.n_fates;
    };
    switch (actions->type) {
      case RTE_FLOW_ACTION_TYPE_DROP: fate(Fate::kDrop); break;
      case RTE_FLOW_ACTION_TYPE_PASSTHRU: fate(Fate::kPassthru); break;
      case RTE_FLOW_ACTION_TYPE_QUEUE:
        fate(Fate::kQueue);
        out.queue = static_cast<const rte_flow_action_queue*>(actions->conf)->index;
        break;
      case RTE_FLOW_ACTION_TYPE_RSS: {
        fate(Fate::kRss);
        const auto& rss = *static_cast<const rte_flow_action_rss*>(actions->conf);
        out.rss_queues.assign(rss.queue, rss.queue + rss.queue_num);
        break;
      }
      case RTE_FLOW_ACTION_TYPE_COUNT: out.count = true; break;
      case RTE_FLOW_ACTION_TYPE_MARK:
        out.mark = static_cast<const rte_flow_action_mark*>(actions->conf)->id;
        break;
      default: out.unknown = actions; break;
    }
  }
  return out;
}

}  // namespace testnic
