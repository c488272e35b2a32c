// What the operator may ask: the commands of the admin socket and their JSON.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "control/admin_server.h"
#include "control/control_loop.h"
#include "control/controller_link.h"
#include "control/names.h"
#include "datapath/datapath.h"
#include "inband/agent.h"
#include "ofagent/switch_agent.h"
#include "port/local_port.h"
#include "port/port_set.h"
#include "table/fdb.h"

namespace lifeline::control {

// All outlive the commands.
struct CommandParts {
  std::string bridge;
  // Reads the configuration again and takes over what has changed; `done` gets the answer later.
  std::function<void(AdminDone done)> reload;
  const Clock& clock;
  const ofagent::Backend& backend;
  const ofagent::SwitchAgent& agent;
  inband::InbandAgent& inband;
  datapath::Datapath& datapath;
  const port::PortSet& ports;
  const port::LocalPort& local;
  const table::Fdb& fdb;
  const ControlLoop& loop;
  const OffloadKeeper& offload;
  const Names& names;
  const PortKeeper& port_keeper;
  const std::vector<std::unique_ptr<ControllerLink>>& links;
};

// Control lcore only. It reads, but for log level, captures, remotes, in-band control on or off,
// and a reload.
class AdminCommands {
 public:
  explicit AdminCommands(CommandParts parts);
  // {"command": NAME, …} -> its reply; {"error"} for a command that does not exist.
  std::unique_ptr<AdminReply> handle(const nlohmann::json& request) const;
  // The same figures, cut to what a monitoring system takes, for DPDK's telemetry: "status",
  // "remotes", "ports", "stats", "perf", "hidden_rules" or "fdb"; an error for another name. In
  // pieces; figures_of() takes what belongs to it out of the whole.
  std::unique_ptr<AdminReply> figures(std::string_view name) const;

  // A page for Prometheus (metrics_page.h). The commands outlive it.
  std::unique_ptr<AdminReply> metrics() const;

 private:
  nlohmann::json stats() const;
  std::unique_ptr<AdminReply> log(const nlohmann::json& request) const;

  CommandParts p_;
  const TimePoint started_;
};

// Of the reply to figures(name). Any thread.
nlohmann::json figures_of(std::string_view name, nlohmann::json reply);

}  // namespace lifeline::control
