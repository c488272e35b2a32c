// Bundles of OpenFlow 1.3: EXT-230, with the numbers that the ONF gave them.
#include "openflow/body_codec.h"
#include "openflow/codec.h"
#include "openflow/message_type.h"

namespace lifeline::openflow {
namespace {

tl::unexpected<ErrorId> fail(ErrorId id) { return tl::make_unexpected(id); }

void begin(Writer& out, std::uint32_t exp_type) {
  out.u32(kVendorOnf);
  out.u32(exp_type);
}

}  // namespace

Result<BundleControl> decode_bundle_control(Reader in) {
  BundleControl m;
  m.bundle_id = in.u32();
  const std::uint16_t type = in.u16();
  m.flags = in.u16();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (type > static_cast<std::uint16_t>(BundleControlType::kDiscardReply))
    return fail(ErrorId::kBfcBadType);
  m.type = static_cast<BundleControlType>(type);
  return m;
}

Result<BundleAdd> decode_bundle_add(Reader in) {
  BundleAdd m;
  m.bundle_id = in.u32();
  in.skip(2);
  m.flags = in.u16();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  const std::size_t length = in.peek_u16(2);  // of the inner header
  if (length < kHeaderBytes || length > in.remaining()) return fail(ErrorId::kBfcMsgBadLen);
  const BytesView inner = in.take(length);
  m.message.assign(inner.begin(), inner.end());
  return m;
}

void encode_bundle_control(Writer& out, const BundleControl& m) {
  begin(out, exp_type::kBundleControl);
  out.u32(m.bundle_id);
  out.u16(static_cast<std::uint16_t>(m.type));
  out.u16(m.flags);
}

void encode_bundle_add(Writer& out, const BundleAdd& m) {
  begin(out, exp_type::kBundleAdd);
  out.u32(m.bundle_id);
  out.zeros(2);
  out.u16(m.flags);
  out.bytes(m.message);
}

}  // namespace lifeline::openflow
