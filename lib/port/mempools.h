// The mbuf pools. What carries control is never short because data is plenty: frames from the data
// ports, copies for the control lcore and frames read from the TAP come from pools of their own.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>
#include <map>
#include <string>

#include "base/expected.h"

namespace lifeline::port {

// Private area of each mbuf of each pool, for the datapath's metadata of upcalls.
inline constexpr std::uint16_t kMbufPrivBytes = 64;

template <class T>
T* mbuf_private(rte_mbuf* m) {
  // NOLINTNEXTLINE(misc-redundant-expression): both sides are 8 for some T only
  static_assert(sizeof(T) <= kMbufPrivBytes && alignof(T) <= 8);
  return static_cast<T*>(rte_mbuf_to_priv(m));
}

// Frees with rte_mempool_free. All mbufs must have come back before.
class MempoolPtr {
 public:
  MempoolPtr() = default;
  explicit MempoolPtr(rte_mempool* pool) : pool_(pool) {}
  MempoolPtr(MempoolPtr&& o) noexcept : pool_(o.pool_) { o.pool_ = nullptr; }
  MempoolPtr& operator=(MempoolPtr&& o) noexcept;
  MempoolPtr(const MempoolPtr&) = delete;
  MempoolPtr& operator=(const MempoolPtr&) = delete;
  ~MempoolPtr() { rte_mempool_free(pool_); }
  rte_mempool* get() const { return pool_; }

 private:
  rte_mempool* pool_ = nullptr;
};

// One pool. `data_room_bytes` is what a frame may fill of one mbuf; headroom is added. `name` is
// made unique in the process. The error names the memory that was wanted and how to give it.
Expected<MempoolPtr> make_pool(const std::string& name, std::uint32_t n_mbufs,
                               std::uint32_t cache_mbufs, std::uint32_t data_room_bytes,
                               int socket_id);

}  // namespace lifeline::port
