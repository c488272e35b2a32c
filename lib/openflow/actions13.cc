#include "openflow/action_codec.h"
#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

using flow::Action;
using flow::ActionList;
using flow::FieldId;
using flow::FieldValue;

enum Type : std::uint16_t {
  kOutput = 0,
  kCopyTtlOut = 11,
  kCopyTtlIn = 12,
  kSetMplsTtl = 15,
  kDecMplsTtl = 16,
  kPushVlan = 17,
  kPopVlan = 18,
  kPushMpls = 19,
  kPopMpls = 20,
  kSetQueue = 21,
  kGroup = 22,
  kSetNwTtl = 23,
  kDecNwTtl = 24,
  kSetField = 25,
  kPushPbb = 26,
  kPopPbb = 27,
  kExperimenter = 0xffff,
};

Result<Action> fail(ErrorId id) { return tl::make_unexpected(id); }

Result<Action> decode_output(Reader& in) {
  const auto port = port_from_13(in.u32());
  flow::Output output;
  output.max_len = in.u16();
  if (!port || !valid_output_port(*port)) return fail(ErrorId::kBacBadOutPort);
  output.port = *port;
  return output;
}

Result<Action> decode_set_field_action(Reader& in, std::size_t action_bytes) {
  const auto tlv = decode_set_field(in);
  if (!tlv) return fail(tlv.error());
  const std::size_t used = 4u + 4u + flow::field_info(tlv->field).oxm_bytes;
  if (round_up8(used) != action_bytes) return fail(ErrorId::kBacBadLen);
  return flow::SetField{tlv->field, tlv->value};
}

// `in` stands behind type and length.
Result<Action> decode_action(std::uint16_t type, std::size_t length, Reader& in) {
  if (type == kExperimenter) return fail(ErrorId::kBacBadExperimenter);
  if (type == kSetField) return decode_set_field_action(in, length);
  if (type == kOutput) return length == 16 ? decode_output(in) : fail(ErrorId::kBacBadLen);
  const auto eight = [&](Action action) {
    return length == 8 ? Result<Action>(action) : fail(ErrorId::kBacBadLen);
  };
  switch (type) {
    case kCopyTtlOut: return eight(flow::CopyTtlOut{});
    case kCopyTtlIn: return eight(flow::CopyTtlIn{});
    case kSetMplsTtl: return eight(flow::SetMplsTtl{in.u8()});
    case kDecMplsTtl: return eight(flow::DecMplsTtl{});
    case kPushVlan: return eight(flow::PushVlan{in.u16()});
    case kPopVlan: return eight(flow::PopVlan{});
    case kPushMpls: return eight(flow::PushMpls{in.u16()});
    case kPopMpls: return eight(flow::PopMpls{in.u16()});
    case kSetQueue: return eight(flow::SetQueue{in.u32()});
    case kGroup: return eight(flow::Group{in.u32()});
    case kSetNwTtl: return eight(flow::SetIpTtl{in.u8()});
    case kDecNwTtl: return eight(flow::DecIpTtl{});
    case kPushPbb: return eight(flow::PushPbb{in.u16()});
    case kPopPbb: return eight(flow::PopPbb{});
    default: return fail(ErrorId::kBacBadType);
  }
}

class Encoder13 {
 public:
  explicit Encoder13(Writer& out) : out_(out) {}

  void operator()(const flow::Output& a) {
    begin(kOutput, 16);
    out_.u32(port_to_13(a.port));
    out_.u16(a.max_len);
    out_.zeros(6);
  }
  void operator()(const flow::SetField& a) {
    const std::size_t start = out_.size();
    const std::size_t used = 4u + 4u + flow::field_info(a.field).oxm_bytes;
    begin(kSetField, static_cast<std::uint16_t>(round_up8(used)));
    encode_oxm(out_, a.field, a.value, nullptr);
    out_.pad8(start);
  }
  // 1.0's tag-on-demand. Whether the packet has a tag is not known here; the words of 1.3 that do
  // what most rules of 1.0 mean are these.
  void operator()(const flow::SetVlanVid10& a) {
    (*this)(flow::PushVlan{});
    (*this)(flow::SetField{
        FieldId::kVlanVid,
        FieldValue::from_u64(FieldId::kVlanVid, std::uint64_t{a.vid} | packet::kVlanPresent)});
  }
  void operator()(const flow::SetVlanPcp10& a) {
    (*this)(flow::SetField{FieldId::kVlanPcp, FieldValue::from_u64(FieldId::kVlanPcp, a.pcp)});
  }
  // 1.3 has to name a transport; TCP stands for all (ofagent puts in the one of the rule's match).
  void operator()(const flow::SetTpSrc10& a) {
    (*this)(flow::SetField{FieldId::kTcpSrc, FieldValue::from_u64(FieldId::kTcpSrc, a.port)});
  }
  void operator()(const flow::SetTpDst10& a) {
    (*this)(flow::SetField{FieldId::kTcpDst, FieldValue::from_u64(FieldId::kTcpDst, a.port)});
  }
  void operator()(const flow::PushVlan& a) { with_u16(kPushVlan, a.eth_type); }
  void operator()(const flow::PopVlan&) { bare(kPopVlan); }
  void operator()(const flow::PushMpls& a) { with_u16(kPushMpls, a.eth_type); }
  void operator()(const flow::PopMpls& a) { with_u16(kPopMpls, a.eth_type); }
  void operator()(const flow::PushPbb& a) { with_u16(kPushPbb, a.eth_type); }
  void operator()(const flow::PopPbb&) { bare(kPopPbb); }
  void operator()(const flow::SetMplsTtl& a) { with_u8(kSetMplsTtl, a.ttl); }
  void operator()(const flow::DecMplsTtl&) { bare(kDecMplsTtl); }
  void operator()(const flow::SetIpTtl& a) { with_u8(kSetNwTtl, a.ttl); }
  void operator()(const flow::DecIpTtl&) { bare(kDecNwTtl); }
  void operator()(const flow::CopyTtlOut&) { bare(kCopyTtlOut); }
  void operator()(const flow::CopyTtlIn&) { bare(kCopyTtlIn); }
  void operator()(const flow::SetQueue& a) { with_u32(kSetQueue, a.queue_id); }
  void operator()(const flow::Group& a) { with_u32(kGroup, a.group_id); }

 private:
  void begin(std::uint16_t type, std::uint16_t length) {
    out_.u16(type);
    out_.u16(length);
  }
  void bare(std::uint16_t type) {
    begin(type, 8);
    out_.zeros(4);
  }
  void with_u8(std::uint16_t type, std::uint8_t v) {
    begin(type, 8);
    out_.u8(v);
    out_.zeros(3);
  }
  void with_u16(std::uint16_t type, std::uint16_t v) {
    begin(type, 8);
    out_.u16(v);
    out_.zeros(2);
  }
  void with_u32(std::uint16_t type, std::uint32_t v) {
    begin(type, 8);
    out_.u32(v);
  }

  Writer& out_;
};

}  // namespace

Result<ActionList> decode_actions13(Reader in) {
  ActionList actions;
  while (!in.empty()) {
    const std::uint16_t type = in.peek_u16();
    const std::size_t length = in.peek_u16(2);
    if (length < 8 || length % 8 != 0 || length > in.remaining())
      return tl::make_unexpected(ErrorId::kBacBadLen);
    Reader body(in.take(length));
    body.skip(4);
    auto action = decode_action(type, length, body);
    if (!action) return tl::make_unexpected(action.error());
    actions.push_back(*action);
  }
  return actions;
}

void encode_actions13(Writer& out, const ActionList& actions) {
  Encoder13 encoder(out);
  for (const Action& action : actions) std::visit(encoder, action);
}

}  // namespace lifeline::openflow
