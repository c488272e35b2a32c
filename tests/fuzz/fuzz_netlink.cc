// rtnetlink datagrams, as notifications and as single messages. The kernel is their only sender,
// but a parser that trusts a length from outside the program is a bad habit all the same.
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "fuzz/check.h"
#include "netlink/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lifeline;
  const auto bytes = fuzz::as_bytes(data, size);
  std::vector<netlink::Event> events;
  netlink::ParseCounters counters;
  netlink::parse_events(bytes, events, counters);
  FUZZ_CHECK(events.size() <= counters.messages);
  for (const netlink::Event& event : events) {
    if (const auto* e = std::get_if<netlink::LinkEvent>(&event)) {
      FUZZ_CHECK(e->link.index != 0 && !e->link.name.empty());
      FUZZ_CHECK(!e->link.mac || !e->link.mac->is_zero());
    }
    if (const auto* e = std::get_if<netlink::NeighbourEvent>(&event)) {
      FUZZ_CHECK(e->neighbour.ifindex != 0);
      FUZZ_CHECK(!netlink::nud_state_name(e->neighbour.state).empty());
      FUZZ_CHECK(!e->neighbour.usable_mac() || e->neighbour.usable_mac() == e->neighbour.mac);
    }
    if (const auto* e = std::get_if<netlink::AddressEvent>(&event))
      FUZZ_CHECK(e->address.ifindex != 0);
  }
  (void)netlink::parse_link(bytes);
  (void)netlink::parse_address(bytes);
  (void)netlink::parse_neighbour(bytes);
  if (const auto route = netlink::parse_route(bytes)) {
    for (const netlink::Hop& hop : route->hops) FUZZ_CHECK(hop.ifindex != 0);
    FUZZ_CHECK(route->reason.empty() == (route->type != netlink::Route::Type::kUnreachable));
  }
  return 0;
}
