#include "control/ports_command.h"

#include <algorithm>
#include <utility>

#include "control/agent_backend.h"

namespace lifeline::control {

using nlohmann::json;

void AskedCounters::ask(bool extended, std::function<void()> ready) {
  if (all_) return ready();
  all_ = std::make_shared<All>();
  p_.ports.request_counters(extended, [all = all_, ready = std::move(ready)](All counters) {
    *all = std::move(counters);
    ready();
  });
}

const port::PortSet::CountersOfPort* AskedCounters::find(flow::PortNo number) const {
  if (!all_) return nullptr;
  const auto it = std::find_if(all_->begin(), all_->end(),
                               [&](const auto& port) { return port.port_no == number; });
  return it == all_->end() ? nullptr : &*it;
}

ofagent::PortCounters AskedCounters::of(flow::PortNo number) const {
  if (number == flow::kPortLocal) return p_.backend.port_counters(number);  // ours
  const auto* const port = find(number);
  return port == nullptr ? ofagent::PortCounters{} : AgentBackend::counters_of(port->stats);
}

const port::PortSet::NamedCounters* AskedCounters::extended(flow::PortNo number) const {
  const auto* const port = find(number);
  return port == nullptr ? nullptr : &port->extended;
}

namespace {

class PortsReply final : public AdminReply {
 public:
  PortsReply(const CommandParts& parts, bool verbose)
      : p_(parts), verbose_(verbose), counters_(parts) {}

  void when_ready(std::function<void()> ready) override {
    counters_.ask(verbose_, std::move(ready));
  }

  bool next(std::string& out) override {
    if (at_ == 0) {
      list_ = p_.ports.status();
      out += "{\"ports\": [";
    }
    if (at_ < list_.size()) {
      if (at_ != 0) out += ',';
      write(port(list_[at_]), out);
      ++at_;
    }
    if (at_ < list_.size()) return true;
    out += "], \"absent\": ";
    write(absent(), out);
    out += '}';
    return false;
  }

 private:
  static void write(const json& document, std::string& out) {
    out += document.dump(-1, ' ', false, json::error_handler_t::replace);
  }

  json port(const port::PortStatus& status) const {
    const bool is_local = status.port_no == flow::kPortLocal;
    const auto counters = counters_.of(status.port_no);
    const port::PortEntry* const entry = p_.ports.view()->find(status.port_no);
    json out{{"number", is_local ? json("LOCAL") : json(status.port_no)},
             {"name", is_local ? p_.local.name() : status.name},
             {"device", is_local ? "TAP" : status.device},
             {"driver", status.driver},
             {"mac", status.mac.to_string()},
             {"mtu", status.mtu},
             {"link", status.link_up ? "up" : "down"},
             {"speed_mbps", status.speed_mbps != 0 ? json(status.speed_mbps) : json()},
             {"rx_queues", status.n_rxq},
             {"tx_queues", status.n_txq},
             {"vlans", entry == nullptr ? json() : json(entry->vlan.to_string())},
             {"rx_packets", counters.rx_packets},
             {"rx_bytes", counters.rx_bytes},
             {"rx_dropped", counters.rx_dropped},
             {"rx_errors", counters.rx_errors},
             {"tx_packets", counters.tx_packets},
             {"tx_bytes", counters.tx_bytes},
             {"tx_dropped", counters.tx_dropped},
             {"tx_errors", counters.tx_errors}};
    if (!verbose_) return out;
    json named = json::object();
    if (const auto* const extended = counters_.extended(status.port_no))
      for (const auto& [name, value] : *extended) named[name] = value;
    out["xstats"] = std::move(named);
    return out;
  }

  json absent() const {
    json out = json::array();
    for (const auto& [spec, reason] : p_.port_keeper.absent()) {
      out.push_back({{"number", spec.port_no},
                     {"name", spec.name},
                     {"device", spec.device},
                     {"optional", spec.optional},
                     {"reason", reason.empty() ? "it is being started" : reason}});
    }
    return out;
  }

  const CommandParts& p_;
  const bool verbose_;
  AskedCounters counters_;
  std::vector<port::PortStatus> list_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<AdminReply> ports_reply(const CommandParts& parts, bool verbose) {
  return std::make_unique<PortsReply>(parts, verbose);
}

}  // namespace lifeline::control
