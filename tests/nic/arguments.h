// The device's arguments: `net_testnic0,live=net_tap0,profile=mlx5,gen=arp,rate=100000`.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>

#include "profile.h"

namespace testnic {

enum class Source : std::uint8_t {
  kNone,
  kFlows,     // `flows` known UDP flows in turn
  kNewFlows,  // UDP, addresses and ports random: every packet a new flow
  kArp,       // broadcast requests of random senders
  kSyn,       // TCP SYN of random senders to dst_ip:dst_port
  kUnknown,   // UDP to random unicast MAC addresses
  kPcap,      // the packets of a file, again and again
};

struct GeneratorArguments {
  Source source = Source::kNone;
  std::string pcap;
  std::uint64_t rate = 0;   // packets per second; 0: as many as are taken
  std::uint64_t count = 0;  // stop after so many; 0: never
  std::uint16_t size = 60;  // bytes of a frame without FCS, 60 to 1514
  std::uint32_t flows = 1000;
  std::array<std::uint8_t, 6> dst_mac{0x02, 0, 0, 0, 0, 0x02};
  std::array<std::uint8_t, 6> src_mac{0x02, 0, 0, 0, 0, 0x01};
  std::uint32_t dst_ip = 0x0a090002;  // host byte order; 10.9.0.2
  std::uint32_t src_ip = 0x0a080000;  // the first of kFlows
  std::uint16_t dst_port = 9;
  std::uint64_t seed = 1;
};

struct Arguments {
  std::string live;   // an ethdev that exists
  std::string iface;  // or: an af_packet device is made on this interface
  const Profile* profile = nullptr;
  std::uint32_t capacity = 0;         // 0: the profile's
  std::string record;                 // a file that gets a line when the NIC is closed
  std::uint16_t queues = 16;          // most RX (and TX) queues
  std::array<std::uint8_t, 6> mac{};  // all zero: the live port's, or made from the name
  GeneratorArguments generator;
};

// Error: what is wrong and what would be right.
std::variant<Arguments, std::string> parse_arguments(const std::string& text);
// The keys of the generator only, separated by ',' or ';'; the others stay as in `from`.
std::variant<GeneratorArguments, std::string> parse_generator(const std::string& text,
                                                              GeneratorArguments from);

}  // namespace testnic
