#include "control/inband_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "config/address_text.h"
#include "control/dump_replies.h"
#include "control/inband_config.h"
#include "control/request.h"

namespace lifeline::control {
namespace {

using nlohmann::json;

constexpr const char* kNotPersistent =
    "until the switch stops; to keep it, write it into the configuration (in_band)";

std::int64_t ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

const char* version_name(std::uint8_t wire_version) {
  switch (wire_version) {
    case 0x01: return "1.0";
    case 0x04: return "1.3";
    default: return nullptr;
  }
}

json next_hop_json(const inband::NextHopStatus& hop, TimePoint now) {
  return {{"ip", hop.ip.to_string()},
          {"mac", hop.mac ? json(hop.mac->to_string()) : json()},
          {"device", hop.device},
          {"neighbour", hop.neighbour_state},
          {"held", hop.held},
          {"changed_ms_ago", age_ms(now, hop.changed.when)},
          {"changed_why", hop.changed.why}};
}

void add_known(json& remote, const inband::RemoteStatus& known, TimePoint now) {
  remote["role"] = inband::role_name(known.remote.role);
  remote["added_by"] =
      known.remote.origin == inband::Origin::kOperator ? "operator" : "configuration";
  remote["reach"] = inband::reach_name(known.reach);
  remote["reach_reason"] = known.reach_reason;
  remote["reach_changed_ms_ago"] = age_ms(now, known.reach_changed.when);
  remote["reach_changed_why"] = known.reach_changed.why;
  for (const auto& hop : known.next_hops) remote["next_hops"].push_back(next_hop_json(hop, now));
  if (!known.next_hops.empty()) remote["next_hop"] = remote["next_hops"].front();
}

json addresses_json(const std::vector<IpAddress>& addresses) {
  json list = json::array();
  for (const IpAddress& ip : addresses) list.push_back(ip.to_string());
  return list;
}

// What a controller's name means; null without a name.
json name_json(const CommandParts& parts, const ControllerLink& link) {
  const resolve::NameStatus* const name = parts.names.status(link.host());
  if (name == nullptr) return {};
  const TimePoint now = parts.clock.now();
  const TimePoint due = parts.names.due(link.host());
  const bool asked_now = due == TimePoint::max();
  return {
      {"host", name->host},
      {"addresses", addresses_json(name->addresses)},
      {"old_addresses", addresses_json(link.addresses().old())},
      {"resolvers", addresses_json(parts.names.resolvers())},
      {"ttl_s", std::chrono::duration_cast<std::chrono::seconds>(name->ttl).count()},
      {"answered_ms_ago", age_ms(now, name->answered_at)},
      {"asked_again_in_ms", asked_now ? json() : json(ms(std::max(due - now, Duration::zero())))},
      {"questions", name->questions},
      {"failures", name->failures},
      {"last_error", name->last_error}};
}

json link_json(const CommandParts& parts, const ControllerLink& link) {
  const TimePoint now = parts.clock.now();
  const ControllerLink::Status s = link.status();
  json remote{
      {"target", s.target},
      {"address", link.remote() ? json(link.remote()->ip.to_string()) : json()},
      {"port", link.port()},
      {"state", inband::connection_state_name(s.state)},
      {"state_for_ms", ms(s.in_state)},
      {"version", version_name(s.version) != nullptr ? json(version_name(s.version)) : json()},
      {"connections", s.sessions},
      {"attempts", s.attempts},
      {"last_error", s.last_error},
      {"next_hop", json()},
      {"next_hops", json::array()}};
  if (s.state == inband::ConnectionState::kConnected) remote["connected_for_ms"] = ms(s.in_state);
  if (json name = name_json(parts, link); !name.is_null()) remote["name"] = std::move(name);
  if (!link.remote()) {
    remote["role"] = inband::role_name(inband::Role::kController);
    return remote;
  }
  if (const auto known = parts.inband.remote_status(link.remote()->id))
    add_known(remote, *known, now);
  return remote;
}

// One that is not a controller of ours; null if it has gone meanwhile.
json other_json(const CommandParts& parts, const std::string& id) {
  const auto known = parts.inband.remote_status(id);
  if (!known) return {};
  const inband::Remote& r = known->remote;
  json remote{{"target", r.id},
              {"address", r.mac ? r.mac->to_string() : r.ip.to_string()},
              {"port", r.port != 0 ? json(r.port) : json()},
              {"next_hop", json()},
              {"next_hops", json::array()}};
  add_known(remote, *known, parts.clock.now());
  return remote;
}

// One list of a reply: how many elements, and each as JSON, null to leave it out.
struct Section {
  const char* name;
  std::size_t size;
  std::function<json(std::size_t)> element;
};

Section remotes_section(const CommandParts& parts) {
  std::vector<std::string> others = parts.inband.remote_ids();
  std::erase_if(others, [&](const std::string& id) {
    return std::any_of(parts.links.begin(), parts.links.end(), [&](const auto& link) {
      return link->remote() && link->remote()->id == id;
    });
  });
  const std::size_t n_links = parts.links.size();
  const std::size_t size = n_links + others.size();
  return {"remotes", size, [&parts, n_links, others = std::move(others)](std::size_t i) {
            // A reload may have taken links away meanwhile.
            if (i < n_links)
              return i < parts.links.size() ? link_json(parts, *parts.links[i]) : json();
            return other_json(parts, others[i - n_links]);
          }};
}

Section rules_section(const CommandParts& parts) {
  std::vector<flow::RuleId> ids = parts.inband.rule_ids();
  const std::size_t size = ids.size();
  return {"hidden_rules", size, [&parts, ids = std::move(ids)](std::size_t i) {
            const auto rule = parts.inband.rule_status(ids[i]);
            return rule ? hidden_rule_json(*rule, parts.offload, parts.clock.now()) : json();
          }};
}

Section changes_section(const CommandParts& parts) {
  auto entries = parts.inband.summary().log;
  const std::size_t size = entries.size();
  return {"log", size, [&parts, entries = std::move(entries)](std::size_t i) {
            return json{{"age_ms", age_ms(parts.clock.now(), entries[i].when)},
                        {"text", entries[i].what}};
          }};
}

// {…head, name: […], name: […]}, some elements at a time.
class SectionsReply final : public AdminReply {
 public:
  SectionsReply(json head, std::vector<Section> sections)
      : head_(std::move(head)), sections_(std::move(sections)) {}

  bool next(std::string& out) override {
    if (!std::exchange(begun_, true)) {
      out += dump(head_);
      out.pop_back();  // its '}'
      empty_ = head_.empty();
    }
    for (std::size_t n = 0; n < kElements && section_ < sections_.size(); ++n) {
      const Section& s = sections_[section_];
      if (at_ == 0) {
        out += fmt::format("{}\"{}\":[", std::exchange(empty_, false) ? "" : ",", s.name);
        first_ = true;
      }
      if (at_ < s.size) {
        const json element = s.element(at_++);
        if (element.is_null()) continue;
        if (!std::exchange(first_, false)) out += ',';
        out += dump(element);
      }
      if (at_ < s.size) continue;
      out += ']';
      at_ = 0;
      ++section_;
    }
    if (section_ < sections_.size()) return true;
    out += '}';
    return false;
  }

 private:
  // One costs about 10 us.
  static constexpr std::size_t kElements = 8;
  // Names from the kernel need not be UTF-8; they are shown, not refused.
  static std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
  }

  const json head_;
  const std::vector<Section> sections_;
  std::size_t section_ = 0;
  std::size_t at_ = 0;
  bool begun_ = false;
  bool empty_ = false;
  bool first_ = true;
};

json summary_json(const CommandParts& parts, TimePoint started) {
  const TimePoint now = parts.clock.now();
  const inband::Status inband = parts.inband.summary();
  return {{"bridge", parts.bridge},
          {"datapath_id", fmt::format("{:016x}", parts.backend.facts().datapath_id)},
          {"uptime_ms", ms(now - started)},
          {"fail_mode",
           parts.agent.fail_mode() == ofagent::FailMode::kSecure ? "secure" : "standalone"},
          {"standalone", parts.agent.standalone_active()},
          {"in_band", inband.enabled ? "on" : "off"},
          {"local",
           {{"name", parts.local.name()},
            {"mac", inband.local_mac ? json(inband.local_mac->to_string()) : json()},
            {"mtu", parts.local.mtu()},
            {"changed_ms_ago", age_ms(now, inband.local_changed.when)},
            {"changed_why", inband.local_changed.why},
            {"state", !parts.local.present() ? "missing"
                      : parts.local.up()     ? "up"
                                             : "down"}}}};
}

std::unique_ptr<AdminReply> add_remote(const CommandParts& parts, inband::Remote remote) {
  const std::string id = remote.id;
  if (const auto known = parts.inband.remote_status(id)) {
    return admin_error(fmt::format(
        "{} is there already, added by the {}", id,
        known->remote.origin == inband::Origin::kOperator ? "operator" : "configuration"));
  }
  if (const auto added = parts.inband.add_remote(std::move(remote)); !added)
    return admin_error(added.error().message);
  return admin_reply({{"done", fmt::format("{} added", id)}, {"note", kNotPersistent}});
}

std::unique_ptr<AdminReply> remove_remote(const CommandParts& parts, const std::string& id) {
  const auto known = parts.inband.remote_status(id);
  if (!known) {
    return admin_error(fmt::format("there is no {}; lifelinectl remotes shows what there is", id));
  }
  if (known->remote.origin == inband::Origin::kConfiguration) {
    return admin_error(
        fmt::format("{} comes from the configuration: take it out there (in_band)", id));
  }
  parts.inband.remove_remote(id);
  return admin_reply({{"done", fmt::format("{} removed", id)}});
}

}  // namespace

json age_ms(TimePoint now, TimePoint when) {
  return when == TimePoint{} ? json() : json(ms(now - when));
}

json changes_json(const CommandParts& parts) {
  const Section changes = changes_section(parts);
  json list = json::array();
  for (std::size_t i = 0; i < changes.size; ++i) list.push_back(changes.element(i));
  return list;
}

std::unique_ptr<AdminReply> status_reply(const CommandParts& parts, TimePoint started) {
  std::vector<Section> sections;
  sections.push_back(remotes_section(parts));
  sections.push_back(rules_section(parts));
  sections.push_back(changes_section(parts));
  return std::make_unique<SectionsReply>(summary_json(parts, started), std::move(sections));
}

std::unique_ptr<AdminReply> status_summary_reply(const CommandParts& parts, TimePoint started) {
  const inband::Status inband = parts.inband.summary();
  const inband::RemoteCounts& remotes = inband.remote_counts;
  json status = summary_json(parts, started);
  status["remotes"] = {{"count", remotes.all},
                       {"controllers", parts.links.size()},
                       {"connected", remotes.connected},
                       {"without_route", remotes.without_route},
                       {"without_mac", remotes.without_mac}};
  status["hidden_rules"] = inband.rule_count;
  return admin_reply(std::move(status));
}

std::unique_ptr<AdminReply> remotes_reply(const CommandParts& parts) {
  std::vector<Section> sections;
  sections.push_back(remotes_section(parts));
  return std::make_unique<SectionsReply>(json::object(), std::move(sections));
}

std::unique_ptr<AdminReply> in_band_command(const CommandParts& parts, const json& request) {
  const std::string state = text(request, "state");
  if (state != "on" && state != "off")
    return admin_error(fmt::format("in-band: '{}' is neither on nor off", state.substr(0, 60)));
  const bool on = state == "on";
  if (parts.inband.enabled() == on)
    return admin_reply({{"done", fmt::format("in-band control is {} already", state)}});
  parts.inband.set_enabled(on);
  return admin_reply({{"done", fmt::format("in-band control is {}", state)},
                      {"note", "until the switch stops or reads its configuration again"}});
}

std::unique_ptr<AdminReply> remote_command(const CommandParts& parts, const json& request) {
  const std::string action = text(request, "action");
  if (action != "add" && action != "del")
    return admin_error(fmt::format("remote: '{}' is neither add nor del", action.substr(0, 60)));
  inband::Remote remote;
  if (const std::string hop = text(request, "next_hop"); !hop.empty()) {
    const auto parsed = config::parse_also_next_hop(hop.substr(0, 100));
    if (!parsed) return admin_error(parsed.error().message);
    remote = remote_of(*parsed, inband::Origin::kOperator);
  } else {
    const auto parsed = config::parse_also_reach(text(request, "address").substr(0, 100));
    if (!parsed) return admin_error(parsed.error().message);
    if (!parsed->host.empty())
      return admin_error(fmt::format(
          "{} is a name, which only the configuration may give: in_band.also_reach, or an address "
          "here",
          parsed->host));
    remote = remote_of(*parsed, parsed->address, inband::Origin::kOperator);
  }
  if (action == "add") return add_remote(parts, std::move(remote));
  return remove_remote(parts, remote.id);
}

}  // namespace lifeline::control
