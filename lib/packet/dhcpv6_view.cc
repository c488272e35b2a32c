#include "packet/dhcpv6_view.h"

#include "base/byte_order.h"
#include "packet/wire.h"

namespace lifeline::packet {

using wire::load;
using wire::load_u8;

namespace {

constexpr std::size_t kUdpBytes = 8;
constexpr std::size_t kFixedBytes = 4;  // type and xid
constexpr std::size_t kMaxDuidBytes = 130;
constexpr std::uint16_t kOptionClientId = 1;

}  // namespace

std::uint32_t Dhcpv6View::exchange() const {
  // FNV-1a: a reply must come from somebody who saw the request, not from one who guesses.
  std::uint32_t h = 0x811c9dc5;
  const auto mix = [&h](std::uint32_t byte) { h = (h ^ byte) * 0x01000193; };
  for (const unsigned shift : {16u, 8u, 0u}) mix(xid >> shift & 0xff);
  for (const std::byte& b : client_id) mix(load_u8(&b));
  return h;
}

std::optional<Dhcpv6View> parse_dhcpv6(std::span<const std::byte> udp) {
  if (udp.size() < kUdpBytes + kFixedBytes) return std::nullopt;
  const std::size_t udp_length = load<be16>(udp.data() + 4).host();
  if (udp_length < kUdpBytes + kFixedBytes || udp_length > udp.size()) return std::nullopt;
  const std::span<const std::byte> message = udp.subspan(kUdpBytes, udp_length - kUdpBytes);
  Dhcpv6View view;
  const std::uint32_t first = load<be32>(message.data()).host();
  view.type = static_cast<std::uint8_t>(first >> 24);
  view.xid = first & 0xffffff;
  if (view.type == 0 || view.type > kDhcpv6InformationRequest) return std::nullopt;
  for (auto options = message.subspan(kFixedBytes); !options.empty();) {
    if (options.size() < 4) return std::nullopt;
    const std::uint16_t code = load<be16>(options.data()).host();
    const std::size_t bytes = load<be16>(options.data() + 2).host();
    if (bytes > options.size() - 4) return std::nullopt;
    if (code == kOptionClientId) {
      if (!view.client_id.empty() || bytes == 0 || bytes > kMaxDuidBytes) return std::nullopt;
      view.client_id = options.subspan(4, bytes);
    }
    options = options.subspan(4 + bytes);
  }
  return view;
}

}  // namespace lifeline::packet
