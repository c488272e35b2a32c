// Messages of OpenFlow 1.3, byte by byte, and what the decoder says of them.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "openflow/codec.h"
#include "openflow/error.h"

namespace lifeline::openflow {

inline Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto digit = [&](std::size_t at) {
      return static_cast<unsigned>(std::string_view("0123456789abcdef").find(text[at]));
    };
    bytes.push_back(static_cast<std::byte>(digit(i) << 4 | digit(i + 1)));
  }
  return bytes;
}

inline Bytes message13(std::uint8_t type, std::string_view body_hex) {
  Bytes body = from_hex(body_hex);
  Bytes m = encode(BarrierRequest{}, 7, Version::k13);
  m[1] = static_cast<std::byte>(type);
  m.insert(m.end(), body.begin(), body.end());
  m[2] = static_cast<std::byte>(m.size() >> 8);
  m[3] = static_cast<std::byte>(m.size());
  return m;
}

// A flow-mod ADD of table 1 whose match holds these OXM fields and these instructions.
inline Bytes flow_mod(std::string_view oxm_hex, std::string_view instructions_hex = "") {
  const std::size_t length = 4 + oxm_hex.size() / 2;
  std::string body =
      "00000000000000000000000000000000"
      "0100"
      "000000008000"
      "ffffffff"
      "ffffffff"
      "ffffffff"
      "00000000";
  body += fmt::format("0001{:04x}{}", length, oxm_hex);
  body.append(((length + 7) / 8 * 8 - length) * 2, '0');
  return message13(14, body + std::string(instructions_hex));
}

inline Bytes with_action(std::string_view oxm_hex, std::string_view action_hex) {
  return flow_mod(oxm_hex,
                  fmt::format("0004{:04x}00000000{}", 8 + action_hex.size() / 2, action_hex));
}

inline std::optional<ErrorId> verdict(const Bytes& message) {
  const auto decoded = decode(message, Version::k13);
  return decoded ? std::nullopt : std::optional(decoded.error().id);
}

}  // namespace lifeline::openflow
