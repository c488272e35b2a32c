#include "ofagent/switch_agent.h"

#include "ofagent/agent_core.h"

namespace lifeline::ofagent {
namespace {

std::string_view role_name(openflow::Role role) {
  if (role == openflow::Role::kMaster) return "primary";
  if (role == openflow::Role::kSlave) return "secondary";
  return "equal";
}

// A tool that thinks is no broken controller.
Duration probe_interval(const AgentConfig& config, ConnectionKind kind) {
  return kind == ConnectionKind::kPrimary ? config.probe_interval : 12 * config.probe_interval;
}

openflow::ChannelConfig channel_config(const AgentConfig& config, ConnectionKind kind) {
  openflow::ChannelConfig c;
  c.versions = std::uint32_t{config.version_10} << 1 | std::uint32_t{config.version_13} << 4;
  c.probe_interval = probe_interval(config, kind);
  c.output_soft_bytes = config.max_output_bytes;
  return c;
}

}  // namespace

class SwitchAgent::Impl : public AgentCore {
 public:
  using AgentCore::AgentCore;
};

SwitchAgent::SwitchAgent(flow::RuleWriter& writer, Backend& backend, const Clock& clock,
                         AgentConfig config)
    : impl_(std::make_unique<Impl>(writer, backend, clock, config)) {}

SwitchAgent::~SwitchAgent() = default;

ConnectionId SwitchAgent::add_connection(ConnectionKind kind,
                                         std::optional<Duration> probe_interval) {
  const ConnectionId id = ++impl_->last_id;
  auto channel = channel_config(impl_->config, kind);
  channel.probe_interval = probe_interval.value_or(channel.probe_interval);
  auto connection = std::make_unique<Connection>(id, kind, channel, impl_->now());
  connection->probe_interval = probe_interval;
  if (kind == ConnectionKind::kPrimary) {
    connection->channel.set_monitor(
        [core = impl_.get()](openflow::BytesView message) { core->copy_to_snoops(message); });
  }
  impl_->connections.emplace(id, std::move(connection));
  return id;
}

void SwitchAgent::on_bytes(ConnectionId id, std::span<const std::byte> bytes) {
  if (Connection* c = impl_->find(id)) {
    c->last_heard = impl_->now();
    c->channel.receive(bytes, c->last_heard);
  }
}

bool SwitchAgent::wants_input(ConnectionId id) const {
  const Connection* c = impl_->find(id);
  return c != nullptr && !c->is_gone && c->channel.wants_input();
}

std::span<const std::byte> SwitchAgent::output(ConnectionId id) const {
  const Connection* c = impl_->find(id);
  return c != nullptr && !c->is_gone ? c->channel.output() : std::span<const std::byte>{};
}

void SwitchAgent::consume_output(ConnectionId id, std::size_t n) {
  if (Connection* c = impl_->find(id)) c->channel.consume_output(n);
}

std::vector<std::byte> SwitchAgent::take_output(ConnectionId id) {
  std::vector<std::byte> all;
  for (auto piece = output(id); !piece.empty(); piece = output(id)) {
    all.insert(all.end(), piece.begin(), piece.end());
    consume_output(id, piece.size());
  }
  return all;
}

std::optional<std::string> SwitchAgent::close_reason(ConnectionId id) const {
  const Connection* c = impl_->find(id);
  if (c == nullptr || !c->channel.is_closed()) return std::nullopt;
  return c->channel.close_reason();
}

void SwitchAgent::on_closed(ConnectionId id) {
  Connection* c = impl_->find(id);
  if (c == nullptr) return;
  c->is_gone = true;
  const bool watched = !c->monitors.empty();
  if (!c->task || !c->task->outlives_connection()) impl_->connections.erase(id);
  if (watched) impl_->count_watchers();
}

std::vector<ConnectionInfo> SwitchAgent::connections() const {
  std::vector<ConnectionInfo> all;
  for (const auto& [id, c] : impl_->connections) {
    if (c->is_gone) continue;
    const bool up = c->channel.is_up();
    all.push_back(
        {.id = id,
         .kind = c->kind,
         .established = up,
         .version = up ? static_cast<std::uint8_t>(c->channel.version()) : std::uint8_t{0},
         .role = role_name(c->role),
         .packet_ins = c->packet_ins,
         .packet_ins_dropped = c->packet_ins_dropped,
         .async_dropped = c->async_dropped});
  }
  return all;
}

bool SwitchAgent::run(Budget budget) { return impl_->run(budget); }

std::optional<TimePoint> SwitchAgent::next_deadline() const { return impl_->next_deadline(); }

void SwitchAgent::packet_in(const PacketIn& packet) { impl_->announce_packet(packet); }

void SwitchAgent::port_changed(PortChange change, const PortInfo& port) {
  impl_->announce_port(static_cast<openflow::PortReason>(change), port);
}

void SwitchAgent::set_has_controllers(bool has_controllers) {
  impl_->set_has_controllers(has_controllers);
}

FailMode SwitchAgent::fail_mode() const { return impl_->config.fail_mode; }

void SwitchAgent::set_fail_mode(FailMode mode) { impl_->set_fail_mode(mode); }

void SwitchAgent::set_probe_interval(Duration interval) {
  impl_->set_probe_interval(interval);
  for (const auto& [id, c] : impl_->connections)
    if (!c->probe_interval) c->channel.set_probe_interval(probe_interval(impl_->config, c->kind));
}

void SwitchAgent::set_probe_interval(ConnectionId id, Duration interval) {
  Connection* const c = impl_->find(id);
  if (c == nullptr) return;
  c->probe_interval = interval;
  c->channel.set_probe_interval(interval);
}

void SwitchAgent::extend_probe(ConnectionId id) {
  if (Connection* c = impl_->find(id)) c->channel.extend_probe(impl_->clock.now());
}

void SwitchAgent::set_max_rules_per_table(std::uint32_t n) {
  impl_->config.tables.max_rules_per_table = n;
  impl_->tables.set_max_rules_per_table(n);
}

const FlowTables& SwitchAgent::tables() const { return impl_->tables; }

const AgentCounters& SwitchAgent::counters() const { return impl_->counters; }

bool SwitchAgent::standalone_active() const { return impl_->standalone_rule != 0; }

}  // namespace lifeline::ofagent
