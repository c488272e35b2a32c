// The bundles of one connection: requests that a controller collects in the switch, to be done all
// or none (EXT-230). Internal to ofagent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "openflow/protocol.h"

namespace lifeline::ofagent {

// Messages are kept as they came, many to a piece of memory: small, and freed quickly. All of them
// have been decoded and found sound once.
class Bundle {
 public:
  explicit Bundle(std::uint16_t flags_in) : flags(flags_in) {}

  void add(openflow::BytesView message);
  bool empty() const { return chunks_.empty(); }
  // The oldest message; valid until pop().
  openflow::BytesView front() const;
  void pop();
  std::size_t size_bytes() const { return size_bytes_; }

  const std::uint16_t flags;
  bool is_closed = false;

 private:
  static constexpr std::size_t kChunkBytes = 64 * 1024;
  std::deque<openflow::Bytes> chunks_;
  std::size_t front_begin_ = 0;  // bytes of chunks_.front() that are taken
  std::size_t size_bytes_ = 0;   // of all that were added
};

// Bounds of what one connection may leave in the switch's memory: 100 000 flow_mods are some 15
// MiB.
inline constexpr std::size_t kMaxBundles = 16;
inline constexpr std::size_t kMaxBundleBytes = 128u << 20;

using Bundles = std::map<std::uint32_t, Bundle>;

}  // namespace lifeline::ofagent
