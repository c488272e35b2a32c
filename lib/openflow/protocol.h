// Numbers of the OpenFlow 1.0.2 and 1.3.5 specifications that are equal in both, or belong to one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lifeline::openflow {

// The version byte of the wire.
enum class Version : std::uint8_t { k10 = 0x01, k13 = 0x04 };

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

inline constexpr std::size_t kHeaderBytes = 8;
inline constexpr std::size_t kMaxMessageBytes = 65535;  // the length field has 16 bits
inline constexpr std::size_t kErrorDataBytes = 64;      // of an offending message, in an error

inline constexpr std::uint32_t kNoBuffer = 0xffffffff;
inline constexpr std::uint8_t kTableAll = 0xff;
inline constexpr std::uint32_t kGroupMax = 0xffffff00;
inline constexpr std::uint32_t kGroupAll = 0xfffffffc;
inline constexpr std::uint32_t kGroupAny = 0xffffffff;
inline constexpr std::uint32_t kQueueAll = 0xffffffff;
inline constexpr std::uint32_t kMeterMax = 0xffff0000;
inline constexpr std::uint32_t kMeterSlowpath = 0xfffffffd;
inline constexpr std::uint32_t kMeterController = 0xfffffffe;
inline constexpr std::uint32_t kMeterAll = 0xffffffff;

inline constexpr std::uint32_t kVendorNicira = 0x00002320;
inline constexpr std::uint32_t kVendorOnf = 0x4f4e4600;
inline constexpr std::uint16_t kErrorTypeExperimenter = 0xffff;

// Wire types of the multipart (1.0: statistics) messages.
enum class MultipartType : std::uint16_t {
  kDesc = 0,
  kFlow = 1,
  kAggregate = 2,
  kTable = 3,
  kPort = 4,
  kQueue = 5,
  kGroup = 6,  // from here on 1.3 only
  kGroupDesc = 7,
  kGroupFeatures = 8,
  kMeter = 9,
  kMeterConfig = 10,
  kMeterFeatures = 11,
  kTableFeatures = 12,
  kPortDesc = 13,  // understood in 1.0 as well, as Open vSwitch does
  kExperimenter = 0xffff,
};

// FlowMod::flags. 1.0's EMERG never reaches a decoded message: it is an error.
namespace flow_mod_flags {
inline constexpr std::uint16_t kSendFlowRemoved = 1 << 0;
inline constexpr std::uint16_t kCheckOverlap = 1 << 1;
inline constexpr std::uint16_t kResetCounts = 1 << 2;
inline constexpr std::uint16_t kNoPacketCounts = 1 << 3;
inline constexpr std::uint16_t kNoByteCounts = 1 << 4;
}  // namespace flow_mod_flags

// BundleControl::flags and BundleAdd::flags.
namespace bundle_flags {
inline constexpr std::uint16_t kAtomic = 1 << 0;
inline constexpr std::uint16_t kOrdered = 1 << 1;
}  // namespace bundle_flags

// FlowMonitorRequest::flags, the same bits in Nicira's and the ONF's form.
namespace flow_monitor_flags {
inline constexpr std::uint16_t kInitial = 1 << 0;
inline constexpr std::uint16_t kAdd = 1 << 1;
inline constexpr std::uint16_t kDelete = 1 << 2;
inline constexpr std::uint16_t kModify = 1 << 3;
inline constexpr std::uint16_t kActions = 1 << 4;
inline constexpr std::uint16_t kOwn = 1 << 5;  // own changes in full, not abbreviated
inline constexpr std::uint16_t kAll = (1 << 6) - 1;
}  // namespace flow_monitor_flags

// Port::config. Bits marked 1.0 are not sent to a 1.3 controller.
namespace port_config {
inline constexpr std::uint32_t kPortDown = 1 << 0;
inline constexpr std::uint32_t kNoStp = 1 << 1;  // 1.0
inline constexpr std::uint32_t kNoReceive = 1 << 2;
inline constexpr std::uint32_t kNoReceiveStp = 1 << 3;  // 1.0
inline constexpr std::uint32_t kNoFlood = 1 << 4;       // 1.0
inline constexpr std::uint32_t kNoForward = 1 << 5;
inline constexpr std::uint32_t kNoPacketIn = 1 << 6;
}  // namespace port_config

// Port::state.
namespace port_state {
inline constexpr std::uint32_t kLinkDown = 1 << 0;
inline constexpr std::uint32_t kBlocked = 1 << 1;  // 1.3
inline constexpr std::uint32_t kLive = 1 << 2;     // 1.3
}  // namespace port_state

// Port::current, advertised, supported, peer: 1.3's bits; the codec moves them for 1.0.
namespace port_features {
inline constexpr std::uint32_t k10MbHd = 1 << 0;
inline constexpr std::uint32_t k10MbFd = 1 << 1;
inline constexpr std::uint32_t k100MbHd = 1 << 2;
inline constexpr std::uint32_t k100MbFd = 1 << 3;
inline constexpr std::uint32_t k1GbHd = 1 << 4;
inline constexpr std::uint32_t k1GbFd = 1 << 5;
inline constexpr std::uint32_t k10GbFd = 1 << 6;
inline constexpr std::uint32_t k40GbFd = 1 << 7;
inline constexpr std::uint32_t k100GbFd = 1 << 8;
inline constexpr std::uint32_t k1TbFd = 1 << 9;
inline constexpr std::uint32_t kOther = 1 << 10;
inline constexpr std::uint32_t kCopper = 1 << 11;
inline constexpr std::uint32_t kFiber = 1 << 12;
inline constexpr std::uint32_t kAutoneg = 1 << 13;
inline constexpr std::uint32_t kPause = 1 << 14;
inline constexpr std::uint32_t kPauseAsym = 1 << 15;
}  // namespace port_features

// FeaturesReply::capabilities. Bits 0, 1, 2, 5, 6 are the same in both versions.
namespace capabilities {
inline constexpr std::uint32_t kFlowStats = 1 << 0;
inline constexpr std::uint32_t kTableStats = 1 << 1;
inline constexpr std::uint32_t kPortStats = 1 << 2;
inline constexpr std::uint32_t kGroupStats = 1 << 3;  // 1.3; 1.0: STP
inline constexpr std::uint32_t kIpReassembly = 1 << 5;
inline constexpr std::uint32_t kQueueStats = 1 << 6;
inline constexpr std::uint32_t kArpMatchIp = 1 << 7;   // 1.0
inline constexpr std::uint32_t kPortBlocked = 1 << 8;  // 1.3
}  // namespace capabilities

// SwitchConfig::flags, low two bits.
namespace config_flags {
inline constexpr std::uint16_t kFragNormal = 0;
inline constexpr std::uint16_t kFragDrop = 1;
inline constexpr std::uint16_t kFragReassemble = 2;
inline constexpr std::uint16_t kFragMask = 3;
}  // namespace config_flags

}  // namespace lifeline::openflow
