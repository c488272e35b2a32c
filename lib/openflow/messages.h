// OpenFlow messages, independent of version and wire: host byte order, switch port numbers.
//
// A struct carries the union of what 1.0 and 1.3 can say. What a version lacks has the default when
// decoded and is left out when encoded; where leaving it out loses something, the field says so.
// Everything here is a value: nothing points into a receive buffer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/mac_address.h"
#include "flow/action.h"
#include "flow/match.h"
#include "flow/port_no.h"
#include "openflow/protocol.h"

namespace lifeline::openflow {

// ---- symmetric

struct Hello {
  // Bit v set: version v is spoken (bit 1 = 1.0, bit 4 = 1.3). nullopt: no bitmap element; the
  // header's version is then the highest spoken.
  std::optional<std::uint32_t> versions;
  bool operator==(const Hello&) const = default;
};
// As on the wire: numbers of the header's version. See error.h for building one.
struct ErrorMsg {
  std::uint16_t type = 0;
  std::uint16_t code = 0;
  std::uint32_t experimenter = 0;  // only with type 0xffff (1.3), where code is the exp_type
  Bytes data;
  bool operator==(const ErrorMsg&) const = default;
};
struct EchoRequest {
  Bytes data;
  bool operator==(const EchoRequest&) const = default;
};
struct EchoReply {
  Bytes data;
  bool operator==(const EchoReply&) const = default;
};
// 1.0: VENDOR. Decoded also where nobody knows the experimenter; who gets one answers
// ErrorId::kBadExperimenter unless he knows better.
struct Experimenter {
  std::uint32_t experimenter = 0;
  // 1.3's exp_type. Of 1.0 the first 4 bytes after the vendor (Nicira's subtype), when there are.
  std::uint32_t exp_type = 0;
  Bytes data;  // what follows exp_type
  bool operator==(const Experimenter&) const = default;
};

// ---- switch configuration

struct FeaturesRequest {
  bool operator==(const FeaturesRequest&) const = default;
};

struct Port {
  flow::PortNo no = 0;
  MacAddress hw_addr;
  std::string name;                                                    // at most 15 bytes are sent
  std::uint32_t config = 0;                                            // port_config
  std::uint32_t state = 0;                                             // port_state
  std::uint32_t current = 0, advertised = 0, supported = 0, peer = 0;  // port_features
  std::uint32_t current_speed_kbps = 0, max_speed_kbps = 0;            // 1.3
  bool operator==(const Port&) const = default;
};

struct FeaturesReply {
  std::uint64_t datapath_id = 0;
  std::uint32_t n_buffers = 0;
  std::uint8_t n_tables = 0;
  std::uint8_t auxiliary_id = 0;   // 1.3
  std::uint32_t capabilities = 0;  // namespace capabilities
  std::uint32_t actions = 0;       // 1.0: bit per action type; 1.3: reserved
  std::vector<Port> ports;         // 1.0 only; may be long, keep it below 1364 ports
  bool operator==(const FeaturesReply&) const = default;
};

struct GetConfigRequest {
  bool operator==(const GetConfigRequest&) const = default;
};
struct SwitchConfig {
  std::uint16_t flags = 0;            // config_flags
  std::uint16_t miss_send_len = 128;  // bytes
  bool operator==(const SwitchConfig&) const = default;
};
struct GetConfigReply : SwitchConfig {
  bool operator==(const GetConfigReply&) const = default;
};
struct SetConfig : SwitchConfig {
  bool operator==(const SetConfig&) const = default;
};

// ---- asynchronous

enum class PacketInReason : std::uint8_t { kNoMatch = 0, kAction = 1, kInvalidTtl = 2 };

struct PacketIn {
  std::uint32_t buffer_id = kNoBuffer;
  std::uint16_t total_len = 0;  // bytes of the whole frame; data may be shorter
  PacketInReason reason = PacketInReason::kNoMatch;
  std::uint8_t table_id = 0;     // 1.3
  std::uint64_t cookie = ~0ull;  // 1.3; all-ones: no rule
  // 1.3: in_port and, if not zero, metadata and tunnel_id. 1.0 carries key.in_port only.
  flow::Match match;
  Bytes data;
  bool operator==(const PacketIn&) const = default;
};

enum class FlowRemovedReason : std::uint8_t {
  kIdleTimeout = 0,
  kHardTimeout = 1,
  kDelete = 2,
  kGroupDelete = 3,  // 1.3; to a 1.0 controller kDelete
};

struct FlowRemoved {
  std::uint64_t cookie = 0;
  std::uint16_t priority = 0;
  FlowRemovedReason reason = FlowRemovedReason::kIdleTimeout;
  std::uint8_t table_id = 0;  // 1.3
  std::uint32_t duration_sec = 0, duration_nsec = 0;
  std::uint16_t idle_timeout = 0;  // seconds
  std::uint16_t hard_timeout = 0;  // seconds; 1.3
  std::uint64_t packet_count = 0, byte_count = 0;
  flow::Match match;
  bool operator==(const FlowRemoved&) const = default;
};

enum class PortReason : std::uint8_t { kAdd = 0, kDelete = 1, kModify = 2 };

struct PortStatus {
  PortReason reason = PortReason::kAdd;
  Port port;
  bool operator==(const PortStatus&) const = default;
};

// ---- controller commands

struct PacketOut {
  std::uint32_t buffer_id = kNoBuffer;
  flow::PortNo in_port = flow::kPortController;  // 1.0: kPortNone
  flow::ActionList actions;
  Bytes data;
  bool operator==(const PacketOut&) const = default;
};

enum class FlowModCommand : std::uint8_t {
  kAdd = 0,
  kModify = 1,
  kModifyStrict = 2,
  kDelete = 3,
  kDeleteStrict = 4
};

struct FlowMod {
  FlowModCommand command = FlowModCommand::kAdd;
  std::uint64_t cookie = 0;
  std::uint64_t cookie_mask = 0;  // 1.3; 0 (and in 1.0): no restriction by cookie
  std::uint8_t table_id = 0;      // 1.0 has none: 0 for add, kTableAll for the other commands
  std::uint16_t idle_timeout = 0, hard_timeout = 0;  // seconds, 0 = none
  std::uint16_t priority = 0x8000;
  std::uint32_t buffer_id = kNoBuffer;
  flow::PortNo out_port = flow::kPortNone;  // delete only; kPortNone: any
  std::uint32_t out_group = kGroupAny;      // delete only
  std::uint16_t flags = 0;                  // flow_mod_flags
  flow::Match match;
  flow::Instructions instructions;
  bool operator==(const FlowMod&) const = default;
};

enum class GroupType : std::uint8_t { kAll = 0, kSelect = 1, kIndirect = 2, kFastFailover = 3 };

struct Bucket {
  std::uint16_t weight = 0;
  flow::PortNo watch_port = flow::kPortNone;
  std::uint32_t watch_group = kGroupAny;
  flow::ActionList actions;
  bool operator==(const Bucket&) const = default;
};

enum class GroupModCommand : std::uint16_t { kAdd = 0, kModify = 1, kDelete = 2 };

struct GroupMod {
  GroupModCommand command = GroupModCommand::kAdd;
  GroupType type = GroupType::kAll;
  std::uint32_t group_id = 0;
  std::vector<Bucket> buckets;
  bool operator==(const GroupMod&) const = default;
};

struct PortMod {
  flow::PortNo port = 0;
  MacAddress hw_addr;
  std::uint32_t config = 0, mask = 0;  // port_config
  std::uint32_t advertise = 0;         // port_features
  bool operator==(const PortMod&) const = default;
};

struct TableMod {
  std::uint8_t table_id = 0;
  std::uint32_t config = 0;
  bool operator==(const TableMod&) const = default;
};

enum class MeterBandType : std::uint16_t { kDrop = 1, kDscpRemark = 2, kExperimenter = 0xffff };

struct MeterBand {
  MeterBandType type = MeterBandType::kDrop;
  std::uint32_t rate = 0, burst = 0;  // kb/s and kb, or packets with the PKTPS flag
  std::uint8_t prec_level = 0;        // kDscpRemark
  std::uint32_t experimenter = 0;     // kExperimenter
  bool operator==(const MeterBand&) const = default;
};

enum class MeterModCommand : std::uint16_t { kAdd = 0, kModify = 1, kDelete = 2 };

struct MeterMod {
  MeterModCommand command = MeterModCommand::kAdd;
  std::uint16_t flags = 0;  // KBPS 1, PKTPS 2, BURST 4, STATS 8
  std::uint32_t meter_id = 0;
  std::vector<MeterBand> bands;
  bool operator==(const MeterMod&) const = default;
};

struct BarrierRequest {
  bool operator==(const BarrierRequest&) const = default;
};
struct BarrierReply {
  bool operator==(const BarrierReply&) const = default;
};

enum class Role : std::uint32_t { kNoChange = 0, kEqual = 1, kMaster = 2, kSlave = 3 };

// 1.3. Of 1.0 the Nicira role request and reply (subtypes 10, 11) are decoded into these too.
struct RoleRequest {
  Role role = Role::kNoChange;
  std::uint64_t generation_id = ~0ull;
  bool operator==(const RoleRequest&) const = default;
};
struct RoleReply {
  Role role = Role::kEqual;
  std::uint64_t generation_id = ~0ull;
  bool operator==(const RoleReply&) const = default;
};

// Bit r of a mask: the reason r is sent. [0]: while master or equal, [1]: while slave. 1.3.
struct AsyncConfig {
  std::array<std::uint32_t, 2> packet_in{};
  std::array<std::uint32_t, 2> port_status{};
  std::array<std::uint32_t, 2> flow_removed{};
  bool operator==(const AsyncConfig&) const = default;
};
struct GetAsyncRequest {
  bool operator==(const GetAsyncRequest&) const = default;
};
struct GetAsyncReply : AsyncConfig {
  bool operator==(const GetAsyncReply&) const = default;
};
struct SetAsync : AsyncConfig {
  bool operator==(const SetAsync&) const = default;
};

// ---- bundles (1.3: experimenter messages 2300 and 2301 of the ONF, EXT-230)

enum class BundleControlType : std::uint16_t {
  kOpenRequest = 0,
  kOpenReply = 1,
  kCloseRequest = 2,
  kCloseReply = 3,
  kCommitRequest = 4,
  kCommitReply = 5,
  kDiscardRequest = 6,
  kDiscardReply = 7,
};
// Properties (all are experimenters') are skipped.
struct BundleControl {
  std::uint32_t bundle_id = 0;
  BundleControlType type = BundleControlType::kOpenRequest;
  std::uint16_t flags = 0;  // bundle_flags
  bool operator==(const BundleControl&) const = default;
};
struct BundleAdd {
  std::uint32_t bundle_id = 0;
  std::uint16_t flags = 0;  // bundle_flags
  Bytes message;            // one whole message, not yet decoded
  bool operator==(const BundleAdd&) const = default;
};

// ---- flow monitors (1.0: Nicira's extension; 1.3: experimenter 1870 of the ONF, EXT-187, in the
// form that Open vSwitch gives it; more in FlowMonitorsRequest)

struct FlowMonitorCancel {
  std::uint32_t id = 0;
  bool operator==(const FlowMonitorCancel&) const = default;
};
// No updates but deletions come until FlowMonitorResumed, before which what has changed is told.
struct FlowMonitorPaused {
  bool operator==(const FlowMonitorPaused&) const = default;
};
struct FlowMonitorResumed {
  bool operator==(const FlowMonitorResumed&) const = default;
};

struct QueueGetConfigRequest {
  flow::PortNo port = flow::kPortNone;  // kPortNone: all (1.3)
  bool operator==(const QueueGetConfigRequest&) const = default;
};
struct Queue {
  std::uint32_t queue_id = 0;
  flow::PortNo port = 0;  // 1.3
  // In 1/10 of a percent of the link; > 1000: disabled.
  std::optional<std::uint16_t> min_rate, max_rate;  // max_rate: 1.3
  bool operator==(const Queue&) const = default;
};
struct QueueGetConfigReply {
  flow::PortNo port = flow::kPortNone;
  std::vector<Queue> queues;
  bool operator==(const QueueGetConfigReply&) const = default;
};

// ---- multipart requests (1.0: statistics requests)

struct DescRequest {
  bool operator==(const DescRequest&) const = default;
};
// What a flow or aggregate statistics request selects.
struct FlowSelector {
  std::uint8_t table_id = kTableAll;
  flow::PortNo out_port = flow::kPortNone;
  std::uint32_t out_group = kGroupAny;        // 1.3
  std::uint64_t cookie = 0, cookie_mask = 0;  // 1.3
  flow::Match match;
  bool operator==(const FlowSelector&) const = default;
};
struct FlowStatsRequest : FlowSelector {
  bool operator==(const FlowStatsRequest&) const = default;
};
struct AggregateStatsRequest : FlowSelector {
  bool operator==(const AggregateStatsRequest&) const = default;
};
struct TableStatsRequest {
  bool operator==(const TableStatsRequest&) const = default;
};
struct PortStatsRequest {
  flow::PortNo port = flow::kPortNone;  // kPortNone: all
  bool operator==(const PortStatsRequest&) const = default;
};
struct QueueStatsRequest {
  flow::PortNo port = flow::kPortNone;  // kPortNone (1.3 ANY) and 1.0's kPortAll: all
  std::uint32_t queue_id = kQueueAll;
  bool operator==(const QueueStatsRequest&) const = default;
};
struct GroupStatsRequest {
  std::uint32_t group_id = kGroupAll;
  bool operator==(const GroupStatsRequest&) const = default;
};
struct GroupDescRequest {
  bool operator==(const GroupDescRequest&) const = default;
};
struct GroupFeaturesRequest {
  bool operator==(const GroupFeaturesRequest&) const = default;
};
struct MeterStatsRequest {
  std::uint32_t meter_id = kMeterAll;
  bool operator==(const MeterStatsRequest&) const = default;
};
struct MeterConfigRequest {
  std::uint32_t meter_id = kMeterAll;
  bool operator==(const MeterConfigRequest&) const = default;
};
struct MeterFeaturesRequest {
  bool operator==(const MeterFeaturesRequest&) const = default;
};
struct PortDescRequest {
  bool operator==(const PortDescRequest&) const = default;
};
// What one monitor watches. Its match may have a mask on any field.
struct FlowMonitorRequest {
  std::uint32_t id = 0;
  std::uint16_t flags = 0;                  // flow_monitor_flags
  flow::PortNo out_port = flow::kPortNone;  // kPortNone: any
  std::uint8_t table_id = kTableAll;
  flow::Match match;
  bool operator==(const FlowMonitorRequest&) const = default;
};
struct FlowMonitorsRequest {
  std::vector<FlowMonitorRequest> monitors;
  bool operator==(const FlowMonitorsRequest&) const = default;
};
struct ExperimenterMultipart {  // request and reply
  std::uint32_t experimenter = 0;
  std::uint32_t exp_type = 0;  // as in Experimenter
  Bytes data;
  bool operator==(const ExperimenterMultipart&) const = default;
};

// One table's features; request (setting them) and reply have the same form.
struct TableFeatures {
  // Wire property types (OFPTFPT_*). One more than an even type is its table-miss form.
  enum PropertyType : std::uint16_t {
    kInstructions = 0,
    kInstructionsMiss = 1,
    kNextTables = 2,
    kNextTablesMiss = 3,
    kWriteActions = 4,
    kWriteActionsMiss = 5,
    kApplyActions = 6,
    kApplyActionsMiss = 7,
    kMatch = 8,
    kWildcards = 10,
    kWriteSetField = 12,
    kWriteSetFieldMiss = 13,
    kApplySetField = 14,
    kApplySetFieldMiss = 15,
    kExperimenter = 0xfffe,
    kExperimenterMiss = 0xffff,
  };
  struct Property {
    std::uint16_t type = 0;
    std::vector<std::uint16_t> ids;    // instruction or action types of OpenFlow 1.3
    std::vector<std::uint8_t> tables;  // next tables
    std::vector<std::uint32_t> oxm;    // OXM headers: class(16) field(7) has-mask(1) length(8)
    Bytes experimenter;                // experimenter properties, from the experimenter id on
    bool operator==(const Property&) const = default;
  };
  std::uint8_t table_id = 0;
  std::string name;  // at most 31 bytes are sent
  std::uint64_t metadata_match = 0, metadata_write = 0;
  std::uint32_t config = 0;
  std::uint32_t max_entries = 0;
  std::vector<Property> properties;
  bool operator==(const TableFeatures&) const = default;
};
struct TableFeaturesRequest {
  std::vector<TableFeatures> tables;  // empty: only asks
  bool operator==(const TableFeaturesRequest&) const = default;
};

using MultipartRequestBody =
    std::variant<DescRequest, FlowStatsRequest, AggregateStatsRequest, TableStatsRequest,
                 PortStatsRequest, QueueStatsRequest, GroupStatsRequest, GroupDescRequest,
                 GroupFeaturesRequest, MeterStatsRequest, MeterConfigRequest, MeterFeaturesRequest,
                 TableFeaturesRequest, PortDescRequest, FlowMonitorsRequest, ExperimenterMultipart>;

struct MultipartRequest {
  MultipartRequestBody body;
  bool more = false;  // another part with the same xid follows; see multipart.h
  bool operator==(const MultipartRequest&) const = default;
};

// ---- multipart replies (1.0: statistics replies)

struct DescReply {
  std::string manufacturer, hardware, software, serial_number, datapath;
  bool operator==(const DescReply&) const = default;
};
struct FlowStats {
  std::uint8_t table_id = 0;
  std::uint32_t duration_sec = 0, duration_nsec = 0;
  std::uint16_t priority = 0;
  std::uint16_t idle_timeout = 0, hard_timeout = 0;
  std::uint16_t flags = 0;  // 1.3
  std::uint64_t cookie = 0;
  std::uint64_t packet_count = 0, byte_count = 0;
  flow::Match match;
  flow::Instructions instructions;
  bool operator==(const FlowStats&) const = default;
};
struct AggregateStats {
  std::uint64_t packet_count = 0, byte_count = 0;
  std::uint32_t flow_count = 0;
  bool operator==(const AggregateStats&) const = default;
};
struct TableStats {
  std::uint8_t table_id = 0;
  std::uint32_t active_count = 0;
  std::uint64_t lookup_count = 0, matched_count = 0;
  std::string name;               // 1.0
  std::uint32_t wildcards = 0;    // 1.0
  std::uint32_t max_entries = 0;  // 1.0
  bool operator==(const TableStats&) const = default;
};
// A counter the port does not have is all-ones.
struct PortStats {
  flow::PortNo port = 0;
  std::uint64_t rx_packets = 0, tx_packets = 0, rx_bytes = 0, tx_bytes = 0;
  std::uint64_t rx_dropped = 0, tx_dropped = 0, rx_errors = 0, tx_errors = 0;
  std::uint64_t rx_frame_err = 0, rx_over_err = 0, rx_crc_err = 0, collisions = 0;
  std::uint32_t duration_sec = 0, duration_nsec = 0;  // 1.3
  bool operator==(const PortStats&) const = default;
};
struct QueueStats {
  flow::PortNo port = 0;
  std::uint32_t queue_id = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0;
  std::uint32_t duration_sec = 0, duration_nsec = 0;  // 1.3
  bool operator==(const QueueStats&) const = default;
};
struct GroupStats {
  struct BucketCounter {
    std::uint64_t packet_count = 0, byte_count = 0;
    bool operator==(const BucketCounter&) const = default;
  };
  std::uint32_t group_id = 0;
  std::uint32_t ref_count = 0;
  std::uint64_t packet_count = 0, byte_count = 0;
  std::uint32_t duration_sec = 0, duration_nsec = 0;
  std::vector<BucketCounter> buckets;
  bool operator==(const GroupStats&) const = default;
};
struct GroupDesc {
  GroupType type = GroupType::kAll;
  std::uint32_t group_id = 0;
  std::vector<Bucket> buckets;
  bool operator==(const GroupDesc&) const = default;
};
struct GroupFeatures {
  std::uint32_t types = 0;         // bit per GroupType
  std::uint32_t capabilities = 0;  // SELECT_WEIGHT 1, SELECT_LIVENESS 2, CHAINING 4, _CHECKS 8
  std::array<std::uint32_t, 4> max_groups{};  // by GroupType
  std::array<std::uint32_t, 4> actions{};     // bit per 1.3 action type
  bool operator==(const GroupFeatures&) const = default;
};
struct MeterStats {
  struct BandCounter {
    std::uint64_t packet_count = 0, byte_count = 0;
    bool operator==(const BandCounter&) const = default;
  };
  std::uint32_t meter_id = 0;
  std::uint32_t flow_count = 0;
  std::uint64_t packet_in_count = 0, byte_in_count = 0;
  std::uint32_t duration_sec = 0, duration_nsec = 0;
  std::vector<BandCounter> bands;
  bool operator==(const MeterStats&) const = default;
};
struct MeterConfig {
  std::uint16_t flags = 0;
  std::uint32_t meter_id = 0;
  std::vector<MeterBand> bands;
  bool operator==(const MeterConfig&) const = default;
};
struct MeterFeatures {
  std::uint32_t max_meters = 0;
  std::uint32_t band_types = 0;  // bit per MeterBandType
  std::uint32_t capabilities = 0;
  std::uint8_t max_bands = 0, max_color = 0;
  bool operator==(const MeterFeatures&) const = default;
};

struct FlowUpdate {
  enum class Event : std::uint16_t { kAdded = 0, kDeleted = 1, kModified = 2, kAbbreviated = 3 };
  Event event = Event::kAdded;
  std::uint32_t xid = 0;  // kAbbreviated only, and then all there is: the request that did it
  FlowRemovedReason reason = FlowRemovedReason::kIdleTimeout;  // kDeleted only
  std::uint16_t priority = 0;
  std::uint16_t idle_timeout = 0, hard_timeout = 0;  // seconds
  std::uint8_t table_id = 0;
  std::uint64_t cookie = 0;
  flow::Match match;
  flow::Instructions instructions;  // empty unless asked for
  bool operator==(const FlowUpdate&) const = default;
};

using FlowMonitorReply = std::vector<FlowUpdate>;
using FlowStatsReply = std::vector<FlowStats>;
using TableStatsReply = std::vector<TableStats>;
using PortStatsReply = std::vector<PortStats>;
using QueueStatsReply = std::vector<QueueStats>;
using GroupStatsReply = std::vector<GroupStats>;
using GroupDescReply = std::vector<GroupDesc>;
using MeterStatsReply = std::vector<MeterStats>;
using MeterConfigReply = std::vector<MeterConfig>;
using TableFeaturesReply = std::vector<TableFeatures>;
using PortDescReply = std::vector<Port>;

using MultipartReplyBody =
    std::variant<DescReply, FlowStatsReply, AggregateStats, TableStatsReply, PortStatsReply,
                 QueueStatsReply, GroupStatsReply, GroupDescReply, GroupFeatures, MeterStatsReply,
                 MeterConfigReply, MeterFeatures, TableFeaturesReply, PortDescReply,
                 FlowMonitorReply, ExperimenterMultipart>;

// For replies that may be long use MultipartWriter (multipart.h): one of these must fit 64 KiB.
struct MultipartReply {
  MultipartReplyBody body;
  bool more = false;
  bool operator==(const MultipartReply&) const = default;
};

using Message =
    std::variant<Hello, ErrorMsg, EchoRequest, EchoReply, Experimenter, FeaturesRequest,
                 FeaturesReply, GetConfigRequest, GetConfigReply, SetConfig, PacketIn, FlowRemoved,
                 PortStatus, PacketOut, FlowMod, GroupMod, PortMod, TableMod, MeterMod,
                 BarrierRequest, BarrierReply, RoleRequest, RoleReply, GetAsyncRequest,
                 GetAsyncReply, SetAsync, BundleControl, BundleAdd, FlowMonitorCancel,
                 FlowMonitorPaused, FlowMonitorResumed, QueueGetConfigRequest, QueueGetConfigReply,
                 MultipartRequest, MultipartReply>;

}  // namespace lifeline::openflow
