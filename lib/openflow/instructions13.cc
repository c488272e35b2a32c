#include "openflow/action_codec.h"

namespace lifeline::openflow {
namespace {

enum Type : std::uint16_t {
  kGotoTable = 1,
  kWriteMetadata = 2,
  kWriteActions = 3,
  kApplyActions = 4,
  kClearActions = 5,
  kMeter = 6,
  kExperimenter = 0xffff,
};

constexpr std::size_t kListHeaderBytes = 8;

std::optional<ErrorId> decode_list(std::optional<flow::ActionList>& into, std::size_t length,
                                   Reader& in) {
  if (length < kListHeaderBytes) return ErrorId::kBicBadLen;
  in.skip(4);
  auto actions = decode_actions13(Reader(in.rest()));
  if (!actions) return actions.error();
  into = std::move(*actions);
  return std::nullopt;
}

// `in` stands behind type and length.
std::optional<ErrorId> add(flow::Instructions& out, std::uint16_t type, std::size_t length,
                           Reader& in) {
  const auto needs = [&](std::size_t bytes) { return length == bytes; };
  switch (type) {
    case kGotoTable:
      if (!needs(8)) return ErrorId::kBicBadLen;
      if (out.goto_table) return ErrorId::kBicDupInst;
      out.goto_table = in.u8();
      return std::nullopt;
    case kWriteMetadata: {
      if (!needs(24)) return ErrorId::kBicBadLen;
      if (out.metadata) return ErrorId::kBicDupInst;
      in.skip(4);
      const be64 value{in.u64()};
      out.metadata = flow::WriteMetadata{value, be64{in.u64()}};
      return std::nullopt;
    }
    case kWriteActions:
      if (out.write) return ErrorId::kBicDupInst;
      return decode_list(out.write, length, in);
    case kApplyActions:
      if (out.apply) return ErrorId::kBicDupInst;
      return decode_list(out.apply, length, in);
    case kClearActions:
      if (!needs(8)) return ErrorId::kBicBadLen;
      if (out.clear) return ErrorId::kBicDupInst;
      out.clear = true;
      return std::nullopt;
    case kMeter:
      if (!needs(8)) return ErrorId::kBicBadLen;
      if (out.meter) return ErrorId::kBicDupInst;
      out.meter = in.u32();
      return std::nullopt;
    case kExperimenter: return ErrorId::kBicBadExperimenter;
    default: return ErrorId::kBicUnknownInst;
  }
}

void encode_list(Writer& out, std::uint16_t type, const flow::ActionList& actions) {
  const std::size_t start = out.size();
  out.u16(type);
  out.u16(0);
  out.zeros(4);
  encode_actions13(out, actions);
  out.patch_u16(start + 2, out.size() - start);
}

}  // namespace

Result<flow::Instructions> decode_instructions13(Reader in) {
  flow::Instructions out;
  while (!in.empty()) {
    const std::uint16_t type = in.peek_u16();
    const std::size_t length = in.peek_u16(2);
    if (length < 8 || length % 8 != 0 || length > in.remaining())
      return tl::make_unexpected(ErrorId::kBicBadLen);
    Reader body(in.take(length));
    body.skip(4);
    if (const auto error = add(out, type, length, body)) return tl::make_unexpected(*error);
  }
  return out;
}

void encode_instructions13(Writer& out, const flow::Instructions& i) {
  if (i.meter) {
    out.u16(kMeter);
    out.u16(8);
    out.u32(*i.meter);
  }
  if (i.apply) encode_list(out, kApplyActions, *i.apply);
  if (i.clear) {
    out.u16(kClearActions);
    out.u16(8);
    out.zeros(4);
  }
  if (i.write) encode_list(out, kWriteActions, *i.write);
  if (i.metadata) {
    out.u16(kWriteMetadata);
    out.u16(24);
    out.zeros(4);
    out.u64(i.metadata->value.host());
    out.u64(i.metadata->mask.host());
  }
  if (i.goto_table) {
    out.u16(kGotoTable);
    out.u16(8);
    out.u8(*i.goto_table);
    out.zeros(3);
  }
}

}  // namespace lifeline::openflow
