// What real drivers accept, refuse, keep and lose: DPDK 22.11's, read from their sources.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "rule.h"

namespace testnic {

struct Request {
  const rte_flow_attr* attr = nullptr;
  Pattern pattern;
  Actions actions;
  std::uint16_t n_rxq = 0;
  bool started = false;
  bool creating = false;  // false: rte_flow_validate(), which sees less in several drivers
};

using Rules = std::vector<Rule*>;
using Verdict = std::optional<Refusal>;

// What becomes of rules when the port stops.
enum class AtStop : std::uint8_t {
  kKeeps,
  kFlushes,        // handles are void
  kLosesSilently,  // the handles stand, nothing is steered
};

struct Profile {
  std::string_view name;
  // Fills in the shape of a rule that it accepts. Pure.
  Verdict (*accept)(const Request&, RuleShape&) = nullptr;  // null: no rte_flow at all (ENOSYS)
  // The second half of rte_flow_create(): capacity, duplicates, conflicts. Pure.
  Verdict (*install)(const RuleShape&, const Rules& installed, std::uint32_t capacity) = nullptr;
  AtStop at_stop = AtStop::kKeeps;
  // RTE_ETH_DEV_CAPA_FLOW_RULE_KEEP. No driver of 22.11 sets it, though most keep their rules.
  bool says_it_keeps = false;
  bool steers = true;  // false: accepts everything and does nothing
  bool can_isolate = false;
  bool can_count = false;  // COUNT and rte_flow_query()
  bool has_reta = true;
  std::uint32_t capacity = 0;  // of rules, or of each table; the argument `capacity` overrides it
};

// Null: no such profile.
const Profile* find_profile(std::string_view name);
// For messages: "full, mlx5, ...".
const char* profile_names();

// The parts that profiles share.
Verdict refuse(int error, rte_flow_error_type type, const char* message,
               const void* cause = nullptr);
Verdict refuse_item(int error, const char* message, const Item* item);
Verdict accept_full(const Request&, RuleShape&);
Verdict accept_mlx5(const Request&, RuleShape&);
Verdict accept_tap(const Request&, RuleShape&);
Verdict accept_ice(const Request&, RuleShape&);
Verdict accept_i40e(const Request&, RuleShape&);
Verdict accept_ixgbe(const Request&, RuleShape&);
Verdict accept_igb(const Request&, RuleShape&);
Verdict install_simple(const RuleShape&, const Rules&, std::uint32_t capacity);
Verdict install_tap(const RuleShape&, const Rules&, std::uint32_t capacity);
Verdict install_ice(const RuleShape&, const Rules&, std::uint32_t capacity);
Verdict install_i40e(const RuleShape&, const Rules&, std::uint32_t capacity);
Verdict install_ixgbe(const RuleShape&, const Rules&, std::uint32_t capacity);
Verdict install_igb(const RuleShape&, const Rules&, std::uint32_t capacity);

// True when the pattern's layers are exactly these.
bool is_pattern(const Pattern& pattern, std::initializer_list<Layer> layers);
std::uint32_t count_of(const Rules& rules, Table table);

}  // namespace testnic
