// Changes to a packet's headers, checksums included: set-field, push and pop, TTLs.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "datapath/ops.h"
#include "packet/flow_key.h"
#include "packet/parse.h"

namespace lifeline::datapath {

// Longest frame that is parsed; also the size of a slot's scratch memory.
inline constexpr std::size_t kMaxFrameBytes = 65'535;

enum class RewriteResult : std::uint8_t {
  kDone,        // or nothing to do: the packet lacks the header
  kInvalidTtl,  // a decrement that would reach zero; the packet is unchanged
  kNoRoom,      // no headroom, or the headers do not lie in the first segment
};

// The frame as one span: its own memory if it is one segment, else a copy in `scratch`
// (kMaxFrameBytes). Empty if it is longer than that.
std::span<const std::byte> linear(const rte_mbuf* m, std::byte* scratch);

// A gap of `bytes` at `offset`, which lies in the first segment, as do those in front of it. False:
// no headroom, nothing has changed.
bool insert_bytes(rte_mbuf* m, std::uint32_t offset, std::uint32_t bytes);
// The opposite; what was a whole frame is padded to be one again.
void erase_bytes(rte_mbuf* m, std::uint32_t offset, std::uint32_t bytes);

// Edits one packet. Where its headers lie is found once and again after each push or pop.
class Editor {
 public:
  Editor(rte_mbuf* m, std::byte* scratch) : m_(m), scratch_(scratch) {}

  // `op` is a rewriting operation, `data` the words behind it.
  RewriteResult apply(Op op, const std::uint64_t* data);

 private:
  bool locate();  // fills key_ and layers_; false if the headers cannot be reached
  std::uint8_t* at(std::uint32_t offset) const {
    return rte_pktmbuf_mtod_offset(m_, std::uint8_t*, offset);
  }
  std::uint32_t payload_offset() const;  // behind Ethernet header and VLAN tags
  RewriteResult insert(std::uint32_t offset, std::uint32_t bytes);
  void erase(std::uint32_t offset, std::uint32_t bytes);

  RewriteResult set_field(Op op, const std::uint64_t* data);
  void set_ip_field(Op op, const std::uint8_t* value);
  void set_transport_field(Op op, const std::uint8_t* value);
  void set_arp_field(Op op, const std::uint8_t* value);
  void set_nd_field(Op op, const std::uint8_t* value);
  void set_mpls_field(Op op, const std::uint8_t* value);
  // Writes `n` bytes (even offset, even n, or within one word) and brings the checksums up to date.
  void write_ipv4(std::uint32_t offset, const void* bytes, std::uint32_t n, bool pseudo_header);
  void write_transport(std::uint32_t offset, const void* bytes, std::uint32_t n);
  std::uint8_t* transport_checksum() const;  // nullptr: none, or SCTP's
  void update_checksum(std::uint8_t* field, const std::uint8_t* before, const std::uint8_t* after,
                       std::uint32_t n, bool udp);
  void finish_sctp();

  RewriteResult set_vlan10(Op op);
  RewriteResult push_vlan(std::uint16_t tpid);
  RewriteResult pop_vlan();
  RewriteResult push_mpls(std::uint16_t eth_type);
  RewriteResult pop_mpls(std::uint16_t eth_type);
  RewriteResult push_pbb();
  RewriteResult pop_pbb();
  RewriteResult ttl(Op op);
  void copy_ttl(bool outwards);
  // The TTL byte of the outermost (level 0) or next (level 1) header that has one; nullptr if none.
  std::uint8_t* ttl_byte(int level, std::uint32_t* ipv4_offset);
  void store_ttl(std::uint8_t* byte, std::uint8_t value, std::uint32_t ipv4_offset);

  rte_mbuf* m_;
  std::byte* scratch_;
  bool located_ = false;
  packet::FlowKey key_;
  packet::Layers layers_;
};

}  // namespace lifeline::datapath
