// lifelinectl ports.
#pragma once

#include <memory>
#include <vector>

#include "control/admin_commands.h"
#include "control/admin_server.h"
#include "ofagent/backend.h"
#include "port/port_set.h"

namespace lifeline::control {

// The counters of ports, which the device thread asks of their drivers: a driver may take
// milliseconds, and the control lcore does not wait for one. For replies that show counters.
class AskedCounters {
 public:
  explicit AskedCounters(const CommandParts& parts) : p_(parts) {}
  // Calls `ready` once they are here: of the first call later, of further ones at once.
  void ask(bool extended, std::function<void()> ready);
  // Zeroes for a port that has come since.
  ofagent::PortCounters of(flow::PortNo number) const;
  const port::PortSet::NamedCounters* extended(flow::PortNo number) const;

 private:
  using All = std::vector<port::PortSet::CountersOfPort>;
  const port::PortSet::CountersOfPort* find(flow::PortNo number) const;

  const CommandParts& p_;
  std::shared_ptr<All> all_;  // the answer may come when nobody wants it any more
};

// {"ports": […], "absent": […]}; `verbose`: with "xstats". In pieces of one port each.
std::unique_ptr<AdminReply> ports_reply(const CommandParts& parts, bool verbose);

}  // namespace lifeline::control
