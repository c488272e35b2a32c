// The tests' own reader and writer of frames (tests/support/frames.h).
#include "support/frames.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace lifeline::test {
namespace {

class PcapFile : public testing::Test {
 protected:
  ~PcapFile() override { std::remove(path_.c_str()); }
  void write_hex(std::string_view hex) {
    const Bytes bytes = from_hex(hex);
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  std::string path_ = testing::TempDir() + "lifeline_pcap_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(PcapFile, RoundTrips) {
  const std::vector<PcapRecord> records = {{1'000'000'001, from_hex("0102")},
                                           {2'999'999'999, from_hex("")},
                                           {3'000'000'000, Bytes(9000, std::byte{7})}};
  ASSERT_TRUE(write_pcap(path_, records));
  const auto read = read_pcap(path_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, records);
}

TEST_F(PcapFile, ReadsMicrosecondsOfTheOtherByteOrder) {
  write_hex(
      "a1b2c3d4 00020004 00000000 00000000 0000ffff 00000001"
      "00000005 00000007 00000003 00000003 aabbcc");
  const auto read = read_pcap(path_);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ(read->front().time_ns, 5'000'007'000u);
  EXPECT_EQ(to_hex(read->front().frame), "aabbcc");
}

TEST_F(PcapFile, RefusesWhatIsNotAWholeEthernetCapture) {
  EXPECT_FALSE(read_pcap(path_ + ".none"));
  for (const char* hex : {"", "a1b2c3d4", "00000000 00020004 00000000 00000000 0000ffff 00000001",
                          "a1b2c3d4 00020004 00000000 00000000 0000ffff 00000071",
                          "a1b2c3d4 00020004 00000000 00000000 0000ffff 00000001 00000005",
                          "a1b2c3d4 00020004 00000000 00000000 0000ffff 00000001 00000005 00000007 "
                          "00000003 00000004 aabbcc",
                          "a1b2c3d4 00020004 00000000 00000000 0000ffff 00000001 00000005 00000007 "
                          "00000004 00000004 aabbcc"}) {
    write_hex(hex);
    EXPECT_FALSE(read_pcap(path_)) << hex;
  }
}

TEST(Hex, BlanksDoNotCount) { EXPECT_EQ(to_hex(from_hex("01 02\n0A ff")), "01020aff"); }

}  // namespace
}  // namespace lifeline::test
