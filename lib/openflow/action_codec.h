// Actions and instructions on the wire. Internal to openflow/.
#pragma once

#include "flow/action.h"
#include "openflow/match_codec.h"
#include "openflow/messages.h"

namespace lifeline::openflow {

// `in` is exactly the list.
Result<flow::ActionList> decode_actions10(Reader in);
Result<flow::ActionList> decode_actions13(Reader in);
void encode_actions10(Writer& out, const flow::ActionList& actions);
void encode_actions13(Writer& out, const flow::ActionList& actions);

Result<flow::Instructions> decode_instructions13(Reader in);
void encode_instructions13(Writer& out, const flow::Instructions& instructions);

// False for port numbers that no action may output to (1.0 NONE, reserved gaps).
bool valid_output_port(flow::PortNo port);

}  // namespace lifeline::openflow
