#include "flow/port_vlan.h"

#include <fmt/format.h>

namespace lifeline::flow {

PortVlan PortVlan::access(std::uint16_t vid) {
  PortVlan out;
  out.carried_.reset();
  out.carried_.set(vid % kVids);
  out.untagged_ = vid;
  out.tagged_ = false;
  return out;
}

PortVlan PortVlan::trunk(const std::optional<std::vector<std::uint16_t>>& vids,
                         std::uint16_t native, bool native_tagged) {
  PortVlan out;
  if (vids) {
    out.carried_.reset();
    for (const std::uint16_t vid : *vids) out.carried_.set(vid % kVids);
  }
  if (native != 0) {
    // Nothing is left of VLAN 0: untagged frames are the native VLAN's.
    out.carried_.reset(0);
    out.carried_.set(native % kVids);
    out.untagged_ = native;
    out.native_tagged_ = native_tagged;
  }
  return out;
}

std::string PortVlan::to_string() const {
  if (is_plain()) return "all";
  if (!tagged_) return fmt::format("access {}", untagged_);
  std::string list;
  const std::size_t missing = kVids - carried_.count();
  if (missing <= (untagged_ != 0 ? 1u : 0u)) {
    list = "all";
  } else {
    for (std::size_t vid = 0; vid < kVids; ++vid) {
      if (!carried_[vid] || (vid == untagged_ && vid != 0)) continue;
      if (!list.empty()) list += ',';
      list += fmt::format("{}", vid);
    }
  }
  std::string out = list.empty() ? "trunk" : "trunk " + list;
  if (untagged_ != 0)
    out += fmt::format(" native{} {}", native_tagged_ ? "-tagged" : "", untagged_);
  return out;
}

}  // namespace lifeline::flow
