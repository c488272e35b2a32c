#include <fmt/format.h>

#include "config/address_text.h"
#include "config/loader.h"

namespace lifeline::config {

void Loader::load_metrics(const Mapping& top) {
  const auto node = top.get("metrics");
  if (!node) return;
  const Mapping m(r_, *node, "metrics", {"listen"});
  const auto listen = m.get("listen");
  if (!listen) return;
  const auto text = r_.text(*listen, m.where("listen"));
  if (!text) return;
  const auto parsed = parse_controller(*text);
  if (!parsed) return r_.error(*listen, m.where("listen"), parsed.error().message);
  if (parsed->transport != Transport::kTcp)
    return r_.error(*listen, m.where("listen"), "metrics are plain HTTP: tcp:127.0.0.1:9464");
  if (!text->ends_with(fmt::format(":{}", parsed->port)))
    return r_.error(*listen, m.where("listen"),
                    fmt::format("'{}' has no port: tcp:127.0.0.1:9464", *text));
  c_.metrics = Metrics{parsed->address, parsed->port};
}

}  // namespace lifeline::config
