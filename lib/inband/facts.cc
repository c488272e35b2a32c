#include "inband/facts.h"

namespace lifeline::inband {

std::string_view reach_name(Reach reach) {
  switch (reach) {
    case Reach::kUnknown: return "unknown";
    case Reach::kRouted: return "routed";
    case Reach::kNoRoute: return "no route";
    case Reach::kLoopback: return "loopback";
    case Reach::kOwnAddress: return "own address";
    case Reach::kGiven: return "given";
  }
  return "?";
}

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kController: return "controller";
    case Role::kAlsoReach: return "also reach";
    case Role::kNextHop: return "next hop";
    case Role::kResolver: return "resolver";
  }
  return "?";
}

}  // namespace lifeline::inband
