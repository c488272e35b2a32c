// What a resolver says about a name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"

namespace lifeline::resolve {

// Of one answer; more are left out.
inline constexpr std::size_t kMaxAddresses = 8;

struct Answer {
  std::vector<IpAddress> addresses;  // in the order to try them; at least one
  Duration ttl{};                    // the shortest of its records'

  bool operator==(const Answer&) const = default;
};

// An address that a connection can be made to: one host's, and not of a link (fe80::/10), which
// means nothing without the link. What DNS says is a stranger's word.
bool is_usable(const IpAddress& ip);

// For people: "10.0.0.1, 10.0.0.2".
std::string list_of(const std::vector<IpAddress>& addresses);

}  // namespace lifeline::resolve
