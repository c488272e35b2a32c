#include "base/mac_prefix.h"

namespace lifeline {

namespace {

constexpr std::string_view kZeros = "00:00:00:00:00:00";

}  // namespace

std::optional<MacPrefix> MacPrefix::parse(std::string_view text) {
  if (text.size() < 2 || text.size() > kZeros.size() || text.size() % 3 != 2) return std::nullopt;
  const auto whole = MacAddress::parse(std::string(text) + std::string(kZeros.substr(text.size())));
  if (!whole) return std::nullopt;
  return MacPrefix{*whole, static_cast<std::uint8_t>((text.size() + 1) / 3)};
}

std::string MacPrefix::to_string() const {
  return n_bytes == 0 ? std::string{} : bytes.to_string().substr(0, 3u * n_bytes - 1u);
}

}  // namespace lifeline
