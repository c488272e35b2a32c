#pragma once

#include <gtest/gtest.h>

#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "table/tables.h"

namespace lifeline::table::test {

// Tables without readers: every grace period has passed at once.
struct TablesFixture : testing::Test {
  explicit TablesFixture(const TablesConfig& config = {.n_tables = 4, .n_slots = 3})
      : tables(qsbr, retired, config) {}

  static flow::Rule rule(const flow::Match& match, std::uint32_t priority,
                         flow::PortNo output = 1) {
    flow::Rule r;
    r.priority = priority;
    r.match = match;
    r.instructions.apply = flow::ActionList{flow::Output{output}};
    return r;
  }
  static flow::RuleId add(flow::RuleWriter& writer, const flow::Rule& r) {
    const auto id = writer.add(r);
    EXPECT_TRUE(id.has_value()) << id.error().message;
    return id.value_or(0);
  }
  const PublishedRule* find(const flow::FlowKey& key, std::uint8_t table_id = 0) {
    return tables.lookup(table_id, key, tables.version());
  }

  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  Tables tables;
};

}  // namespace lifeline::table::test
