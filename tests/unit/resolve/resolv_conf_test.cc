#include "resolve/resolv_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace lifeline::resolve {
namespace {

using testing::IsEmpty;

std::vector<std::string> parsed(std::string_view text) {
  std::vector<std::string> out;
  for (const IpAddress& ip : parse_resolv_conf(text)) out.push_back(ip.to_string());
  return out;
}

TEST(ResolvConf, NameServersInOrderAndNothingElse) {
  EXPECT_THAT(parsed("# made by a DHCP client\n"
                     "search example\n"
                     "  nameserver\t10.0.0.53 trailing words\r\n"
                     "; nameserver 10.0.0.99\n"
                     "nameservers 10.0.0.98\n"
                     "options timeout:1\n"
                     "nameserver 2001:db8::53\n"
                     "nameserver 127.0.0.53"),
              testing::ElementsAre("10.0.0.53", "2001:db8::53", "127.0.0.53"));
}

TEST(ResolvConf, WhatIsNobodysAddressOrNeedsALinkIsPassedOver) {
  EXPECT_THAT(parsed("nameserver\nnameserver \nnameserver resolver.example\nnameserver 0.0.0.0\n"
                     "nameserver 224.0.0.251\nnameserver fe80::1%eth0\nnameserver fe80::1\n"
                     "nameserver 10.0.0.256\nnameserver ::\n"),
              IsEmpty());
}

TEST(ResolvConf, EachOnceAndThreeAtMost) {
  EXPECT_THAT(parsed("nameserver 10.0.0.1\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"
                     "nameserver 10.0.0.3\nnameserver 10.0.0.4\n"),
              testing::ElementsAre("10.0.0.1", "10.0.0.2", "10.0.0.3"));
}

class WatchedFileTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }
  const std::string path_ = testing::TempDir() + "/resolv.conf." + std::to_string(getpid());
};

TEST_F(WatchedFileTest, SaysWhenItIsAnotherMadeOrRemoved) {
  WatchedFile file(path_);
  EXPECT_TRUE(file.changed()) << "the first time";
  EXPECT_EQ(*file.read(100), "") << "there is none";
  EXPECT_FALSE(file.changed());
  write("a");
  EXPECT_TRUE(file.changed());
  EXPECT_EQ(*file.read(100), "a");
  EXPECT_FALSE(file.changed());
  write("ab");
  EXPECT_TRUE(file.changed());
  std::filesystem::remove(path_);
  EXPECT_TRUE(file.changed());
}

TEST_F(WatchedFileTest, ALongFileIsRefused) {
  write("0123456789");
  EXPECT_EQ(*WatchedFile(path_).read(10), "0123456789");
  EXPECT_FALSE(WatchedFile(path_).read(9));
}

}  // namespace
}  // namespace lifeline::resolve
