// "offload" of the admin socket: what became of each steering intent on each port.
#pragma once

#include <nlohmann/json.hpp>

#include "control/offload_keeper.h"

namespace lifeline::control {

// {"ports": [{…, "rules": […]}]}. Control lcore.
nlohmann::json offload_json(const OffloadKeeper& keeper);

}  // namespace lifeline::control
