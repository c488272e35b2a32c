#include <gtest/gtest.h>

#include "openflow/codec.h"
#include "random_message.h"
#include "support/random.h"

namespace lifeline::openflow {
namespace {

class RoundTrip : public ::testing::TestWithParam<Version> {};

TEST_P(RoundTrip, WhatWasEncodedIsDecodedAsItWas) {
  constexpr int kRounds = 200;
  testing::Rng rng(test::seed());
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t kind = 0; kind < testing::message_kinds(GetParam()); ++kind) {
      const Message message = testing::random_message(rng, kind, GetParam());
      const Bytes bytes = encode(message, 77, GetParam());
      ASSERT_FALSE(bytes.empty()) << "kind " << kind;
      const auto decoded = decode(bytes, GetParam());
      ASSERT_TRUE(decoded) << "kind " << kind << ": " << error_name(decoded.error().id);
      EXPECT_EQ(decoded->header.xid, 77u);
      ASSERT_TRUE(decoded->message == message) << "kind " << kind << " round " << round;
      ASSERT_EQ(encode(decoded->message, 77, GetParam()), bytes) << "kind " << kind;
    }
  }
}

TEST_P(RoundTrip, NoTruncatedMessageCrashesOrReadsPastItsEnd) {
  testing::Rng rng(test::seed());
  for (std::size_t kind = 0; kind < testing::message_kinds(GetParam()); ++kind) {
    const Bytes bytes = encode(testing::random_message(rng, kind, GetParam()), 1, GetParam());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      if (size >= 4) {
        cut[2] = static_cast<std::byte>(size >> 8);
        cut[3] = static_cast<std::byte>(size);
      }
      const auto decoded = decode(cut, GetParam());
      if (decoded) {
        EXPECT_EQ(decoded->header.length, size);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, RoundTrip, ::testing::Values(Version::k10, Version::k13),
                         [](const auto& p) { return p.param == Version::k10 ? "v10" : "v13"; });

}  // namespace
}  // namespace lifeline::openflow
