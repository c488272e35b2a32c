// The text of a configuration file.
#pragma once

#include <cstddef>
#include <string>

#include "base/expected.h"

namespace lifeline::config {

inline constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;

// Waits at most two seconds for a pipe to say something or to end, so that a reload cannot stand
// still. Errors: cannot be opened or read, longer than kMaxFileBytes, or nothing but white space
// and comments in it: what is left of a file that could not be written would take all ports and
// controllers from a switch that runs.
Expected<std::string> file_text(const std::string& path);

}  // namespace lifeline::config
