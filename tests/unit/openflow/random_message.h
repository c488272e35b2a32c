// Messages with random contents that the version can express exactly, for round-trip properties.
#pragma once

#include <random>

#include "openflow/messages.h"

namespace lifeline::openflow::testing {

using Rng = std::mt19937_64;

// Number of kinds random_message() knows in a version; kinds go from 0.
std::size_t message_kinds(Version version);
Message random_message(Rng& rng, std::size_t kind, Version version);

flow::Match random_match(Rng& rng, Version version);
flow::ActionList random_actions(Rng& rng, Version version);

}  // namespace lifeline::openflow::testing
