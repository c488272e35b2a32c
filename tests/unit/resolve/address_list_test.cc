#include "resolve/address_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lifeline::resolve {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

IpAddress ip(std::uint8_t last) { return Ipv4Address::of(10, 0, 0, last); }

TEST(AddressList, AnAddressThatAnAnswerNoLongerHasStaysUntilASessionStandsToOneThatItHas) {
  AddressList list({ip(1)});
  const IpAddress one = ip(1);
  EXPECT_TRUE(list.set({ip(2), ip(3)}, &one));
  EXPECT_THAT(list.current(), ElementsAre(ip(2), ip(3)));
  EXPECT_THAT(list.all(), ElementsAre(ip(2), ip(3), ip(1)));
  EXPECT_FALSE(list.settle(ip(1))) << "a session to the old one";
  EXPECT_THAT(list.old(), ElementsAre(ip(1)));
  EXPECT_TRUE(list.settle(ip(3)));
  EXPECT_THAT(list.all(), ElementsAre(ip(2), ip(3)));
  EXPECT_FALSE(list.settle(ip(3))) << "nothing to go any more";
}

TEST(AddressList, TheSameAnswerIsNoChangeAnotherOrderIs) {
  AddressList list({ip(1), ip(2)});
  EXPECT_FALSE(list.set({ip(1), ip(2)}, nullptr));
  EXPECT_TRUE(list.set({ip(2), ip(1)}, nullptr));
  EXPECT_THAT(list.old(), IsEmpty());
}

TEST(AddressList, AnOldAddressThatComesBackIsNoLongerOld) {
  AddressList list({ip(1)});
  list.set({ip(2)}, nullptr);
  list.set({ip(1)}, nullptr);
  EXPECT_THAT(list.all(), ElementsAre(ip(1), ip(2)));
}

TEST(AddressList, OldOnesAreBoundedAndTheOneInUseIsNeverAmongThoseThatGo) {
  AddressList list({ip(1)});
  const IpAddress in_use = ip(1);
  for (std::uint8_t i = 2; i < 100; ++i) list.set({ip(i)}, &in_use);
  EXPECT_EQ(list.old().size(), AddressList::kMaxOld);
  EXPECT_EQ(list.old()[0], in_use);
  EXPECT_EQ(list.old()[1], ip(98)) << "then the last gone first";
}

}  // namespace
}  // namespace lifeline::resolve
