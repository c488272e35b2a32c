// The wire formats of OpenFlow 1.0 and 1.3.
//
// decode() checks everything that can be judged without the state of the switch: lengths, types,
// OXM syntax and prerequisites, port numbers, and of the actions what check_actions() says. So what
// comes out is a message that makes sense; whether the port, table, group or meter exists is the
// caller's to know. decode(encode(m)) == m for every message that the version can express.
//
// All functions are pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "base/expected.h"
#include "openflow/error.h"
#include "openflow/messages.h"
#include "openflow/protocol.h"

namespace lifeline::openflow {

struct Header {
  std::uint8_t version = 0;
  std::uint8_t type = 0;  // of that version
  std::uint16_t length = 0;
  std::uint32_t xid = 0;
  bool operator==(const Header&) const = default;
};

// The header of the message that starts there; nullopt if there are fewer than 8 bytes.
std::optional<Header> peek_header(BytesView bytes);

struct Decoded {
  Header header;
  Message message;
};

// Answer it with encode(make_error_msg(id, version, the same bytes), xid, version).
struct DecodeError {
  ErrorId id = ErrorId::kBrcBadLen;
  std::uint16_t type = 0;  // the numbers of `id` in the version asked for
  std::uint16_t code = 0;
  std::uint32_t xid = 0;
  Bytes
      data;  // the first 64 bytes of the offending message, behind Nicira's numbers if it is theirs
  ErrorMsg to_message() const {
    return {.type = type,
            .code = code,
            .experimenter = type == kErrorTypeExperimenter ? error_experimenter(id) : 0,
            .data = data};
  }
};

// `one_message` is exactly one message (Channel frames them). `version` is the negotiated one: any
// other in the header is BRC_BAD_VERSION, except of HELLO, which may carry any.
tl::expected<Decoded, DecodeError> decode(BytesView one_message, Version version);

// Lengths and padding are filled in. What the version cannot express is left out (1.0: match fields
// and actions of 1.3; a message of 1.3 that 1.0 does not have gives an empty vector). A message
// that would exceed 65535 bytes gives an empty vector as well: only multipart replies and features
// replies can get there, and MultipartWriter never does.
Bytes encode(const Message& message, std::uint32_t xid, Version version);

// What the specification says about actions without knowing the switch: set-field and TTL actions
// whose prerequisites neither the match nor earlier actions guarantee (BAC_MATCH_INCONSISTENT),
// output to a port that is no port (BAC_BAD_OUT_PORT), tags that push does not know
// (BAC_BAD_ARGUMENT), goto to a table that is not later (BIC_BAD_TABLE_ID, with table_id <
// kTableAll). nullopt: sound. decode() has applied this to every 1.3 flow-mod that adds or
// modifies.
std::optional<ErrorId> check_actions(const flow::Match& match,
                                     const flow::Instructions& instructions,
                                     std::uint8_t table_id = kTableAll);

// 1.3's 32-bit port numbers. nullopt for a number that is neither an ordinary port (<= 0xfeff) nor
// reserved.
std::optional<flow::PortNo> port_from_13(std::uint32_t wire);
std::uint32_t port_to_13(flow::PortNo port);

}  // namespace lifeline::openflow
