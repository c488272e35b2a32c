// Makes the packets of a flood, one at a time, at a rate.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arguments.h"

namespace testnic {

class Generator {
 public:
  // Reads the pcap file, if that is the source. Empty: good. Otherwise what is wrong.
  std::string start(const GeneratorArguments& arguments, std::uint64_t now_cycles,
                    std::uint64_t cycles_per_second);

  // How many packets are due, at most `most`. Those that were due and would not have found room
  // (more than `room` wait) are forgotten, and counted in lost(): a NIC's overrun costs nothing.
  std::uint32_t due(std::uint64_t now_cycles, std::uint32_t most, std::uint32_t room);
  // The next packet; valid until the next call.
  std::span<const std::uint8_t> next();

  const GeneratorArguments& arguments() const { return arguments_; }
  std::uint64_t made() const { return made_; }
  std::uint64_t take_lost();
  // Of what came since the call of due() before the last, the share that was lost. 0 with rate=0.
  double overrun() const { return overrun_; }

 private:
  std::uint64_t random();
  std::string read_pcap(const std::string& path);
  void build_template();

  GeneratorArguments arguments_;
  std::vector<std::uint8_t> frame_;
  std::vector<std::vector<std::uint8_t>> packets_;  // of the pcap file
  std::uint64_t made_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t state_ = 1;
  std::uint64_t last_cycles_ = 0;
  std::uint64_t cycles_per_second_ = 1;
  double overrun_ = 0;
  double waiting_ = 0;  // packets due
};

}  // namespace testnic
