#include <fmt/format.h>

#include "flow/field.h"
#include "ofagent/handlers.h"

namespace lifeline::ofagent {
namespace {

using openflow::TableFeatures;

constexpr std::uint32_t kWildcardsAll10 = 0x3fffff;  // OFPFW_ALL

std::string table_name(std::uint8_t table_id) { return fmt::format("table{}", table_id); }

enum class OxmMask : std::uint8_t { kNever, kWhereAllowed };

std::vector<std::uint32_t> oxm_list(std::uint64_t fields, OxmMask mask) {
  std::vector<std::uint32_t> list;
  for (std::size_t i = 0; i < flow::kFieldCount; ++i) {
    if ((fields >> i & 1) == 0) continue;
    const flow::FieldInfo& info = flow::field_info(static_cast<flow::FieldId>(i));
    const bool has_mask = mask == OxmMask::kWhereAllowed && info.maskable;
    constexpr std::uint32_t kOpenflowBasic = 0x8000;
    list.push_back(kOpenflowBasic << 16 | static_cast<std::uint32_t>(i) << 9 |
                   std::uint32_t{has_mask} << 8 |
                   static_cast<std::uint32_t>(info.oxm_bytes) * (has_mask ? 2u : 1u));
  }
  return list;
}

std::vector<std::uint16_t> action_list(std::uint32_t actions) {
  std::vector<std::uint16_t> list;
  for (std::uint16_t type = 0; type < 32; ++type) {
    if ((actions >> type & 1) != 0) list.push_back(type);
  }
  return list;
}

// No _MISS properties: without them table-miss rules can do the same (OpenFlow 1.3.5, 7.3.5.5.2).
TableFeatures features_of(const AgentCore& core, std::uint8_t table_id) {
  const Abilities& able = core.backend.facts().abilities;
  const std::uint8_t n_tables = core.config.tables.n_tables;
  TableFeatures t;
  t.table_id = table_id;
  t.name = table_name(table_id);
  t.metadata_match = ~std::uint64_t{0};
  t.metadata_write = ~std::uint64_t{0};
  t.max_entries = core.config.tables.max_rules_per_table;
  // write-metadata, write-actions, apply-actions, clear-actions; goto-table but from the last.
  std::vector<std::uint16_t> instructions{2, 3, 4, 5};
  std::vector<std::uint8_t> next;
  for (unsigned i = table_id + 1u; i < n_tables; ++i) next.push_back(static_cast<std::uint8_t>(i));
  if (!next.empty()) instructions.insert(instructions.begin(), 1);
  const auto actions = action_list(able.actions);
  const auto set_fields = oxm_list(able.set_fields, OxmMask::kNever);
  t.properties = {
      {.type = TableFeatures::kInstructions, .ids = instructions},
      {.type = TableFeatures::kNextTables, .tables = next},
      {.type = TableFeatures::kWriteActions, .ids = actions},
      {.type = TableFeatures::kApplyActions, .ids = actions},
      {.type = TableFeatures::kMatch, .oxm = oxm_list(able.match_fields, OxmMask::kWhereAllowed)},
      {.type = TableFeatures::kWildcards, .oxm = oxm_list(able.match_fields, OxmMask::kNever)},
      {.type = TableFeatures::kWriteSetField, .oxm = set_fields},
      {.type = TableFeatures::kApplySetField, .oxm = set_fields},
  };
  return t;
}

class TableFeaturesTask final : public Task {
 public:
  TableFeaturesTask(Connection& c, const Request& request)
      : writer_(openflow::MultipartType::kTableFeatures, request.xid, c.channel.version(),
                [&c](openflow::Bytes message) { c.channel.send_bytes(std::move(message)); }) {}

  Progress step(AgentCore& core, Connection& c, Budget& budget) override {
    if (c.is_output_full()) return Progress::kBlocked;
    for (; next_ < core.config.tables.n_tables; ++next_) {
      if (budget.spent()) return Progress::kMore;
      budget.charge(4 * kCostReport);
      writer_.add(features_of(core, next_));
    }
    writer_.finish();
    return Progress::kDone;
  }

 private:
  openflow::MultipartWriter writer_;
  std::uint8_t next_ = 0;
};

}  // namespace

void handle_table_stats(AgentCore& core, Connection& c, const Request& request) {
  openflow::MultipartWriter writer(
      openflow::MultipartType::kTable, request.xid, c.channel.version(),
      [&c](openflow::Bytes message) { c.channel.send_bytes(std::move(message)); });
  for (std::uint8_t id = 0; id < core.config.tables.n_tables; ++id) {
    const TableCounters n = core.backend.table_counters(id);
    writer.add(
        openflow::TableStats{.table_id = id,
                             .active_count = static_cast<std::uint32_t>(core.tables.size(id)),
                             .lookup_count = n.lookups,
                             .matched_count = n.matched,
                             .name = table_name(id),
                             .wildcards = kWildcardsAll10,
                             .max_entries = core.config.tables.max_rules_per_table});
  }
  writer.finish();
}

void handle_table_features(AgentCore& core, Connection& c, const Request& request,
                           const openflow::TableFeaturesRequest& wanted, Budget& budget) {
  if (!wanted.tables.empty()) {
    // A secondary controller may not even ask for it (6.3.2); of the others none can: the pipeline
    // cannot be rearranged.
    const bool secondary = c.role == openflow::Role::kSlave;
    c.error(secondary ? openflow::ErrorId::kBrcIsSlave : openflow::ErrorId::kTffcEperm, request);
    return;
  }
  core.start(c, std::make_unique<TableFeaturesTask>(c, request), budget);
}

}  // namespace lifeline::ofagent
