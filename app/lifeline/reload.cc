// A changed configuration, taken over by the switch that runs.
//
// The file is read and checked on the device thread: it may be large, or on a slow disk. What is
// then applied, on the control lcore, is a number of setters and the connections that come or go;
// connections that are in both configurations do not notice.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/log.h"
#include "config/changes.h"
#include "control/inband_config.h"
#include "library_configs.h"
#include "switch_impl.h"

namespace lifeline {

using nlohmann::json;

namespace {

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out.append(between);
    out.append(part);
  }
  return out;
}

}  // namespace

void Switch::Impl::reload(control::AdminDone done) {
  reload_waiting.push_back(std::move(done));
  if (!reloading) begin_reload();
}

void Switch::Impl::begin_reload() {
  reloading = true;
  service_manager.reloading();
  auto served =
      std::make_shared<std::vector<control::AdminDone>>(std::exchange(reload_waiting, {}));
  device_thread->post([path = config_path] { return config::load_file(path); },
                      [this, served](const config::LoadResult& loaded) {
                        take_over(loaded, [this, served](const json& answer) {
                          for (const auto& done : *served) done(answer);
                          reloading = false;
                          service_manager.ready(summary());
                          // Whoever asked meanwhile may have written the file after it was read.
                          if (!reload_waiting.empty()) begin_reload();
                        });
                      });
}

// `done` comes when the ports that are new have been tried.
void Switch::Impl::take_over(const config::LoadResult& loaded, const control::AdminDone& done) {
  if (!loaded) {
    std::string text = "the configuration is wrong; nothing has changed:";
    log::error("app", "reload: {} has errors, nothing has changed", config_path);
    for (const auto& diagnostic : loaded.error()) {
      log::error("app", "{}", diagnostic.to_string());
      text.append("\n").append(diagnostic.to_string());
    }
    done({{"error", text}});
    return;
  }
  config::Config wanted = *loaded;
  config::keep_numbers(config, wanted);
  std::vector<std::string> changed;
  std::vector<std::string> restart;
  for (const auto& change : config::changes(config, wanted))
    (change.effect == config::Effect::kAtOnce ? changed : restart).push_back(change.key);
  std::vector<std::string> failed;
  if (!changed.empty()) {
    const config::Config next = config::taken_over(config, wanted);
    auto next_tls = make_tls(next.tls);
    if (!next_tls) {
      const std::string text = fmt::format("{}; nothing has changed", next_tls.error().message);
      log::error("app", "reload: {}", text);
      done({{"error", text}});
      return;
    }
    apply(next, std::move(*next_tls), failed);
  }
  if (!reach_names.empty()) {
    reach_names.clear();  // of old addresses
    update_reach();
    if (const auto set = set_others(); !set) failed.push_back(set.error().message);
  }
  names->ask_all();
  log::info("app", "reload: changed: {}", changed.empty() ? "nothing" : join(changed, ", "));
  if (!restart.empty()) log::warn("app", "reload: these need a restart: {}", join(restart, ", "));
  for (const auto& what : failed) log::error("app", "reload: {}", what);
  port_keeper->want(port_specs(config), [changed, restart, failed,
                                         done](const std::vector<std::string>& problems) {
    std::vector<std::string> wrong = failed;
    wrong.insert(wrong.end(), problems.begin(), problems.end());
    done(wrong.empty()
             ? json{{"changed", changed}, {"restart", restart}}
             : json{{"error", fmt::format("changed, but for this:\n{}", join(wrong, "\n"))}});
  });
}

void Switch::Impl::apply(const config::Config& next, std::unique_ptr<control::TlsThread> next_tls,
                         std::vector<std::string>& failed) {
  const config::Config before = std::exchange(config, next);
  set_log_levels(before);
  fdb->set_ageing(config.sizes.fdb_ageing_s);
  tables->set_max_rules(config.sizes.flows);
  agent->set_max_rules_per_table(config.sizes.flows);
  agent->set_probe_interval(agent_config(config).probe_interval);
  agent->set_fail_mode(fail_mode(config));
  datapath->set_port_vlans(port_vlans(config));
  for (std::size_t i = 0; i < config.workers.lcores.size(); ++i)
    workers[i].ports = config.workers.lcores[i].ports;
  ports->set_workers(workers);
  set_in_band();
  apply_links(before, std::move(next_tls), failed);
  apply_listeners(failed);
  if (config.metrics == before.metrics) return;
  if (const auto started = start_metrics(); !started) {
    failed.push_back(started.error().message);
    metrics.reset();
    config.metrics.reset();  // the next reload tries again
  }
}

// What lifelinectl has set stays unless the file's own value changes.
void Switch::Impl::set_log_levels(const config::Config& before) const {
  if (config.log_level != before.log_level) log::set_level(config.log_level);
  if (config.log_levels == before.log_levels) return;
  for (const auto& [library, level] : before.log_levels)
    if (!config.log_levels.contains(library)) log::set_level(library, std::nullopt);
  for (const auto& [library, level] : config.log_levels) log::set_level(library, level);
}

// The hidden rules of a new controller stand before the first connect, those of one that is gone go
// after its connection. With other TLS files the connections that use them begin anew.
void Switch::Impl::apply_links(const config::Config& before,
                               std::unique_ptr<control::TlsThread> next_tls,
                               std::vector<std::string>& failed) {
  const bool tls_changed = config.tls != before.tls;
  const auto stays = [&](const config::Controller& controller) {
    const bool known =
        std::any_of(before.controllers.begin(), before.controllers.end(),
                    [&](const auto& old) { return old.is_same_connection(controller); });
    return known && !(tls_changed && controller.transport == config::Transport::kTls);
  };
  const auto link_of = [&](const config::Controller& controller) {
    return std::find_if(links.begin(), links.end(), [&](const auto& link) {
      return link != nullptr && link->target() == controller.to_string();
    });
  };
  std::vector<std::unique_ptr<control::ControllerLink>> next(config.controllers.size());
  for (std::size_t i = 0; i < next.size(); ++i)
    if (stays(config.controllers[i])) next[i] = std::move(*link_of(config.controllers[i]));
  links = std::move(next);
  if (tls_changed) {
    // Before the handshakes that they use.
    std::erase_if(listeners, [](const auto& listener) {
      return listener->where().kind == config::Listener::Kind::kTls;
    });
    tls = std::move(next_tls);
  }
  if (const auto set = set_names(); !set) failed.push_back(set.error().message);
  if (const auto set = set_remotes(); !set) failed.push_back(set.error().message);
  if (config.in_band.also_reach != before.in_band.also_reach ||
      config.in_band.also_next_hop != before.in_band.also_next_hop) {
    update_reach();
    if (const auto set = set_others(); !set) failed.push_back(set.error().message);
  }
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (links[i] != nullptr) {
      links[i]->set_probe_interval(probe_interval(config, config.controllers[i]));
      continue;
    }
    links[i] = make_link(config.controllers[i]);
    links[i]->start();
  }
  agent->set_has_controllers(!config.controllers.empty());
}

void Switch::Impl::apply_listeners(std::vector<std::string>& failed) {
  const auto listening_on = [&](const config::Listener& where) {
    return std::any_of(listeners.begin(), listeners.end(),
                       [&](const auto& listener) { return listener->where() == where; });
  };
  const auto& wanted = config.listen;
  std::erase_if(listeners, [&](const auto& listener) {
    return std::find(wanted.begin(), wanted.end(), listener->where()) == wanted.end();
  });
  std::vector<config::Listener> had;
  for (const auto& where : wanted) {
    if (!listening_on(where)) {
      auto listener = make_listener(where);
      if (const auto listening = listener->listen(); !listening) {
        failed.push_back(listening.error().message);
        continue;
      }
      listeners.push_back(std::move(listener));
    }
    had.push_back(where);
  }
  config.listen = std::move(had);  // the next reload tries what is missing again
}

}  // namespace lifeline
