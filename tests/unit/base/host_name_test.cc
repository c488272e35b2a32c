#include "base/host_name.h"

#include <gtest/gtest.h>

namespace lifeline {
namespace {

TEST(HostName, NamesOfRfc1123InOneForm) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  ASSERT_EQ(longest.size(), kMaxHostNameBytes);
  const std::pair<std::string, std::string> cases[] = {
      {"controller.example", "controller.example"},
      {"Controller.EXAMPLE.", "controller.example"},
      {"c", "c"},
      {"3com.example", "3com.example"},
      {"10.0.0.x1", "10.0.0.x1"},
      {"a-b.c--d.xn--p1ai", "a-b.c--d.xn--p1ai"},
      {label, label},
      {longest, longest},
      {longest + ".", longest},
  };
  for (const auto& [text, name] : cases) {
    const auto parsed = parse_host_name(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, name);
  }
}

TEST(HostName, EverythingElseIsRefusedWithTheRuleItBreaks) {
  const std::string label(64, 'a');
  const std::pair<std::string, const char*> cases[] = {
      {"", "the name is empty"},
      {".", "the name is empty"},
      {"a..b", "two dots, or one at the start, with nothing between"},
      {".a", "two dots, or one at the start, with nothing between"},
      {"a.b..", "two dots, or one at the start, with nothing between"},
      {"-a.example", "'-a' begins or ends with a hyphen"},
      {"a-.example", "'a-' begins or ends with a hyphen"},
      {"a_b.example", "a host name has letters, digits, hyphens and dots only"},
      {"a b", "a host name has letters, digits, hyphens and dots only"},
      {"\xc3\xa9.example", "a host name has letters, digits, hyphens and dots only"},
      {"10.0.0.256", "a name whose last part is a number would be an address"},
      {"010.0.0.1", "a name whose last part is a number would be an address"},
      {label, "'aaaaaaaaaaaaaaaaaaaa…' has 64 characters, between two dots there are at most 63"},
      {std::string(127, 'a') + "." + std::string(127, 'b'),
       "the name has 255 characters, at most 253 are allowed"},
  };
  for (const auto& [text, message] : cases) {
    const auto parsed = parse_host_name(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message);
  }
}

}  // namespace
}  // namespace lifeline
