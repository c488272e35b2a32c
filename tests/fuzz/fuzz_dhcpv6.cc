// A UDP datagram as the DHCPv6 guard sees it.
#include <vector>

#include "fuzz/check.h"
#include "packet/dhcpv6_view.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline::packet;
  const auto udp = lifeline::fuzz::as_bytes(data, size);
  const auto view = parse_dhcpv6(udp);
  if (!view) return 0;
  FUZZ_CHECK(size >= 12 && view->xid <= 0xffffff);
  FUZZ_CHECK(!(view->is_request() && view->is_reply()));
  FUZZ_CHECK(view->client_id.size() <= 130);
  // Padding behind the datagram is not looked at.
  std::vector<std::byte> padded(udp.begin(), udp.end());
  padded.resize(size + 9, std::byte{1});
  const auto again = parse_dhcpv6(padded);
  FUZZ_CHECK(again && again->type == view->type && again->exchange() == view->exchange());
  // Cut anywhere, it is not read beyond its end.
  for (std::size_t n = 0; n < size; ++n) {
    const std::vector<std::byte> cut(udp.begin(), udp.begin() + static_cast<std::ptrdiff_t>(n));
    const auto part = parse_dhcpv6(cut);
    FUZZ_CHECK(!part || n >= 12);
  }
  return 0;
}
