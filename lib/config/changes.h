// What differs between two configurations, and what of it a running switch can take over. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace lifeline::config {

enum class Effect : std::uint8_t {
  kAtOnce,   // a running switch takes the new value over
  kRestart,  // sized, named or started with the old value: holds from the next start
};

struct Change {
  std::string
      key;  // as in the file: "in_band.strict"; of a port: "ports[uplink]", "ports[uplink].access"
  Effect effect = Effect::kAtOnce;

  bool operator==(const Change&) const = default;
};

// The keys whose values differ, in the order of the file; none when the two are equal. Thread-safe.
//
// Where the sockets are follows from `bridge` and `run_dir` unless the file says it, so that a
// change of one of these takes `listen` with it to the next start.
std::vector<Change> changes(const Config& running, const Config& wanted);

// Every key, those of `sizes` each by itself, and how a change of it takes effect while `bridge`
// and `run_dir` stay. For the documentation.
std::vector<Change> effects();

// Gives the ports of `wanted` whose numbers are automatic those that ports of their names have in
// `running`, unless another port asks for one; the others get numbers that no port of either has.
// So a port that goes does not renumber those behind it. Before changes() and taken_over().
void keep_numbers(const Config& running, Config& wanted);

// What a switch that runs `running` runs once it has taken over what it can of `wanted`: `wanted`,
// but for the keys that changes() says need a restart.
Config taken_over(const Config& running, const Config& wanted);

}  // namespace lifeline::config
