// FLOW_MOD, FLOW_REMOVED, PACKET_IN, PACKET_OUT.
#include "openflow/action_codec.h"
#include "openflow/body_codec.h"
#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

template <class T>
tl::unexpected<ErrorId> fail(T id) {
  return tl::make_unexpected(ErrorId{id});
}

constexpr std::uint16_t kEmergency10 = 1 << 2;
constexpr std::uint16_t kFlags10 = flow_mod_flags::kSendFlowRemoved | flow_mod_flags::kCheckOverlap;
constexpr std::uint16_t kFlags13 = 0x1f;
constexpr std::uint16_t kMaxCommand = 4;

bool adds_or_modifies(FlowModCommand c) { return c <= FlowModCommand::kModifyStrict; }

// 1.0 has an emergency table that nobody built; Open vSwitch answers with these.
std::optional<ErrorId> check_flags10(std::uint16_t flags, const FlowMod& m) {
  if ((flags & kEmergency10) != 0)
    return m.idle_timeout != 0 || m.hard_timeout != 0 ? ErrorId::kFmfcBadTimeout
                                                      : ErrorId::kFmfcTableFull;
  return (flags & ~kFlags10) != 0 ? std::optional{ErrorId::kFmfcBadFlags} : std::nullopt;
}

Result<FlowMod> decode_flow_mod10(Reader in) {
  FlowMod m;
  m.match = decode_match10(in);
  m.cookie = in.u64();
  const std::uint16_t command = in.u16();
  m.idle_timeout = in.u16();
  m.hard_timeout = in.u16();
  m.priority = in.u16();
  m.buffer_id = in.u32();
  m.out_port = in.u16();
  m.flags = in.u16();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (command > kMaxCommand) return fail(ErrorId::kFmfcBadCommand);
  m.command = static_cast<FlowModCommand>(command);
  m.table_id = m.command == FlowModCommand::kAdd ? 0 : kTableAll;
  if (const auto error = check_flags10(m.flags, m)) return fail(*error);
  auto actions = decode_actions10(Reader(in.rest()));
  if (!actions) return fail(actions.error());
  m.instructions.apply = std::move(*actions);
  return m;
}

Result<FlowMod> decode_flow_mod13(Reader in) {
  FlowMod m;
  m.cookie = in.u64();
  m.cookie_mask = in.u64();
  m.table_id = in.u8();
  const std::uint8_t command = in.u8();
  m.idle_timeout = in.u16();
  m.hard_timeout = in.u16();
  m.priority = in.u16();
  m.buffer_id = in.u32();
  const auto out_port = port_from_13(in.u32());
  m.out_group = in.u32();
  m.flags = in.u16();
  in.skip(2);
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (command > kMaxCommand) return fail(ErrorId::kFmfcBadCommand);
  m.command = static_cast<FlowModCommand>(command);
  if ((m.flags & ~kFlags13) != 0) return fail(ErrorId::kFmfcBadFlags);
  // The field counts for deletes only; of the others whatever stands there is let pass.
  if (!out_port && !adds_or_modifies(m.command)) return fail(ErrorId::kBacBadOutPort);
  m.out_port = out_port.value_or(flow::kPortNone);
  auto match = decode_match13(in);
  if (!match) return fail(match.error());
  m.match = *match;
  auto instructions = decode_instructions13(Reader(in.rest()));
  if (!instructions) return fail(instructions.error());
  m.instructions = std::move(*instructions);
  return m;
}

}  // namespace

Result<FlowMod> decode_flow_mod(Reader in, Version version) {
  if (version == Version::k10) return decode_flow_mod10(in);
  auto m = decode_flow_mod13(in);
  if (m && adds_or_modifies(m->command)) {
    if (const auto error = check_actions(m->match, m->instructions, m->table_id))
      return fail(*error);
  }
  return m;
}

void encode_flow_mod(Writer& out, const FlowMod& m, Version version) {
  if (version == Version::k10) {
    encode_match10(out, m.match);
    out.u64(m.cookie);
    out.u16(static_cast<std::uint16_t>(m.command));
    out.u16(m.idle_timeout);
    out.u16(m.hard_timeout);
    out.u16(m.priority);
    out.u32(m.buffer_id);
    out.u16(m.out_port);
    out.u16(m.flags & kFlags10);
    if (m.instructions.apply) encode_actions10(out, *m.instructions.apply);
    return;
  }
  out.u64(m.cookie);
  out.u64(m.cookie_mask);
  out.u8(m.table_id);
  out.u8(static_cast<std::uint8_t>(m.command));
  out.u16(m.idle_timeout);
  out.u16(m.hard_timeout);
  out.u16(m.priority);
  out.u32(m.buffer_id);
  out.u32(port_to_13(m.out_port));
  out.u32(m.out_group);
  out.u16(m.flags);
  out.zeros(2);
  encode_match13(out, m.match);
  encode_instructions13(out, m.instructions);
}

Result<PacketOut> decode_packet_out(Reader in, Version version) {
  PacketOut m;
  m.buffer_id = in.u32();
  const auto in_port = decode_port_no(in, version, ErrorId::kBrcBadPort);
  const std::size_t actions_bytes = in.u16();
  if (version == Version::k13) in.skip(6);
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (!in_port) return fail(in_port.error());
  m.in_port = *in_port;
  if (actions_bytes > in.remaining()) return fail(ErrorId::kBrcBadLen);
  const Reader list(in.take(actions_bytes));
  auto actions = version == Version::k10 ? decode_actions10(list) : decode_actions13(list);
  if (!actions) return fail(actions.error());
  m.actions = std::move(*actions);
  m.data = in.copy_rest();
  return m;
}

void encode_packet_out(Writer& out, const PacketOut& m, Version version) {
  out.u32(m.buffer_id);
  encode_port_no(out, m.in_port, version);
  const std::size_t length_at = out.size();
  out.u16(0);
  if (version == Version::k13) out.zeros(6);
  const std::size_t start = out.size();
  if (version == Version::k10) {
    encode_actions10(out, m.actions);
  } else {
    encode_actions13(out, m.actions);
  }
  out.patch_u16(length_at, out.size() - start);
  out.bytes(m.data);
}

Result<PacketIn> decode_packet_in(Reader in, Version version) {
  PacketIn m;
  m.buffer_id = in.u32();
  m.total_len = in.u16();
  if (version == Version::k10) {
    m.match.in_port(in.u16());
    m.reason = static_cast<PacketInReason>(in.u8());
    in.skip(1);
  } else {
    m.reason = static_cast<PacketInReason>(in.u8());
    m.table_id = in.u8();
    m.cookie = in.u64();
    if (!in.ok()) return fail(ErrorId::kBrcBadLen);
    auto match = decode_match13(in);
    if (!match) return fail(match.error());
    m.match = *match;
    in.skip(2);
  }
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  const auto last = version == Version::k10 ? PacketInReason::kAction : PacketInReason::kInvalidTtl;
  if (m.reason > last) return fail(ErrorId::kBrcBadType);
  m.data = in.copy_rest();
  return m;
}

void encode_packet_in(Writer& out, const PacketIn& m, Version version) {
  out.u32(m.buffer_id);
  out.u16(m.total_len);
  if (version == Version::k10) {
    // 1.0 has no INVALID_TTL; an action sent it.
    const auto reason =
        m.reason == PacketInReason::kInvalidTtl ? PacketInReason::kAction : m.reason;
    out.u16(static_cast<std::uint16_t>(m.match.key.in_port));
    out.u8(static_cast<std::uint8_t>(reason));
    out.zeros(1);
  } else {
    out.u8(static_cast<std::uint8_t>(m.reason));
    out.u8(m.table_id);
    out.u64(m.cookie);
    encode_match13(out, m.match);
    out.zeros(2);
  }
  out.bytes(m.data);
}

Result<FlowRemoved> decode_flow_removed(Reader in, Version version) {
  FlowRemoved m;
  const bool is13 = version == Version::k13;
  if (!is13) m.match = decode_match10(in);
  m.cookie = in.u64();
  m.priority = in.u16();
  m.reason = static_cast<FlowRemovedReason>(in.u8());
  m.table_id = in.u8();
  if (!is13) m.table_id = 0;  // padding
  m.duration_sec = in.u32();
  m.duration_nsec = in.u32();
  m.idle_timeout = in.u16();
  m.hard_timeout = in.u16();
  if (!is13) m.hard_timeout = 0;  // padding
  m.packet_count = in.u64();
  m.byte_count = in.u64();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  const auto last = is13 ? FlowRemovedReason::kGroupDelete : FlowRemovedReason::kDelete;
  if (m.reason > last) return fail(ErrorId::kBrcBadType);
  if (is13) {
    auto match = decode_match13(in);
    if (!match) return fail(match.error());
    m.match = *match;
  }
  if (!in.finished()) return fail(ErrorId::kBrcBadLen);
  return m;
}

void encode_flow_removed(Writer& out, const FlowRemoved& m, Version version) {
  const bool is13 = version == Version::k13;
  auto reason = m.reason;
  if (!is13) {
    encode_match10(out, m.match);
    if (reason == FlowRemovedReason::kGroupDelete) reason = FlowRemovedReason::kDelete;
  }
  out.u64(m.cookie);
  out.u16(m.priority);
  out.u8(static_cast<std::uint8_t>(reason));
  out.u8(is13 ? m.table_id : std::uint8_t{0});
  out.u32(m.duration_sec);
  out.u32(m.duration_nsec);
  out.u16(m.idle_timeout);
  out.u16(is13 ? m.hard_timeout : std::uint16_t{0});
  out.u64(m.packet_count);
  out.u64(m.byte_count);
  if (is13) encode_match13(out, m.match);
}

}  // namespace lifeline::openflow
