#include "openflow/action_codec.h"
#include "openflow/body_codec.h"
#include "openflow/codec.h"
#include "openflow/message_type.h"

namespace lifeline::openflow {
namespace {

tl::unexpected<ErrorId> fail(ErrorId id) { return tl::make_unexpected(id); }

constexpr std::uint16_t kHelloVersionBitmap = 1;

template <class T>
Result<Message> lift(Result<T> r) {
  if (!r) return fail(r.error());
  return Message(std::move(*r));
}

// `message` if the body was read exactly.
template <class T>
Result<Message> exact(const Reader& in, T message) {
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return Message(std::move(message));
}

// 1.3.5, 7.5.1: unknown elements are skipped, and a peer's nonsense in them is no reason to refuse
// it.
Message decode_hello(Reader in) {
  Hello hello;
  while (in.remaining() >= 4) {
    const std::uint16_t type = in.u16();
    const std::size_t length = in.u16();
    if (length < 4 || length - 4 > in.remaining()) break;
    Reader element(in.take(length - 4));
    if (type == kHelloVersionBitmap && element.remaining() >= 4) hello.versions = element.u32();
    in.skip(std::min(round_up8(length) - length, in.remaining()));
  }
  return hello;
}

Result<Message> decode_error(Reader in, Version version) {
  ErrorMsg e;
  e.type = in.u16();
  e.code = in.u16();
  if (version == Version::k13 && e.type == kErrorTypeExperimenter) e.experimenter = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  e.data = in.copy_rest();
  return Message(std::move(e));
}

// Nicira's roles (1.0): 0 other, 1 master, 2 slave.
Result<Message> decode_nicira_role(Reader in, bool request) {
  const std::uint32_t role = in.u32();
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  if (role > 2) return fail(ErrorId::kRrfcBadRole);
  const auto value = static_cast<Role>(role + 1);
  if (request) return Message(RoleRequest{.role = value});
  return Message(RoleReply{.role = value});
}

Result<Message> decode_monitor_cancel(Reader in) {
  const FlowMonitorCancel cancel{in.u32()};
  return exact(in, cancel);
}

Result<Message> decode_experimenter(Reader in, Version version) {
  Experimenter e;
  e.experimenter = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  const bool has_type = version == Version::k13 || in.remaining() >= 4;
  if (has_type) e.exp_type = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (version == Version::k10 && e.experimenter == kVendorNicira && has_type) {
    switch (e.exp_type) {
      case exp_type::kNiciraRoleRequest: return decode_nicira_role(in, true);
      case exp_type::kNiciraRoleReply: return decode_nicira_role(in, false);
      case exp_type::kNiciraFlowMonitorCancel: return decode_monitor_cancel(in);
      case exp_type::kNiciraFlowMonitorPaused: return exact(in, FlowMonitorPaused{});
      case exp_type::kNiciraFlowMonitorResumed: return exact(in, FlowMonitorResumed{});
      default: break;
    }
  }
  if (version == Version::k13 && e.experimenter == kVendorOnf) {
    if (e.exp_type == exp_type::kBundleControl) return lift(decode_bundle_control(in));
    if (e.exp_type == exp_type::kBundleAdd) return lift(decode_bundle_add(in));
    if (e.exp_type == exp_type::kFlowMonitor) return decode_monitor_cancel(in);
    if (e.exp_type == exp_type::kFlowMonitorPaused) return exact(in, FlowMonitorPaused{});
    if (e.exp_type == exp_type::kFlowMonitorResumed) return exact(in, FlowMonitorResumed{});
  }
  e.data = in.copy_rest();
  return Message(std::move(e));
}

Result<Message> decode_features_reply(Reader in, Version version) {
  FeaturesReply f;
  f.datapath_id = in.u64();
  f.n_buffers = in.u32();
  f.n_tables = in.u8();
  f.auxiliary_id = in.u8();
  in.skip(2);
  f.capabilities = in.u32();
  f.actions = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (version == Version::k13) return exact(in, std::move(f));
  f.auxiliary_id = 0;  // padding
  while (!in.empty()) {
    auto port = decode_port(in, version);
    if (!in.ok() || !port) return fail(ErrorId::kBrcBadLen);
    f.ports.push_back(std::move(*port));
  }
  return Message(std::move(f));
}

template <class T>
Result<Message> decode_config(Reader in) {
  T config;
  config.flags = in.u16();
  config.miss_send_len = in.u16();
  return exact(in, config);
}

Result<Message> decode_port_status(Reader in, Version version) {
  PortStatus s;
  const std::uint8_t reason = in.u8();
  in.skip(7);
  auto port = decode_port(in, version);
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  if (!port) return fail(port.error());
  if (reason > 2) return fail(ErrorId::kBrcBadType);
  s.reason = static_cast<PortReason>(reason);
  s.port = std::move(*port);
  return Message(std::move(s));
}

Result<Message> decode_port_mod(Reader in, Version version) {
  const bool is13 = version == Version::k13;
  PortMod m;
  const auto port = decode_port_no(in, version, ErrorId::kPmfcBadPort);
  if (is13) in.skip(4);
  m.hw_addr = in.mac();
  if (is13) in.skip(2);
  m.config = in.u32();
  m.mask = in.u32();
  const std::uint32_t advertise = in.u32();
  in.skip(4);
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  if (!port) return fail(port.error());
  m.port = *port;
  m.advertise = is13 ? advertise : features_from_10(advertise);
  return Message(m);
}

Result<Message> decode_table_mod(Reader in) {
  TableMod m;
  m.table_id = in.u8();
  in.skip(3);
  m.config = in.u32();
  return exact(in, m);
}

template <class T>
Result<Message> decode_role(Reader in) {
  T m;
  const std::uint32_t role = in.u32();
  in.skip(4);
  m.generation_id = in.u64();
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  if (role > 3) return fail(ErrorId::kRrfcBadRole);
  m.role = static_cast<Role>(role);
  return Message(m);
}

template <class T>
Result<Message> decode_async(Reader in) {
  T m;
  for (auto* masks : {&m.packet_in, &m.port_status, &m.flow_removed}) {
    for (std::uint32_t& mask : *masks) mask = in.u32();
  }
  return exact(in, m);
}

Result<Message> decode_queue_request(Reader in, Version version) {
  const auto port = decode_port_no(in, version, ErrorId::kQofcBadPort);
  in.skip(version == Version::k10 ? 2 : 4);
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  if (!port) return fail(port.error());
  return Message(QueueGetConfigRequest{*port});
}

Result<Queue> decode_queue(Reader in, Version version) {
  const bool is13 = version == Version::k13;
  Queue q;
  q.queue_id = in.u32();
  if (is13) {
    const auto port = decode_port_no(in, version, ErrorId::kQofcBadPort);
    if (!port) return fail(port.error());
    q.port = *port;
  }
  in.skip(is13 ? 8 : 4);  // length, padding
  while (in.ok() && !in.empty()) {
    const std::uint16_t type = in.peek_u16();
    const std::size_t length = in.peek_u16(2);
    if (length < 8 || length > in.remaining()) return fail(ErrorId::kBrcBadLen);
    Reader property(in.take(length));
    property.skip(8);
    if (type == 1) q.min_rate = property.u16();
    if (type == 2) q.max_rate = property.u16();
  }
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  return q;
}

Result<Message> decode_queue_reply(Reader in, Version version) {
  const bool is13 = version == Version::k13;
  QueueGetConfigReply m;
  const auto port = decode_port_no(in, version, ErrorId::kQofcBadPort);
  in.skip(is13 ? 4 : 6);
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (!port) return fail(port.error());
  m.port = *port;
  while (!in.empty()) {
    const std::size_t length = in.peek_u16(is13 ? 8 : 4);
    if (length < 8 || length > in.remaining()) return fail(ErrorId::kBrcBadLen);
    auto queue = decode_queue(Reader(in.take(length)), version);
    if (!queue) return fail(queue.error());
    m.queues.push_back(*queue);
  }
  return Message(std::move(m));
}

Result<Message> decode_request(Reader in, Version version) {
  const std::uint16_t type = in.u16();
  const std::uint16_t flags = in.u16();
  if (version == Version::k13) in.skip(4);
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  auto body = decode_multipart_request(type, Reader(in.rest()), version);
  if (!body) return fail(body.error());
  // 1.0 defines no flags of requests.
  const bool more = version == Version::k13 && (flags & 1) != 0;
  return Message(MultipartRequest{std::move(*body), more});
}

Result<Message> decode_reply(Reader in, Version version) {
  const std::uint16_t type = in.u16();
  const std::uint16_t flags = in.u16();
  if (version == Version::k13) in.skip(4);
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  auto body = decode_multipart_reply(type, Reader(in.rest()), version);
  if (!body) return fail(body.error());
  return Message(MultipartReply{std::move(*body), (flags & 1) != 0});
}

Result<Message> decode_only10(std::uint8_t type, Reader in) {
  constexpr Version v = Version::k10;
  switch (type) {
    case type10::kPortMod: return decode_port_mod(in, v);
    case type10::kStatsRequest: return decode_request(in, v);
    case type10::kStatsReply: return decode_reply(in, v);
    case type10::kBarrierRequest: return exact(in, BarrierRequest{});
    case type10::kBarrierReply: return exact(in, BarrierReply{});
    case type10::kQueueGetConfigRequest: return decode_queue_request(in, v);
    case type10::kQueueGetConfigReply: return decode_queue_reply(in, v);
    default: return fail(ErrorId::kBrcBadType);
  }
}

Result<Message> decode_only13(std::uint8_t type, Reader in) {
  constexpr Version v = Version::k13;
  switch (type) {
    case type13::kGroupMod: return lift(decode_group_mod(in));
    case type13::kPortMod: return decode_port_mod(in, v);
    case type13::kTableMod: return decode_table_mod(in);
    case type13::kMultipartRequest: return decode_request(in, v);
    case type13::kMultipartReply: return decode_reply(in, v);
    case type13::kBarrierRequest: return exact(in, BarrierRequest{});
    case type13::kBarrierReply: return exact(in, BarrierReply{});
    case type13::kQueueGetConfigRequest: return decode_queue_request(in, v);
    case type13::kQueueGetConfigReply: return decode_queue_reply(in, v);
    case type13::kRoleRequest: return decode_role<RoleRequest>(in);
    case type13::kRoleReply: return decode_role<RoleReply>(in);
    case type13::kGetAsyncRequest: return exact(in, GetAsyncRequest{});
    case type13::kGetAsyncReply: return decode_async<GetAsyncReply>(in);
    case type13::kSetAsync: return decode_async<SetAsync>(in);
    case type13::kMeterMod: return lift(decode_meter_mod(in));
    default: return fail(ErrorId::kBrcBadType);
  }
}

Result<Message> decode_body(std::uint8_t type, Reader in, Version version) {
  switch (type) {
    case type::kHello: return decode_hello(in);
    case type::kError: return decode_error(in, version);
    case type::kEchoRequest: return Message(EchoRequest{in.copy_rest()});
    case type::kEchoReply: return Message(EchoReply{in.copy_rest()});
    case type::kExperimenter: return decode_experimenter(in, version);
    case type::kFeaturesRequest: return exact(in, FeaturesRequest{});
    case type::kFeaturesReply: return decode_features_reply(in, version);
    case type::kGetConfigRequest: return exact(in, GetConfigRequest{});
    case type::kGetConfigReply: return decode_config<GetConfigReply>(in);
    case type::kSetConfig: return decode_config<SetConfig>(in);
    case type::kPacketIn: return lift(decode_packet_in(in, version));
    case type::kFlowRemoved: return lift(decode_flow_removed(in, version));
    case type::kPortStatus: return decode_port_status(in, version);
    case type::kPacketOut: return lift(decode_packet_out(in, version));
    case type::kFlowMod: return lift(decode_flow_mod(in, version));
    default: return version == Version::k10 ? decode_only10(type, in) : decode_only13(type, in);
  }
}

// HELLO and the error that refuses it come before a version is agreed on.
bool any_version(std::uint8_t type) { return type == type::kHello || type == type::kError; }

}  // namespace

std::optional<Header> peek_header(BytesView bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  Reader in(bytes);
  Header h;
  h.version = in.u8();
  h.type = in.u8();
  h.length = in.u16();
  h.xid = in.u32();
  return h;
}

tl::expected<Decoded, DecodeError> decode(BytesView bytes, Version version) {
  const Header header = peek_header(bytes).value_or(Header{});
  const auto refuse = [&](ErrorId id) {
    ErrorMsg e = make_error_msg(id, version, bytes);
    return tl::make_unexpected(DecodeError{
        .id = id, .type = e.type, .code = e.code, .xid = header.xid, .data = std::move(e.data)});
  };
  if (bytes.size() < kHeaderBytes || header.length != bytes.size())
    return refuse(ErrorId::kBrcBadLen);
  if (header.version != static_cast<std::uint8_t>(version) && !any_version(header.type))
    return refuse(ErrorId::kBrcBadVersion);
  auto message = decode_body(header.type, Reader(bytes.subspan(kHeaderBytes)), version);
  if (!message) return refuse(message.error());
  return Decoded{header, std::move(*message)};
}

}  // namespace lifeline::openflow
