// A flow key as text, so that a test can say a whole key in one line.
#pragma once

#include <string>

#include "packet/flow_key.h"

namespace lifeline::packet::test {

// "name=value" of every field that is not zero, in the order of the key.
std::string key_text(const FlowKey& key);

}  // namespace lifeline::packet::test
