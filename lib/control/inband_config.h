// What in-band control takes from a configuration: at the start, and at each reload.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/expected.h"
#include "config/config.h"
#include "control/link_target.h"
#include "inband/agent.h"
#include "inband/facts.h"

namespace lifeline::control {

// `addresses`: what its name means; nothing to a controller whose address is configured.
LinkTarget target_of(const config::Controller& controller, std::vector<IpAddress> addresses);
// A name server that controllers' names are asked of.
inband::Remote remote_of_resolver(const IpAddress& resolver);
// At this address: a name may have several.
inband::Remote remote_of(const config::AlsoReach& reach, const IpAddress& ip,
                         inband::Origin origin);
inband::Remote remote_of(const config::AlsoNextHop& hop, inband::Origin origin);

// Everything of `in_band` but the remotes. `ports` give the trusted ports their numbers. Control
// lcore only.
void configure_in_band(inband::InbandAgent& agent, const config::InBand& in_band,
                       const std::vector<config::Port>& ports);

// The remotes that `in_band` makes, in place of those that it made before; what the operator added
// stays. Old rules are replaced by new ones with no moment in which neither stands. An error, and
// no change, if in-band control refuses one. Control lcore only.
// `addresses_of`: what a name means.
Expected<void> configure_others(
    inband::InbandAgent& agent, const config::InBand& in_band,
    const std::function<std::vector<IpAddress>(const std::string& host)>& addresses_of);

}  // namespace lifeline::control
