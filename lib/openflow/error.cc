#include "openflow/error.h"

#include <algorithm>
#include <array>
#include <utility>

#include "openflow/wire.h"

namespace lifeline::openflow {
namespace {

struct Row {
  ErrorId id;
  std::string_view name;
  ErrorNumbers in10;
  ErrorNumbers in13;
};

// Errors of Nicira in 1.0 (ofp-errors.h of Open vSwitch): the vendor, a type, here always 1, and
// the code stand before the data.
constexpr std::uint16_t kErrorTypeNicira10 = 0xb0c2;
constexpr std::uint16_t kNiciraBadRequest = 1;

// Numbers of OpenFlow 1.0.1 (5.4.4) and 1.3.5 (7.4.4). What 1.0 lacks got the nearest it has: a
// match or an instruction that makes no sense is FLOW_MOD_FAILED/UNSUPPORTED there, an unknown kind
// of request BAD_REQUEST/BAD_TYPE. Bundles are an extension of 1.3 (EXT-230) with numbers of its
// own.
constexpr std::array<Row, kErrorIdCount> kRows = {{
    {ErrorId::kHfcIncompatible, "OFPHFC_INCOMPATIBLE", {0, 0}, {0, 0}},
    {ErrorId::kHfcEperm, "OFPHFC_EPERM", {0, 1}, {0, 1}},
    {ErrorId::kBrcBadVersion, "OFPBRC_BAD_VERSION", {1, 0}, {1, 0}},
    {ErrorId::kBrcBadType, "OFPBRC_BAD_TYPE", {1, 1}, {1, 1}},
    {ErrorId::kBrcBadMultipart, "OFPBRC_BAD_MULTIPART", {1, 2}, {1, 2}},
    {ErrorId::kBrcBadExperimenter, "OFPBRC_BAD_EXPERIMENTER", {1, 3}, {1, 3}},
    {ErrorId::kBrcBadExpType, "OFPBRC_BAD_EXP_TYPE", {1, 4}, {1, 4}},
    {ErrorId::kBrcEperm, "OFPBRC_EPERM", {1, 5}, {1, 5}},
    {ErrorId::kBrcBadLen, "OFPBRC_BAD_LEN", {1, 6}, {1, 6}},
    {ErrorId::kBrcBufferEmpty, "OFPBRC_BUFFER_EMPTY", {1, 7}, {1, 7}},
    {ErrorId::kBrcBufferUnknown, "OFPBRC_BUFFER_UNKNOWN", {1, 8}, {1, 8}},
    {ErrorId::kBrcBadTableId, "OFPBRC_BAD_TABLE_ID", {1, 6}, {1, 9}},
    {ErrorId::kBrcIsSlave, "OFPBRC_IS_SLAVE", {1, 5}, {1, 10}},
    {ErrorId::kBrcBadPort, "OFPBRC_BAD_PORT", {1, 6}, {1, 11}},
    {ErrorId::kBrcBadPacket, "OFPBRC_BAD_PACKET", {1, 6}, {1, 12}},
    {ErrorId::kBrcMultipartBufferOverflow, "OFPBRC_MULTIPART_BUFFER_OVERFLOW", {1, 6}, {1, 13}},
    {ErrorId::kBacBadType, "OFPBAC_BAD_TYPE", {2, 0}, {2, 0}},
    {ErrorId::kBacBadLen, "OFPBAC_BAD_LEN", {2, 1}, {2, 1}},
    {ErrorId::kBacBadExperimenter, "OFPBAC_BAD_EXPERIMENTER", {2, 2}, {2, 2}},
    {ErrorId::kBacBadExpType, "OFPBAC_BAD_EXP_TYPE", {2, 3}, {2, 3}},
    {ErrorId::kBacBadOutPort, "OFPBAC_BAD_OUT_PORT", {2, 4}, {2, 4}},
    {ErrorId::kBacBadArgument, "OFPBAC_BAD_ARGUMENT", {2, 5}, {2, 5}},
    {ErrorId::kBacEperm, "OFPBAC_EPERM", {2, 6}, {2, 6}},
    {ErrorId::kBacTooMany, "OFPBAC_TOO_MANY", {2, 7}, {2, 7}},
    {ErrorId::kBacBadQueue, "OFPBAC_BAD_QUEUE", {2, 8}, {2, 8}},
    {ErrorId::kBacBadOutGroup, "OFPBAC_BAD_OUT_GROUP", {2, 5}, {2, 9}},
    {ErrorId::kBacMatchInconsistent, "OFPBAC_MATCH_INCONSISTENT", {2, 5}, {2, 10}},
    {ErrorId::kBacUnsupportedOrder, "OFPBAC_UNSUPPORTED_ORDER", {2, 5}, {2, 11}},
    {ErrorId::kBacBadTag, "OFPBAC_BAD_TAG", {2, 5}, {2, 12}},
    {ErrorId::kBacBadSetType, "OFPBAC_BAD_SET_TYPE", {2, 5}, {2, 13}},
    {ErrorId::kBacBadSetLen, "OFPBAC_BAD_SET_LEN", {2, 5}, {2, 14}},
    {ErrorId::kBacBadSetArgument, "OFPBAC_BAD_SET_ARGUMENT", {2, 5}, {2, 15}},
    {ErrorId::kBicUnknownInst, "OFPBIC_UNKNOWN_INST", {3, 5}, {3, 0}},
    {ErrorId::kBicUnsupInst, "OFPBIC_UNSUP_INST", {3, 5}, {3, 1}},
    {ErrorId::kBicBadTableId, "OFPBIC_BAD_TABLE_ID", {3, 5}, {3, 2}},
    {ErrorId::kBicUnsupMetadata, "OFPBIC_UNSUP_METADATA", {3, 5}, {3, 3}},
    {ErrorId::kBicUnsupMetadataMask, "OFPBIC_UNSUP_METADATA_MASK", {3, 5}, {3, 4}},
    {ErrorId::kBicBadExperimenter, "OFPBIC_BAD_EXPERIMENTER", {3, 5}, {3, 5}},
    {ErrorId::kBicBadExpType, "OFPBIC_BAD_EXP_TYPE", {3, 5}, {3, 6}},
    {ErrorId::kBicBadLen, "OFPBIC_BAD_LEN", {3, 5}, {3, 7}},
    {ErrorId::kBicEperm, "OFPBIC_EPERM", {3, 5}, {3, 8}},
    {ErrorId::kBicDupInst, "OFPBIC_DUP_INST", {3, 5}, {3, 1}},
    {ErrorId::kBmcBadType, "OFPBMC_BAD_TYPE", {3, 5}, {4, 0}},
    {ErrorId::kBmcBadLen, "OFPBMC_BAD_LEN", {3, 5}, {4, 1}},
    {ErrorId::kBmcBadTag, "OFPBMC_BAD_TAG", {3, 5}, {4, 2}},
    {ErrorId::kBmcBadDlAddrMask, "OFPBMC_BAD_DL_ADDR_MASK", {3, 5}, {4, 3}},
    {ErrorId::kBmcBadNwAddrMask, "OFPBMC_BAD_NW_ADDR_MASK", {3, 5}, {4, 4}},
    {ErrorId::kBmcBadWildcards, "OFPBMC_BAD_WILDCARDS", {3, 5}, {4, 5}},
    {ErrorId::kBmcBadField, "OFPBMC_BAD_FIELD", {3, 5}, {4, 6}},
    {ErrorId::kBmcBadValue, "OFPBMC_BAD_VALUE", {3, 5}, {4, 7}},
    {ErrorId::kBmcBadMask, "OFPBMC_BAD_MASK", {3, 5}, {4, 8}},
    {ErrorId::kBmcBadPrereq, "OFPBMC_BAD_PREREQ", {3, 5}, {4, 9}},
    {ErrorId::kBmcDupField, "OFPBMC_DUP_FIELD", {3, 5}, {4, 10}},
    {ErrorId::kBmcEperm, "OFPBMC_EPERM", {3, 5}, {4, 11}},
    {ErrorId::kFmfcUnknown, "OFPFMFC_UNKNOWN", {3, 5}, {5, 0}},
    {ErrorId::kFmfcTableFull, "OFPFMFC_TABLE_FULL", {3, 0}, {5, 1}},
    {ErrorId::kFmfcBadTableId, "OFPFMFC_BAD_TABLE_ID", {3, 5}, {5, 2}},
    {ErrorId::kFmfcOverlap, "OFPFMFC_OVERLAP", {3, 1}, {5, 3}},
    {ErrorId::kFmfcEperm, "OFPFMFC_EPERM", {3, 2}, {5, 4}},
    {ErrorId::kFmfcBadTimeout, "OFPFMFC_BAD_TIMEOUT", {3, 3}, {5, 5}},
    {ErrorId::kFmfcBadCommand, "OFPFMFC_BAD_COMMAND", {3, 4}, {5, 6}},
    {ErrorId::kFmfcBadFlags, "OFPFMFC_BAD_FLAGS", {3, 5}, {5, 7}},
    {ErrorId::kGmfcGroupExists, "OFPGMFC_GROUP_EXISTS", {1, 1}, {6, 0}},
    {ErrorId::kGmfcInvalidGroup, "OFPGMFC_INVALID_GROUP", {1, 1}, {6, 1}},
    {ErrorId::kGmfcWeightUnsupported, "OFPGMFC_WEIGHT_UNSUPPORTED", {1, 1}, {6, 2}},
    {ErrorId::kGmfcOutOfGroups, "OFPGMFC_OUT_OF_GROUPS", {1, 1}, {6, 3}},
    {ErrorId::kGmfcOutOfBuckets, "OFPGMFC_OUT_OF_BUCKETS", {1, 1}, {6, 4}},
    {ErrorId::kGmfcChainingUnsupported, "OFPGMFC_CHAINING_UNSUPPORTED", {1, 1}, {6, 5}},
    {ErrorId::kGmfcWatchUnsupported, "OFPGMFC_WATCH_UNSUPPORTED", {1, 1}, {6, 6}},
    {ErrorId::kGmfcLoop, "OFPGMFC_LOOP", {1, 1}, {6, 7}},
    {ErrorId::kGmfcUnknownGroup, "OFPGMFC_UNKNOWN_GROUP", {1, 1}, {6, 8}},
    {ErrorId::kGmfcChainedGroup, "OFPGMFC_CHAINED_GROUP", {1, 1}, {6, 9}},
    {ErrorId::kGmfcBadType, "OFPGMFC_BAD_TYPE", {1, 1}, {6, 10}},
    {ErrorId::kGmfcBadCommand, "OFPGMFC_BAD_COMMAND", {1, 1}, {6, 11}},
    {ErrorId::kGmfcBadBucket, "OFPGMFC_BAD_BUCKET", {1, 1}, {6, 12}},
    {ErrorId::kGmfcBadWatch, "OFPGMFC_BAD_WATCH", {1, 1}, {6, 13}},
    {ErrorId::kGmfcEperm, "OFPGMFC_EPERM", {1, 1}, {6, 14}},
    {ErrorId::kPmfcBadPort, "OFPPMFC_BAD_PORT", {4, 0}, {7, 0}},
    {ErrorId::kPmfcBadHwAddr, "OFPPMFC_BAD_HW_ADDR", {4, 1}, {7, 1}},
    {ErrorId::kPmfcBadConfig, "OFPPMFC_BAD_CONFIG", {4, 0}, {7, 2}},
    {ErrorId::kPmfcBadAdvertise, "OFPPMFC_BAD_ADVERTISE", {4, 0}, {7, 3}},
    {ErrorId::kPmfcEperm, "OFPPMFC_EPERM", {1, 5}, {7, 4}},
    {ErrorId::kTmfcBadTable, "OFPTMFC_BAD_TABLE", {1, 1}, {8, 0}},
    {ErrorId::kTmfcBadConfig, "OFPTMFC_BAD_CONFIG", {1, 1}, {8, 1}},
    {ErrorId::kTmfcEperm, "OFPTMFC_EPERM", {1, 1}, {8, 2}},
    {ErrorId::kQofcBadPort, "OFPQOFC_BAD_PORT", {5, 0}, {9, 0}},
    {ErrorId::kQofcBadQueue, "OFPQOFC_BAD_QUEUE", {5, 1}, {9, 1}},
    {ErrorId::kQofcEperm, "OFPQOFC_EPERM", {5, 2}, {9, 2}},
    {ErrorId::kScfcBadFlags, "OFPSCFC_BAD_FLAGS", {1, 5}, {10, 0}},
    {ErrorId::kScfcBadLen, "OFPSCFC_BAD_LEN", {1, 5}, {10, 1}},
    {ErrorId::kScfcEperm, "OFPSCFC_EPERM", {1, 5}, {10, 2}},
    {ErrorId::kRrfcStale, "OFPRRFC_STALE", {1, 5}, {11, 0}},
    {ErrorId::kRrfcUnsup, "OFPRRFC_UNSUP", {1, 5}, {11, 1}},
    {ErrorId::kRrfcBadRole, "OFPRRFC_BAD_ROLE", {1, 5}, {11, 2}},
    {ErrorId::kMmfcUnknown, "OFPMMFC_UNKNOWN", {1, 1}, {12, 0}},
    {ErrorId::kMmfcMeterExists, "OFPMMFC_METER_EXISTS", {1, 1}, {12, 1}},
    {ErrorId::kMmfcInvalidMeter, "OFPMMFC_INVALID_METER", {1, 1}, {12, 2}},
    {ErrorId::kMmfcUnknownMeter, "OFPMMFC_UNKNOWN_METER", {1, 1}, {12, 3}},
    {ErrorId::kMmfcBadCommand, "OFPMMFC_BAD_COMMAND", {1, 1}, {12, 4}},
    {ErrorId::kMmfcBadFlags, "OFPMMFC_BAD_FLAGS", {1, 1}, {12, 5}},
    {ErrorId::kMmfcBadRate, "OFPMMFC_BAD_RATE", {1, 1}, {12, 6}},
    {ErrorId::kMmfcBadBurst, "OFPMMFC_BAD_BURST", {1, 1}, {12, 7}},
    {ErrorId::kMmfcBadBand, "OFPMMFC_BAD_BAND", {1, 1}, {12, 8}},
    {ErrorId::kMmfcBadBandValue, "OFPMMFC_BAD_BAND_VALUE", {1, 1}, {12, 9}},
    {ErrorId::kMmfcOutOfMeters, "OFPMMFC_OUT_OF_METERS", {1, 1}, {12, 10}},
    {ErrorId::kMmfcOutOfBands, "OFPMMFC_OUT_OF_BANDS", {1, 1}, {12, 11}},
    {ErrorId::kTffcBadTable, "OFPTFFC_BAD_TABLE", {1, 2}, {13, 0}},
    {ErrorId::kTffcBadMetadata, "OFPTFFC_BAD_METADATA", {1, 2}, {13, 1}},
    {ErrorId::kTffcBadType, "OFPTFFC_BAD_TYPE", {1, 2}, {13, 2}},
    {ErrorId::kTffcBadLen, "OFPTFFC_BAD_LEN", {1, 2}, {13, 3}},
    {ErrorId::kTffcBadArgument, "OFPTFFC_BAD_ARGUMENT", {1, 2}, {13, 4}},
    {ErrorId::kTffcEperm, "OFPTFFC_EPERM", {1, 2}, {13, 5}},
    {ErrorId::kBfcUnknown, "OFPBFC_UNKNOWN", {1, 3}, {kErrorTypeExperimenter, 2300}},
    {ErrorId::kBfcEperm, "OFPBFC_EPERM", {1, 3}, {kErrorTypeExperimenter, 2301}},
    {ErrorId::kBfcBadId, "OFPBFC_BAD_ID", {1, 3}, {kErrorTypeExperimenter, 2302}},
    {ErrorId::kBfcBundleExist, "OFPBFC_BUNDLE_EXIST", {1, 3}, {kErrorTypeExperimenter, 2303}},
    {ErrorId::kBfcBundleClosed, "OFPBFC_BUNDLE_CLOSED", {1, 3}, {kErrorTypeExperimenter, 2304}},
    {ErrorId::kBfcOutOfBundles, "OFPBFC_OUT_OF_BUNDLES", {1, 3}, {kErrorTypeExperimenter, 2305}},
    {ErrorId::kBfcBadType, "OFPBFC_BAD_TYPE", {1, 3}, {kErrorTypeExperimenter, 2306}},
    {ErrorId::kBfcBadFlags, "OFPBFC_BAD_FLAGS", {1, 3}, {kErrorTypeExperimenter, 2307}},
    {ErrorId::kBfcMsgBadLen, "OFPBFC_MSG_BAD_LEN", {1, 3}, {kErrorTypeExperimenter, 2308}},
    {ErrorId::kBfcMsgBadXid, "OFPBFC_MSG_BAD_XID", {1, 3}, {kErrorTypeExperimenter, 2309}},
    {ErrorId::kBfcMsgUnsup, "OFPBFC_MSG_UNSUP", {1, 3}, {kErrorTypeExperimenter, 2310}},
    {ErrorId::kBfcMsgConflict, "OFPBFC_MSG_CONFLICT", {1, 3}, {kErrorTypeExperimenter, 2311}},
    {ErrorId::kBfcMsgTooMany, "OFPBFC_MSG_TOO_MANY", {1, 3}, {kErrorTypeExperimenter, 2312}},
    {ErrorId::kBfcMsgFailed, "OFPBFC_MSG_FAILED", {1, 3}, {kErrorTypeExperimenter, 2313}},
    {ErrorId::kBfcTimeout, "OFPBFC_TIMEOUT", {1, 3}, {kErrorTypeExperimenter, 2314}},
    {ErrorId::kBfcBundleInProgress,
     "OFPBFC_BUNDLE_IN_PROGRESS",
     {1, 3},
     {kErrorTypeExperimenter, 2315}},
    {ErrorId::kNxbrcMustBeZero,
     "NXBRC_MUST_BE_ZERO",
     {kErrorTypeNicira10, 515},
     {kErrorTypeExperimenter, 4}},
    {ErrorId::kMofcMonitorExists,
     "OFPMOFC_MONITOR_EXISTS",
     {kErrorTypeNicira10, 517},
     {kErrorTypeExperimenter, 6}},
    {ErrorId::kMofcBadFlags,
     "OFPMOFC_BAD_FLAGS",
     {kErrorTypeNicira10, 518},
     {kErrorTypeExperimenter, 7}},
    {ErrorId::kMofcUnknownMonitor,
     "OFPMOFC_UNKNOWN_MONITOR",
     {kErrorTypeNicira10, 519},
     {kErrorTypeExperimenter, 8}},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kErrorIdCount; ++i) {
    if (static_cast<std::size_t>(kRows[i].id) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by ErrorId");

const Row& row(ErrorId id) { return kRows[static_cast<std::size_t>(id)]; }

}  // namespace

ErrorNumbers error_numbers(ErrorId id, Version version) {
  return version == Version::k10 ? row(id).in10 : row(id).in13;
}

std::uint32_t error_experimenter(ErrorId id) {
  if (row(id).in13.type != kErrorTypeExperimenter) return 0;
  return id >= ErrorId::kNxbrcMustBeZero ? kVendorNicira : kVendorOnf;
}

std::string_view error_name(ErrorId id) { return row(id).name; }

std::string_view error_name(ErrorNumbers numbers, Version version) {
  const auto found = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) {
    if (version == Version::k13) return r.in13 == numbers;
    // Instructions and OXM are not of 1.0; their nearest numbers are better named by the others.
    return r.in10 == numbers && !r.name.starts_with("OFPBIC") && !r.name.starts_with("OFPBMC");
  });
  return found == kRows.end() ? "unknown" : found->name;
}

ErrorMsg make_error_msg(ErrorId id, Version version, BytesView offending) {
  const ErrorNumbers numbers = error_numbers(id, version);
  const BytesView data = offending.first(std::min(offending.size(), kErrorDataBytes));
  if (numbers.type == kErrorTypeNicira10) {
    Bytes bytes;
    Writer out(bytes);
    out.u32(kVendorNicira);
    out.u16(kNiciraBadRequest);
    out.u16(numbers.code);
    out.bytes(data);
    return {.type = numbers.type, .code = 0, .experimenter = 0, .data = std::move(bytes)};
  }
  const bool by_experimenter = numbers.type == kErrorTypeExperimenter;
  return {.type = numbers.type,
          .code = numbers.code,
          .experimenter = by_experimenter ? error_experimenter(id) : 0,
          .data = Bytes(data.begin(), data.end())};
}

}  // namespace lifeline::openflow
