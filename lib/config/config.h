// What an operator may configure, as typed values. load() gives a complete configuration (every
// default filled in, every automatic number decided) or all that is wrong with the file; dump()
// writes the same configuration back.
//
// Not decided here, because it depends on the machine: the local MAC and the datapath id when the
// file does not say (config/identity.h), the number of workers when it is automatic, the local MTU.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/ip_address.h"
#include "base/log.h"
#include "base/mac_address.h"
#include "base/mac_prefix.h"

namespace lifeline::config {

inline constexpr std::uint16_t kDefaultControllerPort = 6653;
inline constexpr std::uint16_t kMaxPortNumber = 65279;  // 0xfeff, OpenFlow 1.0's OFPP_MAX - 1
inline constexpr std::uint16_t kMaxVid = 4094;
inline constexpr std::uint32_t kMaxInactivityProbe = 3600;  // seconds
inline constexpr std::uint32_t kMinMtu = 576;
inline constexpr std::uint32_t kMaxMtu = 9600;
inline constexpr std::uint32_t kMaxWorkers = 63;
inline constexpr std::uint32_t kMaxLcore = 127;  // RTE_MAX_LCORE - 1 in Debian's DPDK

// The switch's own network interface (a TAP), OpenFlow port LOCAL.
struct Local {
  std::string name;  // default: the bridge's name; at most 15 bytes
  // Unset: derived from machine id and bridge name, the same at every start.
  std::optional<MacAddress> mac;
  // IP MTU in bytes, Ethernet header not counted. Unset: the smallest of the ports' MTUs.
  std::optional<std::uint32_t> mtu;
  // The VLAN, 1..kMaxVid, that NORMAL has it in: its host sees untagged frames. Unset: all VLANs.
  std::optional<std::uint16_t> vlan;

  bool operator==(const Local&) const = default;
};

// What NORMAL carries on a port. All unset: every VLAN, as frames are tagged.
struct PortVlans {
  std::optional<std::uint16_t> access;              // 1..kMaxVid: this one alone, untagged
  std::optional<std::vector<std::uint16_t>> trunk;  // these, tagged; 0: untagged frames; ascending
  std::optional<std::uint16_t> native;              // 1..kMaxVid: that of untagged frames too
  bool native_tagged = false;  // frames of `native` leave tagged; only where there is one

  // `vid` 0: untagged frames.
  bool carries(std::uint16_t vid) const;
  bool operator==(const PortVlans&) const = default;
};

struct Port {
  std::string name;  // at most 15 bytes (OpenFlow 1.0's field), unique
  // The name of an existing ethdev ("net_af_packet0"), a PCI address ("0000:03:00.0") or the
  // arguments of a virtual device, which is then created ("net_af_packet0,iface=eth1").
  std::string device;
  std::uint16_t number = 0;  // 1..kMaxPortNumber, unique; automatic: by order, lowest free
  std::optional<std::uint16_t> rx_queues;    // 1..64; unset: as many as the workers can share
  std::optional<std::uint16_t> descriptors;  // 64..4096 per queue; unset: 1024
  // IP MTU in bytes, Ethernet header and VLAN tags not counted. Unset: the device keeps its own.
  std::optional<std::uint32_t> mtu;
  PortVlans vlans;
  bool optional = false;  // the switch starts without its device and takes it when it is there
  bool has_automatic_number = false;  // says where `number` is from: no part of the comparison

  bool operator==(const Port& o) const {
    return name == o.name && device == o.device && number == o.number && rx_queues == o.rx_queues &&
           descriptors == o.descriptors && mtu == o.mtu && vlans == o.vlans &&
           optional == o.optional;
  }
};

enum class Transport : std::uint8_t { kTcp, kTls };

struct Controller {
  IpAddress address;  // says nothing where there is a host
  std::string zone;   // of a link-local address, and of no other: the local port's name
  std::string host;   // its name, complete, in lower case; "": the address is given
  std::uint16_t port = kDefaultControllerPort;
  Transport transport = Transport::kTcp;
  // The name or address that the controller's certificate must carry; "": its host name, else its
  // IP address, if the certificate names any. Only with kTls.
  std::string peer_name;
  std::optional<std::uint32_t> inactivity_probe_s;  // seconds, 1..3600; unset: that of all

  bool operator==(const Controller&) const = default;
  // The same connection: what else differs, a session takes over.
  bool is_same_connection(const Controller& o) const {
    return to_string() == o.to_string() && peer_name == o.peer_name;
  }
  std::string to_string()
      const;  // "tcp:10.0.0.1:6653", "ssl:[fe80::1%br0]:6653", "tcp:controller.example:6653"
};

// Files in PEM that TLS connections use, read again when they have changed. There is no setting
// that switches the check of the peer's certificate off.
struct Tls {
  std::string ca;           // authorities that peers' certificates must come from
  std::string certificate;  // ours, with the chain behind it; "": none is presented
  std::string private_key;  // of the certificate; both or none are given
  std::string crl;  // revocation lists, one of each authority in a peer's chain; "": none is asked

  bool operator==(const Tls&) const = default;
};

// Which frames the hidden rules and guards match.
struct VlanScope {
  enum class Kind : std::uint8_t { kUntagged, kAny, kVid };
  Kind kind = Kind::kUntagged;  // untagged includes priority tags (VID 0)
  std::uint16_t vid = 0;        // 1..4094 when kind is kVid

  bool operator==(const VlanScope&) const = default;
};

// A controller of switches behind this one.
struct AlsoReach {
  IpAddress address;  // says nothing where there is a host
  std::string host;   // its name, complete, in lower case; "": the address is given
  std::uint16_t port = kDefaultControllerPort;

  bool operator==(const AlsoReach&) const = default;
  std::string to_string() const;  // "10.0.0.1:6653", "[2001:db8::1]:6653", "ctl.example:6653"
};

// A next hop of switches behind this one.
struct AlsoNextHop {
  IpAddress address;              // on a network of the local port; says nothing where there is…
  std::optional<MacAddress> mac;  // …this: then it stands as given and the kernel is not asked

  bool operator==(const AlsoNextHop&) const = default;
  std::string to_string() const;  // "10.0.0.1", "02:11:22:33:44:55"
};

struct InBand {
  bool enabled = true;
  VlanScope vlan;  // that of the local port where it has one, unless `any`
  // Lets hosts resolve the next hop through us: switches behind this one need it.
  bool relay_arp = false;
  // Stations whose DHCP passes whatever the flows say; a prefix of no bytes: everybody's.
  std::vector<MacPrefix> relay_dhcp;
  bool strict = false;  // (h), (i), (v) and (w) only to and from the next hops, never flooded
  // Names of ports behind which routers may be (flow/guards.h); empty: where the next hops are.
  std::vector<std::string> trusted_ports;
  std::vector<AlsoReach> also_reach;
  std::vector<AlsoNextHop> also_next_hop;

  bool operator==(const InBand&) const = default;
};

// What NICs do for control traffic (rte_flow).
struct Offload {
  bool enabled = true;  // where a NIC can keep data out of a queue of its own
  // Packets per second and port, 100..10000000, by the control queue that are no known session's
  // and that the control lcore forwards itself.
  std::uint32_t foreign_pps = 10'000;

  bool operator==(const Offload&) const = default;
};

enum class FailMode : std::uint8_t { kSecure, kStandalone };

// Where OpenFlow clients on this machine (ovs-ofctl, lifelinectl) connect to.
struct Listener {
  enum class Kind : std::uint8_t { kUnix, kTcp, kTls };
  Kind kind = Kind::kUnix;
  // kUnix: absolute. One that ends in ".snoop" is where ovs-ofctl snoop connects: it only listens.
  std::string path;
  IpAddress address = Ipv4Address::of(127, 0, 0, 1);  // kTcp, kTls
  std::uint16_t port = 0;                             // kTcp, kTls

  bool operator==(const Listener&) const = default;
  bool is_snoop() const { return kind == Kind::kUnix && path.ends_with(".snoop"); }
  std::string to_string() const;  // "unix:/run/lifeline/br0.mgmt", "pssl:6654:127.0.0.1"
};

// Where Prometheus scrapes: a loopback address, or the local port's.
struct Metrics {
  IpAddress address;
  std::uint16_t port = 0;

  bool operator==(const Metrics&) const = default;
};

// Packets per second, 1..10000000, of each port and worker: what is beyond is dropped, and counted
// under the name that is said here.
struct Limits {
  std::uint32_t inband_pps = 20'000;  // by hidden rules, not from a next hop (inband_metered)
  std::uint32_t dhcp_pps = 1'000;     // replies to our own requests (dhcp_guard_metered)
  std::uint32_t relay_pps = 1'000;    // in_band.relay_dhcp (relay_metered)
  std::uint32_t next_hop_pps = 100;   // announcements of next hops (next_hop_metered)
  std::uint32_t path_mtu_pps = 100;   // about our own sessions (path_mtu_metered)
  std::uint32_t local_pps = 100'000;  // to the local port, of all ports together (local_metered)

  bool operator==(const Limits&) const = default;
};

struct Sizes {
  std::uint32_t flows =
      1'000'000;             // most rules of all OpenFlow tables together; hidden rules not counted
  std::uint32_t fdb = 8192;  // addresses the FDB holds
  std::uint32_t fdb_ageing_s = 300;      // seconds
  std::uint32_t exact_entries = 131072;  // per worker
  // Of the data pool, beyond those that the devices' descriptors hold: frames on their way inside.
  std::uint32_t mbufs = 8192;

  bool operator==(const Sizes&) const = default;
};

// An lcore that forwards, and what it is for.
struct WorkerLcore {
  std::uint32_t lcore = 0;         // EAL's number
  std::vector<std::string> ports;  // names of the ports whose queues it polls; empty: any

  bool operator==(const WorkerLcore&) const = default;
};

// Which lcores forward. Neither: every EAL worker lcore.
struct Workers {
  std::optional<std::uint32_t> number;  // 1..kMaxWorkers, the first of EAL's
  std::vector<WorkerLcore> lcores;      // these, each once

  bool operator==(const Workers&) const = default;
};

// Wire versions that the switch speaks, ascending: 0x01 (1.0) and 0x04 (1.3).
std::vector<std::uint8_t> all_openflow_versions();

struct Config {
  std::string bridge = "br0";
  std::optional<std::uint64_t> datapath_id;  // unset: from the local MAC
  std::string run_dir = "/run/lifeline";
  Local local;
  std::vector<Port> ports;
  std::vector<Controller> controllers;
  // Name servers for the controllers' names, those of switches behind us too; empty: those of
  // /etc/resolv.conf, as they change.
  std::vector<IpAddress> resolvers;
  Tls tls;  // all empty unless some controller or listener uses it
  InBand in_band;
  Offload offload;
  FailMode fail_mode = FailMode::kStandalone;  // as Open vSwitch's
  // Seconds of silence, 1..3600, after which a controller is asked for a sign of life. The
  // connection is given up after twice as much; stand-alone forwarding begins after three times as
  // much as the most patient controller is given.
  std::uint32_t inactivity_probe_s = 5;
  std::uint32_t inactivity_probe_of(const Controller& controller) const {
    return controller.inactivity_probe_s.value_or(inactivity_probe_s);
  }
  // Packet-ins per second, 1..1000000, of each port and reason (and worker): the rest is dropped.
  std::uint32_t packet_in_pps = 5'000;
  Limits limits;
  std::vector<Listener> listen;  // default: <bridge>.mgmt and .snoop in run_dir
  std::vector<std::uint8_t> openflow_versions =
      all_openflow_versions();     // wire versions, ascending
  std::optional<Metrics> metrics;  // unset: nobody can
  Sizes sizes;
  Workers workers;
  std::uint32_t idle_sleep_us = 0;  // longest sleep of an idle worker, 0..10000; 0: polls always
  log::Level log_level = log::Level::kInfo;
  std::map<std::string, log::Level> log_levels;  // of log::kLibraries, in place of log_level

  bool operator==(const Config&) const = default;
};

// One thing that is wrong in a configuration. Line and column count from 1; 0 where the file as a
// whole is meant (it cannot be read).
struct Diagnostic {
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;

  bool operator==(const Diagnostic&) const = default;
  std::string to_string() const;  // "file:line:col: message", or "file: message"
};

using LoadResult = tl::expected<Config, std::vector<Diagnostic>>;

// Reads a configuration from YAML text. `file` is only named in messages. Never throws, whatever
// the text; reports all errors, in the order of the text. An empty document is the default
// configuration. Stateless, thread-safe.
LoadResult load(std::string_view text, std::string_view file);

// Whether the files that a configuration names (tls) are looked at, too.
enum class NamedFiles : std::uint8_t {
  kAsNamed,        // they may come later: a switch starts without, and says so
  kHaveToBeThere,  // one that is missing or that we may not read is an error where it is named
};

// Reads the file at `path` (config/file_text.h). A file that says nothing is an error here: to
// load() it is the default configuration.
LoadResult load_file(const std::string& path, NamedFiles named_files = NamedFiles::kAsNamed);

// The configuration as YAML text, defaults included. load(dump(c)) gives c for each c that load()
// can give.
std::string dump(const Config& config);

}  // namespace lifeline::config
