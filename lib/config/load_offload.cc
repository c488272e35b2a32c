#include "config/loader.h"

namespace lifeline::config {

void Loader::load_offload(const Mapping& top) {
  const auto node = top.get("offload");
  if (!node) return;
  const Mapping m(r_, *node, "offload", {"enabled", "foreign_pps"});
  if (const auto enabled = m.get("enabled")) {
    if (const auto which = r_.choice(*enabled, m.where("enabled"), {"auto", "off"}))
      c_.offload.enabled = *which == 0;
  }
  number(m, "foreign_pps", 100, 10'000'000, c_.offload.foreign_pps);
}

}  // namespace lifeline::config
