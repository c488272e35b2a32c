// Lifeline's commands in DPDK's telemetry: /lifeline/status and others, for dpdk-telemetry.py.
//
// They answer on a thread of DPDK's own, which must not walk our tables: it posts a question to the
// control lcore and waits for the answer, at most kTelemetryWait. The figures are those of the
// operator's socket.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace lifeline::control {

inline constexpr std::chrono::milliseconds kTelemetryWait{500};

class Telemetry {
 public:
  // `figures` is called on the thread that runs `io`, with the name behind "/lifeline/": an object
  // or an array. DPDK knows no way to take a command back, so the commands of a telemetry that is
  // gone answer with an error. One at a time in a process.
  using Figures = std::function<nlohmann::json(const std::string& name)>;
  Telemetry(asio::io_context& io, Figures figures);
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

 private:
  struct Source;
  friend int answer_telemetry(const char* command, const char* parameters, void* data);
  static std::shared_ptr<Source> current();
  std::shared_ptr<Source> source_;
};

}  // namespace lifeline::control
