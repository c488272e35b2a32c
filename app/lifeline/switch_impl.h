// The parts of the switch, in the order in which they need each other. Internal to app/: switch.cc
// makes, runs and ends them, reload.cc changes them while they run.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "control/admin_commands.h"
#include "control/admin_server.h"
#include "control/agent_backend.h"
#include "control/control_loop.h"
#include "control/controller_link.h"
#include "control/listener.h"
#include "control/metrics_server.h"
#include "control/names.h"
#include "control/offload_keeper.h"
#include "control/port_actions.h"
#include "control/port_keeper.h"
#include "control/telemetry.h"
#include "control/tls_thread.h"
#include "datapath/datapath.h"
#include "inband/agent.h"
#include "inband/kernel_view.h"
#include "netlink/event_socket.h"
#include "ofagent/switch_agent.h"
#include "port/device_thread.h"
#include "port/local_port.h"
#include "port/port_set.h"
#include "resolve/address_list.h"
#include "service_manager.h"
#include "switch.h"
#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "table/fdb.h"
#include "table/tables.h"

namespace lifeline {

struct Switch::Impl {
  Impl(const config::Config& c, std::string path) : config(c), config_path(std::move(path)) {}
  ~Impl();

  Expected<void> open_ports();
  Expected<void> make_datapath();
  Expected<void> start_in_band();
  Expected<void> start_openflow();
  Expected<void> start_admin();

  Expected<void> start_metrics();  // or stop, as `config` says
  void set_in_band();              // all but the remotes
  Expected<void> set_remotes();    // controllers and resolvers
  Expected<void> set_others();     // those that serve switches behind us
  // names.cc. What controllers are called, and what it means.
  Expected<void> set_names();
  void names_changed();
  // Of the names in in_band.also_reach. True: other addresses than before.
  bool update_reach();
  bool awaits_names() const;  // some controller's name has no address yet
  std::vector<inband::Remote> controllers_and_resolvers() const;
  control::LinkTarget target_of(const config::Controller& controller) const;
  // nullptr: nothing speaks TLS.
  Expected<std::unique_ptr<control::TlsThread>> make_tls(const config::Tls& files);
  std::unique_ptr<control::ControllerLink> make_link(const config::Controller& controller);
  std::unique_ptr<control::Listener> make_listener(const config::Listener& where);

  // reload.cc. Reads the configuration again, takes over what can change while the switch runs, and
  // says what. A file with an error changes nothing.
  void reload(control::AdminDone done);
  void begin_reload();
  void take_over(const config::LoadResult& loaded, const control::AdminDone& done);
  void apply(const config::Config& next, std::unique_ptr<control::TlsThread> next_tls,
             std::vector<std::string>& failed);
  void set_log_levels(const config::Config& before) const;
  void apply_links(const config::Config& before, std::unique_ptr<control::TlsThread> next_tls,
                   std::vector<std::string>& failed);
  void apply_listeners(std::vector<std::string>& failed);

  config::Config config;          // what runs; see config::taken_over()
  const std::string config_path;  // of the file that reload() reads
  SteadyClock clock;
  asio::io_context io{1};
  std::uint32_t n_slots = 1;
  std::vector<port::WorkerPlace> workers;  // by slot - 1
  MacAddress local_mac;

  std::unique_ptr<sync::Qsbr> qsbr;
  std::unique_ptr<sync::RetireList> retired;
  // Its mbufs may still lie in the ports' TX rings: it goes after them.
  std::unique_ptr<port::LocalPort> local;
  std::unique_ptr<port::PortSet> ports;
  std::vector<port::AbsentPort> absent_at_start;
  std::unique_ptr<port::DeviceThread> device_thread;
  std::unique_ptr<table::Tables> tables;
  std::unique_ptr<table::Fdb> fdb;
  std::unique_ptr<datapath::Datapath> datapath;
  std::unique_ptr<netlink::EventSocket> kernel_events;
  std::unique_ptr<inband::NetlinkKernelView> kernel;
  std::unique_ptr<inband::InbandAgent> inband;
  std::unique_ptr<control::AgentBackend> backend;
  std::unique_ptr<ofagent::SwitchAgent> agent;
  std::unique_ptr<control::Names> names;
  // Nobody here sees the sessions of switches behind us: what a name meant before stays, too, until
  // the next reload.
  std::map<std::string, resolve::AddressList, std::less<>> reach_names;
  std::unique_ptr<control::TlsThread> tls;  // unset: nothing speaks TLS
  std::vector<std::unique_ptr<control::ControllerLink>> links;
  std::vector<std::unique_ptr<control::Listener>> listeners;
  std::unique_ptr<control::OffloadKeeper> offload;
  std::unique_ptr<control::SwitchPorts> port_actions;
  std::unique_ptr<control::PortKeeper> port_keeper;
  std::unique_ptr<control::ControlLoop> loop;
  std::unique_ptr<control::AdminCommands> commands;
  std::unique_ptr<control::AdminServer> admin;
  std::unique_ptr<control::Telemetry> telemetry;
  std::unique_ptr<control::MetricsServer> metrics;  // unset: nobody may scrape

  ServiceManager service_manager;
  asio::steady_timer alive_timer{io};
  void keep_alive();
  std::string summary() const;

  bool reloading = false;
  std::vector<control::AdminDone> reload_waiting;  // asked since the reload under way began
};

}  // namespace lifeline
