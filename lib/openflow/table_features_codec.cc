#include "openflow/body_codec.h"

namespace lifeline::openflow {
namespace {

tl::unexpected<ErrorId> fail(ErrorId id) { return tl::make_unexpected(id); }

using Property = TableFeatures::Property;

constexpr std::size_t kTableBytes = 64;  // without properties

enum class Form { kIds, kTables, kOxm, kExperimenter, kUnknown };

Form form_of(std::uint16_t type) {
  switch (type) {
    case TableFeatures::kInstructions:
    case TableFeatures::kInstructionsMiss:
    case TableFeatures::kWriteActions:
    case TableFeatures::kWriteActionsMiss:
    case TableFeatures::kApplyActions:
    case TableFeatures::kApplyActionsMiss: return Form::kIds;
    case TableFeatures::kNextTables:
    case TableFeatures::kNextTablesMiss: return Form::kTables;
    case TableFeatures::kMatch:
    case TableFeatures::kWildcards:
    case TableFeatures::kWriteSetField:
    case TableFeatures::kWriteSetFieldMiss:
    case TableFeatures::kApplySetField:
    case TableFeatures::kApplySetFieldMiss: return Form::kOxm;
    case TableFeatures::kExperimenter:
    case TableFeatures::kExperimenterMiss: return Form::kExperimenter;
    default: return Form::kUnknown;
  }
}

// Instruction or action types with their lengths: 4 each, 8 of an experimenter, whose id is of no
// use to us.
bool read_ids(Reader& in, std::vector<std::uint16_t>& ids) {
  while (!in.empty()) {
    const std::uint16_t id = in.u16();
    const std::size_t length = in.u16();
    if (!in.ok() || length < 4) return false;
    in.skip(length - 4);
    ids.push_back(id);
  }
  return in.ok();
}

Result<Property> decode_property(Reader in) {
  Property p;
  p.type = in.u16();
  in.skip(2);
  switch (form_of(p.type)) {
    case Form::kIds:
      if (!read_ids(in, p.ids)) return fail(ErrorId::kTffcBadLen);
      break;
    case Form::kTables:
      while (!in.empty()) p.tables.push_back(in.u8());
      break;
    case Form::kOxm:
      if (in.remaining() % 4 != 0) return fail(ErrorId::kTffcBadLen);
      while (!in.empty()) p.oxm.push_back(in.u32());
      break;
    case Form::kExperimenter: p.experimenter = in.copy_rest(); break;
    case Form::kUnknown: return fail(ErrorId::kTffcBadType);
  }
  return p;
}

Result<TableFeatures> decode_table(Reader in) {
  TableFeatures t;
  in.skip(2);
  t.table_id = in.u8();
  in.skip(5);
  t.name = in.text(32);
  t.metadata_match = in.u64();
  t.metadata_write = in.u64();
  t.config = in.u32();
  t.max_entries = in.u32();
  while (!in.empty()) {
    const std::size_t length = in.peek_u16(2);
    if (length < 4 || round_up8(length) > in.remaining()) return fail(ErrorId::kTffcBadLen);
    auto property = decode_property(Reader(in.take(length)));
    if (!property) return fail(property.error());
    in.skip(round_up8(length) - length);
    t.properties.push_back(std::move(*property));
  }
  return t;
}

}  // namespace

Result<std::vector<TableFeatures>> decode_table_features(Reader in) {
  std::vector<TableFeatures> tables;
  while (!in.empty()) {
    const std::size_t length = in.peek_u16();
    if (length < kTableBytes || length % 8 != 0 || length > in.remaining())
      return fail(ErrorId::kTffcBadLen);
    auto table = decode_table(Reader(in.take(length)));
    if (!table) return fail(table.error());
    tables.push_back(std::move(*table));
  }
  return tables;
}

void encode_entry(Writer& out, const TableFeatures& t, Version) {
  const std::size_t start = out.size();
  out.u16(0);
  out.u8(t.table_id);
  out.zeros(5);
  out.text(t.name, 32);
  out.u64(t.metadata_match);
  out.u64(t.metadata_write);
  out.u32(t.config);
  out.u32(t.max_entries);
  for (const Property& p : t.properties) {
    const std::size_t at = out.size();
    out.u16(p.type);
    out.u16(0);
    for (const std::uint16_t id : p.ids) {
      out.u16(id);
      out.u16(4);
    }
    for (const std::uint8_t table : p.tables) out.u8(table);
    for (const std::uint32_t oxm : p.oxm) out.u32(oxm);
    out.bytes(p.experimenter);
    out.patch_u16(at + 2, out.size() - at);
    out.pad8(at);
  }
  out.patch_u16(start, out.size() - start);
}

}  // namespace lifeline::openflow
