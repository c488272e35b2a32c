// Marks may say "changed" once too often; once too seldom is a packet forwarded by a rule that is
// gone.
#include "table/change_marks.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "support/random.h"

namespace lifeline::table {
namespace {

using lifeline::test::Random;

TEST(ChangeMarks, RememberEveryChangeAlsoWhileTheyGrow) {
  Random random;
  // Few marks and few tags for many hashes, so that all kinds of collisions are met.
  const auto some_hash = [&] {
    return static_cast<std::uint32_t>(random.below(4) << 30 | random.below(64));
  };
  for (int round = 0; round < 200; ++round) {
    auto marks = std::make_unique<ChangeMarks>(4);
    std::array<std::uint64_t, 4 * 64> last{};  // by hash
    const auto slot = [](std::uint32_t hash) { return (hash >> 30) * 64 + (hash & 63); };
    std::uint64_t version = 1;
    for (int step = 0; step < 300; ++step) {
      version += random.below(2);  // several changes of one version, too
      const std::uint32_t hash = some_hash();
      marks->set(hash, version);
      last[slot(hash)] = version;
      if (random.below(60) == 0 && marks->size() < 64)
        marks = std::make_unique<ChangeMarks>(marks->size() * 2, marks.get());
      for (int look = 0; look < 8; ++look) {
        const std::uint32_t asked = some_hash();
        const std::uint64_t since = random.below(version + 1);
        if (last[slot(asked)] > since) {
          ASSERT_TRUE(marks->changed(asked, since)) << asked << " since " << since;
        }
      }
      ASSERT_FALSE(marks->changed(hash, version)) << "nothing came after that";
    }
  }
}

TEST(ChangeMarks, FewForeignChangesAreTakenForOnesOwn) {
  Random random;
  ChangeMarks marks(ChangeMarks::kMost);
  std::uint64_t version = 1;
  std::uint32_t alarms = 0;
  constexpr std::uint32_t kLooks = 20'000;
  const auto any_hash = [&] { return static_cast<std::uint32_t>(random.u64()); };
  for (std::uint32_t i = 0; i < 2000; ++i) marks.set(any_hash(), ++version);
  for (std::uint32_t i = 0; i < kLooks; ++i) {
    marks.set(any_hash(), ++version);
    alarms += marks.changed(any_hash(), version - 250) ? 1 : 0;
  }
  // 250 changes in 16 384 marks: without tags one in 66.
  EXPECT_LT(alarms, kLooks / 1000);
}

TEST(ChangeMarks, OneKeyThatChangesAllTheTimeHidesNoOther) {
  ChangeMarks marks(4);
  const std::uint32_t busy = 0x00010001, quiet = 0x00020001;  // one mark, two tags
  marks.set(quiet, 5);
  for (std::uint64_t version = 6; version < 100; ++version) marks.set(busy, version);
  EXPECT_TRUE(marks.changed(quiet, 4));
  EXPECT_FALSE(marks.changed(quiet, 5));
  EXPECT_TRUE(marks.changed(busy, 98));
}

}  // namespace
}  // namespace lifeline::table
