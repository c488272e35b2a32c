#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "config/config.h"
#include "config/identity.h"

namespace lifeline::config {
namespace {

std::string all(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics) out.append(d.to_string()).append("\n");
  return out;
}

Config must(std::string_view text) {
  auto loaded = load(text, "t.yaml");
  if (!loaded) {
    ADD_FAILURE() << all(loaded.error());
    return {};
  }
  return std::move(*loaded);
}

constexpr std::string_view kEverything = R"(
bridge: edge-1
datapath_id: "00000242AC110002"
run_dir: /tmp/ll
local: {name: mgmt0, mac: "02:11:22:33:44:55", mtu: 1400, vlan: 100}
ports:
  - name: uplink
    device: "0000:03:00.0"
    number: 2
    rx_queues: 4
    descriptors: 512
    mtu: 9000
    trunk: [200, 100-102]
    native: 300
    native_tagged: true
    optional: true
  - {name: b, device: net_null0, access: 100}
  - {name: c, device: "net_pcap0,rx_pcap=/tmp/a\"b\\c.pcap"}
controllers: ["tcp:10.0.0.1", {address: "tcp:[2001:db8::1]:6633", inactivity_probe_s: 30}, tcp:ctl.example, "tcp:[fe80::7%mgmt0]"]
resolvers: [10.0.0.53, "2001:db8::53"]
in_band: {enabled: false, vlan: any, relay_arp: true, relay_dhcp: ["52:54:00"], strict: true,
  also_reach: [10.0.0.7, "[2001:db8::7]:6633", ctl.example:7], also_next_hop: [10.0.0.8, "02:11:22:33:44:66"]}
offload: {enabled: off, foreign_pps: 500}
fail_mode: secure
inactivity_probe_s: 7
packet_in_pps: 70
limits: {inband_pps: 71, dhcp_pps: 72, relay_pps: 73, next_hop_pps: 74, path_mtu_pps: 75, local_pps: 76}
listen: ["unix:/tmp/x.mgmt", "ptcp:6654:0.0.0.0"]
openflow_versions: [1.3, "1.0"]
metrics: {listen: "tcp:[::1]:9464"}
sizes: {flows: 10, fdb: 16, fdb_ageing_s: 10, exact_entries: 1024, mbufs: 2048}
workers: 3
idle_sleep_us: 100
log_level: debug
log_levels: {inband: error, control: debug}
)";

TEST(Load, AnEmptyDocumentIsTheDefault) {
  for (const char* text : {"", "# nothing\n", "---\n", "{}", "~", "local:\nports:\nlisten:\n"}) {
    const Config c = must(text);
    EXPECT_EQ(c.bridge, "br0");
    EXPECT_EQ(c.local.name, "br0");
    EXPECT_TRUE(c.ports.empty());
    EXPECT_TRUE(c.in_band.enabled);
    EXPECT_EQ(c.workers, Workers{});
  }
  EXPECT_EQ(must("").listen.at(0).to_string(), "unix:/run/lifeline/br0.mgmt");
  EXPECT_EQ(must("").listen.at(1).to_string(), "unix:/run/lifeline/br0.snoop");
  EXPECT_FALSE(must("").listen.at(0).is_snoop());
  EXPECT_TRUE(must("").listen.at(1).is_snoop());
  EXPECT_TRUE(must("listen: []").listen.empty());
}

TEST(Load, ReadsEveryKey) {
  const Config c = must(kEverything);
  EXPECT_EQ(c.offload, (Offload{.enabled = false, .foreign_pps = 500}));
  EXPECT_EQ(c.bridge, "edge-1");
  EXPECT_EQ(c.datapath_id, 0x00000242ac110002u);
  EXPECT_EQ(c.local, (Local{"mgmt0", MacAddress{{2, 0x11, 0x22, 0x33, 0x44, 0x55}}, 1400, 100}));
  ASSERT_EQ(c.ports.size(), 3u);
  const PortVlans trunk{
      .access = {}, .trunk = {{100, 101, 102, 200}}, .native = 300, .native_tagged = true};
  EXPECT_EQ(c.ports[0], (Port{"uplink", "0000:03:00.0", 2, 4, 512, 9000, trunk, true}));
  EXPECT_EQ(c.ports[1].vlans, (PortVlans{.access = 100, .trunk = {}, .native = {}}));
  EXPECT_EQ(c.ports[2].vlans, PortVlans{});
  EXPECT_FALSE(c.ports[0].has_automatic_number);
  EXPECT_TRUE(c.ports[1].has_automatic_number);
  EXPECT_EQ(c.ports[2].device, "net_pcap0,rx_pcap=/tmp/a\"b\\c.pcap");
  ASSERT_EQ(c.controllers.size(), 4u);
  EXPECT_EQ(c.controllers[0].to_string(), "tcp:10.0.0.1:6653");
  EXPECT_EQ(c.controllers[1].to_string(), "tcp:[2001:db8::1]:6633");
  EXPECT_EQ(c.inactivity_probe_of(c.controllers[1]), 30u);
  EXPECT_EQ(c.inactivity_probe_of(c.controllers[2]), 7u);
  EXPECT_EQ(c.controllers[2].to_string(), "tcp:ctl.example:6653");
  EXPECT_EQ(c.controllers[2].host, "ctl.example");
  EXPECT_EQ(c.controllers[3].zone, "mgmt0");
  EXPECT_EQ(c.resolvers,
            (std::vector{*IpAddress::parse("10.0.0.53"), *IpAddress::parse("2001:db8::53")}));
  InBand in_band{.enabled = false, .vlan = {VlanScope::Kind::kAny, 0}, .relay_arp = true};
  in_band.relay_dhcp = {*MacPrefix::parse("52:54:00")};
  in_band.strict = true;
  in_band.also_reach = {{*IpAddress::parse("10.0.0.7"), "", 6653},
                        {*IpAddress::parse("2001:db8::7"), "", 6633},
                        {{}, "ctl.example", 7}};
  in_band.also_next_hop = {{*IpAddress::parse("10.0.0.8"), {}},
                           {{}, MacAddress::parse("02:11:22:33:44:66")}};
  EXPECT_EQ(c.in_band, in_band);
  EXPECT_EQ(c.fail_mode, FailMode::kSecure);
  EXPECT_EQ(c.inactivity_probe_s, 7u);
  EXPECT_EQ(c.packet_in_pps, 70u);
  EXPECT_EQ(c.limits, (Limits{71, 72, 73, 74, 75, 76}));
  EXPECT_EQ(c.listen.size(), 2u);
  EXPECT_EQ(c.openflow_versions, (std::vector<std::uint8_t>{0x01, 0x04}));
  EXPECT_EQ(c.metrics, (Metrics{*IpAddress::parse("::1"), 9464}));
  EXPECT_EQ(c.sizes, (Sizes{10, 16, 10, 1024, 2048}));
  EXPECT_EQ(c.workers.number, 3u);
  EXPECT_EQ(c.idle_sleep_us, 100u);
  EXPECT_EQ(c.log_level, log::Level::kDebug);
  EXPECT_EQ(c.log_levels, (std::map<std::string, log::Level>{{"inband", log::Level::kError},
                                                             {"control", log::Level::kDebug}}));
}

TEST(Load, PortsWithoutNumberTakeTheLowestFreeByOrder) {
  const Config c = must(
      "ports: [{name: a, device: d1}, {name: b, device: d2, number: 1}, {name: c, device: d3}]");
  EXPECT_EQ(c.ports[0].number, 2);
  EXPECT_EQ(c.ports[1].number, 1);
  EXPECT_EQ(c.ports[2].number, 3);
}

TEST(Load, HiddenRulesAreForUntaggedFramesUnlessToldOtherwise) {
  EXPECT_EQ(must("").in_band.vlan, VlanScope{});
  EXPECT_EQ(must("in_band: {vlan: any}").in_band.vlan.kind, VlanScope::Kind::kAny);
  EXPECT_EQ(must("in_band: {vlan: 9}").in_band.vlan, (VlanScope{VlanScope::Kind::kVid, 9}));
}

TEST(Load, HiddenRulesAreForTheLocalPortsVlan) {
  const VlanScope vlan{VlanScope::Kind::kVid, 100};
  EXPECT_EQ(must("local: {vlan: 100}").in_band.vlan, vlan);
  EXPECT_EQ(must("local: {vlan: 100}\nin_band: {strict: true}").in_band.vlan, vlan);
  EXPECT_EQ(must("local: {vlan: 100}\nin_band: {vlan: 100}").in_band.vlan, vlan);
  EXPECT_EQ(must("local: {vlan: 100}\nin_band: {vlan: any}").in_band.vlan.kind,
            VlanScope::Kind::kAny);
}

TEST(Load, SomePortHasToCarryTheVlanInWhichTheControllersAre) {
  const std::string head = "controllers: [\"tcp:10.0.0.1\"]\n";
  const auto first_error = [&](const std::string& text) {
    const auto loaded = load(head + text, "t");
    return loaded ? std::string() : loaded.error().at(0).to_string();
  };
  EXPECT_EQ(first_error("local: {vlan: 100}\nports: [{name: a, device: d, access: 7}]"),
            "t:3:8: ports: none of them carries VLAN 100, in which the controllers are to be "
            "reached: give one access: 100, or 100 in its trunk");
  EXPECT_EQ(
      first_error("ports: [{name: a, device: d, access: 7}, {name: b, device: e, native: 7}]"),
      "t:2:8: ports: none of them carries untagged frames, by which the controllers are to "
      "be reached: set local.vlan");
  for (const char* port : {"access: 100", "trunk: [7, 100]", "native: 100", "native: 7", "mtu: 900",
                           "trunk: [7], native: 100", "trunk: [50-150]",
                           "trunk: [7], native: 100, native_tagged: true"})
    EXPECT_EQ(
        first_error("local: {vlan: 100}\nports: [{name: a, device: d, " + std::string(port) + "}]"),
        "");
  EXPECT_EQ(first_error("ports: [{name: a, device: d, access: 7}]\nin_band: {enabled: false}"), "");
  EXPECT_EQ(first_error("ports: [{name: a, device: d, trunk: [0, 7]}]"), "");
}

TEST(Load, RelaysNobodysDhcpUnlessToldWhose) {
  EXPECT_TRUE(must("").in_band.relay_dhcp.empty());
  EXPECT_TRUE(must("in_band: {relay_dhcp: none}").in_band.relay_dhcp.empty());
  EXPECT_EQ(must("in_band: {relay_dhcp: all}").in_band.relay_dhcp, std::vector{MacPrefix{}});
  const Config c = must("in_band: {relay_dhcp: ['52:54:00', '02:00:00:00:00:0A']}");
  ASSERT_EQ(c.in_band.relay_dhcp.size(), 2u);
  EXPECT_EQ(c.in_band.relay_dhcp[0].to_string(), "52:54:00");
  EXPECT_EQ(c.in_band.relay_dhcp[1].to_string(), "02:00:00:00:00:0a");
}

TEST(Load, AutomaticWorkersMayBeWrittenOut) { EXPECT_EQ(must("workers: auto").workers, Workers{}); }

TEST(Load, WorkersMayBeLcoresWithTheirPorts) {
  const Config c = must(
      "ports: [{name: up, device: a}, {name: lan, device: b}]\n"
      "workers:\n  - {lcore: 2, ports: [up]}\n  - lcore: 5\n");
  EXPECT_FALSE(c.workers.number);
  EXPECT_EQ(c.workers.lcores,
            (std::vector<WorkerLcore>{{.lcore = 2, .ports = {"up"}}, {.lcore = 5, .ports = {}}}));
  EXPECT_EQ(must(dump(c)), c);
}

TEST(Dump, LoadsBackToTheSameConfiguration) {
  for (const std::string& text :
       {std::string(), std::string(kEverything), std::string("local: {mtu: 1300}\nlisten: []"),
        std::string("tls: {ca: /ca.pem, certificate: /a b.pem, private_key: /k.pem}\n"
                    "controllers: ['ssl:10.0.0.1', {address: 'ssl:10.0.0.2:7', peer_name: c2}]\n"
                    "listen: ['pssl:6654:0.0.0.0']"),
        std::string("tls: {ca: /ca.pem, crl: /crl.pem}"), std::string("in_band: {relay_dhcp: all}"),
        std::string("in_band: {vlan: 5}\nlog_level: error\nopenflow_versions: ['1.3']"),
        std::string("in_band: {vlan: 5, also_reach: [10.0.0.9:1, a.example], also_next_hop: "
                    "[10.0.0.8]}\nlog_level: error\nopenflow_versions: ['1.3']"),
        std::string("ports: [{name: \"010\", device: \"~\"}, {name: 'true', device: '-a:#b'}]\n"
                    "bridge: \"null\"\nlog_level: warn")}) {
    const Config first = must(text);
    const std::string dumped = dump(first);
    const auto again = load(dumped, "dump");
    ASSERT_TRUE(again) << dumped << all(again.error());
    EXPECT_EQ(*again, first) << dumped;
    EXPECT_EQ(dump(*again), dumped);
  }
}

TEST(LoadFile, SaysThatAFileCannotBeRead) {
  const auto missing = load_file("/nonexistent/x.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(all(missing.error()),
            "/nonexistent/x.yaml: cannot be opened: is the path right, and may it be read?\n");
  EXPECT_FALSE(load_file("/"));
}

class ConfigFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(directory_), nullptr);
    path_ = std::string(directory_) + "/lifeline.yaml";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string errors() const {
    const auto loaded = load_file(path_);
    return loaded ? "" : all(loaded.error());
  }
  char directory_[32] = "/tmp/lifeline-config-XXXXXX";
  std::string path_;
};

TEST_F(ConfigFileTest, WhatIsLeftOfAFileThatWasNotWrittenToItsEndIsNoConfiguration) {
  for (const char* text : {"", "\n", "# bridge: br0\n  # all of it\r\n \t\n", "#"}) {
    std::ofstream(path_) << text;
    EXPECT_EQ(
        errors(),
        path_ + ": is empty: was it written to its end? A configuration has ports at least\n");
  }
  std::ofstream(path_) << "# one\n  bridge: br0";
  EXPECT_EQ(errors(), "");
}

TEST_F(ConfigFileTest, APipeIsReadButNotWaitedForForEver) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_NE(errors().find("is empty"), std::string::npos) << "nobody writes";
  const int writer = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  EXPECT_NE(errors().find("nothing comes"), std::string::npos) << errors();
  close(writer);
  // As with `--config <(…)`.
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  constexpr std::string_view kFirst = "bridge: ed";
  ASSERT_EQ(write(ends[1], kFirst.data(), kFirst.size()), static_cast<ssize_t>(kFirst.size()));
  std::thread late([&] {
    constexpr std::string_view kRest = "ge-7\n";
    EXPECT_EQ(write(ends[1], kRest.data(), kRest.size()), static_cast<ssize_t>(kRest.size()));
    close(ends[1]);
  });
  const auto loaded = load_file("/proc/self/fd/" + std::to_string(ends[0]));
  late.join();
  close(ends[0]);
  ASSERT_TRUE(loaded) << all(loaded.error());
  EXPECT_EQ(loaded->bridge, "edge-7");
}

TEST(Identity, DerivedMacsAreStableLocalUnicastAndDiffer) {
  const MacAddress a = derive_mac("machine", "br0");
  EXPECT_EQ(a, derive_mac("machine", "br0"));
  EXPECT_NE(a, derive_mac("machine", "br1"));
  EXPECT_NE(a, derive_mac("machinf", "br0"));
  EXPECT_NE(derive_mac("ab", "c"), derive_mac("a", "bc"));
  for (int i = 0; i < 1000; ++i) {
    const MacAddress mac = derive_mac("machine", std::to_string(i));
    EXPECT_FALSE(mac.is_multicast());
    EXPECT_EQ(mac.bytes[0] & 2, 2);
  }
  // A constant, so that a change of the function, which would change every switch's MAC, is seen.
  EXPECT_EQ(derive_mac("0123456789abcdef0123456789abcdef", "br0").to_string(), "2e:c1:5a:10:9e:eb");
}

TEST(Identity, ConfiguredAddressesOutrankDerivedOnes) {
  Config c;
  const MacAddress mac{{2, 0, 0, 0, 0, 1}};
  EXPECT_EQ(local_mac(c, "m"), derive_mac("m", "br0"));
  c.local.mac = mac;
  EXPECT_EQ(local_mac(c, "m"), mac);
  EXPECT_EQ(datapath_id(c, mac), 0x020000000001u);
  c.datapath_id = 5;
  EXPECT_EQ(datapath_id(c, mac), 5u);
  EXPECT_FALSE(machine_identity().empty());
}

}  // namespace
}  // namespace lifeline::config
