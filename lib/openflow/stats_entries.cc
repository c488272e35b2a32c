// Entries of multipart replies, written.
#include "openflow/action_codec.h"
#include "openflow/body_codec.h"
#include "openflow/codec.h"

namespace lifeline::openflow {

void encode_entry(Writer& out, const FlowStats& e, Version version) {
  const std::size_t start = out.size();
  const bool is13 = version == Version::k13;
  out.u16(0);
  out.u8(e.table_id);
  out.zeros(1);
  if (!is13) encode_match10(out, e.match);
  out.u32(e.duration_sec);
  out.u32(e.duration_nsec);
  out.u16(e.priority);
  out.u16(e.idle_timeout);
  out.u16(e.hard_timeout);
  if (is13) {
    out.u16(e.flags);
    out.zeros(4);
  } else {
    out.zeros(6);
  }
  out.u64(e.cookie);
  out.u64(e.packet_count);
  out.u64(e.byte_count);
  if (is13) {
    encode_match13(out, e.match);
    encode_instructions13(out, e.instructions);
  } else if (e.instructions.apply) {
    encode_actions10(out, *e.instructions.apply);
  }
  out.patch_u16(start, out.size() - start);
}

void encode_entry(Writer& out, const TableStats& e, Version version) {
  out.u8(e.table_id);
  out.zeros(3);
  if (version == Version::k10) {
    out.text(e.name, 32);
    out.u32(e.wildcards);
    out.u32(e.max_entries);
  }
  out.u32(e.active_count);
  out.u64(e.lookup_count);
  out.u64(e.matched_count);
}

void encode_entry(Writer& out, const PortStats& e, Version version) {
  encode_port_no(out, e.port, version);
  out.zeros(version == Version::k10 ? 6 : 4);
  for (const std::uint64_t v :
       {e.rx_packets, e.tx_packets, e.rx_bytes, e.tx_bytes, e.rx_dropped, e.tx_dropped, e.rx_errors,
        e.tx_errors, e.rx_frame_err, e.rx_over_err, e.rx_crc_err, e.collisions}) {
    out.u64(v);
  }
  if (version == Version::k10) return;
  out.u32(e.duration_sec);
  out.u32(e.duration_nsec);
}

void encode_entry(Writer& out, const QueueStats& e, Version version) {
  encode_port_no(out, e.port, version);
  if (version == Version::k10) out.zeros(2);
  out.u32(e.queue_id);
  out.u64(e.tx_bytes);
  out.u64(e.tx_packets);
  out.u64(e.tx_errors);
  if (version == Version::k10) return;
  out.u32(e.duration_sec);
  out.u32(e.duration_nsec);
}

void encode_entry(Writer& out, const GroupStats& e, Version) {
  const std::size_t start = out.size();
  out.u16(0);
  out.zeros(2);
  out.u32(e.group_id);
  out.u32(e.ref_count);
  out.zeros(4);
  out.u64(e.packet_count);
  out.u64(e.byte_count);
  out.u32(e.duration_sec);
  out.u32(e.duration_nsec);
  for (const auto& bucket : e.buckets) {
    out.u64(bucket.packet_count);
    out.u64(bucket.byte_count);
  }
  out.patch_u16(start, out.size() - start);
}

void encode_entry(Writer& out, const GroupDesc& e, Version) {
  const std::size_t start = out.size();
  out.u16(0);
  out.u8(static_cast<std::uint8_t>(e.type));
  out.zeros(1);
  out.u32(e.group_id);
  encode_buckets(out, e.buckets);
  out.patch_u16(start, out.size() - start);
}

void encode_entry(Writer& out, const MeterStats& e, Version) {
  const std::size_t start = out.size();
  out.u32(e.meter_id);
  out.u16(0);
  out.zeros(6);
  out.u32(e.flow_count);
  out.u64(e.packet_in_count);
  out.u64(e.byte_in_count);
  out.u32(e.duration_sec);
  out.u32(e.duration_nsec);
  for (const auto& band : e.bands) {
    out.u64(band.packet_count);
    out.u64(band.byte_count);
  }
  out.patch_u16(start + 4, out.size() - start);
}

void encode_entry(Writer& out, const MeterConfig& e, Version) {
  const std::size_t start = out.size();
  out.u16(0);
  out.u16(e.flags);
  out.u32(e.meter_id);
  encode_bands(out, e.bands);
  out.patch_u16(start, out.size() - start);
}

void encode_entry(Writer& out, const Port& e, Version version) { encode_port(out, e, version); }

}  // namespace lifeline::openflow
