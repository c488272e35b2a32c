// The switch put together from its libraries, and its life from start to stop.
#pragma once

#include <memory>
#include <string>

#include "base/expected.h"
#include "config/config.h"

namespace lifeline {

// Made and run on the EAL main lcore, after rte_eal_init().
class Switch {
 public:
  // Opens every port, makes the local port and installs the hidden rules; forwards nothing yet. The
  // error says what could not be had and what to do. `config_path` is the file that a reload reads.
  static Expected<std::unique_ptr<Switch>> create(const config::Config& config,
                                                  const std::string& config_path);
  ~Switch();
  Switch(const Switch&) = delete;
  Switch& operator=(const Switch&) = delete;

  // Forwards until SIGTERM or SIGINT, reloads on SIGHUP; returns the exit code.
  int run();

 private:
  struct Impl;
  explicit Switch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lifeline
