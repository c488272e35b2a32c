#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/expected.h"

namespace lifeline::ctl {

// Sends one request to the switch's operator socket and reads the whole reply. Blocks, at most 30
// s. An {"error": …} reply comes back as an error.
Expected<nlohmann::json> ask(const std::string& socket_path, const nlohmann::json& request);

}  // namespace lifeline::ctl
