// Any bytes as a configuration: no crash, every error names a place, and what loads survives a
// dump.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "config/config.h"

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline::config;
  const auto loaded = load({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!loaded) {
    require(!loaded.error().empty(), "a failure says why");
    for (const Diagnostic& d : loaded.error()) require(!d.message.empty(), "no empty message");
    return 0;
  }
  const auto again = load(dump(*loaded), "dump");
  require(again.has_value(), "a dump loads");
  require(*again == *loaded, "a dump is the same configuration");
  return 0;
}
