// What a DHCP client writes for us: no crash, and every resolver can be asked.
#include <string_view>

#include "fuzz/check.h"
#include "resolve/answer.h"
#include "resolve/resolv_conf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline;
  const auto servers = resolve::parse_resolv_conf({reinterpret_cast<const char*>(data), size});
  FUZZ_CHECK(servers.size() <= resolve::kMaxResolvers);
  std::string again;
  for (const IpAddress& ip : servers) {
    FUZZ_CHECK(resolve::is_usable(ip));
    again += "nameserver " + ip.to_string() + "\n";
  }
  FUZZ_CHECK(resolve::parse_resolv_conf(again) == servers);
  return 0;
}
