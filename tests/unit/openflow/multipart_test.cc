#include "openflow/multipart.h"

#include <gtest/gtest.h>

#include "openflow/codec.h"

namespace lifeline::openflow {
namespace {

struct Collected {
  std::vector<Bytes> messages;
  MultipartWriter::Sink sink() {
    return [this](Bytes m) { messages.push_back(std::move(m)); };
  }
};

class MultipartWriterTest : public ::testing::TestWithParam<Version> {};

TEST_P(MultipartWriterTest, ALongDumpIsCutBelow64KiBAndOnlyTheLastPartIsLast) {
  constexpr std::uint32_t kFlows = 5000;
  Collected out;
  MultipartWriter writer(MultipartType::kFlow, 9, GetParam(), out.sink());
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    FlowStats e{.cookie = i};
    e.match.in_port(static_cast<flow::PortNo>(1 + i % 100));
    e.instructions = flow::Instructions::apply_only({flow::Output{.port = 2}});
    writer.add(e);
  }
  writer.finish();
  std::uint64_t expected = 0;
  ASSERT_GT(out.messages.size(), 1u);
  for (std::size_t i = 0; i < out.messages.size(); ++i) {
    EXPECT_LE(out.messages[i].size(), kMaxMessageBytes);
    const auto decoded = decode(out.messages[i], GetParam());
    ASSERT_TRUE(decoded) << error_name(decoded.error().id);
    EXPECT_EQ(decoded->header.xid, 9u);
    const auto& reply = std::get<MultipartReply>(decoded->message);
    EXPECT_EQ(reply.more, i + 1 < out.messages.size());
    for (const FlowStats& e : std::get<FlowStatsReply>(reply.body)) EXPECT_EQ(e.cookie, expected++);
  }
  EXPECT_EQ(expected, kFlows);
}

TEST_P(MultipartWriterTest, AnEmptyDumpIsOneEmptyReply) {
  Collected out;
  MultipartWriter writer(MultipartType::kFlow, 9, GetParam(), out.sink());
  writer.finish();
  ASSERT_EQ(out.messages.size(), 1u);
  const auto decoded = decode(out.messages[0], GetParam());
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->message == Message(MultipartReply{FlowStatsReply{}}));
}

TEST_P(MultipartWriterTest, AnEntryThatFitsNoMessageIsCountedAndTheRestGoesOn) {
  Collected out;
  MultipartWriter writer(MultipartType::kFlow, 9, GetParam(), out.sink());
  FlowStats huge;
  huge.instructions.apply = flow::ActionList(9000, flow::Output{.port = 1});
  writer.add(huge);
  writer.add(FlowStats{.cookie = 4});
  writer.finish();
  EXPECT_EQ(writer.oversized(), 1u);
  ASSERT_EQ(out.messages.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Versions, MultipartWriterTest,
                         ::testing::Values(Version::k10, Version::k13),
                         [](const auto& p) { return p.param == Version::k10 ? "v10" : "v13"; });

MultipartRequest features_part(std::uint8_t table_id, bool more) {
  return {TableFeaturesRequest{{TableFeatures{.table_id = table_id}}}, more};
}

TEST(MultipartRequestsTest, PartsOfOneXidBecomeOneRequest) {
  MultipartRequests requests;
  auto first = requests.add(5, features_part(0, true));
  ASSERT_TRUE(first && !*first);
  auto other = requests.add(6, {DescRequest{}});
  ASSERT_TRUE(other && *other);
  auto last = requests.add(5, features_part(1, false));
  ASSERT_TRUE(last && *last);
  EXPECT_EQ(std::get<TableFeaturesRequest>((*last)->body).tables.size(), 2u);
  EXPECT_FALSE((*last)->more);
  EXPECT_EQ(requests.pending(), 0u);
}

TEST(MultipartRequestsTest, MoreOnARequestThatCannotBeSplitIsRefused) {
  MultipartRequests requests;
  auto r = requests.add(5, {DescRequest{}, true});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error(), ErrorId::kBrcMultipartBufferOverflow);
}

TEST(MultipartRequestsTest, RequestsThatNeverEndDoNotPileUp) {
  MultipartRequests requests;
  for (std::uint32_t xid = 0; xid < 100; ++xid) (void)requests.add(xid, features_part(0, true));
  EXPECT_EQ(requests.pending(), MultipartRequests::kMaxSequences);
  bool refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) refused = !requests.add(0, features_part(0, true));
  EXPECT_TRUE(refused);
  EXPECT_EQ(requests.pending(), MultipartRequests::kMaxSequences - 1);
}

}  // namespace
}  // namespace lifeline::openflow
