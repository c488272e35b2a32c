// The mempools of PortSet: who takes mbufs from where, and how many there are.
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/log.h"
#include "port/device_thread.h"
#include "port/ethdev_port.h"
#include "port/port_set.h"

namespace lifeline::port {
namespace {

constexpr std::uint32_t kMinRoomBytes = 2048;
constexpr std::uint32_t kCacheMbufs = 256;        // per lcore; RTE_MEMPOOL_CACHE_MAX_SIZE is 512
constexpr std::uint32_t kWorkersInExtra = 2;      // whose rings extra_mbufs covers
constexpr std::uint32_t kTxBufferMbufs = 2 * 64;  // of a lane for each port
constexpr std::uint32_t kControlQueueExtraMbufs = 1024;
constexpr unsigned kMostWaitShift = 6;  // 64 link refreshes

}  // namespace

// No cache: a few mbufs at a time, and a cache on a worker would hide them from the control lcore.
Expected<MempoolPtr> PortSet::make_control_pool(std::uint32_t sent_mbufs) const {
  return make_pool("control", config_.control_mbufs + sent_mbufs, 0,
                   std::max(config_.mbuf_bytes, kMinRoomBytes), SOCKET_ID_ANY);
}

void PortSet::use_control_pool(MempoolPtr pool) {
  old_control_pools_.push_back(std::exchange(control_pool_, std::move(pool)));
  publish(copy_view());
}

// For ports that have come. Until a larger pool is there, some milliseconds later, the one before
// is used.
void PortSet::make_more_room() {
  if (thread_ == nullptr) return;
  const std::uint32_t needed = tx_descriptors_total();
  for (std::size_t i = 0; i < sent_pools_.size(); ++i) {
    GrowingPool& growing = sent_pools_[i];
    if (growing.is_being_made || needed <= growing.pool.room) continue;
    if (growing.wait_rounds != 0) {
      --growing.wait_rounds;
      continue;
    }
    // Twice: so that ports that come one by one do not each cost a pool.
    make_larger(i, 2 * needed);
  }
}

void PortSet::make_larger(std::size_t i, std::uint32_t sent_mbufs) {
  sent_pools_[i].is_being_made = true;
  thread_->post([make = sent_pools_[i].pool.make, sent_mbufs] { return make(sent_mbufs); },
                [this, i, sent_mbufs](Expected<MempoolPtr> made) {
                  GrowingPool& growing = sent_pools_[i];
                  growing.is_being_made = false;
                  if (made) {
                    growing.pool.room = sent_mbufs;
                    growing.failures = growing.wait_rounds = 0;
                    growing.pool.use(std::move(*made));
                    make_more_room();
                    return;
                  }
                  growing.wait_rounds = 1u << std::min(growing.failures, kMostWaitShift);
                  if (growing.failures++ == 0)
                    log::warn("port",
                              "ports were added, and {} has no more buffers: {}; it is tried again",
                              growing.pool.owner, made.error().message);
                });
}

std::uint32_t PortSet::tx_descriptors_total() const {
  std::uint32_t n = 0;
  for (const auto& port : ports_) n += port->tx_descriptors();
  for (const auto& absent : absent_tx_descriptors_) {
    const auto is_here = [&](const auto& port) { return port->spec().name == absent.first; };
    if (std::none_of(ports_.begin(), ports_.end(), is_here)) n += absent.second;
  }
  return n;
}

void PortSet::reclaim_sent() const {
  for (const auto& port : ports_) {
    const TxPath path = view()->entries[port->index].tx[sync::kControlSlot];
    // -ENOTSUP: then the pools' size has to do.
    if (path.owner_slot == sync::kControlSlot)
      rte_eth_tx_done_cleanup(port->ethdev_id(), path.queue, 0);
  }
}

Expected<rte_mempool*> PortSet::make_data_pool(int socket,
                                               const std::vector<const EthdevPort*>& ports) {
  std::uint32_t n = config_.extra_mbufs;
  std::uint32_t room = std::max(config_.mbuf_bytes, kMinRoomBytes);
  for (const EthdevPort* port : ports) {
    const auto counts = port->queues(config_.n_slots);
    if (!counts) return tl::make_unexpected(counts.error());
    n += port->mbufs_wanted(*counts);
    room = std::max(room, (port->mbuf_bytes_wanted() + 63u) & ~63u);
  }
  const std::uint32_t n_workers = config_.n_slots - 1;
  n += (std::max(n_workers, kWorkersInExtra) - kWorkersInExtra) * config_.ring_mbufs_per_worker;
  // In the lanes' TX buffers, those of hidden rules included.
  n += config_.n_slots * kTxBufferMbufs * static_cast<std::uint32_t>(ports.size());
  // A cache holds up to 1.5 times its size, and none of it is of use to another lcore.
  n += config_.n_slots * kCacheMbufs * 3 / 2;
  auto pool = make_pool(data_pools_.empty() ? "data" : "later", n, kCacheMbufs, room, socket);
  if (!pool) return tl::make_unexpected(pool.error());
  data_pools_.push_back({std::move(*pool), socket});
  if (data_pool_ == nullptr) data_pool_ = data_pools_.front().pool.get();
  return data_pools_.back().pool.get();
}

// One for each NUMA node; at least one.
Expected<void> PortSet::make_data_pools(const std::vector<std::unique_ptr<EthdevPort>>& ports) {
  std::map<int, std::vector<const EthdevPort*>> by_socket;
  for (const auto& port : ports) by_socket[port->socket_id()].push_back(port.get());
  // Virtual devices without a node share the first node's pool: another would hold extra_mbufs
  // twice.
  if (const auto none = by_socket.find(SOCKET_ID_ANY);
      none != by_socket.end() && by_socket.size() > 1) {
    auto& first = std::next(none)->second;
    first.insert(first.end(), none->second.begin(), none->second.end());
    by_socket.erase(none);
  }
  if (by_socket.empty()) by_socket[SOCKET_ID_ANY];
  for (const auto& [socket, its_ports] : by_socket)
    if (auto made = make_data_pool(socket, its_ports); !made)
      return tl::make_unexpected(made.error());
  return {};
}

rte_mempool* PortSet::pool_on(int socket) const {
  for (const DataPool& one : data_pools_)
    if (one.socket == socket) return one.pool.get();
  return data_pool_;
}

// nullptr: none on its NUMA node has room for it.
Expected<rte_mempool*> PortSet::pool_for(const EthdevPort& port) {
  const auto counts = port.queues(config_.n_slots);
  if (!counts) return tl::make_unexpected(counts.error());
  const std::uint32_t want = port.mbufs_wanted(*counts);
  const int socket = port.socket_id();
  const auto fits = [&](const DataPool& one) {
    rte_mempool* const pool = one.pool.get();
    // A port that was here before finds the room that was made for it, but for what is still on its
    // way: it does not get a new pool each time that it comes back.
    const auto had = had_pool_.find(port.spec().name);
    const bool its_own = had != had_pool_.end() && had->second == pool;
    const std::uint32_t spare = its_own ? 0 : config_.extra_mbufs;
    const bool is_near =
        one.socket == socket || one.socket == SOCKET_ID_ANY || socket == SOCKET_ID_ANY;
    return is_near && rte_mempool_avail_count(pool) >= want + spare &&
           rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM >=
               static_cast<int>(port.mbuf_bytes_wanted());
  };
  const auto found = std::find_if(data_pools_.begin(), data_pools_.end(), fits);
  return found == data_pools_.end() ? nullptr : found->pool.get();
}

// nullptr: the port gets no control queue, and its status says why.
Expected<rte_mempool*> PortSet::control_queue_pool(EthdevPort& port) {
  std::string& reason = port.status().control_queue_reason;
  reason = config_.control_queues ? port.no_control_queue(config_.n_slots)
                                  : std::string("switched off (offload.enabled)");
  if (!reason.empty()) return nullptr;
  // Its descriptors; what slot 0 has sent and drivers keep until they need the descriptors again;
  // on the way to a worker or the TAP.
  const std::uint32_t n = 3 * port.tx_descriptors() + kControlQueueExtraMbufs;
  const std::uint32_t room = std::max(std::max(config_.mbuf_bytes, kMinRoomBytes),
                                      (port.mbuf_bytes_wanted() + 63u) & ~63u);
  MempoolPtr& pool = control_queue_pools_[port.spec().name];
  if (pool.get() == nullptr) {
    auto made = make_pool("ctlq", n, 0, room, port.socket_id());
    if (!made) return tl::make_unexpected(made.error());
    pool = std::move(*made);
  }
  return pool.get();
}

}  // namespace lifeline::port
