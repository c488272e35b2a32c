#include "config/identity.h"

#include <unistd.h>

#include <array>
#include <fstream>

namespace lifeline::config {
namespace {

// FNV-1a, then the finaliser of splitmix64, because FNV's high bits hardly depend on the last
// bytes.
std::uint64_t mix(std::string_view a, std::string_view b) {
  std::uint64_t h = 0xcbf29ce484222325;
  const auto add = [&h](char c) { h = (h ^ static_cast<std::uint8_t>(c)) * 0x100000001b3; };
  for (const char c : a) add(c);
  add('\0');
  for (const char c : b) add(c);
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
  return h ^ (h >> 31);
}

}  // namespace

std::string machine_identity() {
  for (const char* path : {"/etc/machine-id", "/var/lib/dbus/machine-id"}) {
    std::ifstream file(path);
    std::string line;
    if (std::getline(file, line) && !line.empty() && line != "uninitialized") return line;
  }
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

MacAddress derive_mac(std::string_view machine, std::string_view bridge) {
  MacAddress mac = MacAddress::from_u64(mix(machine, bridge) & 0xffffffffffff);
  mac.bytes[0] = static_cast<std::uint8_t>((mac.bytes[0] & 0xfc) | 0x02);
  return mac;
}

MacAddress local_mac(const Config& config, std::string_view machine) {
  return config.local.mac ? *config.local.mac : derive_mac(machine, config.bridge);
}

std::uint64_t datapath_id(const Config& config, MacAddress local) {
  return config.datapath_id.value_or(local.to_u64());
}

}  // namespace lifeline::config
