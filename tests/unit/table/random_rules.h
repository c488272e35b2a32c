// Random rules and packets over a small space of values, so that they meet often.
#pragma once

#include <random>

#include "flow/rule_writer.h"

namespace lifeline::table::test {

// Prints the seed if a test fails: SCOPED_TRACE(random.seed()).
class RandomRules {
 public:
  explicit RandomRules(std::uint64_t seed = std::random_device{}()) : seed_(seed), random_(seed) {}

  std::uint64_t seed() const { return seed_; }
  std::uint32_t below(std::uint32_t n) {
    return std::uniform_int_distribution<std::uint32_t>{0, n - 1}(random_);
  }

  flow::FlowKey packet() {
    flow::FlowKey k;
    k.in_port = 1 + below(3);
    k.eth_type = be16{packet::kEthTypeIpv4};
    k.eth_dst = MacAddress::from_u64(1 + below(3));
    k.ip_proto = static_cast<std::uint8_t>(6 + below(2));
    k.ipv4_src = Ipv4Address::of(10, 0, static_cast<std::uint8_t>(below(2)), octet());
    k.ipv4_dst = Ipv4Address::of(10, 0, static_cast<std::uint8_t>(below(2)), octet());
    k.tp_dst = be16{static_cast<std::uint16_t>(below(4))};
    return k;
  }

  // A match that a random packet would match, in a random one of many masks.
  flow::Match match() {
    const flow::FlowKey p = packet();
    flow::Match m;
    if (below(3) == 0) m.in_port(static_cast<flow::PortNo>(p.in_port));
    if (below(3) == 0) m.eth_dst(p.eth_dst);
    if (below(2) == 0) m.eth_type(packet::kEthTypeIpv4);
    if (below(4) == 0) m.ip_proto(p.ip_proto);
    if (below(3) == 0) prefix(m.key.ipv4_src, m.mask.ipv4_src, p.ipv4_src);
    if (below(3) == 0) prefix(m.key.ipv4_dst, m.mask.ipv4_dst, p.ipv4_dst);
    if (below(4) == 0) m.tp_dst(p.tp_dst.host());
    return m;
  }

  flow::Rule rule(std::uint32_t priorities, std::uint32_t tables = 1) {
    flow::Rule r;
    r.table_id = static_cast<std::uint8_t>(below(tables));
    r.priority = below(priorities);
    r.match = match();
    return r;
  }

 private:
  std::uint8_t octet() { return static_cast<std::uint8_t>(below(4)); }
  void prefix(Ipv4Address& key, Ipv4Address& mask, Ipv4Address value) {
    constexpr std::uint32_t kMasks[] = {0xff000000, 0xffff0000, 0xffffff00, 0xffffffff, 0x000000ff};
    const std::uint32_t m = kMasks[below(5)];
    mask = Ipv4Address::from_host(m);
    key = Ipv4Address::from_host(value.value.host() & m);
  }

  std::uint64_t seed_;
  std::mt19937_64 random_;
};

}  // namespace lifeline::table::test
