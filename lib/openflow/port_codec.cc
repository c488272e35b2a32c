#include "openflow/body_codec.h"
#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

constexpr std::uint32_t kReservedFirst13 = 0xfffffff8;
constexpr std::uint32_t kReservedHigh13 = 0xffff0000;

constexpr std::uint32_t kConfig13 = port_config::kPortDown | port_config::kNoReceive |
                                    port_config::kNoForward | port_config::kNoPacketIn;
constexpr std::uint32_t kConfig10 = 0x7f;
constexpr std::uint32_t kState13 = 7;
constexpr std::uint32_t kState10 =
    port_state::kLinkDown | 3 << 8;  // spanning tree state: bits 8, 9

// Features: bits 0 to 6 agree; media and pause bits of 1.0 lie 4 lower than those of 1.3.
constexpr std::uint32_t kFeaturesLow = 0x7f;
constexpr std::uint32_t kFeaturesHigh10 = 0x1f << 7;

}  // namespace

std::optional<flow::PortNo> port_from_13(std::uint32_t wire) {
  if (wire <= flow::kPortMax || wire >= kReservedFirst13) return static_cast<flow::PortNo>(wire);
  return std::nullopt;
}

std::uint32_t port_to_13(flow::PortNo port) {
  return port <= flow::kPortMax ? port : kReservedHigh13 | port;
}

Result<flow::PortNo> decode_port_no(Reader& in, Version version, ErrorId bad) {
  if (version == Version::k10) return in.u16();
  const auto port = port_from_13(in.u32());
  if (!port) return tl::make_unexpected(bad);
  return *port;
}

void encode_port_no(Writer& out, flow::PortNo port, Version version) {
  if (version == Version::k10) {
    out.u16(port);
  } else {
    out.u32(port_to_13(port));
  }
}

std::uint32_t features_to_10(std::uint32_t f) {
  return (f & kFeaturesLow) | (f >> 4 & kFeaturesHigh10);
}
std::uint32_t features_from_10(std::uint32_t f) {
  return (f & kFeaturesLow) | (f & kFeaturesHigh10) << 4;
}

Result<Port> decode_port(Reader& in, Version version) {
  const bool is13 = version == Version::k13;
  const auto no = decode_port_no(in, version, ErrorId::kBrcBadPort);
  if (!no) return tl::make_unexpected(no.error());
  Port port;
  port.no = *no;
  if (is13) in.skip(4);
  port.hw_addr = in.mac();
  if (is13) in.skip(2);
  port.name = in.text(16);
  port.config = in.u32() & (is13 ? kConfig13 : kConfig10);
  port.state = in.u32() & (is13 ? kState13 : kState10);
  for (std::uint32_t* f : {&port.current, &port.advertised, &port.supported, &port.peer}) {
    const std::uint32_t wire = in.u32();
    *f = is13 ? wire : features_from_10(wire);
  }
  if (is13) {
    port.current_speed_kbps = in.u32();
    port.max_speed_kbps = in.u32();
  }
  return port;
}

void encode_port(Writer& out, const Port& port, Version version) {
  const bool is13 = version == Version::k13;
  encode_port_no(out, port.no, version);
  if (is13) out.zeros(4);
  out.mac(port.hw_addr);
  if (is13) out.zeros(2);
  out.text(port.name, 16);
  out.u32(port.config & (is13 ? kConfig13 : kConfig10));
  out.u32(port.state & (is13 ? kState13 : kState10));
  for (const std::uint32_t f : {port.current, port.advertised, port.supported, port.peer})
    out.u32(is13 ? f : features_to_10(f));
  if (is13) {
    out.u32(port.current_speed_kbps);
    out.u32(port.max_speed_kbps);
  }
}

}  // namespace lifeline::openflow
