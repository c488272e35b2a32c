// Every wrong shape has its exact message: what an operator reads is part of the interface.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"

namespace lifeline::config {
namespace {

std::string errors_of(std::string_view text) {
  const auto loaded = load(text, "t");
  if (loaded) return "";
  std::string out;
  for (const Diagnostic& d : loaded.error()) {
    if (!out.empty()) out += '\n';
    out += d.to_string();
  }
  return out;
}

struct Case {
  std::string_view yaml;
  std::string_view errors;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.yaml; }

class Errors : public testing::TestWithParam<Case> {};

TEST_P(Errors, AreExact) {
  EXPECT_EQ(errors_of(GetParam().yaml), GetParam().errors) << GetParam().yaml;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Errors,
    testing::Values(
        Case{"[1, 2]",
             "t:1:1: expected a mapping with keys bridge, datapath_id, run_dir, local, ports, tls, "
             "controllers, resolvers, in_band, offload, fail_mode, inactivity_probe_s, "
             "packet_in_pps, "
             "limits, "
             "listen, "
             "openflow_versions, "
             "metrics, sizes, workers, idle_sleep_us, log_level, log_levels; not a list"},
        Case{"hello",
             "t:1:1: expected a mapping with keys bridge, datapath_id, run_dir, local, ports, tls, "
             "controllers, resolvers, in_band, offload, fail_mode, inactivity_probe_s, "
             "packet_in_pps, "
             "limits, "
             "listen, "
             "openflow_versions, "
             "metrics, sizes, workers, idle_sleep_us, log_level, log_levels; not a single value"},
        Case{"bridge: [", "t:1:1: this is no YAML: end of sequence flow not found"},
        Case{"a: b: c", "t:1:5: this is no YAML: illegal map value"},
        Case{"brdge: br0", "t:1:1: unknown key 'brdge'; did you mean 'bridge'?"},
        Case{"local: {mac_address: x}",
             "t:1:9: local: unknown key 'mac_address'; known are name, mac, mtu, vlan"},
        Case{"bridge: a\nlocal:\nbridge: b", "t:3:1: the key 'bridge' is there twice: keep one"},
        Case{"? [a]\n: b", "t:1:3: a key is a word, not a list"},
        Case{"--- {}\n---\nbridge: x", "t:2:1: a second document begins here: keep one"},
        Case{"bridge:", "t:1:1: bridge: has no value: give one, or leave the key out"},
        Case{"bridge: {}", "t:1:9: bridge: expected a single value, not a mapping"},
        Case{"bridge: a/b",
             "t:1:9: bridge: 'a/b' is no name: 1 to 15 of letters, digits, '_', '.' and '-'"},
        Case{"bridge: sixteen-letters-",
             "t:1:9: bridge: 'sixteen-letters-' is no name: 1 to 15 of letters, digits, '_', '.' "
             "and '-'"},
        Case{"bridge: \"\\x01\"",
             "t:1:9: bridge: '?' has characters that are not printable ASCII"}));

INSTANTIATE_TEST_SUITE_P(
    Values, Errors,
    testing::Values(
        Case{"local: {mtu: 010}",
             "t:1:14: local.mtu: '010' starts with a zero; numbers are decimal: write 10"},
        Case{"local: {mtu: 0x5dc}", "t:1:14: local.mtu: '0x5dc' is not a whole number, 576..9600"},
        Case{"local: {mtu: 1e3}", "t:1:14: local.mtu: '1e3' is not a whole number, 576..9600"},
        Case{"local: {mtu: -1}", "t:1:14: local.mtu: '-1' is not a whole number, 576..9600"},
        Case{"local: {mtu: 575}", "t:1:14: local.mtu: 575 is not in 576..9600"},
        Case{"local: {mtu: 18446744073709552116}",
             "t:1:14: local.mtu: 18446744073709552116 is not in 576..9600"},
        Case{"in_band: {vlan: 4095}", "t:1:17: in_band.vlan: 4095 is not in 1..4094"},
        Case{"local: {vlan: 0}", "t:1:15: local.vlan: 0 is not in 1..4094"},
        Case{"local: {vlan: 100}\nin_band: {vlan: untagged}",
             "t:2:17: in_band.vlan: the local port is in VLAN 100: leave this out, or make it 100 "
             "or any"},
        Case{"ports: [{name: a, device: b, access: 4095}]",
             "t:1:38: ports[0].access: 4095 is not in 1..4094"},
        Case{"ports: [{name: a, device: b, access: 5, trunk: [6], native: 7}]",
             "t:1:48: ports[0].trunk: an access port has one VLAN alone: drop this or access\n"
             "t:1:61: ports[0].native: an access port has one VLAN alone: drop this or access"},
        Case{"ports: [{name: a, device: b, trunk: []}]",
             "t:1:37: ports[0].trunk: carries no VLAN at all: leave it out for every one"},
        Case{"ports: [{name: a, device: b, trunk: [5, x, 5, 4095]}]",
             "t:1:41: ports[0].trunk[1]: 'x' is not a whole number, 0..4094\n"
             "t:1:44: ports[0].trunk[2]: 5 is there twice\n"
             "t:1:47: ports[0].trunk[3]: 4095 is not in 0..4094"},
        Case{"ports: [{name: a, device: b, trunk: [10-20, 20-10, 19-22, 5-4095, 7-, -1]}]",
             "t:1:45: ports[0].trunk[1]: '20-10' runs backwards; did you mean 10-20?\n"
             "t:1:52: ports[0].trunk[2]: 19 is there twice\n"
             "t:1:59: ports[0].trunk[3]: '5-4095' is no range of VLAN ids, 0..4094, like 10-20\n"
             "t:1:67: ports[0].trunk[4]: '7-' is no range of VLAN ids, 0..4094, like 10-20\n"
             "t:1:71: ports[0].trunk[5]: '-1' is not a whole number, 0..4094"},
        Case{"ports: [{name: a, device: b, trunk: [0-5], native: 7}]",
             "t:1:38: ports[0].trunk[0]: untagged frames are in VLAN 7"},
        Case{
            "ports: [{name: a, device: b, native_tagged: true}]",
            "t:1:45: ports[0].native_tagged: no VLAN is native here: say which one untagged frames "
            "are in, native: 10"},
        Case{"ports: [{name: a, device: b, trunk: [0, 5], native: 7}]",
             "t:1:38: ports[0].trunk[0]: untagged frames are in VLAN 7"},
        Case{"local: {mac: 01:00:5e:00:00:01}",
             "t:1:14: local.mac: '01:00:5e:00:00:01' is no unicast MAC, like "
             "\"02:11:22:33:44:55\""},
        Case{"local: {mac: nonsense}",
             "t:1:14: local.mac: 'nonsense' is no unicast MAC, like \"02:11:22:33:44:55\""},
        Case{"local: 5",
             "t:1:8: local: expected a mapping with keys name, mac, mtu, vlan; not a "
             "single value"},
        Case{
            "datapath_id: 1",
            "t:1:14: datapath_id: '1' is no datapath id: 16 hexadecimal digits, not all zero, like "
            "\"00000242ac110002\""},
        Case{
            "datapath_id: 0000000000000000",
            "t:1:14: datapath_id: '0000000000000000' is no datapath id: 16 hexadecimal digits, not "
            "all zero, like \"00000242ac110002\""},
        Case{"run_dir: run", "t:1:10: run_dir: 'run' is no absolute path of at most 80 bytes"},
        Case{"fail_mode: standalon",
             "t:1:12: fail_mode: 'standalon' is not one of secure, standalone; did you mean "
             "'standalone'?"},
        Case{"limits: {relay_pps: 0, dhcp_pp: 7}",
             "t:1:21: limits.relay_pps: 0 is not in 1..10000000\n"
             "t:1:24: limits: unknown key 'dhcp_pp'; did you mean 'dhcp_pps'?"},
        Case{"packet_in_pps: 0", "t:1:16: packet_in_pps: 0 is not in 1..1000000"},
        Case{"inactivity_probe_s: 0", "t:1:21: inactivity_probe_s: 0 is not in 1..3600"},
        Case{"metrics: {listen: 'tcp:127.0.0.1'}",
             "t:1:19: metrics.listen: 'tcp:127.0.0.1' has no port: tcp:127.0.0.1:9464"},
        Case{"metrics: {listen: 'tcp:0.0.0.0:9464'}",
             "t:1:19: metrics.listen: 'tcp:0.0.0.0:9464': 0.0.0.0 is not the address of a host"},
        Case{"metrics: {listen: 'ssl:127.0.0.1:9464'}",
             "t:1:19: metrics.listen: metrics are plain HTTP: tcp:127.0.0.1:9464"},
        Case{"log_levels: {inbnd: debug}",
             "t:1:14: log_levels: unknown key 'inbnd'; did you mean 'inband'?"},
        Case{"log_levels: {port: loud}",
             "t:1:20: log_levels.port: 'loud' is not one of error, warn, info, debug"},
        Case{"log_level: loud", "t:1:12: log_level: 'loud' is not one of error, warn, info, debug"},
        Case{"workers: 0", "t:1:10: workers: 0 is not in 1..63"},
        Case{"workers: [1]",
             "t:1:11: workers[0]: expected a mapping with keys lcore, ports; not "
             "a single value"},
        Case{"workers: []", "t:1:10: workers: 0 lcores are not 1 to 63: auto takes all of EAL's"},
        Case{"workers: [{}]", "t:1:11: workers[0]: 'lcore' is missing"},
        Case{"workers: [{lcore: 128}]", "t:1:19: workers[0].lcore: 128 is not in 0..127"},
        Case{"workers: [{lcore: 1}, {lcore: 1}]",
             "t:1:31: workers[1].lcore: lcore 1 is there twice"},
        Case{"ports: [{name: up, device: a}]\nworkers: [{lcore: 1, ports: [upp]}]",
             "t:2:30: workers[0].ports[0]: no port has the name 'upp'; did you mean 'up'?"},
        Case{"workers: [{lcore: 1, ports: []}]",
             "t:1:29: workers[0].ports: polls nothing: leave it out for any port"},
        Case{"workers: [{lcore: 1, prots: [a]}]",
             "t:1:22: workers[0]: unknown key 'prots'; did you mean 'ports'?"},
        Case{"idle_sleep_us: 10001", "t:1:16: idle_sleep_us: 10001 is not in 0..10000"},
        Case{"sizes: {exact_entries: 1}",
             "t:1:24: sizes.exact_entries: 1 is not in 1024..16777216"},
        Case{"openflow_versions: [1.4]",
             "t:1:21: openflow_versions[0]: '1.4' is not one of 1.0, 1.3; did you mean '1.0'?"},
        Case{"openflow_versions: []",
             "t:1:20: openflow_versions: none is left: give \"1.0\", \"1.3\" or both"},
        Case{"in_band: {enabled: yes}", "t:1:20: in_band.enabled: 'yes' is not true or false"},
        Case{"in_band: {enabled: ture}",
             "t:1:20: in_band.enabled: 'ture' is not true or false; did you mean 'true'?"},
        Case{"in_band: {trusted_ports: [up]}",
             "t:1:27: in_band.trusted_ports[0]: no port has the name 'up'"},
        Case{"in_band: {relay_dhcp: some}",
             "t:1:23: in_band.relay_dhcp: 'some' is not one of none, all; did you mean 'none'?"},
        Case{"in_band: {relay_dhcp: ['52:54:0']}",
             "t:1:24: in_band.relay_dhcp[0]: '52:54:0' is not the beginning of a station's MAC "
             "address, like \"52:54:00\", nor a whole one"},
        Case{"in_band: {relay_dhcp: ['52', '52']}",
             "t:1:30: in_band.relay_dhcp[1]: 52 is there twice"},
        Case{"in_band: {also_reech: [10.0.0.1]}",
             "t:1:11: in_band: unknown key 'also_reech'; did you mean 'also_reach'?"},
        Case{"in_band:\n  also_reach: [10.0.0.1, 'tcp:10.0.0.2:6653', 10.0.0.1:6653]",
             "t:2:26: in_band.also_reach[1]: 'tcp:10.0.0.2:6653': an address without protocol is "
             "meant: 10.0.0.2:6653\n"
             "t:2:47: in_band.also_reach[2]: 10.0.0.1:6653 is there twice"},
        Case{"in_band: {also_next_hop: [10.0.0.1:80, 01:00:5e:00:00:01, 10.0.0.1, 10.0.0.1]}",
             "t:1:27: in_band.also_next_hop[0]: '10.0.0.1:80' is no next hop; it is an IP address "
             "or "
             "a MAC address, without a port\n"
             "t:1:40: in_band.also_next_hop[1]: '01:00:5e:00:00:01' is not the MAC address of one "
             "station\n"
             "t:1:69: in_band.also_next_hop[3]: 10.0.0.1 is there twice"},
        Case{"offload: {enabled: on}", "t:1:20: offload.enabled: 'on' is not one of auto, off"},
        Case{"offload: {foreign_pps: 1}", "t:1:24: offload.foreign_pps: 1 is not in 100..10000000"},
        Case{"in_band: {vlan: all}",
             "t:1:17: in_band.vlan: 'all' is not untagged, any or a VLAN id, 1..4094"},
        Case{"in_band: {vlan: 007}",
             "t:1:17: in_band.vlan: '007' starts with a zero; numbers are decimal: write 7"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, Errors,
    testing::Values(
        Case{"ports: {}",
             "t:1:8: ports: expected a list of ports ('- ...' on lines of their own, or "
             "[..., ...]), not a mapping"},
        Case{
            "ports: [x]",
            "t:1:9: ports[0]: expected a mapping with keys name, device, number, rx_queues, "
            "descriptors, mtu, access, trunk, native, native_tagged, optional; not a single value"},
        Case{"ports:\n  - {}\n",
             "t:2:5: ports[0]: 'name' is missing\nt:2:5: ports[0]: 'device' is missing"},
        Case{"ports: [{name: a, device: d, number: 65280}]",
             "t:1:38: ports[0].number: 65280 is not in 1..65279"},
        Case{"ports: [{name: a, device: \"a b\"}]",
             "t:1:27: ports[0].device: expected an ethdev's name, a PCI address, or a virtual "
             "device with its arguments, without spaces: net_af_packet0,iface=eth1"},
        Case{"ports:\n- {name: a, device: d, number: 3}\n- {name: a, device: e}\n"
             "- {name: b, device: f, number: 3}\n- {name: br0, device: \"d,x=1\"}",
             "t:3:3: ports[1]: the name 'a' is taken\n"
             "t:4:3: ports[2]: the number 3 is taken\n"
             "t:5:3: ports[3]: the name 'br0' is taken by the local port\n"
             "t:5:3: ports[3]: the device d is taken: each port needs one of its own"},
        Case{"controllers: [tcp:ctl.example, 'tcp:CTL.example.:6653', 'tcp:-ctl.example']",
             "t:1:32: controllers[1]: tcp:ctl.example:6653 is there twice\n"
             "t:1:57: controllers[2]: 'tcp:-ctl.example': '-ctl.example' is neither an IP address "
             "nor "
             "a host's name: '-ctl' begins or ends with a hyphen"},
        Case{"resolvers: [10.0.0.53, '10.0.0.53:53', 10.0.0.53, 224.0.0.251, 'fe80::1']",
             "t:1:24: resolvers[1]: '10.0.0.53:53' is no resolver; it is an IP address without a "
             "port\n"
             "t:1:40: resolvers[2]: 10.0.0.53 is there twice\n"
             "t:1:51: resolvers[3]: '224.0.0.251' is not the address of a host that can be asked\n"
             "t:1:64: resolvers[4]: 'fe80::1' is not the address of a host that can be asked"},
        Case{"controllers: tcp:10.0.0.1",
             "t:1:14: controllers: expected a list of controllers ('- ...' on lines of their own, "
             "or "
             "[..., ...]), not a single value"},
        Case{"controllers:\n  - ssl:10.0.0.1",
             "t:2:5: controllers[0]: 'ssl:10.0.0.1' needs tls.ca, the file of the authority that "
             "its "
             "certificate comes from: a connection whose peer is not checked is not made"},
        Case{"tls: {certificate: /c, verify: no}",
             "t:1:6: tls: 'ca' is missing: peers are always checked\n"
             "t:1:6: tls: 'certificate' and 'private_key' are given together\n"
             "t:1:24: tls: unknown key 'verify'; known are ca, certificate, private_key, crl"},
        Case{"tls: {ca: cacert.pem}",
             "t:1:11: tls.ca: 'cacert.pem' is no absolute path: /etc/lifeline/cacert.pem"},
        Case{"tls: {ca: /ca}\nlisten: [pssl:6654]",
             "t:2:10: listen[0]: 'pssl:6654' needs tls.certificate and tls.private_key to show to "
             "clients"},
        Case{"tls: {ca: /ca}\ncontrollers: [{address: ssl:10.0.0.1, peer_name: a b}]",
             "t:2:50: controllers[0].peer_name: expected the DNS name or IP address in the "
             "controller's certificate, at most 253 characters: controller.example"},
        Case{"controllers: [{address: tcp:10.0.0.1, peer_name: a}]",
             "t:1:50: controllers[0].peer_name: a name is checked in a certificate, and "
             "tcp:10.0.0.1:6653 shows none; use ssl:"},
        Case{"controllers: [{address: tcp:10.0.0.1, inactivity_probe_s: 0}]",
             "t:1:59: controllers[0].inactivity_probe_s: 0 is not in 1..3600"},
        Case{"controllers:\n  - tcp:[fe80::1%eth0]:6653",
             "t:2:5: controllers[0]: 'tcp:[fe80::1%eth0]:6653': the zone of a controller is the "
             "local "
             "port, 'br0', not 'eth0': hidden rules keep no other way open"},
        Case{"local: {name: sw0}\ncontrollers: ['tcp:[fe80::1%br0]']",
             "t:2:15: controllers[0]: 'tcp:[fe80::1%br0]': the zone of a controller is the local "
             "port, 'sw0', not 'br0': hidden rules keep no other way open"},
        Case{"controllers: [{adress: x}]",
             "t:1:15: controllers[0]: 'address' is missing: {address: \"tcp:10.0.0.1\"}\n"
             "t:1:16: controllers[0]: unknown key 'adress'; did you mean 'address'?"},
        Case{"controllers: ['tcp:10.0.0.1', 'tcp:10.0.0.1:6653']",
             "t:1:31: controllers[1]: tcp:10.0.0.1:6653 is there twice"},
        Case{"controllers: [[]]", "t:1:15: controllers[0]: expected a single value, not a list"},
        Case{"listen: [unix:x]",
             "t:1:10: listen[0]: 'unix:x': the path of a socket is absolute: "
             "unix:/run/lifeline/br0.mgmt"}));

TEST(AllErrors, AreReportedAtOnceInTheOrderOfTheText) {
  EXPECT_EQ(errors_of("log_level: loud\nlocal: {mtu: x}\nbrige: 1\nworkers: 99\n"),
            "t:1:12: log_level: 'loud' is not one of error, warn, info, debug\n"
            "t:2:14: local.mtu: 'x' is not a whole number, 576..9600\n"
            "t:3:1: unknown key 'brige'; did you mean 'bridge'?\n"
            "t:4:10: workers: 99 is not in 1..63");
}

TEST(AllErrors, OfAHostileFileAreBoundedInNumberAndLength) {
  std::string text = "ports:\n";
  for (int i = 0; i < 5000; ++i) text += "- " + std::string(300, 'x') + "\n";
  const auto loaded = load(text, "t");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().size(), 200u);
  const auto key = load(std::string(3000, 'k') + ": 1", "t");
  ASSERT_FALSE(key);
  EXPECT_LT(key.error()[0].message.size(), 300u);
}

TEST(AllErrors, DeepNestingIsAnErrorNotACrash) {
  EXPECT_NE(errors_of(std::string(100'000, '[')), "");
  EXPECT_NE(errors_of(std::string(100'000, '{')), "");
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "- ";
  EXPECT_NE(errors_of(deep), "");
}

// yaml-cpp 0.7's LoadAll() does not come back from this one.
TEST(AllErrors, OfAFileThatMakesTheParserStandStillAreReported) {
  EXPECT_NE(errors_of(",ports: [{name: a, device: d}]"), "");
}

TEST(AllErrors, AnchorsAreFollowedOnceNotExploded) {
  EXPECT_EQ(errors_of("ports: [&p {name: a, device: d}, *p]"),
            "t:1:9: ports[1]: the name 'a' is taken\n"
            "t:1:9: ports[1]: the device d is taken: each port needs one of its own");
  std::string laughs = "a: &a [x,x]\n";
  for (char c = 'b'; c < 'z'; ++c)
    laughs += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + ",*" + char(c - 1) + "]\n";
  EXPECT_NE(errors_of(laughs), "");
}

}  // namespace
}  // namespace lifeline::config
