#include "arguments.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace testnic {
namespace {

using Error = std::optional<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs split(const std::string& text) {
  Pairs pairs;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find_first_of(",;", at), text.size());
    const std::string one = text.substr(at, end - at);
    const std::size_t equal = one.find('=');
    if (!one.empty())
      pairs.emplace_back(one.substr(0, equal),
                         equal == std::string::npos ? "" : one.substr(equal + 1));
    at = end + 1;
  }
  return pairs;
}

template <typename T>
Error number(const std::string& key, const std::string& text, std::uint64_t least,
             std::uint64_t most, T& out) {
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    return key + "=" + text + ": a number from " + std::to_string(least) + " to " +
           std::to_string(most);
  out = static_cast<T>(value);
  return std::nullopt;
}

Error mac(const std::string& key, const std::string& text, std::array<std::uint8_t, 6>& out) {
  unsigned b[6];
  char rest = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4],
                  &b[5], &rest) != 6)
    return key + "=" + text + ": a MAC address like 02:00:00:00:00:01";
  for (int i = 0; i < 6; ++i) out[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(b[i]);
  return std::nullopt;
}

Error ipv4(const std::string& key, const std::string& text, std::uint32_t& out) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1)
    return key + "=" + text + ": an IPv4 address";
  out = ntohl(address.s_addr);
  return std::nullopt;
}

Error source(const std::string& text, Source& out) {
  constexpr std::pair<std::string_view, Source> kNames[] = {
      {"none", Source::kNone}, {"flows", Source::kFlows}, {"newflows", Source::kNewFlows},
      {"arp", Source::kArp},   {"syn", Source::kSyn},     {"unknown", Source::kUnknown},
      {"pcap", Source::kPcap}};
  for (const auto& [name, value] : kNames)
    if (name == text) {
      out = value;
      return std::nullopt;
    }
  return "gen=" + text + ": one of none, flows, newflows, arp, syn, unknown, pcap";
}

// Empty optional: not a key of the generator.
std::optional<Error> generator_key(const std::string& key, const std::string& value,
                                   GeneratorArguments& g) {
  constexpr std::uint64_t kAny = ~std::uint64_t{0};
  if (key == "gen") return source(value, g.source);
  if (key == "pcap") {
    g.pcap = value;
    g.source = Source::kPcap;
    return Error{};
  }
  if (key == "rate") return number(key, value, 0, kAny, g.rate);
  if (key == "count") return number(key, value, 0, kAny, g.count);
  if (key == "size") return number(key, value, 60, 1514, g.size);
  if (key == "flows") return number(key, value, 1, 1u << 24, g.flows);
  if (key == "seed") return number(key, value, 0, kAny, g.seed);
  if (key == "dst_port") return number(key, value, 0, 65535, g.dst_port);
  if (key == "dst_mac") return mac(key, value, g.dst_mac);
  if (key == "src_mac") return mac(key, value, g.src_mac);
  if (key == "dst_ip") return ipv4(key, value, g.dst_ip);
  if (key == "src_ip") return ipv4(key, value, g.src_ip);
  return std::nullopt;
}

Error device_key(const std::string& key, const std::string& value, Arguments& out) {
  if (auto done = generator_key(key, value, out.generator)) return *done;
  if (key == "live") {
    out.live = value;
    return std::nullopt;
  }
  if (key == "iface") {
    out.iface = value;
    return std::nullopt;
  }
  if (key == "profile") {
    out.profile = find_profile(value);
    if (out.profile == nullptr) return "profile=" + value + ": one of " + profile_names();
    return std::nullopt;
  }
  if (key == "record") {
    out.record = value;
    return std::nullopt;
  }
  if (key == "capacity") return number(key, value, 1, 1u << 20, out.capacity);
  if (key == "queues") return number(key, value, 1, 16, out.queues);
  if (key == "mac") return mac(key, value, out.mac);
  return "unknown argument '" + key +
         "': live, iface, profile, capacity, record, queues, mac, gen, pcap, rate, count, size, "
         "flows, "
         "seed, dst_mac, src_mac, dst_ip, src_ip, dst_port";
}

}  // namespace

std::variant<Arguments, std::string> parse_arguments(const std::string& text) {
  Arguments out;
  out.profile = find_profile("full");
  for (const auto& [key, value] : split(text))
    if (auto wrong = device_key(key, value, out)) return *wrong;
  if (!out.live.empty() && !out.iface.empty()) return "live= or iface=, not both";
  if (out.generator.source == Source::kPcap && out.generator.pcap.empty())
    return "gen=pcap wants pcap=FILE";
  return out;
}

std::variant<GeneratorArguments, std::string> parse_generator(const std::string& text,
                                                              GeneratorArguments from) {
  from.count = 0;
  for (const auto& [key, value] : split(text)) {
    const auto done = generator_key(key, value, from);
    if (!done) return "not a key of the generator: " + key;
    if (*done) return **done;
  }
  if (from.source == Source::kPcap && from.pcap.empty()) return "gen=pcap wants pcap=FILE";
  return from;
}

}  // namespace testnic
