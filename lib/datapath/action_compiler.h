// Compiles OpenFlow actions into operations, following the flow key along. Part of translate().
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "datapath/translate.h"

namespace lifeline::datapath {

// The last write-action of each kind (OpenFlow 1.3, 5.10). Points into rules.
struct ActionSet {
  std::array<const flow::Action*, std::variant_size_v<flow::Action>> by_kind{};
  std::array<const flow::Action*, flow::kFieldCount> set_field{};
  bool empty = true;

  void write(const flow::ActionList& actions);
  void clear() { *this = ActionSet{}; }
};

class ActionCompiler {
 public:
  // Whose actions: what a packet-in or a filter must know of the rule.
  struct Source {
    std::uint8_t table_id = 0;
    std::uint64_t cookie = ~std::uint64_t{0};
    bool table_miss = false;
    bool hidden = false;
    bool packet_out = false;
    std::uint8_t kind = 0;  // of a hidden rule: 0 for (a)
  };

  ActionCompiler(const World& world, const packet::FlowKey& key, Decision* out)
      : world_(world), key_(key), out_(*out), ingress_(static_cast<flow::PortNo>(key.in_port)) {}

  void run(const flow::ActionList& actions, const Source& source);
  void run(const ActionSet& set, const Source& source);
  void write_metadata(const flow::WriteMetadata& m);
  void drop(DropReason reason);  // ends the list
  void emit(Op op) { push(op, nullptr); }
  // Before anything else; stays even if the rest turns out to be too much.
  void guard(Op op) {
    emit(op);
    guard_words_ = out_.n_words;
  }
  void upcall(std::uint8_t reason, std::uint16_t max_len, const Source& source);
  // Cuts off what no output follows, marks the last output, or drops if there is none.
  void finish();

  // The key as the actions left it. Before a lookup: call refresh() first.
  const packet::FlowKey& key() const { return key_; }
  bool rewritten() const { return rewritten_; }
  bool has_output() const { return has_output_; }
  bool stopped() const { return stopped_; }
  // If headers were pushed or popped so that the key is no longer known, rewrites a copy of
  // `packet` and parses that; the decision becomes uncacheable. False: the packet ended on the way.
  bool refresh(const rte_mbuf* packet, std::byte* scratch);

 private:
  void push(Op op, const void* data);
  void one(const flow::Action& action, const Source& source);
  void output(const flow::Output& o, const Source& source);
  void to_port(flow::PortNo port, const Source& source);
  void set_field(const flow::SetField& a);
  void vlan10(Op op);
  void push_vlan(Op op);
  void pop_vlan(Op op);
  void ttl(Op op, const Source& source);
  // OpenFlow 1.0's set of a port; `tcp` is kTcpSrc or kTcpDst, UDP and SCTP follow it in FieldId.
  void transport10(flow::FieldId tcp, std::uint16_t port);
  void structural(Op op);  // afterwards the key is unknown
  void consumer(Op op, const Source& source);

  const World& world_;
  packet::FlowKey key_;
  Decision& out_;
  flow::PortNo ingress_;
  bool rewritten_ = false;
  bool key_unknown_ = false;
  bool has_output_ = false;
  bool stopped_ = false;
  std::uint32_t guard_words_ = 0;
  std::uint32_t last_consumer_ = 0;
  DropReason why_nothing_ = DropReason::kRuleDrop;
};

}  // namespace lifeline::datapath
