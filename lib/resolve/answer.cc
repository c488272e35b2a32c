#include "resolve/answer.h"

#include <algorithm>
#include <array>

namespace lifeline::resolve {

bool is_usable(const IpAddress& ip) {
  if (ip.is_zero()) return false;
  if (ip.is_v4()) return (ip.v4().value.host() >> 28) < 0xe;  // neither multicast nor class E
  const Ipv6Address& v6 = ip.v6();
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool mapped = std::equal(kMapped.begin(), kMapped.end(), v6.bytes.begin());
  return !v6.is_multicast() && !v6.is_link_local() && !mapped;
}

std::string list_of(const std::vector<IpAddress>& addresses) {
  std::string out;
  for (const IpAddress& ip : addresses) {
    if (!out.empty()) out += ", ";
    out += ip.to_string();
  }
  return out;
}

}  // namespace lifeline::resolve
