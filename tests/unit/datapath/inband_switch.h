// A switch whose hidden rules and guards are those of the in-band agent, under a drop-all: the
// gateway behind port 1 is the next hop of the one remote, host A is behind port 2.
#pragma once

#include "inband/inband_rules.h"
#include "test_switch.h"

namespace lifeline::datapath::test {

class InbandSwitch : public TestSwitch {
 public:
  explicit InbandSwitch(DatapathConfig config = {}, bool strict = false,
                        bool control_queues = false, unsigned ring_size = 256)
      : TestSwitch(config, 3, control_queues, ring_size) {
    facts.enabled = true;
    facts.local_mac = kLocalMac;
    facts.strict = strict;
    inband::RemoteFacts& remote = facts.remotes.emplace_back();
    remote.remote.id = "tcp:192.0.2.1:6653";
    remote.remote.ip = kController;
    remote.remote.port = 6653;
    remote.reach = inband::Reach::kRouted;
    inband::NextHop& hop = remote.next_hops.emplace_back();
    hop.ip = kGatewayIp;
    hop.mac = kGatewayMac;
    apply_facts();
    add({}, 65535, {});
    send(1, gateway_answers());
    send(
        2,
        PacketBuilder().eth(kHostA, kLocalMac).arp(2, kHostA, kIpA, kLocalMac, kLocalIp).build(60));
    take_local();
  }
  static Frame gateway_answers() {
    return PacketBuilder()
        .eth(kGatewayMac, kLocalMac)
        .arp(2, kGatewayMac, kGatewayIp, kLocalMac, kLocalIp)
        .build(60);
  }
  static Frame from_controller(MacAddress src = kGatewayMac, MacAddress dst = kLocalMac) {
    return PacketBuilder().eth(src, dst).ipv4(kController, kLocalIp).tcp(6653, 40000).build(60);
  }
  static Frame to_controller(MacAddress src, MacAddress dst = kGatewayMac) {
    return PacketBuilder().eth(src, dst).ipv4(kIpA, kController).tcp(40000, 6653).build(60);
  }
  // Rules and guards in another management VLAN.
  void use_vlan(flow::ManagementVlan vlan) {
    facts.vlan = vlan;
    for (const auto& [id, letter] : std::exchange(letters, {})) remove_hidden(id);
    apply_facts();
  }
  void apply_facts() {
    for (const inband::HiddenRule& r : inband::hidden_rules(facts)) {
      letters[add_hidden(r.match, r.priority)] = inband::kind_letter(r.kind);
    }
    datapath->set_guards(inband::guards(facts));
  }
  // Letters of the hidden rules that have counted packets since the last call.
  std::string counted() {
    std::string out;
    for (const auto& [id, letter] : letters) {
      const std::uint64_t n = tables.hidden().counters(id).packets;
      if (n != std::exchange(seen_[id], n)) out += letter;
    }
    return out;
  }

  inband::Facts facts;
  std::map<flow::RuleId, char> letters;

 private:
  std::map<flow::RuleId, std::uint64_t> seen_;
};

}  // namespace lifeline::datapath::test
