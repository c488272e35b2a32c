#include "port/mempools.h"

#include <rte_errno.h>
#include <rte_lcore.h>

#include <atomic>
#include <utility>

#include "base/log.h"

namespace lifeline::port {

MempoolPtr& MempoolPtr::operator=(MempoolPtr&& o) noexcept {
  std::swap(pool_, o.pool_);
  return *this;
}

Expected<MempoolPtr> make_pool(const std::string& name, std::uint32_t n_mbufs,
                               std::uint32_t cache_mbufs, std::uint32_t data_room_bytes,
                               int socket_id) {
  // rte_mempool names are global to the process and at most 25 characters.
  static std::atomic<std::uint32_t> serial{0};
  const std::string unique = fmt::format("{}_{}", name.substr(0, 16), serial++);
  const auto room = static_cast<std::uint16_t>(data_room_bytes + RTE_PKTMBUF_HEADROOM);
  rte_mempool* pool = rte_pktmbuf_pool_create(unique.c_str(), n_mbufs, cache_mbufs, kMbufPrivBytes,
                                              room, socket_id);
  if (pool == nullptr && socket_id != SOCKET_ID_ANY) {
    pool = rte_pktmbuf_pool_create(unique.c_str(), n_mbufs, cache_mbufs, kMbufPrivBytes, room,
                                   SOCKET_ID_ANY);
    if (pool != nullptr)
      log::warn("port",
                "NUMA node {} has no memory for {} mbufs of the {} pool, which is on another: "
                "reserve huge pages there, or give EAL more of them (--socket-mem)",
                socket_id, n_mbufs, name);
  }
  if (pool == nullptr) {
    const std::uint64_t mib =
        (std::uint64_t{n_mbufs} * (sizeof(rte_mbuf) + kMbufPrivBytes + room + 64u) >> 20) + 1;
    return make_error(
        "no memory for {} mbufs of the {} pool, about {} MiB ({}): give DPDK more huge pages, or a "
        "larger -m with --no-huge, or configure fewer descriptors",
        n_mbufs, name, mib, rte_strerror(rte_errno));
  }
  return MempoolPtr(pool);
}

}  // namespace lifeline::port
