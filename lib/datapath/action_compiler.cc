#include "datapath/action_compiler.h"

#include <variant>

#include "datapath/rewrite.h"
#include "flow/field.h"
#include "packet/parse.h"

namespace lifeline::datapath {

using flow::FieldId;
namespace port_flag = port::port_flag;

namespace {

template <class T>
constexpr std::size_t kind_index() {
  return flow::Action{T{}}.index();
}

std::uint64_t low_words(const flow::FieldValue& value, std::uint64_t* second) {
  std::uint64_t first;
  std::memcpy(&first, value.bytes.data(), 8);
  std::memcpy(second, value.bytes.data() + 8, 8);
  return first;
}

packet::FlowMask all_ones() {
  packet::FlowMask mask;
  for (std::size_t i = 0; i < packet::FlowKey::kWords; ++i) mask.words()[i] = ~std::uint64_t{0};
  return mask;
}

}  // namespace

void ActionSet::write(const flow::ActionList& actions) {
  for (const flow::Action& a : actions) {
    empty = false;
    if (const auto* f = std::get_if<flow::SetField>(&a)) {
      set_field[static_cast<std::size_t>(f->field)] = &a;
    } else {
      by_kind[a.index()] = &a;
    }
  }
}

void ActionCompiler::push(Op op, const void* data) {
  if (stopped_) return;
  if (out_.n_words + 1 + op.data_words > kMaxOpWords) {
    drop(DropReason::kTooManyActions);
    return;
  }
  out_.words[out_.n_words++] = op.word();
  if (op.data_words != 0) {
    std::memcpy(&out_.words[out_.n_words], data, op.data_words * 8u);
    out_.n_words += op.data_words;
  }
}

void ActionCompiler::drop(DropReason reason) {
  if (out_.n_words >= kMaxOpWords) {
    // Nothing of it may run: a list that stops in the middle would send half of what was asked.
    out_.n_words = guard_words_;
    has_output_ = false;
  }
  Op op{.code = OpCode::kDrop, .b = static_cast<std::uint16_t>(reason)};
  out_.words[out_.n_words++] = op.word();
  stopped_ = true;
}

void ActionCompiler::consumer(Op op, const Source& source) {
  if (stopped_) return;
  if (source.hidden) op.flags |= kOpHidden;
  const std::uint32_t place = out_.n_words;
  emit(op);
  if (stopped_) return;
  has_output_ = true;
  last_consumer_ = place;
}

void ActionCompiler::upcall(std::uint8_t reason, std::uint16_t max_len, const Source& source) {
  if (stopped_) return;
  const std::uint64_t data[2] = {source.cookie, key_.metadata.host()};
  const std::uint32_t place = out_.n_words;
  push({.code = OpCode::kUpcall, .a = reason, .data_words = 2, .b = max_len, .c = source.table_id},
       data);
  if (stopped_) return;
  has_output_ = true;
  last_consumer_ = place;
}

void ActionCompiler::to_port(flow::PortNo port, const Source& source) {
  const port::PortEntry* entry = world_.view->find(port);
  const std::uint32_t blocked = port_flag::kDown | port_flag::kNoFwd;
  if (entry == nullptr && port != flow::kPortLocal) {
    why_nothing_ = DropReason::kNoSuchPort;
  } else if (!source.hidden && entry != nullptr && (entry->flags & blocked) != 0) {
    why_nothing_ = DropReason::kPortFiltered;
  } else if (port == flow::kPortLocal) {
    consumer({.code = OpCode::kLocal}, source);
  } else {
    consumer({.code = OpCode::kOutput, .a = world_.view->index_of[port], .b = port}, source);
  }
}

void ActionCompiler::output(const flow::Output& o, const Source& source) {
  switch (o.port) {
    case flow::kPortInPort: to_port(ingress_, source); return;
    case flow::kPortNormal:
      if (key_.eth_dst.is_link_local_reserved()) {
        why_nothing_ = DropReason::kReservedMulticast;
        return;
      }
      consumer({.code = OpCode::kNormal, .c = source.kind}, source);
      return;
    case flow::kPortFlood: consumer({.code = OpCode::kFlood}, source); return;
    case flow::kPortAll: consumer({.code = OpCode::kAll}, source); return;
    case flow::kPortController: {
      const port::PortEntry* in = world_.view->find(ingress_);
      if (source.table_miss && in != nullptr && (in->flags & port_flag::kNoPacketIn) != 0) {
        why_nothing_ = DropReason::kPortFiltered;
        return;
      }
      const auto reason = source.table_miss ? PacketInReason::kNoMatch : PacketInReason::kAction;
      upcall(static_cast<std::uint8_t>(reason), o.max_len, source);
      return;
    }
    case flow::kPortTable:
      if (source.packet_out) consumer({.code = OpCode::kTable}, source);
      return;
    case flow::kPortNone: return;
    default: break;
  }
  if (o.port == ingress_) {
    why_nothing_ = DropReason::kPortFiltered;  // OpenFlow wants IN_PORT for this
    return;
  }
  to_port(o.port, source);
}

void ActionCompiler::set_field(const flow::SetField& a) {
  static const packet::FlowMask kFull = all_ones();
  if (!key_unknown_) {
    const bool tag = a.field == FieldId::kVlanVid || a.field == FieldId::kVlanPcp;
    if (tag ? !key_.has_vlan() : !flow::prerequisites_met(a.field, key_, kFull)) return;
    flow::set_field(key_, a.field, a.value);
    if (tag) key_.vlan_tci = key_.vlan_tci | be16{packet::kVlanPresent};
    // These say what the bytes behind them are: those are to be read anew.
    key_unknown_ = a.field == FieldId::kEthType || a.field == FieldId::kIpProto ||
                   a.field == FieldId::kIcmpv6Type;
  }
  rewritten_ = true;
  std::uint64_t data[2];
  data[0] = low_words(a.value, &data[1]);
  const bool wide = flow::field_info(a.field).oxm_bytes > 8;
  push({.code = OpCode::kSetField,
        .a = static_cast<std::uint8_t>(a.field),
        .data_words = static_cast<std::uint8_t>(wide ? 2 : 1)},
       data);
}

// At most one of the three applies to a packet; where the key is unknown, the Editor finds which.
void ActionCompiler::transport10(FieldId tcp, std::uint16_t port) {
  const auto end = static_cast<unsigned>(tcp) + 6;
  for (auto id = static_cast<unsigned>(tcp); id < end; id += 2) {
    const auto field = static_cast<FieldId>(id);
    set_field({field, flow::FieldValue::from_u64(field, port)});
  }
}

void ActionCompiler::structural(Op op) {
  emit(op);
  rewritten_ = true;
  key_unknown_ = true;
}

void ActionCompiler::push_vlan(Op op) {
  // Two tags are what the parser looks through; a third hides the ether type.
  if (key_unknown_ || key_.inner_vlan != 0) return structural(op);
  emit(op);
  rewritten_ = true;
  if (key_.has_vlan()) {
    key_.inner_vlan = 1;
  } else {
    key_.vlan_tci = be16{packet::kVlanPresent};
  }
}

void ActionCompiler::pop_vlan(Op op) {
  if (!key_unknown_ && !key_.has_vlan()) return;
  if (key_unknown_ || key_.inner_vlan != 0) return structural(op);
  emit(op);
  rewritten_ = true;
  key_.vlan_tci = be16{};
}

void ActionCompiler::vlan10(Op op) {
  emit(op);
  rewritten_ = true;
  if (key_unknown_) return;
  std::uint16_t tci = key_.vlan_tci.host() | packet::kVlanPresent;
  if (op.code == OpCode::kSetVlanVid10) {
    tci = static_cast<std::uint16_t>((tci & ~packet::kVlanVidMask) | (op.b & packet::kVlanVidMask));
  } else {
    tci = static_cast<std::uint16_t>((tci & ~packet::kVlanPcpMask) | op.b << 13);
  }
  key_.vlan_tci = be16{tci};
}

void ActionCompiler::ttl(Op op, const Source& source) {
  rewritten_ = true;
  if (op.code != OpCode::kDecIpTtl && op.code != OpCode::kDecMplsTtl) return emit(op);
  const std::uint64_t data[2] = {source.cookie, key_.metadata.host()};
  op.data_words = 2;
  op.c = source.table_id;
  push(op, data);
}

void ActionCompiler::one(const flow::Action& action, const Source& source) {
  struct Visitor {
    ActionCompiler& c;
    const Source& source;
    void operator()(const flow::Output& a) const { c.output(a, source); }
    void operator()(const flow::SetField& a) const { c.set_field(a); }
    void operator()(const flow::SetVlanVid10& a) const {
      c.vlan10({.code = OpCode::kSetVlanVid10, .b = a.vid});
    }
    void operator()(const flow::SetVlanPcp10& a) const {
      c.vlan10({.code = OpCode::kSetVlanPcp10, .b = static_cast<std::uint16_t>(a.pcp & 7)});
    }
    void operator()(const flow::PushVlan& a) const {
      c.push_vlan({.code = OpCode::kPushVlan, .b = a.eth_type});
    }
    void operator()(const flow::PopVlan&) const { c.pop_vlan({.code = OpCode::kPopVlan}); }
    void operator()(const flow::SetTpSrc10& a) const { c.transport10(FieldId::kTcpSrc, a.port); }
    void operator()(const flow::SetTpDst10& a) const { c.transport10(FieldId::kTcpDst, a.port); }
    void operator()(const flow::PushMpls& a) const {
      c.structural({.code = OpCode::kPushMpls, .b = a.eth_type});
    }
    void operator()(const flow::PopMpls& a) const {
      c.structural({.code = OpCode::kPopMpls, .b = a.eth_type});
    }
    void operator()(const flow::PushPbb&) const { c.structural({.code = OpCode::kPushPbb}); }
    void operator()(const flow::PopPbb&) const { c.structural({.code = OpCode::kPopPbb}); }
    void operator()(const flow::SetMplsTtl& a) const {
      c.ttl({.code = OpCode::kSetMplsTtl, .b = a.ttl}, source);
    }
    void operator()(const flow::DecMplsTtl&) const { c.ttl({.code = OpCode::kDecMplsTtl}, source); }
    void operator()(const flow::SetIpTtl& a) const {
      c.ttl({.code = OpCode::kSetIpTtl, .b = a.ttl}, source);
    }
    void operator()(const flow::DecIpTtl&) const { c.ttl({.code = OpCode::kDecIpTtl}, source); }
    void operator()(const flow::CopyTtlOut&) const { c.ttl({.code = OpCode::kCopyTtlOut}, source); }
    void operator()(const flow::CopyTtlIn&) const { c.ttl({.code = OpCode::kCopyTtlIn}, source); }
    // There is one queue per port: every queue is that one.
    void operator()(const flow::SetQueue&) const {}
    void operator()(const flow::Group&) const { c.drop(DropReason::kUnsupportedAction); }
  };
  std::visit(Visitor{*this, source}, action);
}

void ActionCompiler::run(const flow::ActionList& actions, const Source& source) {
  for (const flow::Action& a : actions) {
    if (stopped_) return;
    one(a, source);
  }
}

void ActionCompiler::run(const ActionSet& set, const Source& source) {
  const auto kind = [&](std::size_t i) {
    if (set.by_kind[i] != nullptr && !stopped_) one(*set.by_kind[i], source);
  };
  kind(kind_index<flow::CopyTtlIn>());
  kind(kind_index<flow::PopVlan>());
  kind(kind_index<flow::PopMpls>());
  kind(kind_index<flow::PopPbb>());
  kind(kind_index<flow::PushMpls>());
  kind(kind_index<flow::PushPbb>());
  kind(kind_index<flow::PushVlan>());
  kind(kind_index<flow::CopyTtlOut>());
  kind(kind_index<flow::DecMplsTtl>());
  kind(kind_index<flow::DecIpTtl>());
  kind(kind_index<flow::SetMplsTtl>());
  kind(kind_index<flow::SetIpTtl>());
  kind(kind_index<flow::SetVlanVid10>());
  kind(kind_index<flow::SetVlanPcp10>());
  for (const flow::Action* a : set.set_field) {
    if (a != nullptr && !stopped_) one(*a, source);
  }
  kind(kind_index<flow::SetQueue>());
  // A group takes the place of the output (5.10).
  if (set.by_kind[kind_index<flow::Group>()] != nullptr) {
    kind(kind_index<flow::Group>());
  } else {
    kind(kind_index<flow::Output>());
  }
}

void ActionCompiler::write_metadata(const flow::WriteMetadata& m) {
  key_.metadata = (key_.metadata & ~m.mask) | (m.value & m.mask);
  rewritten_ = true;
}

bool ActionCompiler::refresh(const rte_mbuf* packet, std::byte* scratch) {
  if (!key_unknown_ || stopped_) return !stopped_;
  out_.cacheable = false;
  rte_mbuf* copy = rte_pktmbuf_copy(packet, packet->pool, 0, UINT32_MAX);
  if (copy == nullptr) {
    drop(DropReason::kNoBuffer);
    return false;
  }
  Editor editor(copy, scratch);
  RewriteResult result = RewriteResult::kDone;
  for (std::uint32_t i = 0; i < out_.n_words && result == RewriteResult::kDone;) {
    const Op op = Op::from_word(out_.words[i]);
    if (is_rewrite(op.code)) result = editor.apply(op, &out_.words[i + 1]);
    i += 1u + op.data_words;
  }
  packet::FlowKey fresh = packet::parse(linear(copy, scratch), ingress_);
  rte_pktmbuf_free(copy);
  if (result != RewriteResult::kDone) {
    stopped_ = true;  // the list as it stands ends the packet when it runs
    return false;
  }
  fresh.metadata = key_.metadata;
  fresh.tunnel_id = key_.tunnel_id;
  key_ = fresh;
  key_unknown_ = false;
  return true;
}

void ActionCompiler::finish() {
  if (stopped_) return;
  if (!has_output_) {
    drop(why_nothing_);
    return;
  }
  // A decrement behind the last output may still end in a packet-in; the rest would be for nothing.
  Op op = Op::from_word(out_.words[last_consumer_]);
  op.flags |= kOpLast;
  out_.words[last_consumer_] = op.word();
  out_.n_words = last_consumer_ + 1u + op.data_words;
}

}  // namespace lifeline::datapath
