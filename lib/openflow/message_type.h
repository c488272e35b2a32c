// Type bytes of the header. Internal to openflow/.
#pragma once

#include <cstdint>

namespace lifeline::openflow {

// Equal in 1.0 and 1.3.
namespace type {
enum Common : std::uint8_t {
  kHello = 0,
  kError = 1,
  kEchoRequest = 2,
  kEchoReply = 3,
  kExperimenter = 4,
  kFeaturesRequest = 5,
  kFeaturesReply = 6,
  kGetConfigRequest = 7,
  kGetConfigReply = 8,
  kSetConfig = 9,
  kPacketIn = 10,
  kFlowRemoved = 11,
  kPortStatus = 12,
  kPacketOut = 13,
  kFlowMod = 14,
};
}  // namespace type

namespace type10 {
enum Only : std::uint8_t {
  kPortMod = 15,
  kStatsRequest = 16,
  kStatsReply = 17,
  kBarrierRequest = 18,
  kBarrierReply = 19,
  kQueueGetConfigRequest = 20,
  kQueueGetConfigReply = 21,
};
}  // namespace type10

namespace type13 {
enum Only : std::uint8_t {
  kGroupMod = 15,
  kPortMod = 16,
  kTableMod = 17,
  kMultipartRequest = 18,
  kMultipartReply = 19,
  kBarrierRequest = 20,
  kBarrierReply = 21,
  kQueueGetConfigRequest = 22,
  kQueueGetConfigReply = 23,
  kRoleRequest = 24,
  kRoleReply = 25,
  kGetAsyncRequest = 26,
  kGetAsyncReply = 27,
  kSetAsync = 28,
  kMeterMod = 29,
};
}  // namespace type13

// Experimenter types of the ONF.
namespace exp_type {
enum Onf : std::uint32_t {
  kBundleControl = 2300,
  kBundleAdd = 2301,
  kFlowMonitor = 1870,  // multipart request and reply; as a message: cancel
  kFlowMonitorPaused = 1871,
  kFlowMonitorResumed = 1872,
};
// Nicira's subtypes, of 1.0.
enum Nicira : std::uint32_t {
  kNiciraFlowMonitor = 2,  // statistics request and reply
  kNiciraRoleRequest = 10,
  kNiciraRoleReply = 11,
  kNiciraFlowMonitorCancel = 21,
  kNiciraFlowMonitorPaused = 22,
  kNiciraFlowMonitorResumed = 23,
};
}  // namespace exp_type

}  // namespace lifeline::openflow
