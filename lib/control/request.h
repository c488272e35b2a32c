// Small readers of what lifelinectl asks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "flow/format.h"
#include "flow/port_no.h"

namespace lifeline::control {

inline bool flag(const nlohmann::json& request, const char* key) {
  const auto it = request.find(key);
  return it != request.end() && it->is_boolean() && it->get<bool>();
}

// Empty if there is none.
inline std::string text(const nlohmann::json& request, const char* key) {
  const auto it = request.find(key);
  return it != request.end() && it->is_string() ? it->get<std::string>() : std::string();
}

template <class Texts>
std::string join(const Texts& parts, std::string_view separator) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

// Ports by number, those with a name of their own ("LOCAL", "CONTROLLER") by that.
inline nlohmann::json port_json(flow::PortNo port) {
  if (port == flow::kPortLocal || port == flow::kPortController) return flow::port_to_string(port);
  return port;
}

}  // namespace lifeline::control
