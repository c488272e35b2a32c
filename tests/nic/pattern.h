// An rte_flow rule as drivers read it: items with their mask applied, the actions summed up.
#pragma once

#include <rte_flow.h>

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace testnic {

// What a driver says when it refuses: rte_flow_error_set()'s arguments.
struct Refusal {
  int error;  // positive errno
  rte_flow_error_type type;
  const char* message;
  const void* cause = nullptr;
};

enum class Layer : std::uint8_t {
  kEth,    // 14 bytes: the header
  kVlan,   // 4 bytes: TCI, inner ether type
  kArp,    // 28 bytes of ARP for IPv4 over Ethernet
  kIpv4,   // 20
  kIpv6,   // 40
  kTcp,    // 20
  kUdp,    // 8
  kSctp,   // 12
  kIcmp,   // 8
  kIcmp6,  // 24: type, code, checksum, 4 bytes, the target of neighbour discovery
};

constexpr std::uint32_t kMaxItemBytes = 40;

// Byte ranges of the headers, as rte_flow items have them.
struct Field {
  std::uint8_t offset, bytes;
};
namespace field {
constexpr Field kEthDst{0, 6}, kEthSrc{6, 6}, kEthType{12, 2};
constexpr Field kVlanTci{0, 2}, kVlanInnerType{2, 2};
constexpr Field kIpv4Tos{1, 1}, kIpv4Fragment{6, 2}, kIpv4Ttl{8, 1}, kIpv4Proto{9, 1},
    kIpv4Src{12, 4}, kIpv4Dst{16, 4};
constexpr Field kIpv6Flow{0, 4}, kIpv6Proto{6, 1}, kIpv6Hop{7, 1}, kIpv6Src{8, 16},
    kIpv6Dst{24, 16};
constexpr Field kSrcPort{0, 2}, kDstPort{2, 2}, kTcpFlags{13, 1};
constexpr Field kIcmpType{0, 1}, kIcmpCode{1, 1}, kNdTarget{8, 16};
constexpr Field kArpAll{0, 28};
}  // namespace field

enum class Cover : std::uint8_t { kNone, kPart, kFull };

struct Item {
  Layer layer = Layer::kEth;
  std::uint8_t bytes = 0;
  bool has_spec = false;
  bool has_mask = false;
  bool range = false;                               // `last` differs from `spec`
  std::array<std::uint8_t, kMaxItemBytes> value{};  // not masked: some drivers forget to
  std::array<std::uint8_t, kMaxItemBytes> bits{};   // 0 everywhere when there is no spec
  const rte_flow_item* source = nullptr;

  Cover cover(Field f) const;
  // No bit set outside these fields.
  bool only(std::initializer_list<Field> fields) const;
  bool empty() const { return only({}); }
  std::uint16_t be16(Field f) const {
    return static_cast<std::uint16_t>(value[f.offset] << 8 | value[f.offset + 1u]);
  }
  void clear(Field f);
  void set_full(Field f);
};

using Pattern = std::vector<Item>;

enum class Fate : std::uint8_t { kNone, kDrop, kQueue, kRss, kPassthru };

struct Actions {
  Fate fate = Fate::kNone;
  std::uint16_t queue = 0;
  std::vector<std::uint16_t> rss_queues;
  bool count = false;
  std::optional<std::uint32_t> mark;
  std::uint32_t n_actions = 0;
  std::uint32_t n_fates = 0;
  const rte_flow_action* unknown = nullptr;  // one that no profile has
};

// A pattern of items that no profile has is refused here, with the words that most drivers use.
std::variant<Pattern, Refusal> read_pattern(const rte_flow_item* items);
Actions read_actions(const rte_flow_action* actions);

}  // namespace testnic
