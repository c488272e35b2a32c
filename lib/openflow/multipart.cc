#include "openflow/multipart.h"

#include <algorithm>
#include <utility>

#include "openflow/body_codec.h"

namespace lifeline::openflow {
namespace {

constexpr std::size_t kFlagsOffset = 10;  // behind header and type, in both versions

}  // namespace

MultipartWriter::MultipartWriter(MultipartType type, std::uint32_t xid, Version version, Sink sink)
    : MultipartWriter(Form::kPlain, type, xid, version, std::move(sink)) {}

MultipartWriter::MultipartWriter(Form form, MultipartType type, std::uint32_t xid, Version version,
                                 Sink sink)
    : form_(form), type_(type), xid_(xid), version_(version), sink_(std::move(sink)) {
  begin();
}

MultipartWriter MultipartWriter::flow_monitor(std::uint32_t xid, Version version, Sink sink) {
  return {Form::kFlowMonitor, MultipartType::kExperimenter, xid, version, std::move(sink)};
}

void MultipartWriter::begin() {
  message_.clear();
  Writer out(message_);
  begin_multipart_reply(out, version_, type_, xid_);
  if (form_ == Form::kFlowMonitor) begin_flow_monitor(out, version_);
  head_bytes_ = message_.size();
}

void MultipartWriter::emit(bool more) {
  Writer out(message_);
  out.patch_u16(kFlagsOffset, more ? 1 : 0);
  finish_message(out);  // add_entry() keeps it below the limit
  sink_(std::exchange(message_, {}));
}

template <class Entry>
void MultipartWriter::add_entry(const Entry& entry) {
  if (finished_) return;
  const std::size_t before = message_.size();
  Writer out(message_);
  encode_entry(out, entry, version_);
  if (message_.size() <= kMaxMessageBytes) return;
  const Bytes encoded(message_.begin() + static_cast<std::ptrdiff_t>(before), message_.end());
  message_.resize(before);
  if (head_bytes_ + encoded.size() > kMaxMessageBytes) {
    ++oversized_;
    return;
  }
  emit(true);
  begin();
  Writer(message_).bytes(encoded);
}

void MultipartWriter::add(const FlowStats& entry) { add_entry(entry); }
void MultipartWriter::add(const TableStats& entry) { add_entry(entry); }
void MultipartWriter::add(const PortStats& entry) { add_entry(entry); }
void MultipartWriter::add(const QueueStats& entry) { add_entry(entry); }
void MultipartWriter::add(const GroupStats& entry) { add_entry(entry); }
void MultipartWriter::add(const GroupDesc& entry) { add_entry(entry); }
void MultipartWriter::add(const MeterStats& entry) { add_entry(entry); }
void MultipartWriter::add(const MeterConfig& entry) { add_entry(entry); }
void MultipartWriter::add(const TableFeatures& entry) { add_entry(entry); }
void MultipartWriter::add(const Port& entry) { add_entry(entry); }
void MultipartWriter::add(const FlowUpdate& entry) { add_entry(entry); }

void MultipartWriter::finish() {
  if (finished_) return;
  finished_ = true;
  emit(false);
}

tl::expected<std::optional<MultipartRequest>, ErrorId> MultipartRequests::add(
    std::uint32_t xid, MultipartRequest part) {
  const auto found = std::find_if(pending_.begin(), pending_.end(),
                                  [&](const Pending& p) { return p.xid == xid; });
  auto* tables = std::get_if<TableFeaturesRequest>(&part.body);
  const auto overflow = [&] {
    if (found != pending_.end()) pending_.erase(found);
    return tl::make_unexpected(ErrorId::kBrcMultipartBufferOverflow);
  };
  if (tables == nullptr) {
    if (part.more) return overflow();
    return std::optional(std::move(part));
  }
  if (found == pending_.end()) {
    if (!part.more) return std::optional(std::move(part));
    if (pending_.size() >= kMaxSequences || tables->tables.size() > kMaxTables) return overflow();
    pending_.push_back({xid, std::move(*tables)});
    return std::nullopt;
  }
  auto& whole = found->request.tables;
  if (whole.size() + tables->tables.size() > kMaxTables) return overflow();
  std::move(tables->tables.begin(), tables->tables.end(), std::back_inserter(whole));
  if (part.more) return std::nullopt;
  MultipartRequest request{.body = std::move(found->request)};
  pending_.erase(found);
  return std::optional(std::move(request));
}

}  // namespace lifeline::openflow
