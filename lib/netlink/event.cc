#include "netlink/event.h"

#include <linux/neighbour.h>
#include <net/if.h>

namespace lifeline::netlink {

bool Link::is_up() const { return (flags & IFF_UP) != 0; }
bool Link::is_running() const { return (flags & IFF_RUNNING) != 0; }
bool Link::is_loopback() const { return (flags & IFF_LOOPBACK) != 0; }

std::optional<MacAddress> Neighbour::usable_mac() const {
  constexpr NudState kUsable =
      NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
  if ((state & kUsable) == 0) return std::nullopt;
  return mac;
}

std::string_view nud_state_name(NudState state) {
  if ((state & NUD_PERMANENT) != 0) return "PERMANENT";
  if ((state & NUD_NOARP) != 0) return "NOARP";
  if ((state & NUD_FAILED) != 0) return "FAILED";
  if ((state & NUD_PROBE) != 0) return "PROBE";
  if ((state & NUD_DELAY) != 0) return "DELAY";
  if ((state & NUD_STALE) != 0) return "STALE";
  if ((state & NUD_REACHABLE) != 0) return "REACHABLE";
  if ((state & NUD_INCOMPLETE) != 0) return "INCOMPLETE";
  return "NONE";
}

std::string_view route_type_name(Route::Type type) {
  switch (type) {
    case Route::Type::kUnicast: return "unicast";
    case Route::Type::kLocal: return "local";
    case Route::Type::kBroadcast: return "broadcast";
    case Route::Type::kMulticast: return "multicast";
    case Route::Type::kUnreachable: return "unreachable";
  }
  return "?";
}

}  // namespace lifeline::netlink
