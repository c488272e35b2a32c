// How agents program rules. The in-band agent holds the writer of the hidden table, the OpenFlow
// agent that of the pipeline tables; neither sees the other's, so nothing a controller says can
// reach a hidden rule.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/expected.h"
#include "flow/action.h"
#include "flow/match.h"

namespace lifeline::flow {

// Names a rule for its whole life; never used again. 0 is no rule.
using RuleId = std::uint64_t;

inline constexpr std::uint32_t kPriorityMaxOpenFlow = 65535;
// The agent's own rule of a switch that goes alone: above everything a controller can install (the
// protocol has 16 bits for a priority), below every hidden rule.
inline constexpr std::uint32_t kPriorityStandalone = kPriorityMaxOpenFlow + 1;

struct Rule {
  std::uint8_t table_id = 0;   // ignored by the hidden table
  std::uint32_t priority = 0;  // pipeline: 0..kPriorityStandalone; hidden rules lie above
  Match match;
  Instructions instructions;
  std::uint64_t cookie = 0;  // carried into packet-ins
  // OpenFlow 1.3 table-miss rule (priority 0, catch-all, added by a controller): its packet-ins say
  // NO_MATCH.
  bool is_table_miss() const { return priority == 0 && match.is_catch_all(); }
};

struct RuleCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  bool operator==(const RuleCounters&) const = default;
};

// Not thread-safe: control lcore only. Changes are staged by add/replace/remove and become visible
// to packets all at once, at publish(): no packet sees half of them, and none finds neither the old
// rule nor the new.
class RuleWriter {
 public:
  virtual ~RuleWriter() = default;

  // An error if there is no room; nothing is staged then. Two rules may have equal match and
  // priority only while one of them is staged for removal.
  virtual Expected<RuleId> add(const Rule& rule) = 0;
  // New instructions and cookie for a rule whose counters go on.
  virtual Expected<void> replace(RuleId id, const Instructions& instructions,
                                 std::uint64_t cookie) = 0;
  virtual void remove(RuleId id) = 0;
  virtual void publish() = 0;
  // The same in pieces of about `n` staged changes: true when it is done. They become visible all
  // at once, and late in it. From the first call on until then nothing may be staged, published or
  // rolled back here; other writers may publish.
  virtual bool publish_some(std::size_t n) = 0;
  // Takes back up to `n` of the staged changes; true when none is left, and the rules are those of
  // the last publish() again. From the first call on until then nothing may be staged or published.
  virtual bool roll_back(std::size_t n) = 0;

  // Sum over all lcores, exact for packets that were processed before the call. Valid until the
  // rule's removal is published.
  virtual RuleCounters counters(RuleId id) const = 0;
  virtual void reset_counters(RuleId id) = 0;

  // A fence passes when every lcore has seen all that was published before fence(). Never blocks.
  using Fence = std::uint64_t;
  virtual Fence fence() = 0;
  virtual bool passed(Fence fence) = 0;
};

}  // namespace lifeline::flow
