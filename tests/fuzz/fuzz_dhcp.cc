// A UDP datagram as the DHCP guard sees it.
#include <vector>

#include "fuzz/check.h"
#include "packet/dhcp_view.h"
#include "packet/packet_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline::packet;
  const auto udp = lifeline::fuzz::as_bytes(data, size);
  const auto view = parse_dhcp(udp);
  if (!view) return 0;
  FUZZ_CHECK(size >= 8 + kDhcpFixedBytes);
  FUZZ_CHECK(view->is_request() != view->is_reply());
  // Padding behind the datagram is not looked at.
  std::vector<std::byte> padded(udp.begin(), udp.end());
  padded.resize(size + 9, std::byte{53});
  FUZZ_CHECK(parse_dhcp(padded) == view);
  // A message made of what was read reads the same.
  FUZZ_CHECK(parse_dhcp(PacketBuilder().udp(67, 68).dhcp(*view).build()) == view);
  return 0;
}
