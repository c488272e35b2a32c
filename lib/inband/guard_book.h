// What the guards need to know, gathered remote by remote: the twin of the rule book.
//
// Each remote has its part; the guards are the union. A remote that changes costs its own part and,
// if that made a difference, one copy of the whole (1 000 remotes: some tens of us).
//
// Not thread-safe: control lcore only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "flow/guards.h"
#include "inband/facts.h"

namespace lifeline::inband {

class GuardBook {
 public:
  using Owner = std::uint64_t;

  // True if the guards are others now.
  bool set(Owner owner, const RemoteFacts& remote, bool strict);
  bool drop(Owner owner);
  // There are controllers whose addresses nobody has told yet: as if there were one of each family.
  bool await_names(bool awaits);

  // There is a control connection to keep. While there is none, (a) to (c) would only take ARP and
  // DHCP from the controller's policy, and no hidden rule stands.
  bool serves_anybody() const { return serving_ != 0 || awaits_names_; }
  // (l) to (q) are needed.
  bool serves_ipv6() const { return ipv6_ != 0 || awaits_names_; }

  flow::Guards guards(bool enabled, const Scope& scope) const;

 private:
  struct Part {
    bool serves = false;
    bool ipv6 = false;
    bool has_session = false;
    bool own_address = false;
    std::pair<IpAddress, std::uint16_t> session{};
    std::vector<IpAddress> next_hops;
    std::vector<MacAddress> macs;  // of the next hops
    bool operator==(const Part&) const = default;
  };
  static Part part_of(const RemoteFacts& remote);
  using Owners = std::vector<Owner>;

  void count(Owner owner, const Part& part, bool up, bool& news);

  std::unordered_map<Owner, Part> parts_;
  std::size_t serving_ = 0;
  std::size_t ipv6_ = 0;
  bool awaits_names_ = false;
  std::map<IpAddress, std::size_t> next_hops_;
  std::map<MacAddress, std::size_t> macs_;
  std::map<std::pair<IpAddress, std::uint16_t>, Owners> sessions_;
};

}  // namespace lifeline::inband
