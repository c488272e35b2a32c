// Matches on the wire. Internal to openflow/.
#pragma once

#include <cstdint>
#include <optional>

#include "base/expected.h"
#include "flow/field.h"
#include "flow/match.h"
#include "openflow/error.h"
#include "openflow/wire.h"

namespace lifeline::openflow {

template <class T>
using Result = tl::expected<T, ErrorId>;

// What stands before each field, of OXM as of NXM.
struct FieldHeader {
  std::uint16_t oxm_class = 0;  // OFPXMC_*; NXM's are among them
  std::uint8_t field = 0;
  bool has_mask = false;
  std::uint8_t length = 0;  // of what follows, a mask included
};
// Nothing if the list ends in the header or in what it announces.
std::optional<FieldHeader> read_field_header(Reader& in);

// Which fields may be masked in part: flow monitors mask what rules may not.
enum class Masks : std::uint8_t { kAsSpecified, kAny };

inline constexpr std::uint16_t kMatchTypeOxm = 1;  // OFPMT_OXM

// 1.3: ofp_match of type OXM, with its padding.
Result<flow::Match> decode_match13(Reader& in, Masks masks = Masks::kAsSpecified);
// `in` is exactly the list of OXM fields.
Result<flow::Match> decode_fields(Reader in, Masks masks);
// Fields in the order of their numbers, which is also an order that meets every prerequisite.
void encode_match13(Writer& out, const flow::Match& match);

// 1.0: the 40 bytes of ofp_match. Fields that cannot matter (ports without a protocol that has
// them) are dropped, as the specification asks (1.0.1, 3.4) and Open vSwitch does.
flow::Match decode_match10(Reader& in);
// Fields that 1.0 does not have are left out; a mask that 1.0 cannot express is widened.
void encode_match10(Writer& out, const flow::Match& match);

// A list of NXM fields (`in` is exactly the list), as Nicira's extensions of 1.0 have it; OXM
// fields may be among them, any mask may stand.
Result<flow::Match> decode_nxm(Reader in);
// In the order in which Open vSwitch writes them; what has no NXM number is OXM, as there.
void encode_nxm(Writer& out, const flow::Match& match);

// The OXM TLV of a set-field action.
struct SetFieldTlv {
  flow::FieldId field{};
  flow::FieldValue value;
};
Result<SetFieldTlv> decode_set_field(Reader& in);
void encode_oxm(Writer& out, flow::FieldId field, const flow::FieldValue& value,
                const flow::FieldValue* mask);

}  // namespace lifeline::openflow
