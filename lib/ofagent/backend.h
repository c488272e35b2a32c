// What the OpenFlow agent needs from the switch beside its rules. The control lcore implements it
// over ports and datapath, tests with a fake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/expected.h"
#include "base/mac_address.h"
#include "flow/action.h"
#include "flow/port_no.h"

namespace lifeline::ofagent {

// OFPPC_*: the same bits in 1.0 and 1.3; those that only 1.0 has are marked.
inline constexpr std::uint32_t kPortDown = 1 << 0;
inline constexpr std::uint32_t kPortNoStp = 1 << 1;  // 1.0
inline constexpr std::uint32_t kPortNoRecv = 1 << 2;
inline constexpr std::uint32_t kPortNoRecvStp = 1 << 3;  // 1.0
inline constexpr std::uint32_t kPortNoFlood = 1 << 4;    // 1.0
inline constexpr std::uint32_t kPortNoFwd = 1 << 5;
inline constexpr std::uint32_t kPortNoPacketIn = 1 << 6;
// What set_port_config() must honour.
inline constexpr std::uint32_t kPortConfigSupported =
    kPortDown | kPortNoRecv | kPortNoRecvStp | kPortNoFlood | kPortNoFwd | kPortNoPacketIn;

// OFPPS_* of 1.3.
inline constexpr std::uint32_t kPortLinkDown = 1 << 0;
inline constexpr std::uint32_t kPortBlocked = 1 << 1;
inline constexpr std::uint32_t kPortLive = 1 << 2;

struct PortInfo {
  flow::PortNo number = 0;
  std::string name;  // at most 15 characters reach a controller
  MacAddress mac;
  std::uint32_t config = 0;  // kPortDown…
  std::uint32_t state = 0;   // kPortLinkDown…
  // OFPPF_* with the bits of 1.3.
  std::uint32_t current = 0;
  std::uint32_t advertised = 0;
  std::uint32_t supported = 0;
  std::uint32_t peer = 0;
  std::uint32_t current_speed_kbps = 0;
  std::uint32_t max_speed_kbps = 0;
  bool operator==(const PortInfo&) const = default;
};

// A counter that a port does not have is all ones, as OpenFlow wants it.
inline constexpr std::uint64_t kCounterUnknown = ~std::uint64_t{0};
struct PortCounters {
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_dropped = 0;
  std::uint64_t tx_dropped = 0;
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_errors = 0;
  std::uint64_t rx_frame_errors = kCounterUnknown;
  std::uint64_t rx_overruns = kCounterUnknown;
  std::uint64_t rx_crc_errors = kCounterUnknown;
  std::uint64_t collisions = kCounterUnknown;
  Duration age{};  // since the port was added
};

struct TableCounters {
  std::uint64_t lookups = 0;
  std::uint64_t matched = 0;
};

// What the datapath can do. Requests for anything else get the specification's error, and table
// features list just this. Groups and meters are not among it.
struct Abilities {
  std::uint32_t actions = 0;       // bit per action type of OpenFlow 1.3
  std::uint64_t match_fields = 0;  // bit per flow::FieldId
  std::uint64_t set_fields = 0;    // bit per flow::FieldId
  bool operator==(const Abilities&) const = default;
};
// All that flow/ knows, PBB included, without groups.
Abilities all_abilities();

struct SwitchFacts {
  std::uint64_t datapath_id = 0;
  std::string manufacturer;
  std::string hardware;
  std::string software;
  std::string serial_number;
  std::string datapath_description;
  Abilities abilities = all_abilities();
};

// What becomes of IPv4 and IPv6 fragments (OFPC_FRAG_*; kNormal is the default).
enum class FragmentMode : std::uint8_t { kNormal = 0, kDrop = 1 };

// What a packet gets that no rule of a table matches.
enum class TableMiss : std::uint8_t {
  kDrop,      // OpenFlow 1.3
  kPacketIn,  // OpenFlow 1.0
};

// Control lcore only. Nothing here may block.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const SwitchFacts& facts() const = 0;

  // In ascending order of their numbers (LOCAL is the last).
  virtual std::vector<PortInfo> ports() const = 0;
  virtual std::optional<PortInfo> port(flow::PortNo number) const = 0;
  // As last read; zeroes if there is no such.
  virtual PortCounters port_counters(flow::PortNo number) const = 0;
  // Has the counters of all ports read once more, which may take a driver milliseconds. True of
  // have_port_counters(what this returns): port_counters() gives them. As with a fence, whoever
  // waits asks.
  virtual std::uint64_t ask_port_counters() = 0;
  virtual bool have_port_counters(std::uint64_t asked) const = 0;
  // Sets the bits of `config` that are set in `mask`. A filter in software: never stops a device.
  // Must not call SwitchAgent::port_changed() for it: the agent announces the change itself.
  virtual Expected<void> set_port_config(flow::PortNo number, std::uint32_t config,
                                         std::uint32_t mask) = 0;

  virtual TableCounters table_counters(std::uint8_t table_id) const = 0;

  // Runs the actions on a copy of the frame; TABLE sends it through the pipeline from table 0. The
  // frame is longer than an Ethernet header; in_port exists or is kPortController, kPortLocal,
  // kPortNone.
  virtual Expected<void> packet_out(std::span<const std::byte> frame, flow::PortNo in_port,
                                    const flow::ActionList& actions) = 0;

  virtual void set_fragment_mode(FragmentMode mode) = 0;
  // Called when it changes. Until the first call: kDrop.
  virtual void set_table_miss(TableMiss miss) = 0;
};

}  // namespace lifeline::ofagent
