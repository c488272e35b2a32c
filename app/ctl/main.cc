// lifelinectl: the operator's tool. It only asks and prints; everything it shows comes from the
// switch.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

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

int run(const Options& options, const json& request, Render render) {
  const std::string path =
      options.socket.empty() ? options.run_dir + "/" + options.bridge + ".ctl" : options.socket;
  const auto reply = lifeline::ctl::ask(path, request);
  if (!reply) {
    std::fprintf(stderr, "lifelinectl: %s\n", reply.error().message.c_str());
    return 1;
  }
  const std::string out = options.as_json ? reply->dump(2) + "\n" : render(*reply);
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0
             ? 0
             : 1;
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
  add("ports", "ports and their counters", lifeline::ctl::render_ports);
  add("fdb", "where MAC addresses were learned", lifeline::ctl::render_fdb);
  add("stats", "every drop counter with its meaning", lifeline::ctl::render_stats);

  bool hidden = false;
  CLI::App* flows = app.add_subcommand("flows", "the rules of the controllers");
  flows->add_flag("--hidden", hidden, "the hidden rules instead, which no controller sees");
  flows->callback([&] {
    status = run(options, {{"command", "flows"}, {"hidden", hidden}}, lifeline::ctl::render_flows);
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0
               ? 0
               : 2;  // usage errors exit 2, so that scripts can tell them from the switch's "no"
  }
  return status;
}
