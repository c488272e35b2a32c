// Names of hosts, as RFC 952 and RFC 1123 (2.1) allow them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/expected.h"

namespace lifeline {

inline constexpr std::size_t kMaxHostNameBytes = 253;      // RFC 1035, 2.3.4, as text
inline constexpr std::size_t kMaxHostNameLabelBytes = 63;  // between two dots

// The name in lower case and without the dot of the root, so that equal names are equal texts. The
// error says which rule the text breaks. A text of digits and dots is a mistyped address, never a
// name: no top-level domain is all digits.
Expected<std::string> parse_host_name(std::string_view text);

}  // namespace lifeline
