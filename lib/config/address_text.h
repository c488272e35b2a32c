// The texts of remotes and listeners, in Open vSwitch's form.
#pragma once

#include <string_view>

#include "base/expected.h"
#include "config/config.h"

namespace lifeline::config {

// "tcp:HOST[:port]" or "ssl:HOST[:port]", HOST a name or an IP address, IPv6 in brackets and, when
// it is link-local, with a zone ("[fe80::1%br0]"), whose name is not looked at. The error says what
// would be right.
Expected<Controller> parse_controller(std::string_view text);

// "HOST[:port]", HOST a name or an IP address, IPv6 in brackets: a controller of switches behind
// this one.
Expected<AlsoReach> parse_also_reach(std::string_view text);

// "IP" or a unicast MAC address: a next hop of switches behind this one.
Expected<AlsoNextHop> parse_also_next_hop(std::string_view text);

// A name server: "IP".
Expected<IpAddress> parse_resolver(std::string_view text);

// "unix:<absolute path>", "ptcp:port[:ip]" or "pssl:port[:ip]".
Expected<Listener> parse_listener(std::string_view text);

}  // namespace lifeline::config
