#include "scenario.h"

#include <fstream>
#include <optional>
#include <sstream>

#include "flow/field.h"
#include "port/port_view.h"

namespace lifeline::golden {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs split(const std::string& text, char assign) {
  Pairs out;
  std::istringstream in(text);
  for (std::string item; std::getline(in, item, ',');) {
    const auto at = item.find(assign);
    out.emplace_back(item.substr(0, at), at == std::string::npos ? "" : item.substr(at + 1));
  }
  return out;
}

std::uint16_t number16(const std::string& s) {
  return static_cast<std::uint16_t>(std::strtoul(s.c_str(), nullptr, 0));
}
flow::PortNo port_no(const std::string& s) { return s == "local" ? flow::kPortLocal : number16(s); }
MacAddress mac(const std::string& s) { return MacAddress::parse(s).value_or(MacAddress{}); }
Ipv4Address ip(const std::string& s) { return Ipv4Address::parse(s).value_or(Ipv4Address{}); }

bool set_match(flow::Rule& r, const std::string& key, const std::string& v) {
  flow::Match& m = r.match;
  if (key == "priority") {
    r.priority = static_cast<std::uint32_t>(std::strtoul(v.c_str(), nullptr, 10));
  } else if (key == "table") {
    r.table_id = static_cast<std::uint8_t>(number16(v));
  } else if (key == "in_port") {
    m.in_port(port_no(v));
  } else if (key == "eth_src") {
    m.eth_src(mac(v));
  } else if (key == "eth_dst") {
    m.eth_dst(mac(v));
  } else if (key == "eth_type") {
    m.eth_type(number16(v));
  } else if (key == "vlan") {
    v == "none" ? m.vlan_none() : m.vlan_vid(number16(v));
  } else if (key == "ip_proto") {
    m.ip_proto(static_cast<std::uint8_t>(number16(v)));
  } else if (key == "ipv4_src") {
    m.ipv4_src(ip(v));
  } else if (key == "ipv4_dst") {
    m.ipv4_dst(ip(v));
  } else if (key == "tp_src") {
    m.tp_src(number16(v));
  } else if (key == "tp_dst") {
    m.tp_dst(number16(v));
  } else if (key == "arp_op") {
    m.arp_op(number16(v));
  } else if (key == "arp_spa") {
    m.arp_spa(ip(v));
  } else if (key == "arp_tpa") {
    m.arp_tpa(ip(v));
  } else {
    return false;
  }
  return true;
}

bool add_action(flow::Rule& r, const std::string& name, const std::string& v) {
  flow::ActionList& list = *r.instructions.apply;
  if (name == "drop") return true;
  if (name == "NORMAL") {
    list.push_back(flow::Output{flow::kPortNormal});
  } else if (name == "FLOOD") {
    list.push_back(flow::Output{flow::kPortFlood});
  } else if (name == "LOCAL") {
    list.push_back(flow::Output{flow::kPortLocal});
  } else if (name == "output") {
    list.push_back(flow::Output{number16(v)});
  } else if (name == "push_vlan") {
    list.push_back(flow::PushVlan{});
  } else if (name == "pop_vlan") {
    list.push_back(flow::PopVlan{});
  } else if (name == "set_vid") {
    const auto vid = flow::FieldId::kVlanVid;
    list.push_back(flow::SetField{vid, flow::FieldValue::from_u64(vid, 0x1000u | number16(v))});
  } else if (name == "dec_ttl") {
    list.push_back(flow::DecIpTtl{});
  } else if (name == "goto") {
    r.instructions.goto_table = static_cast<std::uint8_t>(number16(v));
  } else {
    return false;
  }
  return true;
}

std::uint32_t flag_bits(const std::string& names) {
  std::uint32_t bits = 0;
  for (const auto& [name, v] : split(names, '=')) {
    if (name == "down") bits |= port::port_flag::kDown;
    if (name == "no_recv") bits |= port::port_flag::kNoRecv;
    if (name == "no_fwd") bits |= port::port_flag::kNoFwd;
    if (name == "no_flood") bits |= port::port_flag::kNoFlood;
    if (name == "no_packet_in") bits |= port::port_flag::kNoPacketIn;
  }
  return bits;
}

// "key=value" of one word.
std::string value_of(const std::string& word) { return word.substr(word.find('=') + 1); }

bool parse_rule(const std::vector<std::string>& words, Scenario& out) {
  flow::Rule r;
  for (const auto& [key, v] : split(words.at(1), '=')) {
    if (!set_match(r, key, v)) return false;
  }
  r.instructions.apply.emplace();
  if (words[0] == "hidden") {
    r.instructions.apply->push_back(flow::Output{flow::kPortNormal});
    out.hidden.push_back(r);
    return true;
  }
  for (const auto& [name, v] : split(value_of(words.at(2)), ':')) {
    if (!add_action(r, name, v)) return false;
  }
  out.rules.push_back(r);
  return true;
}

bool parse_line(const std::vector<std::string>& words, Scenario& out) {
  const std::string& what = words[0];
  if ((what == "rule" && words.size() == 3) || (what == "hidden" && words.size() == 2)) {
    return parse_rule(words, out);
  }
  if (what == "guards" && words.size() >= 2) {
    out.guards.enabled = true;
    out.guards.local_mac = mac(value_of(words[1]));
    if (words.size() > 2) out.guards.next_hops.push_back(ip(value_of(words[2])));
    return true;
  }
  if (what == "flags" && words.size() == 3) {
    out.flags.push_back({port_no(value_of(words[1])), flag_bits(words[2])});
    return true;
  }
  if (what == "fdb" && words.size() == 4) {
    out.fdb.push_back(
        {number16(value_of(words[1])), mac(value_of(words[2])), port_no(value_of(words[3]))});
    return true;
  }
  if (what == "drops" && words.size() == 3) {
    out.drops[words[1]] = number16(words[2]);
    return true;
  }
  return false;
}

}  // namespace

Expected<Scenario> load_scenario(const std::string& path) {
  std::ifstream file(path);
  if (!file) return make_error("{}: cannot be read", path);
  Scenario out;
  int line_no = 0;
  for (std::string line; std::getline(file, line);) {
    ++line_no;
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string w; in >> w;) words.push_back(w);
    if (words.empty() || words[0].starts_with('#')) continue;
    if (!parse_line(words, out))
      return make_error("{}:{}: not understood: {}", path, line_no, line);
  }
  return out;
}

}  // namespace lifeline::golden
