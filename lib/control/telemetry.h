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
#include <string_view>

#include "control/admin_server.h"

namespace lifeline::control {

inline constexpr std::chrono::milliseconds kTelemetryWait{500};

class Telemetry {
 public:
  // `figures` is called on the thread that runs `io`, with the name behind "/lifeline/"; so are the
  // pieces of its reply, one between other work each. `take` makes an object or an array of the
  // whole, on DPDK's thread. DPDK knows no way to take a command back, so the commands of a
  // telemetry that is gone answer with an error. One at a time in a process.
  using Figures = std::function<std::unique_ptr<AdminReply>(const std::string& name)>;
  using Take = nlohmann::json (*)(std::string_view name, nlohmann::json reply);
  Telemetry(asio::io_context& io, Figures figures, Take take);
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

 private:
  struct Source;
  struct Question;
  static void step(const std::weak_ptr<Source>& source, const std::shared_ptr<Question>& question);
  static void piece(const std::weak_ptr<Source>& source, const std::shared_ptr<Question>& question);
  friend int answer_telemetry(const char* command, const char* parameters, void* data);
  static std::shared_ptr<Source> current();
  std::shared_ptr<Source> source_;
};

}  // namespace lifeline::control
