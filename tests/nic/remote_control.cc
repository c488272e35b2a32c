#include "remote_control.h"

#include <rte_telemetry.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <set>
#include <string>

#include "ethdev_driver.h"

namespace testnic {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<Nic*> nics;
  std::set<std::string> unplugged;  // names
  bool commands = false;
};

// Never destroyed: telemetry's thread may outlive static objects.
Registry& registry() {
  static auto* const one = new Registry;
  return *one;
}

// Calls `act` with the NIC named first in `params` and the rest of them; answers what it returns.
template <typename Act>
int with_nic(const char* params, rte_tel_data* data, Act act) {
  const std::string text = params != nullptr ? params : "";
  const std::size_t comma = std::min(text.find(','), text.size());
  const std::string name = text.substr(0, comma);
  const std::lock_guard lock(registry().mutex);
  const auto& nics = registry().nics;
  const auto found =
      std::find_if(nics.begin(), nics.end(), [&](const Nic* n) { return n->name() == name; });
  std::string wrong;
  if (found == nics.end())
    wrong = "no test NIC '" + name + "'";
  else
    wrong = act(**found, comma < text.size() ? text.substr(comma + 1) : "");
  return rte_tel_data_string(data, wrong.empty() ? "done" : wrong.c_str());
}

int generate(const char*, const char* params, rte_tel_data* data) {
  return with_nic(params, data,
                  [](Nic& nic, const std::string& rest) { return nic.start_generator(rest); });
}

// Rules change under ethdev's mutex of rte_flow, as the application's own calls do.
void lose_rules(Nic& nic) {
  pthread_mutex_t& mutex = rte_eth_devices[nic.port_id].data->flow_ops_mutex;
  pthread_mutex_lock(&mutex);
  nic.lose_rules();
  pthread_mutex_unlock(&mutex);
}

int lose(const char*, const char* params, rte_tel_data* data) {
  return with_nic(params, data, [](Nic& nic, const std::string&) {
    lose_rules(nic);
    return std::string();
  });
}

int reset(const char*, const char* params, rte_tel_data* data) {
  return with_nic(params, data, [](Nic& nic, const std::string&) {
    lose_rules(nic);
    rte_eth_dev_callback_process(&rte_eth_devices[nic.port_id], RTE_ETH_EVENT_INTR_RESET, nullptr);
    return std::string();
  });
}

int unplug(const char*, const char* params, rte_tel_data* data) {
  return with_nic(params, data, [](Nic& nic, const std::string&) {
    registry().unplugged.insert(nic.name());
    nic.present = false;
    rte_eth_dev_callback_process(&rte_eth_devices[nic.port_id], RTE_ETH_EVENT_INTR_RMV, nullptr);
    return std::string();
  });
}

int plug(const char*, const char* params, rte_tel_data* data) {
  const std::lock_guard lock(registry().mutex);
  const bool was = params != nullptr && registry().unplugged.erase(params) != 0;
  return rte_tel_data_string(data, was ? "done" : "that one was not unplugged");
}

int link(const char*, const char* params, rte_tel_data* data) {
  return with_nic(params, data, [](Nic& nic, const std::string& rest) {
    if (rest != "up" && rest != "down") return std::string("up or down?");
    nic.carrier = rest == "up";
    rte_eth_dev_callback_process(&rte_eth_devices[nic.port_id], RTE_ETH_EVENT_INTR_LSC, nullptr);
    return std::string();
  });
}

int send_rate(const char*, const char* params, rte_tel_data* data) {
  return with_nic(params, data, [](Nic& nic, const std::string& rest) {
    std::uint32_t rate = Nic::kNoLimit;
    const char* end = rest.data() + rest.size();
    if (rest != "all" && std::from_chars(rest.data(), end, rate).ptr != end)
      return std::string("packets per second, or all?");
    nic.tx_per_s = rate;
    return std::string();
  });
}

}  // namespace

bool is_unplugged(const std::string& name) {
  const std::lock_guard lock(registry().mutex);
  return registry().unplugged.contains(name);
}

void list(Nic& nic) {
  const std::lock_guard lock(registry().mutex);
  registry().nics.push_back(&nic);
  if (registry().commands) return;
  registry().commands = true;
  rte_telemetry_register_cmd("/testnic/generate", generate,
                             "Changes the generator. Parameters: NAME,gen=...,rate=...");
  rte_telemetry_register_cmd("/testnic/lose", lose, "Loses all rules silently. Parameter: NAME");
  rte_telemetry_register_cmd("/testnic/reset", reset,
                             "Loses all rules and raises a reset event. Parameter: NAME");
  rte_telemetry_register_cmd("/testnic/unplug", unplug,
                             "Is gone, and cannot be made again. Parameter: NAME");
  rte_telemetry_register_cmd("/testnic/plug", plug, "Can be made again. Parameter: NAME");
  rte_telemetry_register_cmd("/testnic/link", link, "Parameters: NAME,up or NAME,down");
  rte_telemetry_register_cmd(
      "/testnic/send", send_rate,
      "What each TX queue sends. Parameters: NAME,PACKETS_PER_SECOND or all");
}

void unlist(Nic& nic) {
  const std::lock_guard lock(registry().mutex);
  std::erase(registry().nics, &nic);
}

}  // namespace testnic
