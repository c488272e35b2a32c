// From the bytes of rtnetlink messages to types. Pure functions of their input: they never read
// outside the span, and anything malformed is counted, never trusted (fuzzed as fuzz_netlink).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netlink/event.h"

namespace lifeline::netlink {

struct ParseCounters {
  std::uint64_t messages = 0;
  std::uint64_t ignored = 0;    // of a kind or family that is none of ours (bridge FDB, …)
  std::uint64_t malformed = 0;  // cut short, or an attribute of a wrong length
};

// Appends the events of one datagram (any number of messages) to `out`.
void parse_events(std::span<const std::byte> datagram, std::vector<Event>& out,
                  ParseCounters& counters);

// Each takes one whole message, header included; nullopt when it is malformed or of another kind.
std::optional<Link> parse_link(std::span<const std::byte> message);
std::optional<Address> parse_address(std::span<const std::byte> message);
std::optional<Neighbour> parse_neighbour(std::span<const std::byte> message);
// A route of RTM_NEWROUTE; of a multipath route every hop that is not dead.
std::optional<Route> parse_route(std::span<const std::byte> message);

}  // namespace lifeline::netlink
