#include "control/dump_replies.h"

#include <chrono>
#include <utility>
#include <vector>

#include "control/request.h"

namespace lifeline::control {
namespace {

using nlohmann::json;

// A rule or an entry costs about 4 us: pieces of less than 100 us.
constexpr std::size_t kPerPiece = 20;
constexpr std::size_t kBucketsPerPiece = 1024;

// Writes the elements of a list with commas between them.
class ListWriter {
 public:
  explicit ListWriter(const char* name) : name_(name) {}
  void add(std::string& out, const json& element) {
    open(out);
    if (!std::exchange(first_, false)) out += ',';
    out += element.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  void close(std::string& out) {
    open(out);
    out += "]}";
  }

 private:
  void open(std::string& out) {
    if (!std::exchange(opened_, true)) out += std::string("{\"") + name_ + "\": [";
  }

  const char* name_;
  bool opened_ = false;
  bool first_ = true;
};

class HiddenRulesReply final : public AdminReply {
 public:
  HiddenRulesReply(const inband::InbandAgent& inband, const OffloadKeeper& offload,
                   const Clock& clock)
      : inband_(inband), offload_(offload), clock_(clock), ids_(inband.rule_ids()) {}

  bool next(std::string& out) override {
    for (std::size_t i = 0; i < kPerPiece && at_ < ids_.size(); ++i) {
      if (const auto rule = inband_.rule_status(ids_[at_++]))
        list_.add(out, hidden_rule_json(*rule, offload_, clock_.now()));
    }
    if (at_ < ids_.size()) return true;
    list_.close(out);
    return false;
  }

 private:
  const inband::InbandAgent& inband_;
  const OffloadKeeper& offload_;
  const Clock& clock_;
  const std::vector<flow::RuleId> ids_;
  std::size_t at_ = 0;
  ListWriter list_{"hidden_rules"};
};

class FdbReply final : public AdminReply {
 public:
  FdbReply(const table::Fdb& fdb, std::uint32_t now_s) : fdb_(fdb), now_s_(now_s) {}

  bool next(std::string& out) override {
    entries_.clear();
    const bool more = fdb_.walk(cursor_, now_s_, kPerPiece, kBucketsPerPiece, entries_);
    for (const auto& entry : entries_) {
      list_.add(out, {{"port", port_json(entry.port)},
                      {"vlan", entry.vlan == table::Fdb::kAnyVlan ? json("any") : json(entry.vlan)},
                      {"mac", entry.mac.to_string()},
                      {"age_s", entry.age_s},
                      {"static", entry.is_static}});
    }
    if (!more) list_.close(out);
    return more;
  }

 private:
  const table::Fdb& fdb_;
  const std::uint32_t now_s_;
  table::Fdb::Cursor cursor_;
  std::vector<table::FdbEntry> entries_;
  ListWriter list_{"entries"};
};

}  // namespace

json hidden_rule_json(const inband::HiddenRuleStatus& r, const OffloadKeeper& offload,
                      TimePoint now) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now - r.since);
  json rule{{"letter", std::string(1, inband::kind_letter(r.rule.kind))},
            {"kind", inband::kind_name(r.rule.kind)},
            {"match", r.rule.match.to_string()},
            {"priority", r.rule.priority},
            {"why", join(r.rule.why, "; ")},
            {"packets", r.counters.packets},
            {"bytes", r.counters.bytes},
            {"since_ms", r.since == TimePoint{} ? json() : json(since.count())}};
  for (const OffloadKeeper::InNic& nic : offload.nics_of(r.rule))
    rule["nics"][nic.port] = offload::rung_name(nic.rung);
  return rule;
}

std::unique_ptr<AdminReply> hidden_rules_reply(const inband::InbandAgent& inband,
                                               const OffloadKeeper& offload, const Clock& clock) {
  return std::make_unique<HiddenRulesReply>(inband, offload, clock);
}

std::unique_ptr<AdminReply> fdb_reply(const table::Fdb& fdb, std::uint32_t now_s) {
  return std::make_unique<FdbReply>(fdb, now_s);
}

}  // namespace lifeline::control
