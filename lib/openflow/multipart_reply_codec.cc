#include "openflow/action_codec.h"
#include "openflow/body_codec.h"
#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

tl::unexpected<ErrorId> fail(ErrorId id) { return tl::make_unexpected(id); }

Result<FlowStats> decode_flow_stats(Reader in, Version version) {
  const bool is13 = version == Version::k13;
  FlowStats e;
  in.skip(2);
  e.table_id = in.u8();
  in.skip(1);
  if (!is13) e.match = decode_match10(in);
  e.duration_sec = in.u32();
  e.duration_nsec = in.u32();
  e.priority = in.u16();
  e.idle_timeout = in.u16();
  e.hard_timeout = in.u16();
  e.flags = in.u16();
  if (!is13) e.flags = 0;  // padding
  in.skip(4);
  e.cookie = in.u64();
  e.packet_count = in.u64();
  e.byte_count = in.u64();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (!is13) {
    auto actions = decode_actions10(Reader(in.rest()));
    if (!actions) return fail(actions.error());
    e.instructions.apply = std::move(*actions);
    return e;
  }
  auto match = decode_match13(in);
  if (!match) return fail(match.error());
  e.match = *match;
  auto instructions = decode_instructions13(Reader(in.rest()));
  if (!instructions) return fail(instructions.error());
  e.instructions = std::move(*instructions);
  return e;
}

Result<TableStats> decode_table_stats(Reader& in, Version version) {
  TableStats e;
  e.table_id = in.u8();
  in.skip(3);
  if (version == Version::k10) {
    e.name = in.text(32);
    e.wildcards = in.u32();
    e.max_entries = in.u32();
  }
  e.active_count = in.u32();
  e.lookup_count = in.u64();
  e.matched_count = in.u64();
  return e;
}

Result<PortStats> decode_port_stats(Reader& in, Version version) {
  const auto port = decode_port_no(in, version, ErrorId::kBrcBadPort);
  if (!port) return fail(port.error());
  PortStats e;
  e.port = *port;
  in.skip(version == Version::k10 ? 6 : 4);
  for (std::uint64_t* v : {&e.rx_packets, &e.tx_packets, &e.rx_bytes, &e.tx_bytes, &e.rx_dropped,
                           &e.tx_dropped, &e.rx_errors, &e.tx_errors, &e.rx_frame_err,
                           &e.rx_over_err, &e.rx_crc_err, &e.collisions}) {
    *v = in.u64();
  }
  if (version == Version::k10) return e;
  e.duration_sec = in.u32();
  e.duration_nsec = in.u32();
  return e;
}

Result<QueueStats> decode_queue_stats(Reader& in, Version version) {
  const auto port = decode_port_no(in, version, ErrorId::kQofcBadPort);
  if (!port) return fail(port.error());
  QueueStats e;
  e.port = *port;
  if (version == Version::k10) in.skip(2);
  e.queue_id = in.u32();
  e.tx_bytes = in.u64();
  e.tx_packets = in.u64();
  e.tx_errors = in.u64();
  if (version == Version::k10) return e;
  e.duration_sec = in.u32();
  e.duration_nsec = in.u32();
  return e;
}

Result<GroupStats> decode_group_stats(Reader in, Version) {
  GroupStats e;
  in.skip(4);
  e.group_id = in.u32();
  e.ref_count = in.u32();
  in.skip(4);
  e.packet_count = in.u64();
  e.byte_count = in.u64();
  e.duration_sec = in.u32();
  e.duration_nsec = in.u32();
  while (in.ok() && !in.empty()) {
    const std::uint64_t packets = in.u64();
    e.buckets.push_back({packets, in.u64()});
  }
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  return e;
}

Result<GroupDesc> decode_group_desc(Reader in, Version) {
  GroupDesc e;
  in.skip(2);
  const std::uint8_t type = in.u8();
  in.skip(1);
  e.group_id = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (type > 3) return fail(ErrorId::kGmfcBadType);
  e.type = static_cast<GroupType>(type);
  auto buckets = decode_buckets(Reader(in.rest()));
  if (!buckets) return fail(buckets.error());
  e.buckets = std::move(*buckets);
  return e;
}

Result<MeterStats> decode_meter_stats(Reader in, Version) {
  MeterStats e;
  e.meter_id = in.u32();
  in.skip(8);
  e.flow_count = in.u32();
  e.packet_in_count = in.u64();
  e.byte_in_count = in.u64();
  e.duration_sec = in.u32();
  e.duration_nsec = in.u32();
  while (in.ok() && !in.empty()) {
    const std::uint64_t packets = in.u64();
    e.bands.push_back({packets, in.u64()});
  }
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  return e;
}

Result<MeterConfig> decode_meter_config(Reader in, Version) {
  MeterConfig e;
  in.skip(2);
  e.flags = in.u16();
  e.meter_id = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  auto bands = decode_bands(Reader(in.rest()));
  if (!bands) return fail(bands.error());
  e.bands = std::move(*bands);
  return e;
}

// A list whose entries have a fixed size.
template <class Entry>
Result<MultipartReplyBody> list(Reader in, Version version,
                                Result<Entry> (*decode)(Reader&, Version)) {
  std::vector<Entry> entries;
  while (!in.empty()) {
    auto entry = decode(in, version);
    if (!in.ok()) return fail(ErrorId::kBrcBadLen);
    if (!entry) return fail(entry.error());
    entries.push_back(std::move(*entry));
  }
  return entries;
}

// A list whose entries say their length at `length_at`.
template <class Entry>
Result<MultipartReplyBody> sized_list(Reader in, Version version, std::size_t length_at,
                                      Result<Entry> (*decode)(Reader, Version)) {
  std::vector<Entry> entries;
  while (!in.empty()) {
    const std::size_t length = in.peek_u16(length_at);
    if (length < 8 || length > in.remaining()) return fail(ErrorId::kBrcBadLen);
    auto entry = decode(Reader(in.take(length)), version);
    if (!entry) return fail(entry.error());
    entries.push_back(std::move(*entry));
  }
  return entries;
}

Result<MultipartReplyBody> decode_desc(Reader in) {
  DescReply d;
  d.manufacturer = in.text(256);
  d.hardware = in.text(256);
  d.software = in.text(256);
  d.serial_number = in.text(32);
  d.datapath = in.text(256);
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return d;
}

Result<MultipartReplyBody> decode_aggregate(Reader in) {
  AggregateStats a;
  a.packet_count = in.u64();
  a.byte_count = in.u64();
  a.flow_count = in.u32();
  in.skip(4);
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return a;
}

Result<MultipartReplyBody> decode_group_features(Reader in) {
  GroupFeatures f;
  f.types = in.u32();
  f.capabilities = in.u32();
  for (std::uint32_t& v : f.max_groups) v = in.u32();
  for (std::uint32_t& v : f.actions) v = in.u32();
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return f;
}

Result<MultipartReplyBody> decode_meter_features(Reader in) {
  MeterFeatures f;
  f.max_meters = in.u32();
  f.band_types = in.u32();
  f.capabilities = in.u32();
  f.max_bands = in.u8();
  f.max_color = in.u8();
  in.skip(2);
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return f;
}

Result<MultipartReplyBody> decode_experimenter(Reader in, Version version) {
  if (is_flow_monitor(in, version)) {
    auto updates = decode_flow_updates(in, version);
    if (!updates) return fail(updates.error());
    return std::move(*updates);
  }
  ExperimenterMultipart e;
  e.experimenter = in.u32();
  if (in.ok() && (version == Version::k13 || in.remaining() >= 4)) e.exp_type = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  e.data = in.copy_rest();
  return e;
}

struct BodyEncoder {
  Writer& out;
  Version version;

  void operator()(const DescReply& d) const {
    out.text(d.manufacturer, 256);
    out.text(d.hardware, 256);
    out.text(d.software, 256);
    out.text(d.serial_number, 32);
    out.text(d.datapath, 256);
  }
  void operator()(const AggregateStats& a) const {
    out.u64(a.packet_count);
    out.u64(a.byte_count);
    out.u32(a.flow_count);
    out.zeros(4);
  }
  void operator()(const GroupFeatures& f) const {
    out.u32(f.types);
    out.u32(f.capabilities);
    for (const std::uint32_t v : f.max_groups) out.u32(v);
    for (const std::uint32_t v : f.actions) out.u32(v);
  }
  void operator()(const MeterFeatures& f) const {
    out.u32(f.max_meters);
    out.u32(f.band_types);
    out.u32(f.capabilities);
    out.u8(f.max_bands);
    out.u8(f.max_color);
    out.zeros(2);
  }
  void operator()(const ExperimenterMultipart& e) const {
    out.u32(e.experimenter);
    out.u32(e.exp_type);
    out.bytes(e.data);
  }
  void operator()(const FlowMonitorReply& updates) const {
    begin_flow_monitor(out, version);
    for (const FlowUpdate& u : updates) encode_entry(out, u, version);
  }
  template <class Entry>
  void operator()(const std::vector<Entry>& entries) const {
    for (const Entry& e : entries) encode_entry(out, e, version);
  }
};

}  // namespace

Result<MultipartReplyBody> decode_multipart_reply(std::uint16_t type, Reader in, Version version) {
  switch (static_cast<MultipartType>(type)) {
    case MultipartType::kDesc: return decode_desc(in);
    case MultipartType::kFlow: return sized_list(in, version, 0, decode_flow_stats);
    case MultipartType::kAggregate: return decode_aggregate(in);
    case MultipartType::kTable: return list(in, version, decode_table_stats);
    case MultipartType::kPort: return list(in, version, decode_port_stats);
    case MultipartType::kQueue: return list(in, version, decode_queue_stats);
    case MultipartType::kPortDesc: return list(in, version, decode_port);
    case MultipartType::kExperimenter: return decode_experimenter(in, version);
    default: break;
  }
  if (version == Version::k10) return fail(ErrorId::kBrcBadMultipart);
  switch (static_cast<MultipartType>(type)) {
    case MultipartType::kGroup: return sized_list(in, version, 0, decode_group_stats);
    case MultipartType::kGroupDesc: return sized_list(in, version, 0, decode_group_desc);
    case MultipartType::kGroupFeatures: return decode_group_features(in);
    case MultipartType::kMeter: return sized_list(in, version, 4, decode_meter_stats);
    case MultipartType::kMeterConfig: return sized_list(in, version, 0, decode_meter_config);
    case MultipartType::kMeterFeatures: return decode_meter_features(in);
    case MultipartType::kTableFeatures: {
      auto tables = decode_table_features(in);
      if (!tables) return fail(tables.error());
      return std::move(*tables);
    }
    default: return fail(ErrorId::kBrcBadMultipart);
  }
}

MultipartType multipart_type(const MultipartReplyBody& body) {
  constexpr std::array kTypes = {
      MultipartType::kDesc,          MultipartType::kFlow,        MultipartType::kAggregate,
      MultipartType::kTable,         MultipartType::kPort,        MultipartType::kQueue,
      MultipartType::kGroup,         MultipartType::kGroupDesc,   MultipartType::kGroupFeatures,
      MultipartType::kMeter,         MultipartType::kMeterConfig, MultipartType::kMeterFeatures,
      MultipartType::kTableFeatures, MultipartType::kPortDesc,    MultipartType::kExperimenter,
      MultipartType::kExperimenter};
  static_assert(kTypes.size() == std::variant_size_v<MultipartReplyBody>);
  return kTypes[body.index()];
}

bool encode_multipart_body(Writer& out, const MultipartReplyBody& body, Version version) {
  const MultipartType type = multipart_type(body);
  const bool known = version == Version::k13 || type <= MultipartType::kQueue ||
                     type == MultipartType::kPortDesc || type == MultipartType::kExperimenter;
  if (!known) return false;
  std::visit(BodyEncoder{out, version}, body);
  return true;
}

}  // namespace lifeline::openflow
