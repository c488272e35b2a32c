#include "switch.h"

#include <net/if.h>
#include <rte_lcore.h>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <functional>

#include "base/log.h"
#include "config/identity.h"
#include "control/inband_config.h"
#include "library_configs.h"
#include "options.h"
#include "port/kernel_interface.h"
#include "switch_impl.h"

namespace lifeline {
namespace {

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

// Frames that were read from the local port and are on their way.
constexpr std::uint32_t kTapMbufs = 2048;

}  // namespace

// From the outside in. Nothing is freed that somebody behind it may still hold: readers before
// tables, removed ports (which wait among the retired and on the device thread) before the port
// set, and the port set before the pools.
Switch::Impl::~Impl() {
  metrics.reset();
  telemetry.reset();
  admin.reset();
  commands.reset();
  loop.reset();
  offload.reset();
  port_keeper.reset();
  port_actions.reset();
  listeners.clear();
  names.reset();
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
  if (ports) ports->use(nullptr);
  device_thread.reset();
  ports.reset();
  local.reset();
}

Expected<void> Switch::Impl::open_ports() {
  auto chosen = worker_places(config);
  if (!chosen) return tl::make_unexpected(chosen.error());
  workers = std::move(*chosen);
  n_slots = static_cast<std::uint32_t>(1 + workers.size());
  qsbr = std::make_unique<sync::Qsbr>();
  retired = std::make_unique<sync::RetireList>(*qsbr);

  auto thread = port::DeviceThread::start();
  if (!thread) return tl::make_unexpected(thread.error());
  device_thread = std::move(*thread);

  port::PortSetConfig port_config;
  port_config.n_slots = n_slots;
  port_config.workers = workers;
  port_config.extra_mbufs = config.sizes.mbufs;
  port_config.control_queues = config.offload.enabled && config.in_band.enabled;
  auto set = port::PortSet::create(
      port_config, [this](std::function<void()> f) { retired->retire_call(std::move(f)); });
  if (!set) return tl::make_unexpected(set.error());
  ports = std::move(*set);
  auto opened = ports->open(port_specs(config));
  if (!opened) return tl::make_unexpected(opened.error());
  absent_at_start = std::move(*opened);
  ports->use(device_thread.get());

  local_mac = config::local_mac(config, config::machine_identity());
  warn_of_renamed_local_port(config, local_mac);
  const std::uint32_t mtu = config.local.mtu.value_or(ports->smallest_mtu().value_or(1500));
  auto tap = port::LocalPort::create(
      {.name = config.local.name,
       .mac = local_mac,
       .mtu = mtu,
       .largest_mtu = std::max(mtu, config.local.mtu ? 0 : ports->largest_mtu()),
       .persistent = true,
       // What it reads may lie in the ports' TX rings until these need the room.
       .n_mbufs = kTapMbufs + ports->tx_descriptors_total(),
       .reclaim = [this] { ports->reclaim_sent(); }});
  if (!tap) return tl::make_unexpected(tap.error());
  local = std::move(*tap);
  ports->keep_large_enough(
      {.owner = "the local port",
       .make = [this](std::uint32_t sent) { return local->make_larger_pool(kTapMbufs + sent); },
       .use = [this](port::MempoolPtr pool) { local->use(std::move(pool)); },
       .room = ports->tx_descriptors_total()});
  ports->set_local(local->mac(), local->mtu(), local->up());
  ports->set_vlans(port_vlans(config));
  return {};
}

Expected<void> Switch::Impl::make_datapath() {
  tables = std::make_unique<table::Tables>(*qsbr, *retired, tables_config(config, n_slots));
  fdb = std::make_unique<table::Fdb>(*retired, fdb_config(config));
  auto made = datapath::Datapath::create(datapath_config(config, workers), *tables, *fdb, *ports,
                                         *qsbr, *retired);
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
  inband->set_local_device(config.local.name);
  set_in_band();
  names = std::make_unique<control::Names>(io, clock, [this] { names_changed(); });
  if (const auto set = set_names(); !set) return set;
  if (const auto set = set_remotes(); !set) return set;
  if (const auto set = set_others(); !set) return set;
  inband->start();
  return {};
}

void Switch::Impl::set_in_band() {
  control::configure_in_band(*inband, config.in_band, config.ports);
}

Expected<void> Switch::Impl::set_others() {
  return control::configure_others(*inband, config.in_band, [this](const std::string& host) {
    const auto it = reach_names.find(host);
    return it == reach_names.end() ? std::vector<IpAddress>{} : it->second.all();
  });
}

Expected<void> Switch::Impl::set_remotes() {
  inband->await_names(awaits_names());
  return inband->set_remotes(controllers_and_resolvers());
}

Expected<std::unique_ptr<control::TlsThread>> Switch::Impl::make_tls(const config::Tls& files) {
  if (files.ca.empty()) return {};
  return control::TlsThread::start(io, files);
}

std::unique_ptr<control::ControllerLink> Switch::Impl::make_link(
    const config::Controller& controller) {
  control::LinkTls link_tls;
  if (controller.transport == config::Transport::kTls)
    link_tls = {.handshakes = &tls->handshakes(),
                .peer_name = controller.peer_name.empty() ? controller.host : controller.peer_name};
  control::LinkEvents events;
  if (const std::string host = controller.host; !host.empty())
    events = {.remotes_changed = [this] { names_changed(); },
              .unreachable = [this, host] { names->doubt(host); }};
  return std::make_unique<control::ControllerLink>(
      io, *agent, *inband, clock, target_of(controller), probe_interval(config, controller),
      link_tls, std::move(events));
}

std::unique_ptr<control::Listener> Switch::Impl::make_listener(const config::Listener& where) {
  return std::make_unique<control::Listener>(io, *agent, clock, where,
                                             tls ? &tls->handshakes() : nullptr);
}

Expected<void> Switch::Impl::start_openflow() {
  backend = std::make_unique<control::AgentBackend>(switch_facts(config, local_mac), *ports, *local,
                                                    *tables, *datapath, clock);
  agent = std::make_unique<ofagent::SwitchAgent>(tables->pipeline(), *backend, clock,
                                                 agent_config(config));
  auto thread = make_tls(config.tls);
  if (!thread) return tl::make_unexpected(thread.error());
  tls = std::move(*thread);
  for (const auto& controller : config.controllers) links.push_back(make_link(controller));
  for (const auto& where : config.listen) {
    listeners.push_back(make_listener(where));
    if (const auto listening = listeners.back()->listen(); !listening) return listening;
  }
  port_actions = std::make_unique<control::SwitchPorts>(control::SwitchPorts::Parts{
      .ports = *ports, .datapath = *datapath, .backend = *backend, .agent = *agent});
  port_keeper = std::make_unique<control::PortKeeper>(*port_actions, clock);
  port_keeper->begin(port_specs(config), std::exchange(absent_at_start, {}));
  offload = std::make_unique<control::OffloadKeeper>(*ports, *device_thread, *datapath, clock);
  loop = std::make_unique<control::ControlLoop>(
      control::LoopParts{.io = io,
                         .clock = clock,
                         .qsbr = *qsbr,
                         .retired = *retired,
                         .ports = *ports,
                         .device_thread = *device_thread,
                         .offload = *offload,
                         .port_keeper = *port_keeper,
                         .local = *local,
                         .datapath = *datapath,
                         .fdb = *fdb,
                         .kernel_events = *kernel_events,
                         .inband = *inband,
                         .backend = *backend,
                         .agent = *agent,
                         .names = *names,
                         .links = links,
                         .listeners = listeners,
                         .local_mtu_follows = !config.local.mtu.has_value(),
                         .control_queue_sleep_us = config.idle_sleep_us});
  return {};
}

Expected<void> Switch::Impl::start_admin() {
  commands = std::make_unique<control::AdminCommands>(
      control::CommandParts{.bridge = config.bridge,
                            .reload = [this](control::AdminDone done) { reload(std::move(done)); },
                            .clock = clock,
                            .backend = *backend,
                            .agent = *agent,
                            .inband = *inband,
                            .datapath = *datapath,
                            .ports = *ports,
                            .local = *local,
                            .fdb = *fdb,
                            .loop = *loop,
                            .offload = *offload,
                            .names = *names,
                            .port_keeper = *port_keeper,
                            .links = links});
  admin = std::make_unique<control::AdminServer>(
      io, config.run_dir + "/" + config.bridge + ".ctl",
      [this](const nlohmann::json& request) { return commands->handle(request); });
  telemetry = std::make_unique<control::Telemetry>(
      io, [this](const std::string& name) { return commands->figures(name); }, control::figures_of);
  if (const auto started = start_metrics(); !started) return started;
  return admin->listen();
}

Expected<void> Switch::Impl::start_metrics() {
  metrics.reset();
  if (!config.metrics) return {};
  control::MetricsServer::Options options;
  options.address = config.metrics->address;
  options.port = config.metrics->port;
  metrics = std::make_unique<control::MetricsServer>(
      io, options,
      [this](const IpAddress& address) { return control::has_address(local->name(), address); },
      [this] { return commands->metrics(); });
  return metrics->start();
}

Switch::Switch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Switch::~Switch() = default;

Expected<std::unique_ptr<Switch>> Switch::create(const config::Config& config,
                                                 const std::string& config_path) {
  auto impl = std::make_unique<Impl>(config, config_path);
  for (const auto step : {&Impl::open_ports, &Impl::make_datapath, &Impl::start_in_band,
                          &Impl::start_openflow, &Impl::start_admin}) {
    if (const auto done = (*impl.*step)(); !done) return tl::make_unexpected(done.error());
  }
  return std::unique_ptr<Switch>(new Switch(std::move(impl)));
}

std::string Switch::Impl::summary() const {
  return fmt::format("bridge {}: {} ports, {} workers, local port {} ({})", config.bridge,
                     config.ports.size(), n_slots - 1, local->name(), local->mac().to_string());
}

// From the control loop: a loop that hangs gives no sign of life.
void Switch::Impl::keep_alive() {
  if (service_manager.alive_interval() == Duration::zero()) return;
  service_manager.alive();
  alive_timer.expires_after(service_manager.alive_interval());
  alive_timer.async_wait([this](std::error_code error) {
    if (!error) keep_alive();
  });
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
  asio::signal_set hang_up(s.io, SIGHUP);
  const std::function<void()> await_hang_up = [&] {
    hang_up.async_wait([&](std::error_code error, int) {
      if (error) return;
      log::info("app", "SIGHUP: reading {} again", s.config_path);
      s.reload([](const nlohmann::json&) {});  // the log says what came of it
      await_hang_up();
    });
  };
  await_hang_up();
  if (const auto started = s.datapath->start_workers(); !started) {
    log::error("app", "{}", started.error().message);
    return kExitFailure;
  }
  for (const auto& link : s.links) link->start();
  log::info("app", "{}", s.summary());
  s.service_manager.ready(s.summary());
  s.keep_alive();
  s.loop->run();
  s.service_manager.stopping();
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
