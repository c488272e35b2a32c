// Operations as text, for the operator.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lifeline::datapath {

// One line per operation: "NORMAL", "output:2", "set_field:eth_dst", "drop (rule_drop)".
std::vector<std::string> to_strings(std::span<const std::uint64_t> words);

}  // namespace lifeline::datapath
