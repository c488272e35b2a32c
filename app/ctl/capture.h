#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace lifeline::ctl {

struct CaptureOptions {
  std::vector<std::string> ports;
  std::vector<std::string> drops;
  bool in = false;
  bool out = false;
  std::string file = "-";
  std::uint64_t count = 0;    // 0: no limit
  std::uint64_t seconds = 0;  // 0: no limit
  std::uint32_t snap_bytes = 65535;
};

CLI::App* add_capture(CLI::App& app, CaptureOptions& options);

// Writes a pcap until the switch has sent enough, or SIGINT or SIGTERM. Returns the exit status;
// what went wrong, and how many packets there were, goes to standard error.
int capture(const std::string& socket_path, const CaptureOptions& options, bool as_json);

}  // namespace lifeline::ctl
