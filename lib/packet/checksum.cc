#include "packet/checksum.h"

#include <array>
#include <cstring>
#include <optional>

#include "packet/parse.h"
#include "packet/wire.h"

namespace lifeline::packet {
namespace {

using wire::load;
using wire::load_u8;
using wire::store;

constexpr std::uint32_t kCrc32cReflected = 0x82f63b78;

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kCrc32cReflected : 0);
    table[i] = crc;
  }
  return table;
}();

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) {
    crc = crc >> 8 ^ kCrcTable[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xff];
  }
  return crc;
}

// A datagram's transport part: where its checksum lies and what covers it.
struct Transport {
  std::span<const std::byte> bytes;
  std::size_t field = 0;  // offset of the checksum in `bytes`
  std::uint8_t proto = 0;
  ChecksumSum pseudo;
};

std::size_t checksum_field(std::uint8_t proto) {
  switch (proto) {
    case kProtoTcp: return 16;
    case kProtoUdp: return 6;
    case kProtoSctp: return 8;
    default: return 2;  // ICMP, ICMPv6
  }
}

std::optional<Transport> find_transport(std::span<const std::byte> frame, const FlowKey& key,
                                        const Layers& layers) {
  if (layers.l4 == 0 || key.ip_frag != 0) return std::nullopt;
  // Its pseudo-header has the final destination (RFC 8200, 8.1), which only the routing header
  // knows.
  if (key.ipv6_exthdr & be16{kExthdrRouter}) return std::nullopt;
  const std::byte* ip = frame.data() + layers.l3;
  const std::size_t end = key.is_ipv4() ? layers.l3 + load<be16>(ip + 2).host()
                                        : layers.l3 + 40u + load<be16>(ip + 4).host();
  Transport t;
  t.bytes = frame.subspan(layers.l4, end - layers.l4);
  t.proto = key.ip_proto;
  t.field = checksum_field(t.proto);
  if (t.bytes.size() > 0xffff) return std::nullopt;
  const auto length = static_cast<std::uint16_t>(t.bytes.size());
  if (key.is_ipv6()) {
    t.pseudo = pseudo_header(key.ipv6_src, key.ipv6_dst, t.proto, length);
  } else if (t.proto != kProtoIcmp) {
    t.pseudo = pseudo_header(key.ipv4_src, key.ipv4_dst, t.proto, length);
  }
  return t;
}

// What the checksum field should hold, given the bytes around it.
be16 expected_checksum(const Transport& t) {
  ChecksumSum sum = t.pseudo;
  sum.add(t.bytes.first(t.field));
  sum.add(t.bytes.subspan(t.field + 2));
  const be16 checksum = sum.checksum();
  return t.proto == kProtoUdp ? udp_checksum_on_wire(checksum) : checksum;
}

be16 expected_ipv4_checksum(std::span<const std::byte> header) {
  ChecksumSum sum;
  sum.add(header.first(10));
  sum.add(header.subspan(12));
  return sum.checksum();
}

std::span<const std::byte> ipv4_header(std::span<const std::byte> frame, const Layers& layers) {
  return frame.subspan(layers.l3, (load_u8(&frame[layers.l3]) & 15u) * 4u);
}

// -0 and +0 are one value of a one's complement sum.
bool same_sum(be16 a, be16 b) {
  const auto zero = [](be16 v) { return v.raw() == 0 || v.raw() == 0xffff; };
  return a == b || (zero(a) && zero(b));
}

}  // namespace

void ChecksumSum::add(std::span<const std::byte> bytes) {
  const std::byte* p = bytes.data();
  std::size_t n = bytes.size();
  // 32-bit words into a 64-bit sum: no carry is lost below 2^32 words.
  for (; n >= 4; n -= 4, p += 4) sum_ += load<be32>(p).raw();
  if (n == 0) return;
  be32 rest;
  std::memcpy(&rest, p, n);
  sum_ += rest.raw();
}

be16 internet_checksum(std::span<const std::byte> bytes) {
  ChecksumSum sum;
  sum.add(bytes);
  return sum.checksum();
}

ChecksumSum pseudo_header(Ipv4Address src, Ipv4Address dst, std::uint8_t proto,
                          std::uint16_t length) {
  ChecksumSum sum;
  sum.add(src.value);
  sum.add(dst.value);
  sum.add(be16{proto});
  sum.add(be16{length});
  return sum;
}

ChecksumSum pseudo_header(const Ipv6Address& src, const Ipv6Address& dst, std::uint8_t proto,
                          std::uint32_t length) {
  ChecksumSum sum;
  sum.add(std::as_bytes(std::span(src.bytes)));
  sum.add(std::as_bytes(std::span(dst.bytes)));
  sum.add(be32{length});
  sum.add(be32{proto});
  return sum;
}

be16 checksum_update(be16 checksum, const Ipv6Address& before, const Ipv6Address& after) {
  for (std::size_t i = 0; i < 16; i += 4) {
    be32 from;
    be32 to;
    std::memcpy(&from, &before.bytes[i], 4);
    std::memcpy(&to, &after.bytes[i], 4);
    checksum = checksum_update(checksum, from, to);
  }
  return checksum;
}

be32 sctp_checksum(std::span<const std::byte> sctp) {
  if (sctp.size() < 12) return be32{};
  constexpr std::array<std::byte, 4> kZero{};
  std::uint32_t crc = crc32c(~std::uint32_t{0}, sctp.first(8));
  crc = crc32c(crc, kZero);
  crc = ~crc32c(crc, sctp.subspan(12));
  // RFC 9260, appendix A: the least significant byte goes first.
  return be32{byte_swap(crc)};
}

void fix_checksums(std::span<std::byte> frame) {
  Layers layers;
  const FlowKey key = parse(frame, 0, &layers);
  if (layers.l3 == 0 || key.is_arp()) return;
  if (key.is_ipv4()) {
    store(&frame[layers.l3] + 10, expected_ipv4_checksum(ipv4_header(frame, layers)));
  }
  const auto t = find_transport(frame, key, layers);
  if (!t) return;
  std::byte* field = &frame[layers.l4] + t->field;
  if (t->proto == kProtoSctp) {
    store(field, sctp_checksum(t->bytes));
  } else {
    store(field, expected_checksum(*t));
  }
}

bool checksums_ok(std::span<const std::byte> frame) {
  Layers layers;
  const FlowKey key = parse(frame, 0, &layers);
  if (layers.l3 == 0 || key.is_arp()) return true;
  if (key.is_ipv4()) {
    const auto header = ipv4_header(frame, layers);
    if (!same_sum(load<be16>(header.data() + 10), expected_ipv4_checksum(header))) return false;
  }
  const auto t = find_transport(frame, key, layers);
  if (!t) return true;
  const std::byte* field = t->bytes.data() + t->field;
  if (t->proto == kProtoSctp) return load<be32>(field) == sctp_checksum(t->bytes);
  const be16 found = load<be16>(field);
  // RFC 768: UDP over IPv4 may do without.
  if (t->proto == kProtoUdp && key.is_ipv4() && !udp_has_checksum(found)) return true;
  return same_sum(found, expected_checksum(*t));
}

}  // namespace lifeline::packet
