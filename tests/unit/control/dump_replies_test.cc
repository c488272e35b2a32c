#include "control/dump_replies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "control/admin_commands.h"
#include "sync/qsbr.h"
#include "sync/retire_list.h"

namespace lifeline::control {
namespace {

using nlohmann::json;

TEST(FdbReply, ALongTableComesInManySmallPiecesThatAreOneDocument) {
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  table::Fdb fdb{retired, {.max_entries = 4096, .max_entries_per_port = 4096, .ageing_s = 300}};
  for (std::uint64_t i = 0; i < 3000; ++i)
    fdb.learn(static_cast<std::uint16_t>(i % 7), MacAddress::from_u64(0x020000000000 + i), 5, 10);
  const auto reply = fdb_reply(fdb, 20);
  std::string text;
  std::size_t pieces = 0;
  std::size_t longest = 0;
  for (bool more = true; more; ++pieces) {
    std::string piece;
    more = reply->next(piece);
    longest = std::max(longest, piece.size());
    text += piece;
  }
  EXPECT_GT(pieces, 100u);
  EXPECT_LT(longest, 5000u);
  const json document = json::parse(text);
  std::set<std::string> macs;
  for (const auto& entry : document["entries"]) {
    macs.insert(entry["mac"]);
    EXPECT_EQ(entry["age_s"], 10);
    EXPECT_EQ(entry["port"], 5);
  }
  EXPECT_EQ(macs.size(), 3000u);
}

TEST(FdbReply, AnEmptyTableIsAnEmptyList) {
  sync::Qsbr qsbr;
  sync::RetireList retired{qsbr};
  table::Fdb fdb{retired, {}};
  const auto reply = fdb_reply(fdb, 0);
  std::string text;
  while (reply->next(text)) {
  }
  EXPECT_EQ(json::parse(text), (json{{"entries", json::array()}}));
}

TEST(Telemetry, TakesWhatAMonitoringSystemWantsOutOfAReply) {
  EXPECT_EQ(figures_of("stats", {{"drops", {{{"name", "a"}, {"count", 1}}}},
                                 {"events", {{{"name", "b"}, {"count", 2}}}}}),
            (json{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(figures_of("hidden_rules", {{"hidden_rules", {1, 2}}}), (json{1, 2}));
  EXPECT_TRUE(figures_of("perf", {{"error", "no"}}).contains("error"));
}

}  // namespace
}  // namespace lifeline::control
