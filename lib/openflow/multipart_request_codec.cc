#include "openflow/body_codec.h"
#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

tl::unexpected<ErrorId> fail(ErrorId id) { return tl::make_unexpected(id); }

// The selector of flow and aggregate requests.
Result<FlowSelector> decode_selector(Reader in, Version version) {
  FlowSelector s;
  if (version == Version::k10) {
    s.match = decode_match10(in);
    s.table_id = in.u8();
    in.skip(1);
    s.out_port = in.u16();
  } else {
    s.table_id = in.u8();
    in.skip(3);
    const auto out_port = port_from_13(in.u32());
    s.out_group = in.u32();
    in.skip(4);
    s.cookie = in.u64();
    s.cookie_mask = in.u64();
    if (!in.ok()) return fail(ErrorId::kBrcBadLen);
    if (!out_port) return fail(ErrorId::kBacBadOutPort);
    s.out_port = *out_port;
    auto match = decode_match13(in);
    if (!match) return fail(match.error());
    s.match = *match;
  }
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return s;
}

void encode_selector(Writer& out, const FlowSelector& s, Version version) {
  if (version == Version::k10) {
    encode_match10(out, s.match);
    out.u8(s.table_id);
    out.zeros(1);
    out.u16(s.out_port);
    return;
  }
  out.u8(s.table_id);
  out.zeros(3);
  out.u32(port_to_13(s.out_port));
  out.u32(s.out_group);
  out.zeros(4);
  out.u64(s.cookie);
  out.u64(s.cookie_mask);
  encode_match13(out, s.match);
}

Result<MultipartRequestBody> decode_port_stats(Reader in, Version version) {
  const auto port = decode_port_no(in, version, ErrorId::kBrcBadPort);
  in.skip(version == Version::k10 ? 6 : 4);
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  if (!port) return fail(port.error());
  return PortStatsRequest{*port};
}

Result<MultipartRequestBody> decode_queue_stats(Reader in, Version version) {
  const auto port = decode_port_no(in, version, ErrorId::kQofcBadPort);
  if (version == Version::k10) in.skip(2);
  const std::uint32_t queue = in.u32();
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  if (!port) return fail(port.error());
  return QueueStatsRequest{*port, queue};
}

// A request that is an id and 4 bytes of padding.
template <class Request>
Result<MultipartRequestBody> decode_id(Reader in) {
  const Request request{in.u32()};
  in.skip(4);
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return request;
}

template <class Request>
Result<MultipartRequestBody> decode_empty(const Reader& in) {
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return Request{};
}

Result<MultipartRequestBody> decode_experimenter(Reader in, Version version) {
  if (is_flow_monitor(in, version)) {
    auto monitors = decode_flow_monitors(in, version);
    if (!monitors) return fail(monitors.error());
    return std::move(*monitors);
  }
  ExperimenterMultipart e;
  e.experimenter = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  const bool has_type = version == Version::k13 || in.remaining() >= 4;
  if (has_type) e.exp_type = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  e.data = in.copy_rest();
  return e;
}

bool in_version(MultipartType type, Version version) {
  return version == Version::k13 || type <= MultipartType::kQueue ||
         type == MultipartType::kPortDesc || type == MultipartType::kExperimenter;
}

struct BodyEncoder {
  Writer& out;
  Version version;

  void operator()(const FlowStatsRequest& r) const { encode_selector(out, r, version); }
  void operator()(const AggregateStatsRequest& r) const { encode_selector(out, r, version); }
  void operator()(const PortStatsRequest& r) const {
    encode_port_no(out, r.port, version);
    out.zeros(version == Version::k10 ? 6 : 4);
  }
  void operator()(const QueueStatsRequest& r) const {
    encode_port_no(out, r.port, version);
    if (version == Version::k10) out.zeros(2);
    out.u32(r.queue_id);
  }
  void operator()(const GroupStatsRequest& r) const { id(r.group_id); }
  void operator()(const MeterStatsRequest& r) const { id(r.meter_id); }
  void operator()(const MeterConfigRequest& r) const { id(r.meter_id); }
  void operator()(const TableFeaturesRequest& r) const {
    for (const TableFeatures& t : r.tables) encode_entry(out, t, version);
  }
  void operator()(const FlowMonitorsRequest& r) const { encode_flow_monitors(out, r, version); }
  void operator()(const ExperimenterMultipart& r) const {
    out.u32(r.experimenter);
    out.u32(r.exp_type);
    out.bytes(r.data);
  }
  template <class Empty>
  void operator()(const Empty&) const {
    static_assert(std::is_empty_v<Empty>);
  }

 private:
  void id(std::uint32_t v) const {
    out.u32(v);
    out.zeros(4);
  }
};

}  // namespace

Result<MultipartRequestBody> decode_multipart_request(std::uint16_t wire_type, Reader in,
                                                      Version version) {
  const auto type = static_cast<MultipartType>(wire_type);
  if (!in_version(type, version)) return fail(ErrorId::kBrcBadMultipart);
  switch (type) {
    case MultipartType::kDesc: return decode_empty<DescRequest>(in);
    case MultipartType::kFlow: {
      auto selector = decode_selector(in, version);
      if (!selector) return fail(selector.error());
      return FlowStatsRequest{*selector};
    }
    case MultipartType::kAggregate: {
      auto selector = decode_selector(in, version);
      if (!selector) return fail(selector.error());
      return AggregateStatsRequest{*selector};
    }
    case MultipartType::kTable: return decode_empty<TableStatsRequest>(in);
    case MultipartType::kPort: return decode_port_stats(in, version);
    case MultipartType::kQueue: return decode_queue_stats(in, version);
    case MultipartType::kGroup: return decode_id<GroupStatsRequest>(in);
    case MultipartType::kGroupDesc: return decode_empty<GroupDescRequest>(in);
    case MultipartType::kGroupFeatures: return decode_empty<GroupFeaturesRequest>(in);
    case MultipartType::kMeter: return decode_id<MeterStatsRequest>(in);
    case MultipartType::kMeterConfig: return decode_id<MeterConfigRequest>(in);
    case MultipartType::kMeterFeatures: return decode_empty<MeterFeaturesRequest>(in);
    case MultipartType::kTableFeatures: {
      auto tables = decode_table_features(in);
      if (!tables) return fail(tables.error());
      return TableFeaturesRequest{std::move(*tables)};
    }
    case MultipartType::kPortDesc: return decode_empty<PortDescRequest>(in);
    case MultipartType::kExperimenter: return decode_experimenter(in, version);
  }
  return fail(ErrorId::kBrcBadMultipart);
}

MultipartType multipart_type(const MultipartRequestBody& body) {
  constexpr std::array kTypes = {
      MultipartType::kDesc,          MultipartType::kFlow,        MultipartType::kAggregate,
      MultipartType::kTable,         MultipartType::kPort,        MultipartType::kQueue,
      MultipartType::kGroup,         MultipartType::kGroupDesc,   MultipartType::kGroupFeatures,
      MultipartType::kMeter,         MultipartType::kMeterConfig, MultipartType::kMeterFeatures,
      MultipartType::kTableFeatures, MultipartType::kPortDesc,    MultipartType::kExperimenter,
      MultipartType::kExperimenter};
  static_assert(kTypes.size() == std::variant_size_v<MultipartRequestBody>);
  return kTypes[body.index()];
}

bool encode_multipart_body(Writer& out, const MultipartRequestBody& body, Version version) {
  if (!in_version(multipart_type(body), version)) return false;
  std::visit(BodyEncoder{out, version}, body);
  return true;
}

}  // namespace lifeline::openflow
