#include "generator.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

namespace testnic {
namespace {

void put16(std::uint8_t* at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

void put32(std::uint8_t* at, std::uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

void ip_checksum(std::uint8_t* ip) {
  put16(ip + 10, 0);
  std::uint32_t sum = 0;
  for (int i = 0; i < 20; i += 2) sum += static_cast<std::uint32_t>(ip[i] << 8 | ip[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  put16(ip + 10, ~sum & 0xffff);
}

constexpr std::size_t kIp = 14, kL4 = 34;
constexpr std::size_t kMostPcapPackets = 1u << 20;

}  // namespace

std::string Generator::start(const GeneratorArguments& arguments, std::uint64_t now_cycles,
                             std::uint64_t cycles_per_second) {
  packets_.clear();
  if (arguments.source == Source::kPcap)
    if (std::string wrong = read_pcap(arguments.pcap); !wrong.empty()) return wrong;
  arguments_ = arguments;
  made_ = 0;
  waiting_ = 0;
  state_ = arguments.seed * 2 + 1;
  last_cycles_ = now_cycles;
  cycles_per_second_ = cycles_per_second;
  build_template();
  return {};
}

std::uint64_t Generator::random() {  // xorshift64*
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 2685821657736338717u;
}

// Classic pcap of Ethernet, either byte order, microseconds or nanoseconds.
std::string Generator::read_pcap(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) return "pcap=" + path + ": cannot be opened";
  std::uint8_t head[24];
  if (std::fread(head, 1, sizeof(head), file.get()) != sizeof(head)) return path + ": too short";
  std::uint32_t magic = 0;
  std::memcpy(&magic, head, 4);
  const bool swapped = magic == 0xd4c3b2a1u || magic == 0x4d3cb2a1u;
  if (!swapped && magic != 0xa1b2c3d4u && magic != 0xa1b23c4du) return path + ": no pcap file";
  const auto number = [swapped](const std::uint8_t* at) {
    std::uint32_t value = 0;
    std::memcpy(&value, at, 4);
    return swapped ? __builtin_bswap32(value) : value;
  };
  if (number(head + 20) != 1) return path + ": not of Ethernet";
  std::uint8_t record[16];
  while (packets_.size() < kMostPcapPackets &&
         std::fread(record, 1, sizeof(record), file.get()) == sizeof(record)) {
    const std::uint32_t bytes = number(record + 8);
    if (bytes > 65535) return path + ": a packet of " + std::to_string(bytes) + " bytes";
    std::vector<std::uint8_t> packet(bytes);
    if (std::fread(packet.data(), 1, bytes, file.get()) != bytes) return path + ": cut off";
    if (bytes >= 14) packets_.push_back(std::move(packet));
  }
  if (packets_.empty()) return path + ": no packets";
  return {};
}

void Generator::build_template() {
  const GeneratorArguments& a = arguments_;
  frame_.assign(a.size, 0);
  std::uint8_t* f = frame_.data();
  std::memcpy(f, a.dst_mac.data(), 6);
  std::memcpy(f + 6, a.src_mac.data(), 6);
  if (a.source == Source::kArp) {
    std::memset(f, 0xff, 6);
    put16(f + 12, 0x0806);
    put16(f + 14, 1);
    put16(f + 16, 0x0800);
    f[18] = 6;
    f[19] = 4;
    put16(f + 20, 1);
    return;
  }
  put16(f + 12, 0x0800);
  std::uint8_t* ip = f + kIp;
  ip[0] = 0x45;
  put16(ip + 2, a.size - 14u);
  ip[8] = 64;
  ip[9] = a.source == Source::kSyn ? 6 : 17;
  put32(ip + 12, a.src_ip);
  put32(ip + 16, a.dst_ip);
  std::uint8_t* l4 = f + kL4;
  put16(l4, 1024);
  put16(l4 + 2, a.dst_port);
  if (a.source == Source::kSyn) {
    l4[12] = 0x50;
    l4[13] = 0x02;
    put16(l4 + 14, 65535);
    // The checksum stays 0: no host is to answer these.
  } else {
    put16(l4 + 4, a.size - static_cast<unsigned>(kL4));
  }
  ip_checksum(ip);
}

std::uint32_t Generator::due(std::uint64_t now_cycles, std::uint32_t most, std::uint32_t room) {
  overrun_ = 0;
  if (arguments_.source == Source::kNone) return 0;
  std::uint64_t n = most;
  if (arguments_.rate != 0) {
    const auto passed = static_cast<double>(now_cycles - last_cycles_);
    const double came =
        passed * static_cast<double>(arguments_.rate) / static_cast<double>(cycles_per_second_);
    waiting_ += came;
    if (waiting_ > room) {
      overrun_ = std::min(1.0, (waiting_ - room) / came);
      lost_ += static_cast<std::uint64_t>(waiting_ - room);
      waiting_ = room;
    }
    n = std::min<std::uint64_t>(most, static_cast<std::uint64_t>(waiting_));
  }
  last_cycles_ = now_cycles;
  if (arguments_.count != 0) n = std::min(n, arguments_.count - std::min(made_, arguments_.count));
  if (arguments_.rate != 0) waiting_ -= static_cast<double>(n);
  return static_cast<std::uint32_t>(n);
}

std::uint64_t Generator::take_lost() {
  const std::uint64_t lost = lost_;
  lost_ = 0;
  return lost;
}

std::span<const std::uint8_t> Generator::next() {
  const std::uint64_t n = made_++;
  if (arguments_.source == Source::kPcap) return packets_[n % packets_.size()];
  std::uint8_t* f = frame_.data();
  std::uint8_t* ip = f + kIp;
  const std::uint64_t r = random();
  const auto low = static_cast<std::uint32_t>(r), high = static_cast<std::uint32_t>(r >> 32);
  switch (arguments_.source) {
    case Source::kFlows: {
      const auto flow = static_cast<std::uint32_t>(n % arguments_.flows);
      put32(ip + 12, arguments_.src_ip + (flow >> 8));
      put16(f + kL4, 1024 + (flow & 0xff));
      ip_checksum(ip);
      break;
    }
    case Source::kNewFlows:
      put32(ip + 12, 0x0b000000u | (low & 0x00ffffffu));
      put32(ip + 16, 0x0c000000u | (high & 0x00ffffffu));
      put16(f + kL4, 1024 + (low >> 24));
      put16(f + kL4 + 2, 1024 + (high >> 24));
      ip_checksum(ip);
      break;
    case Source::kArp:
      f[6] = 0x02;
      put32(f + 7, low);
      f[11] = static_cast<std::uint8_t>(high >> 24);
      std::memcpy(f + 22, f + 6, 6);
      put32(f + 28, 0x0b000000u | (high & 0x00ffffffu));
      put32(f + 38, arguments_.dst_ip);
      break;
    case Source::kSyn:
      put32(ip + 12, 0x0b000000u | (low & 0x00ffffffu));
      put16(f + kL4, 1024 + (high & 0x7fff));
      put32(f + kL4 + 4, high);
      ip_checksum(ip);
      break;
    case Source::kUnknown:
      f[0] = 0x02;
      f[1] = 0x77;
      put32(f + 2, low);
      break;
    default: break;
  }
  return frame_;
}

}  // namespace testnic
