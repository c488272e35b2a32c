// A rule in the NIC: what it matches and what becomes of the packet.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "layers.h"
#include "pattern.h"

namespace testnic {

// A pattern without VLAN items matches tagged frames, too: mlx5's documentation says so, Intel's
// parsers skip the tags, and Linux' flower, behind net_tap, dissects past them (tests/guest).
struct Match {
  Pattern items;

  bool matches(const std::uint8_t* frame, std::uint32_t bytes, const Layers& layers) const;
  bool same(const Match& other) const;
};

// Which of a driver's tables a rule goes to; each has its own capacity.
enum class Table : std::uint8_t { kAll, kEtherType, kFiveTuple, kFlowDirector };

// What a profile makes of a request.
struct RuleShape {
  Match match;
  Actions actions;
  Table table = Table::kAll;
  std::uint32_t priority = 0;
  std::uint32_t rank = 0;         // the NIC's own order: the smaller is looked at first
  std::uint32_t packet_type = 0;  // i40e: rules of one packet type share one input set
  std::uint64_t input_set = 0;    // of the fields matched, where a driver has such a thing
};

struct Rule {
  std::uint32_t id = 0;
  RuleShape shape;
  std::atomic<std::uint64_t> packets{0}, bytes{0};  // written under the feed lock
  bool in_hardware = true;  // false: lost; the handle stands, as with a driver that does not know
};

}  // namespace testnic
