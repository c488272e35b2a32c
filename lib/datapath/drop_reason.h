// Why packets end here: every drop of the datapath has one of these names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lifeline::datapath {

enum class DropReason : std::uint8_t {
  kRuleDrop,
  kNoRule,
  kNoSuchPort,
  kPortFiltered,
  kIngressFiltered,
  kFragment,
  kLocalMacSpoofed,
  kReservedMulticast,
  kNormalNoReflection,
  kNormalNoPort,
  kTooManyActions,
  kUnsupportedAction,
  kTtlInvalid,
  kRewriteNoRoom,
  kFrameTooLong,
  kFrameTooShort,
  kNoBuffer,
  kMissShed,
  kTxFull,
  kTxPortGone,
  kHandoffFull,
  kInbandRingFull,
  kLocalRingFull,
  kLearnRingFull,
  kUpcallRingFull,
  kLocalMetered,
  kUpcallMetered,
  kNextHopMetered,
  kFdbMoveRefused,
  kInbandMetered,
  kDhcpGuardMetered,
  kPathMtuMetered,
  kControlFragment,
  kStrictPort,
  kStrictUnknown,
  kRouterUntrusted,
  kRelayMetered,
  kControlQueueExcess,
  kVlanNotCarried,
  kShed,
  kPacketInMetered,
};
inline constexpr std::size_t kDropReasons = 41;

// What else is worth counting by name: nothing was dropped.
enum class Event : std::uint8_t { kFdbMoveProbed, kFdbMoveConfirmed, kRelayed };
inline constexpr std::size_t kEvents = 3;

struct DropReasonText {
  std::string_view name;
  std::string_view meaning;
};

const DropReasonText& describe(DropReason reason);
const DropReasonText& describe(Event event);

}  // namespace lifeline::datapath
