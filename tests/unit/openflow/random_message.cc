#include "random_message.h"

#include <functional>

#include "openflow/codec.h"

namespace lifeline::openflow::testing {
namespace {

using flow::FieldId;
using flow::FieldValue;
using packet::kVlanPresent;

class Dice {
 public:
  Dice(Rng& rng, Version version) : rng_(rng), version_(version) {}

  bool is13() const { return version_ == Version::k13; }
  Version version() const { return version_; }
  Rng& rng() { return rng_; }

  bool coin() { return (rng_() & 1) != 0; }
  std::uint64_t below(std::uint64_t n) { return rng_() % n; }
  std::uint64_t u64() { return rng_(); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(rng_()); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(rng_()); }
  std::uint8_t u8() { return static_cast<std::uint8_t>(rng_()); }
  MacAddress mac() { return MacAddress::from_u64(rng_()); }
  flow::PortNo port() { return static_cast<flow::PortNo>(1 + below(flow::kPortMax)); }
  flow::PortNo output_port() {
    return below(4) == 0 ? static_cast<flow::PortNo>(flow::kPortInPort + below(7)) : port();
  }
  std::string text(std::size_t max) {
    std::string s;
    for (std::size_t n = below(max); n > 0; --n) s += static_cast<char>('a' + below(26));
    return s;
  }
  Bytes bytes(std::size_t max) {
    Bytes b(below(max));
    for (std::byte& x : b) x = static_cast<std::byte>(rng_());
    return b;
  }
  FieldValue value(FieldId id) {
    if (id == FieldId::kInPort) return FieldValue::from_u64(id, port());
    FieldValue v;
    const FieldValue full = flow::full_mask(id);
    for (std::size_t i = 0; i < v.bytes.size(); ++i) v.bytes[i] = u8() & full.bytes[i];
    if (id == FieldId::kVlanVid)
      return FieldValue::from_u64(id, v.to_u64(id) | std::uint64_t{kVlanPresent});
    return v;
  }

 private:
  Rng& rng_;
  Version version_;
};

class MatchMaker {
 public:
  explicit MatchMaker(Dice& d) : d_(d) {}

  flow::Match make() {
    maybe(FieldId::kInPort);
    maybe(FieldId::kMetadata);
    maybe(FieldId::kEthDst);
    maybe(FieldId::kEthSrc);
    vlan();
    switch (d_.below(6)) {
      case 0: return m_;
      case 1: ip(packet::kEthTypeIpv4); break;
      case 2: ip(packet::kEthTypeIpv6); break;
      case 3: arp(); break;
      case 4: mpls(); break;
      default: m_.eth_type(0x88e7); maybe(FieldId::kPbbIsid);
    }
    maybe(FieldId::kTunnelId);
    return m_;
  }

 private:
  bool expressible(FieldId id) const {
    if (d_.is13()) return true;
    switch (id) {
      case FieldId::kInPort:
      case FieldId::kEthDst:
      case FieldId::kEthSrc:
      case FieldId::kIpDscp:
      case FieldId::kIpv4Src:
      case FieldId::kIpv4Dst:
      case FieldId::kArpSpa:
      case FieldId::kArpTpa:
      case FieldId::kTcpSrc:
      case FieldId::kTcpDst:
      case FieldId::kUdpSrc:
      case FieldId::kUdpDst:
      case FieldId::kIcmpv4Type:
      case FieldId::kIcmpv4Code:
      case FieldId::kIcmpv6Type:
      case FieldId::kIcmpv6Code: return true;
      default: return false;
    }
  }
  void maybe(FieldId id) {
    if (d_.coin() && expressible(id)) set(id, d_.value(id));
  }
  void set(FieldId id, FieldValue value) {
    FieldValue mask = flow::full_mask(id);
    if (flow::field_info(id).maskable && d_.below(3) == 0) {
      if (d_.is13()) {
        for (std::uint8_t& b : mask.bytes) b &= d_.u8();
      } else if (id == FieldId::kIpv4Src || id == FieldId::kIpv4Dst) {
        mask = FieldValue::from_u64(id, 0xffffffffull << d_.below(32));
      }
    }
    for (std::size_t i = 0; i < value.bytes.size(); ++i) value.bytes[i] &= mask.bytes[i];
    flow::set_field(m_.key, id, value);
    flow::set_field(m_.mask, id, mask);
  }
  void vlan() {
    switch (d_.below(4)) {
      case 0: m_.vlan_none(); return;
      case 1:
        m_.vlan_vid(static_cast<std::uint16_t>(d_.below(4096)));
        if (d_.coin()) {
          m_.key.vlan_tci = m_.key.vlan_tci | be16{static_cast<std::uint16_t>(d_.below(8) << 13)};
          m_.mask.vlan_tci = m_.mask.vlan_tci | be16{packet::kVlanPcpMask};
        }
        return;
      case 2:
        if (!d_.is13()) return;
        m_.key.vlan_tci = m_.mask.vlan_tci = be16{kVlanPresent};
        return;
      default: return;
    }
  }
  void ip(std::uint16_t type) {
    const bool v4 = type == packet::kEthTypeIpv4;
    m_.eth_type(type);
    maybe(FieldId::kIpDscp);
    maybe(FieldId::kIpEcn);
    maybe(v4 ? FieldId::kIpv4Src : FieldId::kIpv6Src);
    maybe(v4 ? FieldId::kIpv4Dst : FieldId::kIpv6Dst);
    if (!v4) maybe(FieldId::kIpv6Flabel);
    if (!v4) maybe(FieldId::kIpv6Exthdr);
    switch (d_.below(4)) {
      case 0: return;
      case 1:
        m_.ip_proto(packet::kProtoTcp);
        maybe(FieldId::kTcpSrc);
        maybe(FieldId::kTcpDst);
        return;
      case 2:
        m_.ip_proto(packet::kProtoUdp);
        maybe(FieldId::kUdpSrc);
        maybe(FieldId::kUdpDst);
        return;
      default:
        m_.ip_proto(v4 ? packet::kProtoIcmp : packet::kProtoIcmpv6);
        if (v4 || d_.coin()) {
          maybe(v4 ? FieldId::kIcmpv4Code : FieldId::kIcmpv6Code);
          return maybe(v4 ? FieldId::kIcmpv4Type : FieldId::kIcmpv6Type);
        }
        set(FieldId::kIcmpv6Type, FieldValue::from_u64(FieldId::kIcmpv6Type, 135));
        // Neighbour discovery has no other code (RFC 4861, 4.3), and Open vSwitch insists on it.
        if (d_.coin()) set(FieldId::kIcmpv6Code, FieldValue::from_u64(FieldId::kIcmpv6Code, 0));
        maybe(FieldId::kIpv6NdTarget);
        maybe(FieldId::kIpv6NdSll);
    }
  }
  void arp() {
    m_.eth_type(packet::kEthTypeArp);
    if (d_.coin()) m_.arp_op(d_.u8());
    maybe(FieldId::kArpSpa);
    maybe(FieldId::kArpTpa);
    maybe(FieldId::kArpSha);
    maybe(FieldId::kArpTha);
  }
  void mpls() {
    m_.eth_type(packet::kEthTypeMpls);
    maybe(FieldId::kMplsLabel);
    maybe(FieldId::kMplsTc);
    maybe(FieldId::kMplsBos);
  }

  Dice& d_;
  flow::Match m_;
};

flow::Action random_action13(Dice& d) {
  switch (d.below(18)) {
    case 0: return flow::CopyTtlOut{};
    case 1: return flow::CopyTtlIn{};
    case 2: return flow::SetMplsTtl{d.u8()};
    case 3: return flow::DecMplsTtl{};
    case 4: return flow::PushVlan{d.coin() ? std::uint16_t{0x8100} : std::uint16_t{0x88a8}};
    case 5: return flow::PopVlan{};
    case 6: return flow::PushMpls{d.coin() ? std::uint16_t{0x8847} : std::uint16_t{0x8848}};
    case 7: return flow::PopMpls{d.u16()};
    case 8: return flow::SetQueue{d.u32()};
    case 9: return flow::Group{static_cast<std::uint32_t>(d.below(kGroupMax))};
    case 10: return flow::SetIpTtl{d.u8()};
    case 11: return flow::DecIpTtl{};
    case 12: return flow::PushPbb{};
    case 13: return flow::PopPbb{};
    case 14:
    case 15: {
      FieldId id{};
      do {
        id = static_cast<FieldId>(d.below(flow::kFieldCount));
      } while (!flow::field_info(id).settable);
      return flow::SetField{id, d.value(id)};
    }
    default: return flow::Output{d.output_port(), d.u16()};
  }
}

void add_action10(Dice& d, flow::ActionList& out) {
  static constexpr std::array kFields = {FieldId::kEthSrc, FieldId::kEthDst, FieldId::kIpv4Src,
                                         FieldId::kIpv4Dst, FieldId::kIpDscp};
  switch (d.below(7)) {
    case 0: out.push_back(flow::SetVlanVid10{static_cast<std::uint16_t>(d.below(4096))}); return;
    case 1: out.push_back(flow::SetVlanPcp10{static_cast<std::uint8_t>(d.below(8))}); return;
    case 2: out.push_back(flow::PopVlan{}); return;
    case 3: out.push_back(flow::SetTpSrc10{d.u16()}); return;
    case 4: out.push_back(flow::SetTpDst10{d.u16()}); return;
    case 5: {
      const FieldId id = kFields[d.below(kFields.size())];
      out.push_back(flow::SetField{id, d.value(id)});
      return;
    }
    default: out.push_back(flow::Output{d.output_port(), d.u16()});
  }
}

// Actions that need nothing of the match: what a flow-mod of any match may have.
flow::ActionList sound_actions(Dice& d) {
  if (!d.is13()) return random_actions(d.rng(), d.version());
  flow::ActionList out;
  if (d.coin()) {
    out.push_back(flow::SetField{FieldId::kEthDst, d.value(FieldId::kEthDst)});
    out.push_back(flow::PushVlan{});
    out.push_back(flow::SetField{FieldId::kVlanVid, d.value(FieldId::kVlanVid)});
  }
  for (std::size_t n = d.below(4); n > 0; --n)
    out.push_back(flow::Output{d.output_port(), d.u16()});
  return out;
}

flow::Instructions random_instructions(Dice& d) {
  flow::Instructions i;
  if (!d.is13()) return flow::Instructions::apply_only(sound_actions(d));
  if (d.coin()) i.meter = static_cast<std::uint32_t>(1 + d.below(1000));
  if (d.coin()) i.apply = sound_actions(d);
  i.clear = d.coin();
  if (d.coin()) i.write = sound_actions(d);
  if (d.coin()) i.metadata = flow::WriteMetadata{be64{d.u64()}, be64{d.u64()}};
  if (d.coin()) i.goto_table = static_cast<std::uint8_t>(100 + d.below(100));
  return i;
}

Port random_port(Dice& d) {
  Port p;
  p.no = d.coin() ? d.port() : flow::kPortLocal;
  p.hw_addr = d.mac();
  p.name = d.text(16);
  p.config = d.u32() & (d.is13() ? 0x65u : 0x7fu);
  p.state = d.u32() & (d.is13() ? 7u : 0x301u);
  const std::uint32_t features = d.is13() ? 0xffffu : 0xf87fu;
  for (std::uint32_t* f : {&p.current, &p.advertised, &p.supported, &p.peer})
    *f = d.u32() & features;
  if (d.is13()) {
    p.current_speed_kbps = d.u32();
    p.max_speed_kbps = d.u32();
  }
  return p;
}

template <class Make>
auto some(Dice& d, Make make) {
  std::vector<decltype(make(d))> out;
  for (std::size_t n = d.below(4); n > 0; --n) out.push_back(make(d));
  return out;
}

Bucket random_bucket(Dice& d) {
  return {.weight = d.u16(),
          .watch_port = d.coin() ? d.port() : flow::kPortNone,
          .watch_group = d.u32(),
          .actions = random_actions(d.rng(), Version::k13)};
}
MeterBand random_band(Dice& d) {
  MeterBand b{.rate = d.u32(), .burst = d.u32()};
  switch (d.below(3)) {
    case 0: return b;
    case 1:
      b.type = MeterBandType::kDscpRemark;
      b.prec_level = d.u8();
      return b;
    default:
      b.type = MeterBandType::kExperimenter;
      b.experimenter = d.u32();
      return b;
  }
}

FlowSelector random_selector(Dice& d) {
  FlowSelector s;
  s.table_id = d.u8();
  s.out_port = d.output_port();
  s.match = random_match(d.rng(), d.version());
  if (!d.is13()) return s;
  s.out_group = d.u32();
  s.cookie = d.u64();
  s.cookie_mask = d.u64();
  return s;
}

FlowStats random_flow_stats(Dice& d) {
  FlowStats e;
  e.table_id = d.u8();
  e.duration_sec = d.u32();
  e.duration_nsec = static_cast<std::uint32_t>(d.below(1000000000));
  e.priority = d.u16();
  e.idle_timeout = d.u16();
  e.hard_timeout = d.u16();
  if (d.is13()) e.flags = d.u16() & 0x1f;
  e.cookie = d.u64();
  e.packet_count = d.u64();
  e.byte_count = d.u64();
  e.match = random_match(d.rng(), d.version());
  e.instructions = random_instructions(d);
  return e;
}
FlowMonitorRequest random_monitor(Dice& d) {
  FlowMonitorRequest m{.id = d.u32()};
  m.flags = static_cast<std::uint16_t>(d.below(64) | flow_monitor_flags::kAdd);
  m.out_port = d.output_port();
  m.table_id = d.u8();
  // Nicira's form of 1.0 has all fields, of which 1.3's matches are made.
  m.match = random_match(d.rng(), Version::k13);
  return m;
}
FlowUpdate random_update(Dice& d) {
  FlowUpdate u;
  u.event = static_cast<FlowUpdate::Event>(d.below(4));
  if (u.event == FlowUpdate::Event::kAbbreviated) {
    u.xid = d.u32();
    return u;
  }
  if (u.event == FlowUpdate::Event::kDeleted) u.reason = static_cast<FlowRemovedReason>(d.below(4));
  u.priority = d.u16();
  u.idle_timeout = d.u16();
  u.hard_timeout = d.u16();
  u.table_id = d.u8();
  u.cookie = d.u64();
  u.match = random_match(d.rng(), Version::k13);
  if (d.coin()) u.instructions = random_instructions(d);
  // Without actions 1.0 cannot tell an empty list from none.
  if (u.instructions.apply && u.instructions.apply->empty() && !d.is13())
    u.instructions.apply.reset();
  return u;
}
TableStats random_table_stats(Dice& d) {
  TableStats e{.table_id = d.u8(), .active_count = d.u32()};
  e.lookup_count = d.u64();
  e.matched_count = d.u64();
  if (d.is13()) return e;
  e.name = d.text(32);
  e.wildcards = d.u32();
  e.max_entries = d.u32();
  return e;
}
PortStats random_port_stats(Dice& d) {
  PortStats e{.port = d.port()};
  e.rx_packets = d.u64();
  e.tx_bytes = d.u64();
  e.rx_crc_err = d.u64();
  e.collisions = ~0ull;
  if (d.is13()) e.duration_sec = d.u32();
  return e;
}
QueueStats random_queue_stats(Dice& d) {
  QueueStats e{.port = d.port(), .queue_id = d.u32()};
  e.tx_bytes = d.u64();
  e.tx_packets = d.u64();
  if (d.is13()) e.duration_nsec = static_cast<std::uint32_t>(d.below(1000000000));
  return e;
}
GroupStats random_group_stats(Dice& d) {
  GroupStats e{.group_id = d.u32(), .ref_count = d.u32()};
  e.packet_count = d.u64();
  e.buckets = some(d, [](Dice& x) { return GroupStats::BucketCounter{x.u64(), x.u64()}; });
  return e;
}
GroupDesc random_group_desc(Dice& d) {
  return {static_cast<GroupType>(d.below(4)), static_cast<std::uint32_t>(d.below(kGroupMax)),
          some(d, random_bucket)};
}
MeterStats random_meter_stats(Dice& d) {
  MeterStats e{.meter_id = d.u32(), .flow_count = d.u32()};
  e.byte_in_count = d.u64();
  e.bands = some(d, [](Dice& x) { return MeterStats::BandCounter{x.u64(), x.u64()}; });
  return e;
}
MeterConfig random_meter_config(Dice& d) {
  return {static_cast<std::uint16_t>(d.below(16)), d.u32(), some(d, random_band)};
}
TableFeatures random_table_features(Dice& d) {
  TableFeatures t;
  t.table_id = d.u8();
  t.name = d.text(32);
  t.metadata_match = d.u64();
  t.max_entries = d.u32();
  t.properties.push_back({.type = TableFeatures::kInstructions, .ids = {1, 2, 3, 4, 5, 6}});
  t.properties.push_back({.type = TableFeatures::kNextTables, .tables = {1, 2, 3}});
  t.properties.push_back({.type = TableFeatures::kApplyActions, .ids = {0, 25}});
  t.properties.push_back({.type = TableFeatures::kMatch, .oxm = {0x80000004, 0x80000606}});
  return t;
}

using Maker = std::function<Message(Dice&)>;

template <class Request>
Message request(Request r) {
  return MultipartRequest{std::move(r)};
}
template <class Reply>
Message reply(Dice& d, Reply r) {
  return MultipartReply{std::move(r), d.coin()};
}

PacketIn random_packet_in(Dice& d) {
  PacketIn m{.buffer_id = d.u32(), .total_len = d.u16()};
  m.match.in_port(d.port());
  m.data = d.bytes(100);
  if (!d.is13()) return m;
  m.reason = static_cast<PacketInReason>(d.below(3));
  m.table_id = d.u8();
  m.cookie = d.u64();
  return m;
}
FlowRemoved random_flow_removed(Dice& d) {
  FlowRemoved m{.cookie = d.u64(), .priority = d.u16()};
  m.reason = static_cast<FlowRemovedReason>(d.below(d.is13() ? 4 : 3));
  m.duration_sec = d.u32();
  m.idle_timeout = d.u16();
  m.byte_count = d.u64();
  m.match = random_match(d.rng(), d.version());
  if (!d.is13()) return m;
  m.table_id = d.u8();
  m.hard_timeout = d.u16();
  return m;
}
FlowMod random_flow_mod(Dice& d) {
  FlowMod m;
  m.command = static_cast<FlowModCommand>(d.below(5));
  m.cookie = d.u64();
  m.idle_timeout = d.u16();
  m.hard_timeout = d.u16();
  m.priority = d.u16();
  m.buffer_id = d.u32();
  m.out_port = d.output_port();
  m.flags = d.u16() & (d.is13() ? 0x1f : 0x3);
  m.match = random_match(d.rng(), d.version());
  m.instructions = random_instructions(d);
  m.table_id = m.command == FlowModCommand::kAdd ? 0 : kTableAll;
  if (!d.is13()) return m;
  m.cookie_mask = d.u64();
  m.table_id = static_cast<std::uint8_t>(d.below(100));
  m.out_group = d.u32();
  return m;
}
FeaturesReply random_features(Dice& d) {
  FeaturesReply m{.datapath_id = d.u64(), .n_buffers = d.u32(), .n_tables = d.u8()};
  m.capabilities = d.u32() & 0x16f;
  if (d.is13()) return m;
  m.actions = d.u32() & 0xfff;
  m.ports = some(d, random_port);
  return m;
}
QueueGetConfigReply random_queue_reply(Dice& d) {
  QueueGetConfigReply m{.port = d.port()};
  m.queues = some(d, [](Dice& x) {
    Queue q{.queue_id = x.u32()};
    if (x.is13()) q.port = x.port();
    if (x.coin()) q.min_rate = static_cast<std::uint16_t>(x.below(1000));
    if (x.coin() && x.is13()) q.max_rate = static_cast<std::uint16_t>(x.below(1000));
    return q;
  });
  return m;
}

const std::vector<Maker>& makers_both() {
  static const std::vector<Maker> kMakers = {
      [](Dice&) { return Hello{}; },
      [](Dice&) { return Hello{0x12}; },
      [](Dice& d) { return ErrorMsg{.type = 1, .code = 1, .data = d.bytes(kErrorDataBytes)}; },
      [](Dice& d) { return EchoRequest{d.bytes(50)}; },
      [](Dice& d) { return EchoReply{d.bytes(50)}; },
      [](Dice& d) {
        return Experimenter{0x123456, d.u32(), d.bytes(20)};
      },
      [](Dice&) { return FeaturesRequest{}; },
      [](Dice& d) { return random_features(d); },
      [](Dice&) { return GetConfigRequest{}; },
      [](Dice& d) {
        return GetConfigReply{{static_cast<std::uint16_t>(d.below(3)), d.u16()}};
      },
      [](Dice& d) {
        return SetConfig{{static_cast<std::uint16_t>(d.below(3)), d.u16()}};
      },
      [](Dice& d) { return random_packet_in(d); },
      [](Dice& d) { return random_flow_removed(d); },
      [](Dice& d) {
        return PortStatus{static_cast<PortReason>(d.below(3)), random_port(d)};
      },
      [](Dice& d) {
        return PacketOut{.buffer_id = kNoBuffer,
                         .in_port = d.port(),
                         .actions = random_actions(d.rng(), d.version()),
                         .data = d.bytes(100)};
      },
      [](Dice& d) { return random_flow_mod(d); },
      [](Dice& d) {
        return PortMod{d.port(), d.mac(), d.u32() & 0x65, d.u32() & 0x65, d.u32() & 0xf87f};
      },
      [](Dice&) { return BarrierRequest{}; },
      [](Dice&) { return BarrierReply{}; },
      [](Dice& d) { return QueueGetConfigRequest{d.port()}; },
      [](Dice& d) { return random_queue_reply(d); },
      [](Dice&) { return request(DescRequest{}); },
      [](Dice& d) { return request(FlowStatsRequest{random_selector(d)}); },
      [](Dice& d) { return request(AggregateStatsRequest{random_selector(d)}); },
      [](Dice&) { return request(TableStatsRequest{}); },
      [](Dice& d) { return request(PortStatsRequest{d.port()}); },
      [](Dice& d) {
        return request(QueueStatsRequest{d.port(), d.u32()});
      },
      [](Dice& d) {
        return reply(d, DescReply{d.text(256), d.text(256), d.text(256), d.text(32), d.text(256)});
      },
      [](Dice& d) { return reply(d, some(d, random_flow_stats)); },
      [](Dice& d) {
        return reply(d, AggregateStats{d.u64(), d.u64(), d.u32()});
      },
      [](Dice& d) { return reply(d, some(d, random_table_stats)); },
      [](Dice& d) { return reply(d, some(d, random_port_stats)); },
      [](Dice& d) { return reply(d, some(d, random_queue_stats)); },
      [](Dice& d) { return request(FlowMonitorsRequest{some(d, random_monitor)}); },
      [](Dice& d) { return reply(d, some(d, random_update)); },
      [](Dice& d) { return FlowMonitorCancel{d.u32()}; },
      [](Dice&) { return FlowMonitorPaused{}; },
      [](Dice&) { return FlowMonitorResumed{}; },
  };
  return kMakers;
}

const std::vector<Maker>& makers_13() {
  static const std::vector<Maker> kMakers = {
      [](Dice& d) {
        return GroupMod{static_cast<GroupModCommand>(d.below(2)), GroupType::kSelect,
                        static_cast<std::uint32_t>(d.below(kGroupMax)), some(d, random_bucket)};
      },
      [](Dice& d) {
        return TableMod{d.u8(), d.u32()};
      },
      [](Dice& d) {
        return BundleControl{d.u32(), static_cast<BundleControlType>(d.below(8)),
                             static_cast<std::uint16_t>(d.below(4))};
      },
      [](Dice& d) {
        // The xid that openflow_recode gives the outer message: they must be equal.
        constexpr std::uint32_t kXid = 0x12345678;
        const FlowMod inner{.cookie = d.u64(), .match = MatchMaker(d).make()};
        return BundleAdd{d.u32(), static_cast<std::uint16_t>(d.below(4)),
                         encode(inner, kXid, Version::k13)};
      },
      [](Dice& d) {
        return MeterMod{static_cast<MeterModCommand>(d.below(3)),
                        static_cast<std::uint16_t>(d.below(4) << 2 | 1), d.u32(),
                        some(d, random_band)};
      },
      [](Dice& d) {
        return RoleRequest{static_cast<Role>(d.below(4)), d.u64()};
      },
      [](Dice& d) {
        return RoleReply{static_cast<Role>(d.below(4)), d.u64()};
      },
      [](Dice&) { return GetAsyncRequest{}; },
      [](Dice& d) {
        return GetAsyncReply{{{d.u32(), d.u32()}, {d.u32(), d.u32()}, {d.u32(), d.u32()}}};
      },
      [](Dice& d) {
        return SetAsync{{{d.u32(), d.u32()}, {d.u32(), d.u32()}, {d.u32(), d.u32()}}};
      },
      [](Dice& d) { return request(GroupStatsRequest{d.u32()}); },
      [](Dice&) { return request(GroupDescRequest{}); },
      [](Dice&) { return request(GroupFeaturesRequest{}); },
      [](Dice& d) { return request(MeterStatsRequest{d.u32()}); },
      [](Dice& d) { return request(MeterConfigRequest{d.u32()}); },
      [](Dice&) { return request(MeterFeaturesRequest{}); },
      [](Dice& d) { return request(TableFeaturesRequest{some(d, random_table_features)}); },
      [](Dice&) { return request(PortDescRequest{}); },
      [](Dice& d) {
        return request(ExperimenterMultipart{0x123456, d.u32(), d.bytes(20)});
      },
      [](Dice& d) { return reply(d, some(d, random_group_stats)); },
      [](Dice& d) { return reply(d, some(d, random_group_desc)); },
      [](Dice& d) {
        return reply(d, GroupFeatures{d.u32() & 0xf, d.u32() & 0xf, {1, 2, 3, 4}, {5, 6, 7, 8}});
      },
      [](Dice& d) { return reply(d, some(d, random_meter_stats)); },
      [](Dice& d) { return reply(d, some(d, random_meter_config)); },
      [](Dice& d) {
        return reply(d, MeterFeatures{d.u32(), 6, 15, d.u8(), d.u8()});
      },
      [](Dice& d) { return reply(d, some(d, random_table_features)); },
      [](Dice& d) { return reply(d, some(d, random_port)); },
  };
  return kMakers;
}

}  // namespace

flow::Match random_match(Rng& rng, Version version) {
  Dice d(rng, version);
  return MatchMaker(d).make();
}

flow::ActionList random_actions(Rng& rng, Version version) {
  Dice d(rng, version);
  flow::ActionList out;
  for (std::size_t n = d.below(5); n > 0; --n) {
    if (d.is13()) {
      out.push_back(random_action13(d));
    } else {
      add_action10(d, out);
    }
  }
  return out;
}

std::size_t message_kinds(Version version) {
  return makers_both().size() + (version == Version::k13 ? makers_13().size() : 0);
}

Message random_message(Rng& rng, std::size_t kind, Version version) {
  Dice d(rng, version);
  const std::size_t common = makers_both().size();
  return kind < common ? makers_both()[kind](d) : makers_13()[kind - common](d);
}

}  // namespace lifeline::openflow::testing
