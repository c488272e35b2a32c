#include "switch.h"

#include <net/if.h>
#include <rte_lcore.h>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "config/identity.h"
#include "control/admin_commands.h"
#include "control/admin_server.h"
#include "control/agent_backend.h"
#include "control/control_loop.h"
#include "control/controller_link.h"
#include "control/listener.h"
#include "control/metrics_server.h"
#include "control/telemetry.h"
#include "control/tls_thread.h"
#include "datapath/datapath.h"
#include "inband/agent.h"
#include "inband/kernel_view.h"
#include "netlink/event_socket.h"
#include "ofagent/switch_agent.h"
#include "options.h"
#include "port/device_thread.h"
#include "port/kernel_interface.h"
#include "port/local_port.h"
#include "port/port_set.h"
#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "table/fdb.h"
#include "table/tables.h"

namespace lifeline {
namespace {

flow::ManagementVlan management_vlan(const config::VlanScope& scope) {
  using Kind = flow::ManagementVlan::Kind;
  switch (scope.kind) {
    case config::VlanScope::Kind::kAny: return {.kind = Kind::kAny, .vid = 0};
    case config::VlanScope::Kind::kVid: return {.kind = Kind::kVid, .vid = scope.vid};
    case config::VlanScope::Kind::kUntagged: break;
  }
  return {};
}

std::vector<flow::PortNo> trusted_ports(const config::Config& config) {
  const auto& named = config.in_band.trusted_ports;
  std::vector<flow::PortNo> trusted;
  for (const auto& port : config.ports)
    if (std::find(named.begin(), named.end(), port.name) != named.end())
      trusted.push_back(port.number);
  return trusted;
}

std::vector<port::PortSpec> port_specs(const config::Config& config) {
  std::vector<port::PortSpec> specs;
  for (const auto& port : config.ports) {
    specs.push_back({.name = port.name,
                     .device = port.device,
                     .port_no = port.number,
                     .rx_queues = port.rx_queues,
                     .descriptors = port.descriptors,
                     .mtu = port.mtu});
  }
  return specs;
}

ofagent::SwitchFacts switch_facts(const config::Config& config, MacAddress local_mac) {
  return {.datapath_id = config::datapath_id(config, local_mac),
          .manufacturer = "Lifeline",
          .hardware = "DPDK",
          .software = LIFELINE_VERSION,
          .serial_number = "None",
          .datapath_description = config.bridge};
}

ofagent::AgentConfig agent_config(const config::Config& config) {
  const auto speaks = [&](std::uint8_t version) {
    return std::find(config.openflow_versions.begin(), config.openflow_versions.end(), version) !=
           config.openflow_versions.end();
  };
  ofagent::AgentConfig agent;
  agent.tables.max_rules_per_table = config.sizes.flows;
  agent.fail_mode = config.fail_mode == config::FailMode::kSecure ? ofagent::FailMode::kSecure
                                                                  : ofagent::FailMode::kStandalone;
  agent.probe_interval = std::chrono::seconds{config.inactivity_probe_s};
  agent.has_controllers = !config.controllers.empty();
  agent.version_10 = speaks(0x01);
  agent.version_13 = speaks(0x04);
  return agent;
}

table::TablesConfig tables_config(const config::Config& config, std::uint32_t n_slots) {
  table::TablesConfig tables;
  tables.max_rules = config.sizes.flows;
  tables.max_rules_per_table = config.sizes.flows;
  tables.n_slots = n_slots;
  return tables;
}

table::FdbConfig fdb_config(const config::Config& config) {
  return {.max_entries = config.sizes.fdb,
          // One port cannot take the whole table.
          .max_entries_per_port = std::max(config.sizes.fdb / 2, std::uint32_t{1}),
          .ageing_s = config.sizes.fdb_ageing_s};
}

datapath::DatapathConfig datapath_config(const config::Config& config) {
  datapath::DatapathConfig datapath;
  datapath.max_idle_sleep_us = config.idle_sleep_us;
  datapath.exact_entries = config.sizes.exact_entries;
  return datapath;
}

inband::Remote remote_of(const config::Controller& controller) {
  return {.id = controller.to_string(), .ip = controller.address, .port = controller.port};
}

// A local port that was renamed outlives the switch like any other, and would keep the address and
// the routes while nobody serves it.
void warn_of_renamed_local_port(const config::Config& config, MacAddress mac) {
  struct if_nameindex* const all = ::if_nameindex();
  for (auto* i = all; i != nullptr && i->if_index != 0; ++i) {
    const auto interface = port::find_interface(std::string(i->if_name));
    if (!interface || interface->mac != mac || interface->name == config.local.name) continue;
    log::warn("app",
              "interface {} has the local port's MAC: it is the local port of an earlier start, "
              "renamed. Set local.name "
              "to {}, or delete it (ip link del {})",
              interface->name, interface->name, interface->name);
  }
  if (all != nullptr) ::if_freenameindex(all);
}

}  // namespace

struct Switch::Impl {
  explicit Impl(const config::Config& c) : config(c) {}
  ~Impl();

  Expected<void> open_ports();
  Expected<void> make_datapath();
  Expected<void> start_in_band();
  Expected<void> start_openflow();
  Expected<void> start_admin();

  const config::Config config;
  SteadyClock clock;
  asio::io_context io{1};
  std::uint32_t n_slots = 1;
  MacAddress local_mac;

  std::unique_ptr<sync::Qsbr> qsbr;
  std::unique_ptr<sync::RetireList> retired;
  // Its mbufs may still lie in the ports' TX rings: it goes after them.
  std::unique_ptr<port::LocalPort> local;
  std::unique_ptr<port::PortSet> ports;
  std::unique_ptr<port::DeviceThread> device_thread;
  std::unique_ptr<table::Tables> tables;
  std::unique_ptr<table::Fdb> fdb;
  std::unique_ptr<datapath::Datapath> datapath;
  std::unique_ptr<netlink::EventSocket> kernel_events;
  std::unique_ptr<inband::NetlinkKernelView> kernel;
  std::unique_ptr<inband::InbandAgent> inband;
  std::unique_ptr<control::AgentBackend> backend;
  std::unique_ptr<ofagent::SwitchAgent> agent;
  std::unique_ptr<control::TlsThread> tls;  // unset: nothing speaks TLS
  std::vector<std::unique_ptr<control::ControllerLink>> links;
  std::vector<std::unique_ptr<control::Listener>> listeners;
  std::unique_ptr<control::ControlLoop> loop;
  std::unique_ptr<control::AdminCommands> commands;
  std::unique_ptr<control::AdminServer> admin;
  std::unique_ptr<control::Telemetry> telemetry;
  std::unique_ptr<control::MetricsServer> metrics;  // unset: nobody may scrape
};

// From the outside in. Nothing is freed that somebody behind it may still hold: readers before
// tables, removed ports (which wait among the retired and on the device thread) before the port
// set, and the port set before the pools.
Switch::Impl::~Impl() {
  metrics.reset();
  telemetry.reset();
  admin.reset();
  commands.reset();
  loop.reset();
  listeners.clear();
  links.clear();
  tls.reset();
  agent.reset();
  backend.reset();
  inband.reset();
  if (datapath) datapath->stop_workers();
  datapath.reset();
  fdb.reset();
  tables.reset();
  if (retired) retired->drain();
  device_thread.reset();
  ports.reset();
  local.reset();
}

Expected<void> Switch::Impl::open_ports() {
  const std::uint32_t n_workers = rte_lcore_count() - 1;
  if (config.workers && *config.workers > n_workers) {
    return make_error(
        "workers: {} are configured, but EAL has only {} worker lcores; start with more (-l)",
        *config.workers, n_workers);
  }
  n_slots = 1 + config.workers.value_or(n_workers);
  qsbr = std::make_unique<sync::Qsbr>();
  retired = std::make_unique<sync::RetireList>(*qsbr);

  auto thread = port::DeviceThread::start();
  if (!thread) return tl::make_unexpected(thread.error());
  device_thread = std::move(*thread);

  port::PortSetConfig port_config;
  port_config.n_slots = n_slots;
  port_config.extra_mbufs = config.sizes.mbufs;
  auto set = port::PortSet::create(
      port_config, [this](std::function<void()> f) { retired->retire_call(std::move(f)); });
  if (!set) return tl::make_unexpected(set.error());
  ports = std::move(*set);
  if (const auto opened = ports->open(port_specs(config)); !opened) return opened;
  ports->use(device_thread.get());

  local_mac = config::local_mac(config, config::machine_identity());
  warn_of_renamed_local_port(config, local_mac);
  const std::uint32_t mtu = config.local.mtu.value_or(ports->smallest_mtu().value_or(1500));
  auto tap = port::LocalPort::create(
      {.name = config.local.name,
       .mac = local_mac,
       .mtu = mtu,
       .persistent = true,
       // What it reads may lie in the ports' TX rings until these need the room.
       .n_mbufs = 2048 + ports->tx_descriptors_total(),
       .reclaim = [this] { ports->reclaim_sent(); }});
  if (!tap) return tl::make_unexpected(tap.error());
  local = std::move(*tap);
  ports->set_local(local->mac(), local->mtu(), local->up());
  return {};
}

Expected<void> Switch::Impl::make_datapath() {
  tables = std::make_unique<table::Tables>(*qsbr, *retired, tables_config(config, n_slots));
  fdb = std::make_unique<table::Fdb>(*retired, fdb_config(config));
  auto made =
      datapath::Datapath::create(datapath_config(config), *tables, *fdb, *ports, *qsbr, *retired);
  if (!made) return tl::make_unexpected(made.error());
  datapath = std::move(*made);
  return {};
}

Expected<void> Switch::Impl::start_in_band() {
  // Notifications first: what changes while we ask is then not lost.
  auto events = netlink::EventSocket::open();
  if (!events) return tl::make_unexpected(events.error());
  kernel_events = std::make_unique<netlink::EventSocket>(std::move(*events));
  auto query = netlink::QuerySocket::open();
  if (!query) return tl::make_unexpected(query.error());
  kernel = std::make_unique<inband::NetlinkKernelView>(std::move(*query));

  inband = std::make_unique<inband::InbandAgent>(*kernel, tables->hidden(), *datapath, clock);
  inband->set_enabled(config.in_band.enabled);
  inband->set_local_device(config.local.name);
  inband->set_vlan(management_vlan(config.in_band.vlan));
  inband->set_relay_arp(config.in_band.relay_arp);
  inband->set_strict(config.in_band.strict);
  inband->set_trusted_ports(trusted_ports(config));
  std::vector<inband::Remote> remotes;
  for (const auto& controller : config.controllers) remotes.push_back(remote_of(controller));
  if (const auto set = inband->set_remotes(std::move(remotes)); !set) return set;
  inband->start();
  return {};
}

Expected<void> Switch::Impl::start_openflow() {
  backend = std::make_unique<control::AgentBackend>(switch_facts(config, local_mac), *ports, *local,
                                                    *tables, *datapath, clock);
  const ofagent::AgentConfig of_config = agent_config(config);
  agent = std::make_unique<ofagent::SwitchAgent>(tables->pipeline(), *backend, clock, of_config);
  if (!config.tls.ca.empty()) {
    auto thread = control::TlsThread::start(io, config.tls);
    if (!thread) return tl::make_unexpected(thread.error());
    tls = std::move(*thread);
  }
  for (const auto& controller : config.controllers) {
    control::LinkTls link_tls;
    if (controller.transport == config::Transport::kTls)
      link_tls = {.handshakes = &tls->handshakes(), .peer_name = controller.peer_name};
    links.push_back(std::make_unique<control::ControllerLink>(
        io, *agent, *inband, clock, remote_of(controller), of_config.probe_interval, link_tls));
  }
  for (const auto& where : config.listen) {
    listeners.push_back(std::make_unique<control::Listener>(io, *agent, clock, where,
                                                            tls ? &tls->handshakes() : nullptr));
    if (const auto listening = listeners.back()->listen(); !listening) return listening;
  }
  loop = std::make_unique<control::ControlLoop>(control::LoopParts{.io = io,
                                                                   .clock = clock,
                                                                   .qsbr = *qsbr,
                                                                   .retired = *retired,
                                                                   .ports = *ports,
                                                                   .device_thread = *device_thread,
                                                                   .local = *local,
                                                                   .datapath = *datapath,
                                                                   .fdb = *fdb,
                                                                   .kernel_events = *kernel_events,
                                                                   .inband = *inband,
                                                                   .backend = *backend,
                                                                   .agent = *agent,
                                                                   .links = links,
                                                                   .listeners = listeners});
  return {};
}

Expected<void> Switch::Impl::start_admin() {
  commands = std::make_unique<control::AdminCommands>(control::CommandParts{
      .bridge = config.bridge,
      .fail_mode = config.fail_mode == config::FailMode::kSecure ? "secure" : "standalone",
      .clock = clock,
      .backend = *backend,
      .agent = *agent,
      .inband = *inband,
      .datapath = *datapath,
      .ports = *ports,
      .local = *local,
      .fdb = *fdb,
      .loop = *loop,
      .links = links});
  admin = std::make_unique<control::AdminServer>(
      io, config.run_dir + "/" + config.bridge + ".ctl",
      [this](const nlohmann::json& request) { return commands->handle(request); });
  telemetry = std::make_unique<control::Telemetry>(
      io, [this](const std::string& name) { return commands->figures(name); }, control::figures_of);
  if (config.metrics) {
    control::MetricsServer::Options options;
    options.address = config.metrics->address;
    options.port = config.metrics->port;
    metrics = std::make_unique<control::MetricsServer>(
        io, options,
        [this](const IpAddress& address) { return control::has_address(local->name(), address); },
        [this] { return commands->metrics(); });
    if (const auto started = metrics->start(); !started) return started;
  }
  return admin->listen();
}

Switch::Switch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Switch::~Switch() = default;

Expected<std::unique_ptr<Switch>> Switch::create(const config::Config& config) {
  auto impl = std::make_unique<Impl>(config);
  for (const auto step : {&Impl::open_ports, &Impl::make_datapath, &Impl::start_in_band,
                          &Impl::start_openflow, &Impl::start_admin}) {
    if (const auto done = (*impl.*step)(); !done) return tl::make_unexpected(done.error());
  }
  return std::unique_ptr<Switch>(new Switch(std::move(impl)));
}

int Switch::run() {
  Impl& s = *impl_;
  const auto keep_running = asio::make_work_guard(s.io);
  asio::signal_set signals(s.io, SIGTERM, SIGINT);
  signals.async_wait([&](std::error_code error, int signal) {
    if (error) return;
    log::info("app", "{}: stopping", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    s.loop->stop();
  });
  if (const auto started = s.datapath->start_workers(); !started) {
    log::error("app", "{}", started.error().message);
    return kExitFailure;
  }
  for (const auto& link : s.links) link->start();
  log::info("app", "bridge {}: {} ports, {} workers, local port {} ({})", s.config.bridge,
            s.config.ports.size(), s.n_slots - 1, s.local->name(), s.local->mac().to_string());
  s.loop->run();
  // In order: controllers first, so that they see a close and not a silence; then forwarding; then
  // devices.
  s.metrics.reset();
  s.admin.reset();
  s.listeners.clear();
  s.links.clear();
  s.loop->carry_farewell();
  s.datapath->stop_workers();
  return kExitOk;
}

}  // namespace lifeline
