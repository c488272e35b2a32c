// GROUP_MOD, METER_MOD and the parts they share with statistics.
#include "openflow/action_codec.h"
#include "openflow/body_codec.h"
#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

tl::unexpected<ErrorId> fail(ErrorId id) { return tl::make_unexpected(id); }

constexpr std::size_t kBucketBytes = 16;
constexpr std::size_t kBandBytes = 16;
constexpr std::uint16_t kMeterFlags = 0xf;

Result<Bucket> decode_bucket(Reader in) {
  Bucket b;
  in.skip(2);
  b.weight = in.u16();
  const auto watch_port = port_from_13(in.u32());
  if (!watch_port) return fail(ErrorId::kGmfcBadWatch);
  b.watch_port = *watch_port;
  b.watch_group = in.u32();
  in.skip(4);
  auto actions = decode_actions13(Reader(in.rest()));
  if (!actions) return fail(actions.error());
  b.actions = std::move(*actions);
  return b;
}

}  // namespace

Result<std::vector<Bucket>> decode_buckets(Reader in) {
  std::vector<Bucket> buckets;
  while (!in.empty()) {
    const std::size_t length = in.peek_u16();
    if (length < kBucketBytes || length % 8 != 0 || length > in.remaining())
      return fail(ErrorId::kGmfcBadBucket);
    auto bucket = decode_bucket(Reader(in.take(length)));
    if (!bucket) return fail(bucket.error());
    buckets.push_back(std::move(*bucket));
  }
  return buckets;
}

void encode_buckets(Writer& out, const std::vector<Bucket>& buckets) {
  for (const Bucket& b : buckets) {
    const std::size_t start = out.size();
    out.u16(0);
    out.u16(b.weight);
    out.u32(port_to_13(b.watch_port));
    out.u32(b.watch_group);
    out.zeros(4);
    encode_actions13(out, b.actions);
    out.patch_u16(start, out.size() - start);
  }
}

Result<GroupMod> decode_group_mod(Reader in) {
  GroupMod m;
  const std::uint16_t command = in.u16();
  const std::uint8_t type = in.u8();
  in.skip(1);
  m.group_id = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (command > 2) return fail(ErrorId::kGmfcBadCommand);
  if (type > 3) return fail(ErrorId::kGmfcBadType);
  m.command = static_cast<GroupModCommand>(command);
  m.type = static_cast<GroupType>(type);
  auto buckets = decode_buckets(Reader(in.rest()));
  if (!buckets) return fail(buckets.error());
  m.buckets = std::move(*buckets);
  return m;
}

void encode_group_mod(Writer& out, const GroupMod& m) {
  out.u16(static_cast<std::uint16_t>(m.command));
  out.u8(static_cast<std::uint8_t>(m.type));
  out.zeros(1);
  out.u32(m.group_id);
  encode_buckets(out, m.buckets);
}

Result<std::vector<MeterBand>> decode_bands(Reader in) {
  std::vector<MeterBand> bands;
  while (!in.empty()) {
    const std::uint16_t type = in.peek_u16();
    const bool known = type == 1 || type == 2 || type == 0xffff;
    if (!known) return fail(ErrorId::kMmfcBadBand);
    if (in.peek_u16(2) != kBandBytes || in.remaining() < kBandBytes)
      return fail(ErrorId::kBrcBadLen);
    MeterBand band;
    band.type = static_cast<MeterBandType>(in.u16());
    in.skip(2);
    band.rate = in.u32();
    band.burst = in.u32();
    if (band.type == MeterBandType::kExperimenter) {
      band.experimenter = in.u32();
    } else {
      const std::uint8_t prec_level = in.u8();
      if (band.type == MeterBandType::kDscpRemark) band.prec_level = prec_level;
      in.skip(3);
    }
    bands.push_back(band);
  }
  return bands;
}

void encode_bands(Writer& out, const std::vector<MeterBand>& bands) {
  for (const MeterBand& b : bands) {
    out.u16(static_cast<std::uint16_t>(b.type));
    out.u16(kBandBytes);
    out.u32(b.rate);
    out.u32(b.burst);
    if (b.type == MeterBandType::kExperimenter) {
      out.u32(b.experimenter);
    } else {
      out.u8(b.type == MeterBandType::kDscpRemark ? b.prec_level : std::uint8_t{0});
      out.zeros(3);
    }
  }
}

Result<MeterMod> decode_meter_mod(Reader in) {
  MeterMod m;
  const std::uint16_t command = in.u16();
  m.flags = in.u16();
  m.meter_id = in.u32();
  if (!in.ok()) return fail(ErrorId::kBrcBadLen);
  if (command > 2) return fail(ErrorId::kMmfcBadCommand);
  m.command = static_cast<MeterModCommand>(command);
  if ((m.flags & ~kMeterFlags) != 0) return fail(ErrorId::kMmfcBadFlags);
  auto bands = decode_bands(Reader(in.rest()));
  if (!bands) return fail(bands.error());
  m.bands = std::move(*bands);
  return m;
}

void encode_meter_mod(Writer& out, const MeterMod& m) {
  out.u16(static_cast<std::uint16_t>(m.command));
  out.u16(m.flags);
  out.u32(m.meter_id);
  encode_bands(out, m.bands);
}

}  // namespace lifeline::openflow
