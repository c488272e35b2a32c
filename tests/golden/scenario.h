// A golden scenario's text: rules, hidden rules, guards, port flags, and the drops it expects.
//
//   rule [table=N,]priority=N[,FIELD=VALUE...] actions=ACTION[,ACTION...]
//   hidden priority=N[,FIELD=VALUE...]           (its action is NORMAL)
//   guards local_mac=MAC [next_hop=IP]
//   flags port=N|local FLAG[,FLAG...]            (down no_recv no_fwd no_flood no_packet_in)
//   fdb vlan=N mac=MAC port=N
//   drops NAME COUNT
//
// Fields: in_port eth_src eth_dst eth_type vlan (none or VID) ip_proto ipv4_src ipv4_dst tp_src
// tp_dst arp_op arp_spa arp_tpa. Actions: drop NORMAL FLOOD LOCAL output:N push_vlan pop_vlan
// set_vid:N dec_ttl goto:N.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/expected.h"
#include "flow/guards.h"
#include "flow/rule_writer.h"

namespace lifeline::golden {

struct Scenario {
  struct Flags {
    flow::PortNo port = 0;
    std::uint32_t flags = 0;
  };
  struct Learned {
    std::uint16_t vlan = 0;
    MacAddress mac;
    flow::PortNo port = 0;
  };
  std::vector<flow::Rule> rules;
  std::vector<flow::Rule> hidden;
  flow::Guards guards;
  std::vector<Flags> flags;
  std::vector<Learned> fdb;
  std::map<std::string, std::uint64_t> drops;
};

Expected<Scenario> load_scenario(const std::string& path);

}  // namespace lifeline::golden
