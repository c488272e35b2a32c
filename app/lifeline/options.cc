#include "options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <string_view>

namespace lifeline {
namespace {

constexpr const char* kFooter =
    "Start:   lifeline EAL-ARGUMENTS -- [OPTIONS]\n"
    "         lifeline -l 0-2 -a 0000:03:00.0 -a 0000:03:00.1 -- --config "
    "/etc/lifeline/lifeline.yaml\n"
    "         The first lcore runs the control plane, each further one is a worker: give at least "
    "two.\n"
    "Without a NIC: --no-huge --no-shconf -m 512 --vdev=net_af_packet0,iface=eth1\n"
    "Watch:   lifelinectl status";

// What stands before "--" is EAL's, unless there is no "--" and everything is ours (lifeline
// --help).
bool wants_no_eal(int argc, char** argv) {
  constexpr std::string_view kOurs[] = {"-h", "--help", "--version", "--check-config",
                                        "--print-config"};
  return std::any_of(argv + 1, argv + argc, [&](const char* argument) {
    return std::find(std::begin(kOurs), std::end(kOurs), argument) != std::end(kOurs);
  });
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, int& exit_code) {
  Options options;
  char** const end = argv + argc;
  char** dashes =
      std::find_if(argv + 1, end, [](const char* a) { return std::strcmp(a, "--") == 0; });
  char** own = dashes;
  if (dashes == end && wants_no_eal(argc, argv)) own = argv;
  options.eal_arguments.assign(argv, own == argv ? argv + 1 : dashes);

  CLI::App app{"Lifeline: an OpenFlow switch on DPDK whose controller connection cannot be cut.",
               "lifeline"};
  app.footer(kFooter);
  app.set_version_flag("--version", LIFELINE_VERSION);
  app.add_option("--config", options.config_path, "the configuration file (YAML)")
      ->capture_default_str();
  app.add_flag("--check-config", options.check_config,
               "check the configuration, print all errors, exit");
  app.add_flag("--print-config", options.print_config, "print the effective configuration, exit");
  try {
    if (own == end) {
      app.parse(std::vector<std::string>{});
    } else {
      std::vector<std::string> arguments(own + 1, end);
      std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them last first
      app.parse(std::move(arguments));
    }
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? kExitOk : kExitUsage;
    return std::nullopt;
  }
  return options;
}

}  // namespace lifeline
