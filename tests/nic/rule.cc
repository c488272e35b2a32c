#include "rule.h"

namespace testnic {
namespace {

bool masked_equal(const Item& item, const std::uint8_t* at) {
  for (std::uint32_t i = 0; i < item.bytes; ++i)
    if (((at[i] ^ item.value[i]) & item.bits[i]) != 0) return false;
  return true;
}

// How far into its header an item looks: the frame must reach so far, not to the item's end.
std::uint32_t bytes_needed(const Item& item) {
  std::uint32_t needed = item.bytes;
  while (needed > 0 && item.bits[needed - 1] == 0) --needed;
  return needed;
}

std::uint8_t protocol_of(Layer layer) {
  switch (layer) {
    case Layer::kTcp: return 6;
    case Layer::kUdp: return 17;
    case Layer::kSctp: return 132;
    case Layer::kIcmp: return 1;
    default: return 58;
  }
}

// Where the item's header is, or kAbsent. `n_vlan` counts the VLAN items so far.
std::uint16_t place(const Item& item, const Layers& layers, std::uint32_t n_vlan) {
  switch (item.layer) {
    case Layer::kEth: return 0;
    case Layer::kVlan: return n_vlan < layers.n_vlans && n_vlan < 2 ? layers.vlan[n_vlan] : kAbsent;
    case Layer::kArp: return layers.ether_type == 0x0806 ? layers.l3 : kAbsent;
    case Layer::kIpv4: return layers.ip_version == 4 ? layers.l3 : kAbsent;
    case Layer::kIpv6: return layers.ip_version == 6 ? layers.l3 : kAbsent;
    default: return layers.protocol == protocol_of(item.layer) ? layers.l4 : kAbsent;
  }
}

}  // namespace

bool Match::matches(const std::uint8_t* frame, std::uint32_t bytes, const Layers& layers) const {
  std::uint32_t n_vlan = 0;
  bool beyond_tags = false;
  for (const Item& item : items) {
    const std::uint16_t at = place(item, layers, n_vlan);
    if (at == kAbsent || bytes < at + bytes_needed(item)) return false;
    if (!masked_equal(item, frame + at)) {
      // The ether type is that behind the tags.
      if (item.layer != Layer::kEth || layers.n_vlans == 0) return false;
      Item inner = item;
      if (item.cover(field::kEthType) != Cover::kFull ||
          item.be16(field::kEthType) != layers.ether_type)
        return false;
      inner.clear(field::kEthType);
      if (!masked_equal(inner, frame)) return false;
    }
    if (item.layer == Layer::kVlan) ++n_vlan;
    if (item.layer > Layer::kVlan) beyond_tags = true;
  }
  return n_vlan == 0 || !beyond_tags || layers.n_vlans == n_vlan;
}

bool Match::same(const Match& other) const {
  if (items.size() != other.items.size()) return false;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item &a = items[i], &b = other.items[i];
    if (a.layer != b.layer || a.bits != b.bits) return false;
    for (std::uint32_t j = 0; j < kMaxItemBytes; ++j)
      if (((a.value[j] ^ b.value[j]) & a.bits[j]) != 0) return false;
  }
  return true;
}

}  // namespace testnic
