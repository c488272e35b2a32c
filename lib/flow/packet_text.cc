#include "flow/packet_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace lifeline::flow {
namespace {

constexpr std::size_t kMinFrameBytes = 14;
constexpr std::size_t kMaxFrameBytes = 9216;
constexpr std::size_t kMaxTextBytes = 32 * 1024;

struct Protocol {
  std::string_view name;
  std::uint16_t eth_type;
  std::uint8_t ip_proto;  // 0: none is said
};
constexpr std::array<Protocol, 11> kProtocols = {{{"ip", 0x0800, 0},
                                                  {"ipv6", 0x86dd, 0},
                                                  {"arp", 0x0806, 0},
                                                  {"tcp", 0x0800, 6},
                                                  {"udp", 0x0800, 17},
                                                  {"sctp", 0x0800, 132},
                                                  {"icmp", 0x0800, 1},
                                                  {"tcp6", 0x86dd, 6},
                                                  {"udp6", 0x86dd, 17},
                                                  {"sctp6", 0x86dd, 132},
                                                  {"icmp6", 0x86dd, 58}}};

constexpr std::array<std::array<std::string_view, 2>, 19> kAliases = {{{"eth_src", "dl_src"},
                                                                       {"eth_dst", "dl_dst"},
                                                                       {"eth_type", "dl_type"},
                                                                       {"vlan_vid", "dl_vlan"},
                                                                       {"vlan_pcp", "dl_vlan_pcp"},
                                                                       {"ip_src", "nw_src"},
                                                                       {"ip_dst", "nw_dst"},
                                                                       {"ip_proto", "nw_proto"},
                                                                       {"tcp_src", "tp_src"},
                                                                       {"tcp_dst", "tp_dst"},
                                                                       {"udp_src", "tp_src"},
                                                                       {"udp_dst", "tp_dst"},
                                                                       {"sctp_src", "tp_src"},
                                                                       {"sctp_dst", "tp_dst"},
                                                                       {"icmp_type", "tp_src"},
                                                                       {"icmp_code", "tp_dst"},
                                                                       {"icmpv6_type", "tp_src"},
                                                                       {"icmpv6_code", "tp_dst"},
                                                                       {"ip_ttl", "nw_ttl"}}};

// What each field may hold; the largest value of a number.
enum class Kind : std::uint8_t { kMac, kIpv4, kIpv6, kNumber };
struct FieldRule {
  std::string_view name;
  Kind kind;
  std::uint32_t max;
};
constexpr std::array<FieldRule, 20> kFields = {
    {{"dl_src", Kind::kMac, 0},          {"dl_dst", Kind::kMac, 0},
     {"dl_type", Kind::kNumber, 0xffff}, {"dl_vlan", Kind::kNumber, 4095},
     {"dl_vlan_pcp", Kind::kNumber, 7},  {"nw_src", Kind::kIpv4, 0},
     {"nw_dst", Kind::kIpv4, 0},         {"ipv6_src", Kind::kIpv6, 0},
     {"ipv6_dst", Kind::kIpv6, 0},       {"nw_proto", Kind::kNumber, 255},
     {"nw_tos", Kind::kNumber, 255},     {"nw_ttl", Kind::kNumber, 255},
     {"tp_src", Kind::kNumber, 0xffff},  {"tp_dst", Kind::kNumber, 0xffff},
     {"arp_op", Kind::kNumber, 0xffff},  {"arp_spa", Kind::kIpv4, 0},
     {"arp_tpa", Kind::kIpv4, 0},        {"arp_sha", Kind::kMac, 0},
     {"arp_tha", Kind::kMac, 0},         {"in_port", Kind::kNumber, 0xffff}}};

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::uint8_t hex_value(char c) {
  if (c <= '9') return static_cast<std::uint8_t>(c - '0');
  return static_cast<std::uint8_t>((c | 0x20) - 'a' + 10);
}

std::string shown(std::string_view word) { return std::string(word.substr(0, 60)); }

// Decimal, or hexadecimal behind 0x.
std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t max) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  if (text.empty() || text.size() > 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_hex(c) || (!hex && c > '9')) return std::nullopt;
    value = value * (hex ? 16 : 10) + hex_value(c);
  }
  if (value > max) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

Expected<packet::Frame> parse_hex(std::string_view text) {
  packet::Frame frame;
  std::optional<std::uint8_t> high;
  for (const char c : text) {
    if (!is_hex(c)) {
      if (high) return make_error("a byte needs two hexadecimal digits");
      continue;
    }
    if (!high) {
      high = hex_value(c);
      continue;
    }
    frame.push_back(static_cast<std::byte>(*high << 4 | hex_value(c)));
    high.reset();
  }
  if (high) return make_error("an odd number of hexadecimal digits");
  if (frame.size() < kMinFrameBytes || frame.size() > kMaxFrameBytes) {
    return make_error("{} bytes; a packet has {} to {}", frame.size(), kMinFrameBytes,
                      kMaxFrameBytes);
  }
  return frame;
}

class Expression {
 public:
  Expected<void> add(std::string_view word);
  Expected<PacketText> build() const;

 private:
  std::uint32_t number(std::string_view name, std::uint32_t absent = 0) const {
    const auto it = numbers_.find(name);
    return it == numbers_.end() ? absent : it->second;
  }
  MacAddress mac(std::string_view name) const {
    const auto it = macs_.find(name);
    return it == macs_.end() ? MacAddress{} : it->second;
  }
  Ipv4Address ipv4(std::string_view name) const {
    const auto it = ips_.find(name);
    return it == ips_.end() ? Ipv4Address{} : it->second.v4();
  }
  Ipv6Address ipv6(std::string_view name) const {
    const auto it = ips_.find(name);
    return it == ips_.end() ? Ipv6Address{} : it->second.v6();
  }
  Expected<void> check(std::uint16_t eth_type, std::uint8_t proto) const;
  void add_transport(packet::PacketBuilder& b, std::uint8_t proto) const;

  const Protocol* protocol_ = nullptr;
  std::map<std::string_view, std::uint32_t> numbers_;
  std::map<std::string_view, MacAddress> macs_;
  std::map<std::string_view, IpAddress> ips_;
};

Expected<void> Expression::add(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) {
    const auto* const found = std::find_if(kProtocols.begin(), kProtocols.end(),
                                           [&](const Protocol& p) { return p.name == word; });
    if (found == kProtocols.end()) {
      return make_error("'{}' is no protocol and no field=value", shown(word));
    }
    if (protocol_ != nullptr)
      return make_error("'{}': the packet is {} already", shown(word), protocol_->name);
    protocol_ = found;
    return {};
  }
  std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  for (const auto& [alias, usual] : kAliases) {
    if (name == alias) name = usual;
  }
  const auto* const rule = std::find_if(kFields.begin(), kFields.end(),
                                        [&](const FieldRule& f) { return f.name == name; });
  if (rule == kFields.end()) return make_error("there is no field '{}'", shown(name));
  name = rule->name;
  bool is_new = false;
  bool valid = false;
  switch (rule->kind) {
    case Kind::kNumber:
      if (name == "in_port" && value == "LOCAL") {
        is_new = numbers_.emplace(name, kPortLocal).second;
        valid = true;
      } else if (const auto n = parse_number(value, rule->max)) {
        is_new = numbers_.emplace(name, *n).second;
        valid = true;
      }
      break;
    case Kind::kMac:
      if (const auto m = MacAddress::parse(value)) {
        is_new = macs_.emplace(name, *m).second;
        valid = true;
      }
      break;
    case Kind::kIpv4:
    case Kind::kIpv6:
      if (const auto ip = IpAddress::parse(value);
          ip && ip->is_v6() == (rule->kind == Kind::kIpv6)) {
        is_new = ips_.emplace(name, *ip).second;
        valid = true;
      }
      break;
  }
  if (!valid) return make_error("'{}' is no value of {} (one, without a mask)", shown(value), name);
  if (!is_new) return make_error("{} is there twice", name);
  return {};
}

// A field that the packet cannot have is a mistake of the operator, not to be left out silently.
Expected<void> Expression::check(std::uint16_t eth_type, std::uint8_t proto) const {
  const bool is_ipv4 = eth_type == 0x0800;
  const bool is_ipv6 = eth_type == 0x86dd;
  const bool has_transport = proto == 6 || proto == 17 || proto == 132 || proto == 1 || proto == 58;
  const auto fits = [&](std::string_view name) {
    if (name.starts_with("arp_")) return eth_type == 0x0806;
    if (name == "nw_src" || name == "nw_dst") return is_ipv4;
    if (name.starts_with("ipv6_")) return is_ipv6;
    if (name.starts_with("nw_")) return is_ipv4 || is_ipv6;
    if (name.starts_with("tp_")) return (is_ipv4 || is_ipv6) && has_transport;
    return true;
  };
  const auto check_all = [&](const auto& fields) -> Expected<void> {
    for (const auto& [name, value] : fields) {
      if (!fits(name)) {
        return make_error("{} without a protocol that has it (such as tcp, udp6 or arp)", name);
      }
    }
    return {};
  };
  if (auto done = check_all(numbers_); !done) return done;
  if (auto done = check_all(macs_); !done) return done;
  if (auto done = check_all(ips_); !done) return done;
  if ((proto == 1 || proto == 58) && (number("tp_src") > 255 || number("tp_dst") > 255))
    return make_error("an ICMP type or code is at most 255");
  return {};
}

void Expression::add_transport(packet::PacketBuilder& b, std::uint8_t proto) const {
  const auto src = static_cast<std::uint16_t>(number("tp_src"));
  const auto dst = static_cast<std::uint16_t>(number("tp_dst"));
  switch (proto) {
    case 6: b.tcp(src, dst); break;
    case 17: b.udp(src, dst); break;
    case 132: b.sctp(src, dst); break;
    case 1: b.icmp(static_cast<std::uint8_t>(src), static_cast<std::uint8_t>(dst)); break;
    case 58: b.icmpv6(static_cast<std::uint8_t>(src), static_cast<std::uint8_t>(dst)); break;
    default: b.ip_proto(proto); break;
  }
}

Expected<PacketText> Expression::build() const {
  const auto eth_type = static_cast<std::uint16_t>(
      number("dl_type", protocol_ != nullptr ? protocol_->eth_type : std::uint16_t{0xffff}));
  if (protocol_ != nullptr && eth_type != protocol_->eth_type)
    return make_error("dl_type is not that of {}", protocol_->name);
  const std::uint8_t named = protocol_ != nullptr ? protocol_->ip_proto : std::uint8_t{0};
  const auto proto = static_cast<std::uint8_t>(number("nw_proto", named != 0 ? named : 255));
  if (named != 0 && proto != named)
    return make_error("nw_proto is not that of {}", protocol_->name);
  if (auto done = check(eth_type, proto); !done) return tl::make_unexpected(done.error());

  packet::PacketBuilder b;
  b.eth(mac("dl_src"), mac("dl_dst"));
  if (numbers_.contains("dl_vlan") || numbers_.contains("dl_vlan_pcp")) {
    b.vlan(static_cast<std::uint16_t>(number("dl_vlan")),
           static_cast<std::uint8_t>(number("dl_vlan_pcp")));
  }
  const auto ttl = static_cast<std::uint8_t>(number("nw_ttl", 64));
  const auto tos = static_cast<std::uint8_t>(number("nw_tos"));
  if (eth_type == 0x0806) {
    b.arp(static_cast<std::uint16_t>(number("arp_op", 1)), mac("arp_sha"), ipv4("arp_spa"),
          mac("arp_tha"), ipv4("arp_tpa"));
  } else if (eth_type == 0x0800) {
    b.ipv4(ipv4("nw_src"), ipv4("nw_dst"), ttl).tos(tos);
    add_transport(b, proto);
  } else if (eth_type == 0x86dd) {
    b.ipv6(ipv6("ipv6_src"), ipv6("ipv6_dst"), ttl).tos(tos);
    add_transport(b, proto);
  } else {
    b.eth_type(eth_type);
  }
  PacketText out{.frame = b.build(60), .in_port = std::nullopt};
  if (numbers_.contains("in_port")) out.in_port = static_cast<PortNo>(number("in_port"));
  return out;
}

}  // namespace

Expected<PacketText> parse_packet_text(std::string_view text) {
  if (text.size() > kMaxTextBytes) return make_error("longer than {} characters", kMaxTextBytes);
  if (text.empty()) return make_error("an empty packet");
  if (std::all_of(text.begin(), text.end(),
                  [](char c) { return is_hex(c) || c == ' ' || c == ':'; })) {
    auto frame = parse_hex(text);
    if (!frame) return tl::make_unexpected(frame.error());
    return PacketText{.frame = std::move(*frame), .in_port = std::nullopt};
  }
  Expression expression;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(", ", at), text.size());
    if (end != at) {
      if (auto added = expression.add(text.substr(at, end - at)); !added)
        return tl::make_unexpected(added.error());
    }
    at = end + 1;
  }
  return expression.build();
}

}  // namespace lifeline::flow
