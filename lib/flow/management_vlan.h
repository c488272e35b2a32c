// Which VLAN control traffic lives in.
#pragma once

#include <cstdint>

#include "flow/match.h"

namespace lifeline::flow {

struct ManagementVlan {
  enum class Kind : std::uint8_t { kUntagged, kVid, kAny };
  Kind kind = Kind::kUntagged;  // kUntagged includes priority tags (VID 0)
  std::uint16_t vid = 0;        // with kVid, 1..4094
  bool operator==(const ManagementVlan&) const = default;

  // Narrows `match` to its frames, which have no second tag. kAny: leaves it as it is.
  void narrow(Match& match) const;
};

}  // namespace lifeline::flow
