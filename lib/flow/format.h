// How values are written for a person: the syntax of ovs-ofctl.
#pragma once

#include <string>

#include "flow/field.h"
#include "flow/port_no.h"

namespace lifeline::flow {

// "7", or the name of a reserved port: "LOCAL".
std::string port_to_string(PortNo port);

// Addresses in their usual form, numbers decimal, or with `hex` as 0x….
std::string format_value(FieldId id, const FieldValue& value, bool hex = false);

// A mask of this field: a prefix length where an IP mask is one, else as the value is written;
// numbers always as 0x….
std::string format_mask(FieldId id, const FieldValue& mask);

}  // namespace lifeline::flow
