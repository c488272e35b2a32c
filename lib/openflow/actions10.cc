#include "openflow/action_codec.h"

namespace lifeline::openflow {
namespace {

using flow::Action;
using flow::ActionList;
using flow::FieldId;
using flow::FieldValue;

enum Type : std::uint16_t {
  kOutput = 0,
  kSetVlanVid = 1,
  kSetVlanPcp = 2,
  kStripVlan = 3,
  kSetDlSrc = 4,
  kSetDlDst = 5,
  kSetNwSrc = 6,
  kSetNwDst = 7,
  kSetNwTos = 8,
  kSetTpSrc = 9,
  kSetTpDst = 10,
  kEnqueue = 11,
  kVendor = 0xffff,
};

// ENQUEUE is SetQueue + Output here. An Output after it that is none goes to the port's default
// queue, which 1.0 needs no word for.
constexpr std::uint32_t kDefaultQueue = kQueueAll;

std::size_t length_of(std::uint16_t type) {
  return type == kSetDlSrc || type == kSetDlDst || type == kEnqueue ? 16 : 8;
}

FieldValue mac_value(FieldId id, MacAddress mac) { return FieldValue::from_u64(id, mac.to_u64()); }

class Decoder10 {
 public:
  std::optional<ErrorId> add(std::uint16_t type, Reader& in) {
    switch (type) {
      case kOutput: return output(in);
      case kSetVlanVid: {
        const std::uint16_t vid = in.u16();
        if (vid > packet::kVlanVidMask) return ErrorId::kBacBadArgument;
        out.push_back(flow::SetVlanVid10{vid});
        return std::nullopt;
      }
      case kSetVlanPcp: {
        const std::uint8_t pcp = in.u8();
        if (pcp > 7) return ErrorId::kBacBadArgument;
        out.push_back(flow::SetVlanPcp10{pcp});
        return std::nullopt;
      }
      case kStripVlan: out.push_back(flow::PopVlan{}); return std::nullopt;
      case kSetDlSrc: return set(FieldId::kEthSrc, mac_value(FieldId::kEthSrc, in.mac()));
      case kSetDlDst: return set(FieldId::kEthDst, mac_value(FieldId::kEthDst, in.mac()));
      case kSetNwSrc: return set(FieldId::kIpv4Src, in.u32());
      case kSetNwDst: return set(FieldId::kIpv4Dst, in.u32());
      case kSetNwTos: {
        const std::uint8_t tos = in.u8();
        if ((tos & 3) != 0) return ErrorId::kBacBadArgument;
        return set(FieldId::kIpDscp, std::uint64_t{tos} >> 2);
      }
      case kSetTpSrc: out.push_back(flow::SetTpSrc10{in.u16()}); return std::nullopt;
      case kSetTpDst: out.push_back(flow::SetTpDst10{in.u16()}); return std::nullopt;
      case kEnqueue: return enqueue(in);
      case kVendor: return ErrorId::kBacBadExperimenter;
      default: return ErrorId::kBacBadType;
    }
  }

  ActionList out;

 private:
  std::optional<ErrorId> set(FieldId id, FieldValue value) {
    out.push_back(flow::SetField{id, value});
    return std::nullopt;
  }
  std::optional<ErrorId> set(FieldId id, std::uint64_t value) {
    return set(id, FieldValue::from_u64(id, value));
  }
  std::optional<ErrorId> output(Reader& in) {
    flow::Output output;
    output.port = in.u16();
    output.max_len = in.u16();
    if (!valid_output_port(output.port)) return ErrorId::kBacBadOutPort;
    if (enqueued_) out.push_back(flow::SetQueue{kDefaultQueue});
    enqueued_ = false;
    out.push_back(output);
    return std::nullopt;
  }
  // OpenFlow 1.0.1, 5.2.4: a physical port or IN_PORT; LOCAL as Open vSwitch.
  std::optional<ErrorId> enqueue(Reader& in) {
    const flow::PortNo port = in.u16();
    in.skip(6);
    const std::uint32_t queue = in.u32();
    const bool queued =
        port <= flow::kPortMax || port == flow::kPortInPort || port == flow::kPortLocal;
    if (!queued) return ErrorId::kBacBadOutPort;
    out.push_back(flow::SetQueue{queue});
    out.push_back(flow::Output{.port = port});
    enqueued_ = true;
    return std::nullopt;
  }

  bool enqueued_ = false;
};

class Encoder10 {
 public:
  explicit Encoder10(Writer& out) : out_(out) {}

  void operator()(const flow::Output& a) {
    if (queue_ && *queue_ != kDefaultQueue) {
      begin(kEnqueue);
      out_.u16(a.port);
      out_.zeros(6);
      out_.u32(*queue_);
      return;
    }
    begin(kOutput);
    out_.u16(a.port);
    out_.u16(a.max_len);
  }
  void operator()(const flow::SetVlanVid10& a) { set_u16(kSetVlanVid, a.vid); }
  void operator()(const flow::SetVlanPcp10& a) { set_u8(kSetVlanPcp, a.pcp); }
  void operator()(const flow::SetTpSrc10& a) { set_u16(kSetTpSrc, a.port); }
  void operator()(const flow::SetTpDst10& a) { set_u16(kSetTpDst, a.port); }
  void operator()(const flow::PopVlan&) {
    begin(kStripVlan);
    out_.zeros(4);
  }
  void operator()(const flow::SetQueue& a) { queue_ = a.queue_id; }
  void operator()(const flow::SetField& a) {
    const auto value = [&] { return a.value.to_u64(a.field); };
    switch (a.field) {
      case FieldId::kEthSrc: return set_mac(kSetDlSrc, value());
      case FieldId::kEthDst: return set_mac(kSetDlDst, value());
      case FieldId::kIpv4Src: return set_u32(kSetNwSrc, value());
      case FieldId::kIpv4Dst: return set_u32(kSetNwDst, value());
      case FieldId::kIpDscp: return set_u8(kSetNwTos, value() << 2);
      case FieldId::kTcpSrc:
      case FieldId::kUdpSrc:
      case FieldId::kSctpSrc: return set_u16(kSetTpSrc, value());
      case FieldId::kTcpDst:
      case FieldId::kUdpDst:
      case FieldId::kSctpDst: return set_u16(kSetTpDst, value());
      case FieldId::kVlanVid: return set_u16(kSetVlanVid, value() & packet::kVlanVidMask);
      case FieldId::kVlanPcp: return set_u8(kSetVlanPcp, value());
      default: return;  // 1.0 has no word for it
    }
  }
  // The rest of 1.3 has no counterpart. (A pushed VLAN tag comes with the VID that is set next.)
  template <class Other>
  void operator()(const Other&) {}

 private:
  void begin(std::uint16_t type) {
    out_.u16(type);
    out_.u16(static_cast<std::uint16_t>(length_of(type)));
  }
  void set_u8(std::uint16_t type, std::uint64_t v) {
    begin(type);
    out_.u8(static_cast<std::uint8_t>(v));
    out_.zeros(3);
  }
  void set_u16(std::uint16_t type, std::uint64_t v) {
    begin(type);
    out_.u16(static_cast<std::uint16_t>(v));
    out_.zeros(2);
  }
  void set_u32(std::uint16_t type, std::uint64_t v) {
    begin(type);
    out_.u32(static_cast<std::uint32_t>(v));
  }
  void set_mac(std::uint16_t type, std::uint64_t v) {
    begin(type);
    out_.mac(MacAddress::from_u64(v));
    out_.zeros(6);
  }

  Writer& out_;
  std::optional<std::uint32_t> queue_;
};

}  // namespace

bool valid_output_port(flow::PortNo port) {
  return port != flow::kPortZero && port != flow::kPortNone &&
         (port <= flow::kPortMax || port >= flow::kPortInPort);
}

Result<ActionList> decode_actions10(Reader in) {
  Decoder10 decoder;
  while (!in.empty()) {
    const std::uint16_t type = in.peek_u16();
    const std::size_t length = in.peek_u16(2);
    if (length < 8 || length % 8 != 0 || length > in.remaining())
      return tl::make_unexpected(ErrorId::kBacBadLen);
    const bool known = type <= kEnqueue;
    if (known && length != length_of(type)) return tl::make_unexpected(ErrorId::kBacBadLen);
    Reader action(in.take(length));
    action.skip(4);
    if (const auto error = decoder.add(type, action)) return tl::make_unexpected(*error);
  }
  return std::move(decoder.out);
}

void encode_actions10(Writer& out, const ActionList& actions) {
  Encoder10 encoder(out);
  for (const Action& action : actions) std::visit(encoder, action);
}

}  // namespace lifeline::openflow
