#include "base/byte_order.h"

#include <gtest/gtest.h>

#include <cstring>

namespace lifeline {
namespace {

TEST(BigEndian, MemoryIsTheWire) {
  const be32 v{0x01020304};
  unsigned char bytes[4];
  std::memcpy(bytes, &v, 4);
  EXPECT_EQ(bytes[0], 1);
  EXPECT_EQ(bytes[3], 4);
  EXPECT_EQ(be16::from_raw(v.raw() & 0xffff), be16{0x0102});
}

TEST(BigEndian, OrdersAsTheValueDoes) {
  EXPECT_LT(be16{0x00ff}, be16{0x0100});
  EXPECT_GT(be64{1ULL << 40}, be64{255});
}

TEST(BigEndian, BitwiseOperatorsNeedNoSwap) {
  EXPECT_EQ((be16{0x1fff} & be16{0x0ff0}).host(), 0x0ff0);
  EXPECT_EQ((be16{0x1000} | be16{5}).host(), 0x1005);
  EXPECT_EQ((~be32{0xff}).host(), 0xffffff00);
  EXPECT_FALSE(be32{});
  EXPECT_TRUE(be16{256});
  EXPECT_EQ(be16::all_ones().host(), 0xffff);
}

}  // namespace
}  // namespace lifeline
