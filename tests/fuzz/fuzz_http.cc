// The request of a scraper: no crash, and what is taken for a GET has a path without blanks.
#include <string_view>

#include "base/http_request.h"
#include "fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline;
  const auto request = parse_http_request({reinterpret_cast<const char*>(data), size});
  if (request.status != 200) {
    FUZZ_CHECK(request.path.empty());
    return 0;
  }
  FUZZ_CHECK(request.path.find_first_of(" \t\r\n?") == std::string::npos);
  FUZZ_CHECK(size <= kMaxHttpHeadBytes);
  return 0;
}
