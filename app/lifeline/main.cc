// lifeline: EAL, options, life cycle. The switch itself is put together in switch.cc.
#include <malloc.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <csignal>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>

#include "base/log.h"
#include "config/config.h"
#include "instance_lock.h"
#include "options.h"
#include "switch.h"

namespace lifeline {
namespace {

std::string eal_advice(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return "; run as root";
    case ENOMEM:
      return "; reserve huge pages (vm.nr_hugepages), or try --no-huge --no-shconf -m 512";
    case EALREADY: return "; another DPDK process uses this --file-prefix";
    default: return "; see EAL's messages above";
  }
}

Expected<void> start_eal(Options& options) {
  if (rte_eal_init(static_cast<int>(options.eal_arguments.size()), options.eal_arguments.data()) <
      0) {
    return make_error("EAL does not start: {}{}", rte_strerror(rte_errno), eal_advice(rte_errno));
  }
  if (rte_lcore_count() < 2) {
    return make_error(
        "one lcore is too few: the first runs the control plane, each further one forwards; start "
        "with -l 0-1 (or --lcores '0@0,1@0' on a machine with one CPU)");
  }
  return {};
}

int run_switch(const config::Config& config, const std::string& config_path) {
  auto the_switch = Switch::create(config, config_path);
  if (!the_switch) {
    log::error("app", "{}", the_switch.error().message);
    return kExitFailure;
  }
  return (*the_switch)->run();
}

int fail(const Error& error) {
  log::error("app", "{}", error.message);
  return kExitFailure;
}

int run(Options& options) {
  // A start is not refused for want of a certificate: it may come with what starts later.
  const auto config = config::load_file(
      options.config_path,
      options.check_config ? config::NamedFiles::kHaveToBeThere : config::NamedFiles::kAsNamed);
  if (!config) {
    for (const auto& diagnostic : config.error())
      std::fprintf(stderr, "%s\n", diagnostic.to_string().c_str());
    return kExitFailure;
  }
  if (options.check_config) {
    std::printf("%s: ok\n", options.config_path.c_str());
    return kExitOk;
  }
  if (options.print_config) {
    std::fputs(config::dump(*config).c_str(), stdout);
    return kExitOk;
  }
  log::set_level(config->log_level);
  for (const auto& [library, level] : config->log_levels) log::set_level(library, level);
  const std::string who = fmt::format(" bridge {}, run_dir {}", config->bridge, config->run_dir);
  const auto lock = InstanceLock::take(config->run_dir + "/" + config->bridge + ".pid", who);
  if (!lock) return fail(lock.error());
  const auto port_lock = InstanceLock::take(local_port_lock_path(config->local.name), who);
  if (!port_lock) return fail(port_lock.error());
  if (const auto eal = start_eal(options); !eal) return fail(eal.error());
  log::info("app", "lifeline {} starts; effective configuration:\n{}", LIFELINE_VERSION,
            config::dump(*config));
  const int exit_code = run_switch(*config, options.config_path);
  rte_eal_cleanup();
  log::info("app", "stopped");
  return exit_code;
}

}  // namespace
}  // namespace lifeline

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // Tables of 100 000 rules come and go; giving their memory back to the kernel takes milliseconds,
  // in one piece, on the control lcore. Keep it for the next ones.
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  // Nor may free() put off the merging of small pieces until some call pays for all of them: after
  // a deletion of 100 000 rules one took 1.6 ms.
  mallopt(M_MXFAST, 0);
  int exit_code = lifeline::kExitOk;
  auto options = lifeline::parse_options(argc, argv, exit_code);
  return options ? lifeline::run(*options) : exit_code;
}
