// A ring of packet copies of any length between two lcores: for captures.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

namespace lifeline::datapath {

struct CapturedPacket {
  std::uint64_t tsc = 0;
  std::uint32_t original_bytes = 0;
  std::span<const std::byte> data;  // valid until it is popped
};

// One producer, one consumer. Positions only grow; each side writes its own and reads the other's.
// A record lies in one piece: what is too short for it before the end is skipped.
class PacketRing {
 public:
  // calloc takes fresh zero pages, so that a ring costs nothing before packets come.
  explicit PacketRing(std::uint32_t bytes)
      : bytes_(std::bit_ceil(bytes)), memory_(static_cast<std::byte*>(std::calloc(bytes_, 1))) {}
  bool ok() const { return memory_ != nullptr; }

  // Keeps at most `snap_bytes` of the packet. False: no room, nothing stored.
  bool push(const rte_mbuf* m, std::uint32_t snap_bytes, std::uint64_t tsc) {
    const std::uint32_t captured = std::min(rte_pktmbuf_pkt_len(m), snap_bytes);
    const std::uint64_t need = sizeof(Header) + ((captured + 7u) & ~7u);
    std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t to_end = bytes_ - (tail & (bytes_ - 1));
    const std::uint64_t skip = need > to_end ? to_end : 0;
    if (tail + skip + need - head_.load(std::memory_order_acquire) > bytes_) return false;
    if (skip != 0) {
      const std::uint32_t marker = kSkip;
      std::memcpy(at(tail), &marker, sizeof marker);
      tail += skip;
    }
    const Header header{.captured = captured, .original = rte_pktmbuf_pkt_len(m), .tsc = tsc};
    std::memcpy(at(tail), &header, sizeof header);
    std::byte* to = at(tail) + sizeof header;
    std::uint32_t left = captured;
    for (const rte_mbuf* s = m; s != nullptr && left != 0; s = s->next) {
      const std::uint32_t n = std::min<std::uint32_t>(left, rte_pktmbuf_data_len(s));
      std::memcpy(to, rte_pktmbuf_mtod(s, const void*), n);
      to += n;
      left -= n;
    }
    tail_.store(tail + need, std::memory_order_release);
    return true;
  }

  std::optional<CapturedPacket> front() {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return std::nullopt;
    std::uint32_t captured;
    std::memcpy(&captured, at(head), sizeof captured);
    if (captured == kSkip) {
      head += bytes_ - (head & (bytes_ - 1));
      head_.store(head, std::memory_order_release);
    }
    Header header;
    std::memcpy(&header, at(head), sizeof header);
    return CapturedPacket{.tsc = header.tsc,
                          .original_bytes = header.original,
                          .data = {at(head) + sizeof header, header.captured}};
  }
  // After a front() that gave one.
  void pop() {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    std::uint32_t captured;
    std::memcpy(&captured, at(head), sizeof captured);
    head_.store(head + sizeof(Header) + ((captured + 7u) & ~7u), std::memory_order_release);
  }

 private:
  // Records begin at multiples of 8, so that there is always room for a marker.
  struct Header {
    std::uint32_t captured;  // kSkip: the next record is at the start of the ring
    std::uint32_t original;
    std::uint64_t tsc;
  };
  static constexpr std::uint32_t kSkip = 0xffffffff;
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };

  std::byte* at(std::uint64_t position) { return memory_.get() + (position & (bytes_ - 1)); }

  std::uint64_t bytes_;
  std::unique_ptr<std::byte[], Free> memory_;
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
};

}  // namespace lifeline::datapath
