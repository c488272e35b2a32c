// Where a controller link connects to.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/ip_address.h"
#include "inband/facts.h"

namespace lifeline::control {

struct LinkTarget {
  std::string text;  // as configured: "tcp:controller.example:6653"
  std::string host;  // its name; "": the address is configured
  std::uint16_t port = inband::kDefaultRemotePort;
  std::vector<IpAddress> addresses;  // to be tried in order; none: the name has no answer yet

  // What in-band control calls it at this address. A name may have several.
  inband::Remote remote(const IpAddress& ip) const {
    return {.id = host.empty() ? text : text + "@" + ip.to_string(), .ip = ip, .port = port};
  }
};

}  // namespace lifeline::control
