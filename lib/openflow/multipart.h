// Multipart messages that are longer than one message: replies are cut, requests put together.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>

#include "base/expected.h"
#include "openflow/error.h"
#include "openflow/messages.h"
#include "openflow/protocol.h"

namespace lifeline::openflow {

// Writes the entries of one multipart reply, one at a time, into messages below 64 KiB. Whoever
// dumps 100 000 flows keeps one of these and adds a few hundred entries per slice.
//
//   MultipartWriter writer(MultipartType::kFlow, xid, version, [&](Bytes m) {
//   channel.send_bytes(m); }); writer.add(stats);  // any number, over any time writer.finish(); //
//   once: the last message, the one without MORE, even if it is empty
//
// Not thread-safe. The sink is called from add() and finish() with whole messages.
class MultipartWriter {
 public:
  using Sink = std::function<void(Bytes message)>;

  MultipartWriter(MultipartType type, std::uint32_t xid, Version version, Sink sink);
  // For FlowUpdate.
  static MultipartWriter flow_monitor(std::uint32_t xid, Version version, Sink sink);

  // The entry must be of the writer's type. An entry that does not fit a message of its own (a rule
  // with 60 KiB of actions) is left out and counted in oversized().
  void add(const FlowStats& entry);
  void add(const TableStats& entry);
  void add(const PortStats& entry);
  void add(const QueueStats& entry);
  void add(const GroupStats& entry);
  void add(const GroupDesc& entry);
  void add(const MeterStats& entry);
  void add(const MeterConfig& entry);
  void add(const TableFeatures& entry);
  void add(const Port& entry);
  void add(const FlowUpdate& entry);
  void finish();

  bool finished() const { return finished_; }
  std::uint64_t oversized() const { return oversized_; }

 private:
  enum class Form : std::uint8_t { kPlain, kFlowMonitor };
  MultipartWriter(Form form, MultipartType type, std::uint32_t xid, Version version, Sink sink);
  template <class Entry>
  void add_entry(const Entry& entry);
  void begin();
  void emit(bool more);

  Form form_;
  MultipartType type_;
  std::uint32_t xid_;
  Version version_;
  Sink sink_;
  Bytes message_;
  std::size_t head_bytes_ = 0;  // of every message, before its entries
  bool finished_ = false;
  std::uint64_t oversized_ = 0;
};

// Puts the parts of multipart requests of one channel together. Only table features may be split
// (nothing else in 1.0 and 1.3 has a body that can grow); MORE on anything else is
// BRC_MULTIPART_BUFFER_OVERFLOW. Bounded: kMaxSequences requests at a time, kMaxTables tables each.
class MultipartRequests {
 public:
  static constexpr std::size_t kMaxSequences = 4;
  static constexpr std::size_t kMaxTables = 256;

  // nullopt: kept, more parts to come. Otherwise the whole request, `more` false.
  tl::expected<std::optional<MultipartRequest>, ErrorId> add(std::uint32_t xid,
                                                             MultipartRequest part);
  std::size_t pending() const { return pending_.size(); }

 private:
  struct Pending {
    std::uint32_t xid = 0;
    TableFeaturesRequest request;
  };
  std::list<Pending> pending_;
};

}  // namespace lifeline::openflow
