// Bodies of messages on the wire. Internal to openflow/. Decoders get exactly the body, that is,
// the message without its header (and of multipart messages without type and flags).
#pragma once

#include "openflow/match_codec.h"
#include "openflow/messages.h"

namespace lifeline::openflow {

// ---- whole messages
Result<FlowMod> decode_flow_mod(Reader in, Version version);
Result<GroupMod> decode_group_mod(Reader in);
Result<MeterMod> decode_meter_mod(Reader in);
Result<PacketOut> decode_packet_out(Reader in, Version version);
Result<PacketIn> decode_packet_in(Reader in, Version version);
Result<FlowRemoved> decode_flow_removed(Reader in, Version version);
// Behind experimenter and exp_type.
Result<BundleControl> decode_bundle_control(Reader in);
Result<BundleAdd> decode_bundle_add(Reader in);
void encode_flow_mod(Writer& out, const FlowMod& m, Version version);
void encode_group_mod(Writer& out, const GroupMod& m);
void encode_meter_mod(Writer& out, const MeterMod& m);
void encode_packet_out(Writer& out, const PacketOut& m, Version version);
void encode_packet_in(Writer& out, const PacketIn& m, Version version);
void encode_flow_removed(Writer& out, const FlowRemoved& m, Version version);
void encode_bundle_control(Writer& out, const BundleControl& m);
void encode_bundle_add(Writer& out, const BundleAdd& m);

// ---- flow monitors: multipart bodies from the experimenter's number on
bool is_flow_monitor(Reader in, Version version);  // looks, takes nothing
Result<FlowMonitorsRequest> decode_flow_monitors(Reader in, Version version);
Result<FlowMonitorReply> decode_flow_updates(Reader in, Version version);
void encode_flow_monitors(Writer& out, const FlowMonitorsRequest& request, Version version);
void begin_flow_monitor(Writer& out, Version version);  // the experimenter's numbers

// ---- parts
Result<Port> decode_port(Reader& in, Version version);
void encode_port(Writer& out, const Port& port, Version version);
std::uint32_t features_to_10(std::uint32_t features);
std::uint32_t features_from_10(std::uint32_t features);
// A port number of the version's width; `bad` if there is no such port.
Result<flow::PortNo> decode_port_no(Reader& in, Version version, ErrorId bad);
void encode_port_no(Writer& out, flow::PortNo port, Version version);

Result<std::vector<Bucket>> decode_buckets(Reader in);
void encode_buckets(Writer& out, const std::vector<Bucket>& buckets);
Result<std::vector<MeterBand>> decode_bands(Reader in);
void encode_bands(Writer& out, const std::vector<MeterBand>& bands);
Result<std::vector<TableFeatures>> decode_table_features(Reader in);

// ---- multipart. `type` is the wire's.
Result<MultipartRequestBody> decode_multipart_request(std::uint16_t type, Reader in,
                                                      Version version);
Result<MultipartReplyBody> decode_multipart_reply(std::uint16_t type, Reader in, Version version);
MultipartType multipart_type(const MultipartRequestBody& body);
MultipartType multipart_type(const MultipartReplyBody& body);
// False if the version does not have it.
bool encode_multipart_body(Writer& out, const MultipartRequestBody& body, Version version);
bool encode_multipart_body(Writer& out, const MultipartReplyBody& body, Version version);

void encode_entry(Writer& out, const FlowStats& e, Version version);
void encode_entry(Writer& out, const TableStats& e, Version version);
void encode_entry(Writer& out, const PortStats& e, Version version);
void encode_entry(Writer& out, const QueueStats& e, Version version);
void encode_entry(Writer& out, const GroupStats& e, Version version);
void encode_entry(Writer& out, const GroupDesc& e, Version version);
void encode_entry(Writer& out, const MeterStats& e, Version version);
void encode_entry(Writer& out, const MeterConfig& e, Version version);
void encode_entry(Writer& out, const TableFeatures& e, Version version);
void encode_entry(Writer& out, const Port& e, Version version);
void encode_entry(Writer& out, const FlowUpdate& e, Version version);

// Header with the length still zero; finish_message() fills it in, false if it does not fit.
void begin_message(Writer& out, Version version, std::uint8_t type, std::uint32_t xid);
bool finish_message(Writer& out);
void begin_multipart_reply(Writer& out, Version version, MultipartType type, std::uint32_t xid);

}  // namespace lifeline::openflow
