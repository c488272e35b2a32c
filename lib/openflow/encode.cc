#include "openflow/body_codec.h"
#include "openflow/codec.h"
#include "openflow/message_type.h"

namespace lifeline::openflow {
namespace {

// Writes the body of one message behind its header; says which type byte the header gets. nullopt:
// the version has no such message.
class BodyWriter {
 public:
  BodyWriter(Writer& out, Version version) : out_(out), version_(version) {}

  using Type = std::optional<std::uint8_t>;

  Type operator()(const Hello& m) const {
    if (m.versions) {
      out_.u16(1);  // OFPHET_VERSIONBITMAP
      out_.u16(8);
      out_.u32(*m.versions);
    }
    return type::kHello;
  }
  Type operator()(const ErrorMsg& m) const {
    out_.u16(m.type);
    out_.u16(m.code);
    if (is13() && m.type == kErrorTypeExperimenter) out_.u32(m.experimenter);
    out_.bytes(m.data);
    return type::kError;
  }
  Type operator()(const EchoRequest& m) const {
    out_.bytes(m.data);
    return type::kEchoRequest;
  }
  Type operator()(const EchoReply& m) const {
    out_.bytes(m.data);
    return type::kEchoReply;
  }
  Type operator()(const Experimenter& m) const {
    out_.u32(m.experimenter);
    out_.u32(m.exp_type);
    out_.bytes(m.data);
    return type::kExperimenter;
  }
  Type operator()(const FeaturesRequest&) const { return type::kFeaturesRequest; }
  Type operator()(const FeaturesReply& m) const {
    out_.u64(m.datapath_id);
    out_.u32(m.n_buffers);
    out_.u8(m.n_tables);
    out_.u8(is13() ? m.auxiliary_id : std::uint8_t{0});
    out_.zeros(2);
    out_.u32(m.capabilities);
    out_.u32(m.actions);
    if (!is13()) {
      for (const Port& port : m.ports) encode_port(out_, port, version_);
    }
    return type::kFeaturesReply;
  }
  Type operator()(const GetConfigRequest&) const { return type::kGetConfigRequest; }
  Type operator()(const GetConfigReply& m) const { return config(m, type::kGetConfigReply); }
  Type operator()(const SetConfig& m) const { return config(m, type::kSetConfig); }
  Type operator()(const PacketIn& m) const {
    encode_packet_in(out_, m, version_);
    return type::kPacketIn;
  }
  Type operator()(const FlowRemoved& m) const {
    encode_flow_removed(out_, m, version_);
    return type::kFlowRemoved;
  }
  Type operator()(const PortStatus& m) const {
    out_.u8(static_cast<std::uint8_t>(m.reason));
    out_.zeros(7);
    encode_port(out_, m.port, version_);
    return type::kPortStatus;
  }
  Type operator()(const PacketOut& m) const {
    encode_packet_out(out_, m, version_);
    return type::kPacketOut;
  }
  Type operator()(const FlowMod& m) const {
    encode_flow_mod(out_, m, version_);
    return type::kFlowMod;
  }
  Type operator()(const GroupMod& m) const {
    if (!is13()) return std::nullopt;
    encode_group_mod(out_, m);
    return type13::kGroupMod;
  }
  Type operator()(const PortMod& m) const {
    encode_port_no(out_, m.port, version_);
    if (is13()) out_.zeros(4);
    out_.mac(m.hw_addr);
    if (is13()) out_.zeros(2);
    out_.u32(m.config);
    out_.u32(m.mask);
    out_.u32(is13() ? m.advertise : features_to_10(m.advertise));
    out_.zeros(4);
    return either(type10::kPortMod, type13::kPortMod);
  }
  Type operator()(const TableMod& m) const {
    if (!is13()) return std::nullopt;
    out_.u8(m.table_id);
    out_.zeros(3);
    out_.u32(m.config);
    return type13::kTableMod;
  }
  Type operator()(const MeterMod& m) const {
    if (!is13()) return std::nullopt;
    encode_meter_mod(out_, m);
    return type13::kMeterMod;
  }
  Type operator()(const BarrierRequest&) const {
    return either(type10::kBarrierRequest, type13::kBarrierRequest);
  }
  Type operator()(const BarrierReply&) const {
    return either(type10::kBarrierReply, type13::kBarrierReply);
  }
  Type operator()(const RoleRequest& m) const { return role(m, 10, type13::kRoleRequest); }
  Type operator()(const RoleReply& m) const { return role(m, 11, type13::kRoleReply); }
  Type operator()(const GetAsyncRequest&) const {
    return is13() ? Type{type13::kGetAsyncRequest} : std::nullopt;
  }
  Type operator()(const GetAsyncReply& m) const { return async(m, type13::kGetAsyncReply); }
  Type operator()(const SetAsync& m) const { return async(m, type13::kSetAsync); }
  Type operator()(const BundleControl& m) const {
    if (!is13()) return std::nullopt;
    encode_bundle_control(out_, m);
    return type::kExperimenter;
  }
  Type operator()(const BundleAdd& m) const {
    if (!is13()) return std::nullopt;
    encode_bundle_add(out_, m);
    return type::kExperimenter;
  }
  Type operator()(const FlowMonitorCancel& m) const {
    experimenter(exp_type::kNiciraFlowMonitorCancel, exp_type::kFlowMonitor);
    out_.u32(m.id);
    return type::kExperimenter;
  }
  Type operator()(const FlowMonitorPaused&) const {
    experimenter(exp_type::kNiciraFlowMonitorPaused, exp_type::kFlowMonitorPaused);
    return type::kExperimenter;
  }
  Type operator()(const FlowMonitorResumed&) const {
    experimenter(exp_type::kNiciraFlowMonitorResumed, exp_type::kFlowMonitorResumed);
    return type::kExperimenter;
  }
  Type operator()(const QueueGetConfigRequest& m) const {
    encode_port_no(out_, m.port, version_);
    out_.zeros(is13() ? 4 : 2);
    return either(type10::kQueueGetConfigRequest, type13::kQueueGetConfigRequest);
  }
  Type operator()(const QueueGetConfigReply& m) const {
    encode_port_no(out_, m.port, version_);
    out_.zeros(is13() ? 4 : 6);
    for (const Queue& q : m.queues) queue(q);
    return either(type10::kQueueGetConfigReply, type13::kQueueGetConfigReply);
  }
  Type operator()(const MultipartRequest& m) const {
    multipart_header(static_cast<std::uint16_t>(multipart_type(m.body)), m.more);
    if (!encode_multipart_body(out_, m.body, version_)) return std::nullopt;
    return either(type10::kStatsRequest, type13::kMultipartRequest);
  }
  Type operator()(const MultipartReply& m) const {
    multipart_header(static_cast<std::uint16_t>(multipart_type(m.body)), m.more);
    if (!encode_multipart_body(out_, m.body, version_)) return std::nullopt;
    return either(type10::kStatsReply, type13::kMultipartReply);
  }

 private:
  bool is13() const { return version_ == Version::k13; }
  std::uint8_t either(std::uint8_t in10, std::uint8_t in13) const { return is13() ? in13 : in10; }

  Type config(const SwitchConfig& m, std::uint8_t type) const {
    out_.u16(m.flags);
    out_.u16(m.miss_send_len);
    return type;
  }
  void experimenter(std::uint32_t nicira, std::uint32_t onf) const {
    out_.u32(is13() ? kVendorOnf : kVendorNicira);
    out_.u32(is13() ? onf : nicira);
  }
  // Of 1.0 Nicira's extension, which has no "no change".
  Type role(const auto& m, std::uint32_t nicira_subtype, std::uint8_t type) const {
    if (is13()) {
      out_.u32(static_cast<std::uint32_t>(m.role));
      out_.zeros(4);
      out_.u64(m.generation_id);
      return type;
    }
    if (m.role == Role::kNoChange) return std::nullopt;
    out_.u32(kVendorNicira);
    out_.u32(nicira_subtype);
    out_.u32(static_cast<std::uint32_t>(m.role) - 1);
    return type::kExperimenter;
  }
  Type async(const AsyncConfig& m, std::uint8_t type) const {
    if (!is13()) return std::nullopt;
    for (const auto& masks : {m.packet_in, m.port_status, m.flow_removed}) {
      for (const std::uint32_t mask : masks) out_.u32(mask);
    }
    return type;
  }
  void queue(const Queue& q) const {
    const std::size_t start = out_.size();
    out_.u32(q.queue_id);
    if (is13()) encode_port_no(out_, q.port, version_);
    const std::size_t length_at = out_.size();
    out_.zeros(is13() ? 8 : 4);
    if (q.min_rate) rate(1, *q.min_rate);
    if (q.max_rate && is13()) rate(2, *q.max_rate);
    out_.patch_u16(length_at, out_.size() - start);
  }
  void rate(std::uint16_t type, std::uint16_t value) const {
    out_.u16(type);
    out_.u16(16);
    out_.zeros(4);
    out_.u16(value);
    out_.zeros(6);
  }
  void multipart_header(std::uint16_t type, bool more) const {
    out_.u16(type);
    out_.u16(more ? 1 : 0);
    if (is13()) out_.zeros(4);
  }

  Writer& out_;
  Version version_;
};

}  // namespace

void begin_message(Writer& out, Version version, std::uint8_t type, std::uint32_t xid) {
  out.u8(static_cast<std::uint8_t>(version));
  out.u8(type);
  out.u16(0);
  out.u32(xid);
}

bool finish_message(Writer& out) {
  if (out.size() > kMaxMessageBytes) return false;
  out.patch_u16(2, out.size());
  return true;
}

void begin_multipart_reply(Writer& out, Version version, MultipartType type, std::uint32_t xid) {
  const bool is13 = version == Version::k13;
  begin_message(out, version,
                is13 ? static_cast<std::uint8_t>(type13::kMultipartReply)
                     : static_cast<std::uint8_t>(type10::kStatsReply),
                xid);
  out.u16(static_cast<std::uint16_t>(type));
  out.u16(0);
  if (is13) out.zeros(4);
}

Bytes encode(const Message& message, std::uint32_t xid, Version version) {
  Bytes bytes;
  bytes.reserve(128);
  Writer out(bytes);
  begin_message(out, version, 0, xid);
  const auto type = std::visit(BodyWriter(out, version), message);
  if (!type || !finish_message(out)) return {};
  bytes[1] = static_cast<std::byte>(*type);
  return bytes;
}

}  // namespace lifeline::openflow
