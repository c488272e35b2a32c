// A rule of the flow tables with what OpenFlow keeps beside it, and the filter that requests pick
// rules with.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "flow/rule_writer.h"

namespace lifeline::ofagent {

// Flags of a rule, OFPFF_* of OpenFlow 1.3. 1.0 has the first two at the same places; its
// emergency flag never gets this far.
inline constexpr std::uint16_t kSendFlowRem = 1 << 0;
inline constexpr std::uint16_t kCheckOverlap = 1 << 1;
inline constexpr std::uint16_t kResetCounts = 1 << 2;
inline constexpr std::uint16_t kNoPacketCounts = 1 << 3;
inline constexpr std::uint16_t kNoByteCounts = 1 << 4;

inline constexpr std::uint8_t kAllTables = 0xff;
inline constexpr std::uint32_t kAnyGroup = 0xffffffff;

// What a controller asks to add.
struct RuleSpec {
  flow::Rule rule;
  std::uint16_t idle_timeout_s = 0;  // 0 = never
  std::uint16_t hard_timeout_s = 0;  // 0 = never
  std::uint16_t flags = 0;
};

// What OpenFlow keeps of a rule beside the rule itself, and a modification or a replacement
// changes.
struct RuleState {
  std::uint16_t idle_timeout_s = 0;
  std::uint16_t hard_timeout_s = 0;
  std::uint16_t flags = 0;
  TimePoint created{};
  // Idle time-outs: when the counters were last seen to move, and where they stood then.
  TimePoint last_used{};
  std::uint64_t last_packets = 0;
  // A transaction that is not committed yet has reset its counters.
  bool reset_due = false;
};

// Owned by FlowTables. The address is stable until the rule is removed.
struct StoredRule : RuleState {
  flow::Rule rule;
  flow::RuleId id = 0;
  // FlowTables::seqno() when it was added, and last added or modified; 0: unwatched.
  std::uint64_t add_seqno = 0;
  std::uint64_t modify_seqno = 0;

  // Its place in its table; for FlowTables, and for whoever compares it with a cursor.
  std::size_t slot = 0;

  // For FlowTables and RuleIndex only.
  TimePoint deadline = TimePoint::max();
  std::uint64_t hash = 0;
  StoredRule* next_in_bucket = nullptr;
};

enum class RemovedReason : std::uint8_t { kIdleTimeout, kHardTimeout, kDelete, kGroupDelete };

// Which rules a request means. The default means every rule.
struct RuleFilter {
  std::uint8_t table_id = kAllTables;
  flow::Match match;
  // Set: only the rule with exactly this match and priority ("strict"); else every rule whose
  // match is covered by `match`.
  std::optional<std::uint16_t> strict_priority;
  flow::PortNo out_port = flow::kPortNone;  // kPortNone: not filtered
  std::uint32_t out_group = kAnyGroup;
  std::uint64_t cookie = 0;
  std::uint64_t cookie_mask = 0;
};

// Everything in the filter but table_id and strictness of the match.
bool passes(const RuleFilter& filter, const StoredRule& stored);

// True if some action, applied or written, outputs to `port` (sends to `group_id`).
bool outputs_to(const flow::Instructions& instructions, flow::PortNo port);
bool sends_to_group(const flow::Instructions& instructions, std::uint32_t group_id);

}  // namespace lifeline::ofagent
