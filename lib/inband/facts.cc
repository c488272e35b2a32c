#include "inband/facts.h"

namespace lifeline::inband {

std::string_view reach_name(Reach reach) {
  switch (reach) {
    case Reach::kUnknown: return "unknown";
    case Reach::kRouted: return "routed";
    case Reach::kNoRoute: return "no route";
    case Reach::kLoopback: return "loopback";
    case Reach::kOwnAddress: return "own address";
  }
  return "?";
}

}  // namespace lifeline::inband
