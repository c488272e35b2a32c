// lifelinectl: the operator's tool. It only asks and prints; everything it shows comes from the
// switch.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "capture.h"
#include "client.h"
#include "render.h"

namespace {

using nlohmann::json;
using Render = std::string (*)(const json&);

struct Options {
  std::string run_dir = "/run/lifeline";
  std::string bridge = "br0";
  std::string socket;
  bool as_json = false;
};

std::string socket_path(const Options& options) {
  return options.socket.empty() ? options.run_dir + "/" + options.bridge + ".ctl" : options.socket;
}

lifeline::Expected<json> ask(const Options& options, const json& request) {
  return lifeline::ctl::ask(socket_path(options), request);
}

int print(const Options& options, const lifeline::Expected<json>& reply, Render render) {
  if (!reply) {
    std::fprintf(stderr, "lifelinectl: %s\n", reply.error().message.c_str());
    return 1;
  }
  const std::string out = options.as_json ? reply->dump(2) + "\n" : render(*reply);
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0
             ? 0
             : 1;
}

int run(const Options& options, const json& request, Render render) {
  return print(options, ask(options, request), render);
}

// Two looks at the counters, `interval_s` apart.
int perf(const Options& options, double interval_s) {
  const auto before = ask(options, {{"command", "stats"}});
  if (!before) return print(options, before, lifeline::ctl::render_perf);
  const auto start = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(interval_s));
  const auto after = ask(options, {{"command", "stats"}});
  if (!after) return print(options, after, lifeline::ctl::render_perf);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  return print(options, lifeline::ctl::perf_between(*before, *after, passed.count()),
               lifeline::ctl::render_perf);
}

// remote add|del: whom in-band control reaches besides the configured.
void add_remote_commands(CLI::App& app, const Options& options, int& status) {
  static std::string address;
  static std::string next_hop;
  CLI::App* remote = app.add_subcommand(
      "remote", "add or remove a controller or next hop of switches behind this one");
  remote->require_subcommand(1);
  for (const char* action : {"add", "del"}) {
    CLI::App* command = remote->add_subcommand(
        action, action[0] == 'a' ? "add one, until the switch stops" : "remove one that was added");
    CLI::Option* to = command->add_option("address", address, "a controller: IP[:PORT]");
    CLI::Option* hop =
        command->add_option("--next-hop", next_hop, "a next hop instead: IP or MAC address");
    to->excludes(hop);
    command->callback([&options, &status, action] {
      if (address.empty() && next_hop.empty()) throw CLI::RequiredError("an address or --next-hop");
      json request{{"command", "remote"}, {"action", action}};
      request[next_hop.empty() ? "address" : "next_hop"] = next_hop.empty() ? address : next_hop;
      status = run(options, request, lifeline::ctl::render_done);
    });
  }
}

void add_in_band_command(CLI::App& app, const Options& options, int& status) {
  static std::string state;
  CLI::App* command = app.add_subcommand("in-band", "switch in-band control off, or on again");
  command->add_option("state", state, "on or off")->required()->check(CLI::IsMember({"on", "off"}));
  command->callback([&options, &status] {
    status = run(options, {{"command", "in-band"}, {"state", state}}, lifeline::ctl::render_done);
  });
}

// CLI11 would say that a command is missing.
int unknown_command(const CLI::App& app) {
  std::string known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    known += (known.empty() ? "" : ", ") + command->get_name();
  std::fprintf(stderr, "lifelinectl: there is no command '%s'; there are %s\n",
               app.remaining().front().c_str(), known.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Ask a running Lifeline switch. Root only.", "lifelinectl"};
  app.set_version_flag("--version", LIFELINE_VERSION);
  app.add_option("--run-dir", options.run_dir, "the switch's run_dir")->capture_default_str();
  app.add_option("--bridge", options.bridge, "the switch's bridge name")->capture_default_str();
  app.add_option("--socket", options.socket,
                 "path of the operator socket, in place of the two above");
  app.add_flag("--json", options.as_json, "print JSON, for programs");
  app.require_subcommand(1);
  app.fallthrough();

  int status = 0;
  const auto add = [&](const char* name, const char* help, Render render) {
    CLI::App* command = app.add_subcommand(name, help);
    command->callback([&options, &status, name, render] {
      status = run(options, {{"command", name}}, render);
    });
  };
  add("status", "remotes, next hops, hidden rules and what changed last",
      lifeline::ctl::render_status);
  app.add_subcommand("remotes",
                     "whom in-band control reaches: connection, next hop, why it cannot be reached")
      ->callback([&] {
        status = run(options, {{"command", "remotes"}}, lifeline::ctl::render_remotes);
      });
  add_remote_commands(app, options, status);
  add_in_band_command(app, options, status);
  add("offload", "what NICs do for control traffic: each port's rules, and why no better",
      lifeline::ctl::render_offload);
  add("fdb", "where MAC addresses were learned", lifeline::ctl::render_fdb);
  add("stats", "every drop counter with its meaning", lifeline::ctl::render_stats);

  bool hidden = false;
  CLI::App* flows = app.add_subcommand("flows", "the rules of the controllers");
  flows->add_flag("--hidden", hidden, "the hidden rules instead, which no controller sees");
  flows->callback([&] {
    status = run(options, {{"command", "flows"}, {"hidden", hidden}}, lifeline::ctl::render_flows);
  });

  bool verbose = false;
  CLI::App* ports = app.add_subcommand("ports", "ports, their links and counters");
  ports->add_flag("-v,--verbose", verbose, "with every counter of the driver that is not zero");
  ports->callback([&] {
    status = run(options, {{"command", "ports"}, {"verbose", verbose}},
                 verbose ? lifeline::ctl::render_verbose_ports : lifeline::ctl::render_ports);
  });

  std::string level;
  CLI::App* log = app.add_subcommand("log", "the log level, and what in-band control did last");
  log->add_option("level", level, "set it: error, warn, info or debug");
  log->callback([&] {
    status = run(options, {{"command", "log"}, {"level", level}}, lifeline::ctl::render_log);
  });

  std::vector<std::string> levels;
  CLI::App* log_level = app.add_subcommand("log-level", "log levels: of all libraries, or of one");
  log_level
      ->add_option("level", levels,
                   "[LIBRARY] LEVEL: error, warn, info, debug; of a library also default")
      ->expected(0, 2);
  log_level->callback([&] {
    json request{{"command", "log"}, {"level", levels.empty() ? "" : levels.back()}};
    if (levels.size() == 2) request["library"] = levels.front();
    status = run(options, request, lifeline::ctl::render_log_levels);
  });

  add("reload", "read the configuration again; says what has changed and what needs a restart",
      lifeline::ctl::render_reload);

  double interval_s = 1;
  CLI::App* perf_command =
      app.add_subcommand("perf", "cycles per packet, busy share and hit rate of each worker");
  perf_command->add_option("--interval", interval_s, "seconds to look at")
      ->check(CLI::Range(0.01, 3600.0))
      ->check([](const std::string& text) {  // not a number is in every range
        return text.find_first_not_of("0123456789.") == std::string::npos
                   ? std::string()
                   : text + " is no number of seconds, such as 0.5";
      })
      ->capture_default_str();
  perf_command->callback([&] { status = perf(options, interval_s); });

  lifeline::ctl::CaptureOptions capture;
  lifeline::ctl::add_capture(app, capture)->callback([&] {
    status = lifeline::ctl::capture(socket_path(options), capture, options.as_json);
  });

  std::string port;
  std::string packet;
  CLI::App* trace = app.add_subcommand("trace", "what would happen to a packet, and why");
  trace->add_option("port", port, "name or number of the port it comes in on, or LOCAL")
      ->required();
  trace->add_option("packet", packet, "hexadecimal bytes, or fields: tcp,nw_src=10.0.0.1,tp_dst=80")
      ->required();
  trace->callback([&] {
    status = run(options, {{"command", "trace"}, {"port", port}, {"packet", packet}},
                 lifeline::ctl::render_trace);
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (app.get_subcommands().empty() && !app.remaining().empty() &&
        !app.remaining().front().starts_with('-'))
      return unknown_command(app);
    const int code = app.exit(error);
    return code == 0
               ? 0
               : 2;  // usage errors exit 2, so that scripts can tell them from the switch's "no"
  }
  return status;
}
