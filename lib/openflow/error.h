// OpenFlow errors by meaning. Each has a (type, code) in 1.0, in 1.3 or in both; where a version
// lacks it, the nearest it has.
#pragma once

#include <cstdint>
#include <string_view>

#include "openflow/messages.h"
#include "openflow/protocol.h"

namespace lifeline::openflow {

// Named after the specification: kBacBadOutPort is OFPBAC_BAD_OUT_PORT, and so on.
enum class ErrorId : std::uint8_t {
  // HELLO_FAILED
  kHfcIncompatible,
  kHfcEperm,
  // BAD_REQUEST
  kBrcBadVersion,
  kBrcBadType,
  kBrcBadMultipart,     // 1.0: BAD_STAT
  kBrcBadExperimenter,  // 1.0: BAD_VENDOR
  kBrcBadExpType,       // 1.0: BAD_SUBTYPE
  kBrcEperm,
  kBrcBadLen,
  kBrcBufferEmpty,
  kBrcBufferUnknown,
  kBrcBadTableId,
  kBrcIsSlave,
  kBrcBadPort,
  kBrcBadPacket,
  kBrcMultipartBufferOverflow,
  // BAD_ACTION
  kBacBadType,
  kBacBadLen,
  kBacBadExperimenter,
  kBacBadExpType,
  kBacBadOutPort,
  kBacBadArgument,
  kBacEperm,
  kBacTooMany,
  kBacBadQueue,
  kBacBadOutGroup,
  kBacMatchInconsistent,
  kBacUnsupportedOrder,
  kBacBadTag,
  kBacBadSetType,
  kBacBadSetLen,
  kBacBadSetArgument,
  // BAD_INSTRUCTION
  kBicUnknownInst,
  kBicUnsupInst,
  kBicBadTableId,
  kBicUnsupMetadata,
  kBicUnsupMetadataMask,
  kBicBadExperimenter,
  kBicBadExpType,
  kBicBadLen,
  kBicEperm,
  kBicDupInst,  // 1.4's name; 1.3 has no code for it: UNSUP_INST
  // BAD_MATCH
  kBmcBadType,
  kBmcBadLen,
  kBmcBadTag,
  kBmcBadDlAddrMask,
  kBmcBadNwAddrMask,
  kBmcBadWildcards,
  kBmcBadField,
  kBmcBadValue,
  kBmcBadMask,
  kBmcBadPrereq,
  kBmcDupField,
  kBmcEperm,
  // FLOW_MOD_FAILED
  kFmfcUnknown,
  kFmfcTableFull,
  kFmfcBadTableId,
  kFmfcOverlap,
  kFmfcEperm,
  kFmfcBadTimeout,  // 1.0: BAD_EMERG_TIMEOUT
  kFmfcBadCommand,
  kFmfcBadFlags,
  // GROUP_MOD_FAILED
  kGmfcGroupExists,
  kGmfcInvalidGroup,
  kGmfcWeightUnsupported,
  kGmfcOutOfGroups,
  kGmfcOutOfBuckets,
  kGmfcChainingUnsupported,
  kGmfcWatchUnsupported,
  kGmfcLoop,
  kGmfcUnknownGroup,
  kGmfcChainedGroup,
  kGmfcBadType,
  kGmfcBadCommand,
  kGmfcBadBucket,
  kGmfcBadWatch,
  kGmfcEperm,
  // PORT_MOD_FAILED
  kPmfcBadPort,
  kPmfcBadHwAddr,
  kPmfcBadConfig,
  kPmfcBadAdvertise,
  kPmfcEperm,
  // TABLE_MOD_FAILED
  kTmfcBadTable,
  kTmfcBadConfig,
  kTmfcEperm,
  // QUEUE_OP_FAILED
  kQofcBadPort,
  kQofcBadQueue,
  kQofcEperm,
  // SWITCH_CONFIG_FAILED
  kScfcBadFlags,
  kScfcBadLen,
  kScfcEperm,
  // ROLE_REQUEST_FAILED
  kRrfcStale,
  kRrfcUnsup,
  kRrfcBadRole,
  // METER_MOD_FAILED
  kMmfcUnknown,
  kMmfcMeterExists,
  kMmfcInvalidMeter,
  kMmfcUnknownMeter,
  kMmfcBadCommand,
  kMmfcBadFlags,
  kMmfcBadRate,
  kMmfcBadBurst,
  kMmfcBadBand,
  kMmfcBadBandValue,
  kMmfcOutOfMeters,
  kMmfcOutOfBands,
  // TABLE_FEATURES_FAILED
  kTffcBadTable,
  kTffcBadMetadata,
  kTffcBadType,
  kTffcBadLen,
  kTffcBadArgument,
  kTffcEperm,
  // BUNDLE_FAILED: in 1.3 experimenter errors of the ONF (EXT-230)
  kBfcUnknown,
  kBfcEperm,
  kBfcBadId,
  kBfcBundleExist,
  kBfcBundleClosed,
  kBfcOutOfBundles,
  kBfcBadType,
  kBfcBadFlags,
  kBfcMsgBadLen,
  kBfcMsgBadXid,
  kBfcMsgUnsup,
  kBfcMsgConflict,
  kBfcMsgTooMany,
  kBfcMsgFailed,
  kBfcTimeout,
  kBfcBundleInProgress,
  // Flow monitors: Nicira's errors in both versions
  kNxbrcMustBeZero,
  kMofcMonitorExists,
  kMofcBadFlags,
  kMofcUnknownMonitor,
};
inline constexpr std::size_t kErrorIdCount =
    static_cast<std::size_t>(ErrorId::kMofcUnknownMonitor) + 1;

struct ErrorNumbers {
  // 0xffff: an experimenter's, of which code is the exp_type. 0xb0c2: of 1.0 Nicira's.
  std::uint16_t type = 0;
  std::uint16_t code = 0;
  bool operator==(const ErrorNumbers&) const = default;
};

ErrorNumbers error_numbers(ErrorId id, Version version);
// Whose error it is: kVendorOnf, kVendorNicira, or 0 for one of the specification.
std::uint32_t error_experimenter(ErrorId id);
// "OFPBAC_BAD_OUT_PORT".
std::string_view error_name(ErrorId id);
// The name for received numbers; "unknown" if there is none.
std::string_view error_name(ErrorNumbers numbers, Version version);

// The error message that answers `offending` (a whole message): with its first 64 bytes. Send it
// with the xid of `offending`.
ErrorMsg make_error_msg(ErrorId id, Version version, BytesView offending);

}  // namespace lifeline::openflow
