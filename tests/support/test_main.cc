// main() of every unit test: watches the log (log_capture.h) and repeats the seed (random.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "base/log.h"
#include "support/log_capture.h"
#include "support/random.h"

namespace lifeline::test {
namespace {

struct Announcement {
  std::string substring;
  bool required;
  bool seen = false;
};
struct Line {
  log::Level level;
  std::string text;
};

std::mutex g_mutex;
std::vector<Line> g_lines;
std::vector<Announcement> g_announced;
std::optional<std::uint64_t> g_seed;

void capture(log::Level level, std::string_view library, std::string_view message) {
  std::lock_guard lock(g_mutex);
  g_lines.push_back({level, fmt::format("{} {}: {}", log::level_name(level), library, message)});
}

class LogWatch final : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    {
      std::lock_guard lock(g_mutex);
      g_lines.clear();
      g_announced.clear();
    }
    log::set_sink(capture);
  }

  void OnTestEnd(const testing::TestInfo& info) override {
    std::vector<Line> lines;
    std::vector<Announcement> announced;
    {
      std::lock_guard lock(g_mutex);
      lines.swap(g_lines);
      announced.swap(g_announced);
    }
    for (const Line& line : lines) {
      if (line.level > log::Level::kWarn) continue;
      bool expected = false;
      for (Announcement& a : announced) {
        if (line.text.find(a.substring) == std::string::npos) continue;
        a.seen = true;
        expected = true;
      }
      if (!expected) ADD_FAILURE() << "the test did not announce this log line: " << line.text;
    }
    for (const Announcement& a : announced) {
      if (a.required && !a.seen && !info.result()->Skipped()) {
        ADD_FAILURE() << "no WARN or ERROR was logged with: " << a.substring;
      }
    }
    if (info.result()->Failed()) report(lines);
  }

  static void report(const std::vector<Line>& lines) {
    for (const Line& line : lines) std::printf("log | %s\n", line.text.c_str());
    if (g_seed) {
      std::printf("repeat with LIFELINE_TEST_SEED=%llu\n",
                  static_cast<unsigned long long>(*g_seed));
    }
  }
};

void announce(std::string substring, bool required) {
  std::lock_guard lock(g_mutex);
  g_announced.push_back({std::move(substring), required});
}

}  // namespace

void ExpectLog(std::string substring) { announce(std::move(substring), true); }
void AllowLog(std::string substring) { announce(std::move(substring), false); }

std::vector<std::string> log_lines() {
  std::lock_guard lock(g_mutex);
  std::vector<std::string> out;
  for (const Line& line : g_lines) out.push_back(line.text);
  return out;
}

bool logged(const std::string& substring) {
  for (const std::string& line : log_lines()) {
    if (line.find(substring) != std::string::npos) return true;
  }
  return false;
}

std::uint64_t seed() {
  std::lock_guard lock(g_mutex);
  if (!g_seed) {
    const char* given = std::getenv("LIFELINE_TEST_SEED");
    g_seed =
        given != nullptr ? std::strtoull(given, nullptr, 0) : std::uint64_t{std::random_device{}()};
    std::printf("LIFELINE_TEST_SEED=%llu\n", static_cast<unsigned long long>(*g_seed));
    std::fflush(stdout);
  }
  return *g_seed;
}

}  // namespace lifeline::test

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  // gtest owns it. End events go to the listeners last to first: the failures it adds are printed.
  testing::UnitTest::GetInstance()->listeners().Append(new lifeline::test::LogWatch);
  return RUN_ALL_TESTS();
}
