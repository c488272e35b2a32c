// Flow monitors: Nicira's statistics request of 1.0 and the ONF's experimenter multipart of 1.3, as
// ovs-ofctl 3.1 and ovs-vswitchd speak them. Requests differ in their head and match, updates in
// their match and actions.
#include "openflow/action_codec.h"
#include "openflow/body_codec.h"
#include "openflow/codec.h"
#include "openflow/message_type.h"

namespace lifeline::openflow {
namespace {

tl::unexpected<ErrorId> fail(ErrorId id) { return tl::make_unexpected(id); }

using Event = FlowUpdate::Event;

constexpr std::size_t kUpdateHeadBytes = 24;
constexpr std::size_t kAbbreviatedBytes = 8;

void skip_numbers(Reader& in, Version version) { in.skip(version == Version::k13 ? 8 : 12); }

Result<flow::Match> decode_match(Reader& in, std::size_t length, Version version) {
  if (version == Version::k13 && length != 0 && in.peek_u16() == kMatchTypeOxm)
    return decode_match13(in, Masks::kAny);
  if (round_up8(length) > in.remaining()) return fail(ErrorId::kBmcBadLen);
  Reader fields(in.take(length));
  in.skip(round_up8(length) - length);
  // As os-ken writes it: the fields without an ofp_match around them, whose type no OXM class is.
  if (version == Version::k13) return decode_fields(fields, Masks::kAny);
  return decode_nxm(fields);
}

// Gives the length without padding.
std::size_t encode_match(Writer& out, const flow::Match& match, Version version) {
  const std::size_t start = out.size();
  if (version == Version::k13) {
    encode_match13(out, match);
    // ofp_match says its own length.
    const auto* at = out.buffer().data() + start + 2;
    return std::to_integer<std::size_t>(at[0]) << 8 | std::to_integer<std::size_t>(at[1]);
  }
  encode_nxm(out, match);
  const std::size_t length = out.size() - start;
  out.pad8(start);
  return length;
}

std::optional<ErrorId> find_error(std::uint16_t flags, BytesView zeros) {
  constexpr std::uint16_t kEvents =
      flow_monitor_flags::kAdd | flow_monitor_flags::kDelete | flow_monitor_flags::kModify;
  if ((flags & kEvents) == 0 || (flags & ~flow_monitor_flags::kAll) != 0)
    return ErrorId::kMofcBadFlags;
  for (const std::byte b : zeros) {
    if (b != std::byte{0}) return ErrorId::kNxbrcMustBeZero;
  }
  return std::nullopt;
}

Result<FlowMonitorRequest> decode_monitor(Reader& in, Version version) {
  const bool is13 = version == Version::k13;
  FlowMonitorRequest m;
  m.id = in.u32();
  m.flags = in.u16();
  std::size_t match_length = 0;
  std::optional<flow::PortNo> out_port;
  if (is13) {
    match_length = in.u16();
    out_port = port_from_13(in.u32());
  } else {
    out_port = in.u16();
    match_length = in.u16();
  }
  m.table_id = in.u8();
  const BytesView zeros = in.take(is13 ? 3 : 5);
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (const auto error = find_error(m.flags, zeros)) return fail(*error);
  if (!out_port) return fail(ErrorId::kBacBadOutPort);
  m.out_port = *out_port;
  auto match = decode_match(in, match_length, version);
  if (!match) return fail(match.error());
  m.match = *match;
  return m;
}

Result<FlowUpdate> decode_update(Reader in, Version version) {
  const std::size_t length = in.remaining();
  FlowUpdate u;
  in.skip(2);
  const std::uint16_t event = in.u16();
  if (event > static_cast<std::uint16_t>(Event::kAbbreviated)) return fail(ErrorId::kBrcBadLen);
  u.event = static_cast<Event>(event);
  if (u.event == Event::kAbbreviated) {
    u.xid = in.u32();
    if (!in.finished()) return fail(ErrorId::kBrcBadLen);
    return u;
  }
  if (length < kUpdateHeadBytes) return fail(ErrorId::kBrcBadLen);
  const std::uint16_t reason = in.u16();
  if (u.event == Event::kDeleted) {
    if (reason > static_cast<std::uint16_t>(FlowRemovedReason::kGroupDelete))
      return fail(ErrorId::kBrcBadLen);
    u.reason = static_cast<FlowRemovedReason>(reason);
  }
  u.priority = in.u16();
  u.idle_timeout = in.u16();
  u.hard_timeout = in.u16();
  const std::size_t match_length = in.u16();
  u.table_id = in.u8();
  in.skip(1);
  u.cookie = in.u64();
  auto match = decode_match(in, match_length, version);
  if (!match) return fail(match.error());
  u.match = *match;
  if (version == Version::k13) {
    auto instructions = decode_instructions13(Reader(in.rest()));
    if (!instructions) return fail(instructions.error());
    u.instructions = std::move(*instructions);
    return u;
  }
  if (in.empty()) return u;
  auto actions = decode_actions10(Reader(in.rest()));
  if (!actions) return fail(actions.error());
  u.instructions.apply = std::move(*actions);
  return u;
}

}  // namespace

bool is_flow_monitor(Reader in, Version version) {
  const bool is13 = version == Version::k13;
  const bool ours = in.u32() == (is13 ? kVendorOnf : kVendorNicira) &&
                    in.u32() == (is13 ? std::uint32_t{exp_type::kFlowMonitor}
                                      : std::uint32_t{exp_type::kNiciraFlowMonitor});
  return ours && in.ok();
}

Result<FlowMonitorsRequest> decode_flow_monitors(Reader in, Version version) {
  FlowMonitorsRequest request;
  skip_numbers(in, version);
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  while (!in.empty()) {
    auto monitor = decode_monitor(in, version);
    if (!monitor) return fail(monitor.error());
    request.monitors.push_back(std::move(*monitor));
  }
  return request;
}

Result<FlowMonitorReply> decode_flow_updates(Reader in, Version version) {
  FlowMonitorReply updates;
  skip_numbers(in, version);
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  while (!in.empty()) {
    const std::size_t length = in.peek_u16();
    if (length < kAbbreviatedBytes || length % 8 != 0 || length > in.remaining())
      return fail(ErrorId::kBrcBadLen);
    auto update = decode_update(Reader(in.take(length)), version);
    if (!update) return fail(update.error());
    updates.push_back(std::move(*update));
  }
  return updates;
}

void begin_flow_monitor(Writer& out, Version version) {
  const bool is13 = version == Version::k13;
  out.u32(is13 ? kVendorOnf : kVendorNicira);
  out.u32(is13 ? std::uint32_t{exp_type::kFlowMonitor}
               : std::uint32_t{exp_type::kNiciraFlowMonitor});
  if (!is13) out.zeros(4);
}

void encode_flow_monitors(Writer& out, const FlowMonitorsRequest& request, Version version) {
  const bool is13 = version == Version::k13;
  begin_flow_monitor(out, version);
  for (const FlowMonitorRequest& m : request.monitors) {
    out.u32(m.id);
    out.u16(m.flags);
    if (!is13) out.u16(m.out_port);
    const std::size_t length_at = out.size();
    out.u16(0);
    if (is13) out.u32(port_to_13(m.out_port));
    out.u8(m.table_id);
    out.zeros(is13 ? 3 : 5);
    out.patch_u16(length_at, encode_match(out, m.match, version));
  }
}

void encode_entry(Writer& out, const FlowUpdate& e, Version version) {
  const std::size_t start = out.size();
  out.u16(0);
  out.u16(static_cast<std::uint16_t>(e.event));
  if (e.event == Event::kAbbreviated) {
    out.u32(e.xid);
    out.patch_u16(start, kAbbreviatedBytes);
    return;
  }
  out.u16(e.event == Event::kDeleted ? static_cast<std::uint16_t>(e.reason) : std::uint16_t{0});
  out.u16(e.priority);
  out.u16(e.idle_timeout);
  out.u16(e.hard_timeout);
  const std::size_t length_at = out.size();
  out.u16(0);
  out.u8(e.table_id);
  out.zeros(1);
  out.u64(e.cookie);
  out.patch_u16(length_at, encode_match(out, e.match, version));
  if (version == Version::k13) {
    encode_instructions13(out, e.instructions);
  } else if (e.instructions.apply) {
    encode_actions10(out, *e.instructions.apply);
  }
  out.patch_u16(start, out.size() - start);
}

}  // namespace lifeline::openflow
