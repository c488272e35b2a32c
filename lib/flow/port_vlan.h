// How a port stands to VLANs: which ones NORMAL carries there, and which of them untagged. As Open
// vSwitch's port modes access, trunk, native-untagged and native-tagged.
//
// OpenFlow tables and their outputs know nothing of it: they see and send frames as they are. Where
// it counts is NORMAL, and with it in-band control, whose rules and guards look at a frame in the
// VLAN that NORMAL would forward it in.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lifeline::flow {

// Immutable but for assignment; readers need no lock. VLAN 0: untagged frames of a port without a
// VLAN for them.
class PortVlan {
 public:
  static constexpr std::size_t kVids = 4096;

  // A trunk of all VLANs, VLAN 0 among them.
  PortVlan() { carried_.set(); }
  // Untagged frames are in `vid`, 1..4094; tagged ones do not pass.
  static PortVlan access(std::uint16_t vid);
  // Tagged frames of `vids` (0: untagged ones, as VLAN 0); unset: all. `native`, 1..4094: the VLAN
  // of untagged frames, which is carried too; 0: none. With `native_tagged` its frames leave tagged
  // nevertheless.
  static PortVlan trunk(const std::optional<std::vector<std::uint16_t>>& vids, std::uint16_t native,
                        bool native_tagged = false);

  // The VLAN of a frame that comes in with this VID (0: untagged, or a priority tag); nullopt: the
  // port does not take it.
  std::optional<std::uint16_t> classify(std::uint16_t vid) const {
    if (vid != 0 && !tagged_) return std::nullopt;
    const std::uint16_t vlan = vid != 0 ? vid : untagged_;
    return carries(vlan) ? std::optional(vlan) : std::nullopt;
  }
  bool carries(std::uint16_t vlan) const { return vlan < kVids && carried_[vlan]; }
  // Of a VLAN that it carries: do its frames leave untagged?
  bool is_untagged(std::uint16_t vlan) const { return vlan == untagged_ && !native_tagged_; }
  // A trunk of all, which changes no frame.
  bool is_plain() const { return tagged_ && untagged_ == 0 && carried_.all(); }

  bool operator==(const PortVlan&) const = default;
  // "all", "access 10", "trunk 10,20", "trunk all native 30", "trunk all native-tagged 30"
  std::string to_string() const;

 private:
  std::bitset<kVids> carried_;
  std::uint16_t untagged_ = 0;  // the VLAN of untagged frames
  bool tagged_ = true;          // takes tagged frames at all
  bool native_tagged_ = false;  // … and sends those of `untagged_` so
};

}  // namespace lifeline::flow
