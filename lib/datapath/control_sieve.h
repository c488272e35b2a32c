// A cheap first look at a packet of a worker that lags: may a hidden rule, a guard or the relay be
// about it? A few loads and compares, no flow key and no lookup (measured: 6 to 12 ns, against 60
// for a flow key and 300 for the hidden table).
//
// It may say yes to what turns out to be data: then the tables are asked. It never says no to what
// they would let through; tests/unit/datapath and tests/fuzz hold it to that. Made of the guards,
// which come from the same facts as the hidden rules, and published with them: MAC addresses of the
// local port and the next hops, IP addresses of remotes and next hops, and the ports of the remotes
// each set a bit by their hash. Rejected: a bit per hidden rule's match (the same answer for more
// loads), and the exact-match table (a flood of new flows throws control out of the CPU's caches).
//
// Pure; immutable once made, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "flow/guards.h"

namespace lifeline::datapath {

class ControlSieve {
 public:
  ControlSieve() = default;  // lets nothing through
  explicit ControlSieve(const flow::Guards& guards);

  // `frame`: the first bytes of a packet that came in on a data port, as many as lie in one piece.
  bool may_be_control(std::span<const std::uint8_t> frame) const;

 private:
  // Bits of a hash; what is not in the set is found in it once in a hundred times, with ten in it.
  class HashSet {
   public:
    void add(std::uint64_t value) { words_[word(value)] |= bit(value); }
    bool has(std::uint64_t value) const { return (words_[word(value)] & bit(value)) != 0; }

   private:
    static std::uint64_t hash(std::uint64_t v) { return (v + 1) * 0x9e3779b97f4a7c15ULL >> 54; }
    static std::size_t word(std::uint64_t v) { return hash(v) >> 6; }
    static std::uint64_t bit(std::uint64_t v) { return std::uint64_t{1} << (hash(v) & 63); }
    std::array<std::uint64_t, 16> words_{};
  };

  bool is_resolver_answer(std::span<const std::uint8_t> frame, std::uint8_t proto,
                          const std::uint8_t* ports) const;
  bool arp(std::span<const std::uint8_t> frame, std::size_t l3) const;
  bool ipv4(std::span<const std::uint8_t> frame, std::size_t l3) const;
  bool ipv6(std::span<const std::uint8_t> frame, std::size_t l3) const;

  bool enabled_ = false;
  bool ipv6_ = false;       // guards of IPv6 run
  bool relays_v6_ = false;  // so does the relay of DHCPv6 and router advertisements
  HashSet macs_;            // the local port's, the next hops'
  HashSet ipv4_;            // next hops', remotes'
  HashSet sessions_;        // remotes' addresses with their TCP ports
};

}  // namespace lifeline::datapath
