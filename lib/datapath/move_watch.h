// Next hops that somebody behind another port claims to be, and that have been asked.
#pragma once

#include <array>
#include <cstdint>

#include "base/mac_address.h"
#include "flow/port_no.h"

namespace lifeline::datapath {

// One claim per station at a time. Not thread-safe: the control lcore.
class MoveWatch {
 public:
  static constexpr std::size_t kMax = 16;
  struct Claim {
    MacAddress mac;
    std::uint16_t vlan = 0;
    flow::PortNo port = flow::kPortNone;  // where it is said to be; kPortNone: nobody says
    std::uint64_t decide_tsc = 0;         // then its silence counts
    std::uint64_t forget_tsc = 0;         // until then it is not asked again; 0: free
    bool decided = false;
  };

  // A place for a new claim; nullptr if the station was asked a moment ago, or all are taken.
  Claim* open(const MacAddress& mac, std::uint16_t vlan, std::uint64_t tsc) {
    Claim* free = nullptr;
    for (Claim& c : claims_) {
      if (c.forget_tsc <= tsc) {
        free = &c;
      } else if (c.mac == mac && c.vlan == vlan) {
        return nullptr;
      }
    }
    return free;
  }
  // Calls decide(claim) for each whose time has come, once.
  template <class Decide>
  void decide_due(std::uint64_t tsc, Decide decide) {
    for (Claim& c : claims_) {
      if (c.decided || c.forget_tsc == 0 || c.decide_tsc > tsc) continue;
      c.decided = true;
      decide(c);
    }
  }

 private:
  std::array<Claim, kMax> claims_{};
};

}  // namespace lifeline::datapath
