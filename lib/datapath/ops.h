// Compiled operations: what translate() makes of rules and execute() runs on packets.
//
// A decision is a straight list of 8-byte words; an operation is one word, some are followed by
// data words (a 16-byte field value; cookie and metadata of an upcall). No pointers: a list is
// copied into the exact-match table and stays valid when the rules it came from are gone.
#pragma once

#include <bit>
#include <cstdint>

namespace lifeline::datapath {

enum class OpCode : std::uint8_t {
  kDrop,          // b = DropReason; ends the list
  kOutput,        // a = index in the port view, b = port number
  kLocal,         // to the local port
  kNormal,        // FDB lookup of this very packet
  kFlood,         // every port but the ingress port and NO_FLOOD ports
  kAll,           // every port but the ingress port
  kTable,         // packet-out only: through the tables, as if it had come in
  kUpcall,        // a = PacketInReason, b = max_len, c = table id; data: cookie, metadata
  kDhcpGuard,     // deliver to LOCAL if it is our DHCP reply
  kNextHopGuard,  // deliver to LOCAL, rate-limited
  kPathMtuGuard,  // deliver to LOCAL if it is about our control connection, rate-limited
  kStrict,        // drop unless it goes where it is known to belong
  kCount,         // b = DropReason: counts, and goes on
  kNdGuard,       // a = NdGuard: deliver to LOCAL if it is that
  kRelay,         // a = Relay: first of all; NORMAL in place of all that follows if it is that
  // -- rewriting
  kSetField,      // a = flow::FieldId; data: the 16 bytes of flow::FieldValue
  kSetVlanVid10,  // b = VID; pushes a tag where there is none
  kSetVlanPcp10,  // b = PCP
  kPushVlan,      // b = TPID
  kPopVlan,
  kPushMpls,  // b = ether type
  kPopMpls,   // b = ether type of what is inside
  kPushPbb,
  kPopPbb,
  kSetMplsTtl,  // b = TTL
  kDecMplsTtl,  // c = table id; data: cookie, metadata (of the packet-in for an invalid TTL)
  kSetIpTtl,    // b = TTL
  kDecIpTtl,    // c = table id; data: cookie, metadata
  kCopyTtlOut,
  kCopyTtlIn,
};

// What a kNdGuard looks for (nd_guard.h).
enum class NdGuard : std::uint8_t { kDhcpv6, kSolicitation, kRouter };

// What a kRelay looks for (relay.h).
enum class Relay : std::uint8_t {
  kDhcpRequest,
  kDhcpReply,
  kDhcpv6Request,
  kDhcpv6Reply,
  kRouterAdvertisement,
};

inline constexpr std::uint8_t kOpLast = 1;    // nothing after it needs the packet: hand it over
inline constexpr std::uint8_t kOpHidden = 2;  // by a hidden rule: no port flag applies

struct Op {
  OpCode code = OpCode::kDrop;
  std::uint8_t flags = 0;  // kOp*
  std::uint8_t a = 0;
  std::uint8_t data_words = 0;  // how many words of data follow
  std::uint16_t b = 0;
  std::uint16_t c = 0;

  std::uint64_t word() const { return std::bit_cast<std::uint64_t>(*this); }
  static Op from_word(std::uint64_t w) { return std::bit_cast<Op>(w); }
};
static_assert(sizeof(Op) == 8);

constexpr bool is_rewrite(OpCode code) { return code >= OpCode::kSetField; }
// Adds or removes headers, so that the flow key afterwards may depend on more than the key before.
constexpr bool is_structural(OpCode code) {
  return code >= OpCode::kSetVlanVid10 && code <= OpCode::kPopPbb;
}

}  // namespace lifeline::datapath
