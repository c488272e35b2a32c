#include <cstdlib>
#include <new>

#include "sync/qsbr.h"
#include "sync/retire_list.h"
#include "sync/spsc_ring.h"

namespace lifeline::sync {

namespace {

// Zero-size-safe, cache-line aligned memory; both rte_ structures ask for that alignment.
void* aligned_memory(std::size_t bytes) {
  const std::size_t rounded = (bytes + RTE_CACHE_LINE_SIZE - 1) & ~std::size_t{RTE_CACHE_LINE_MASK};
  void* p = std::aligned_alloc(RTE_CACHE_LINE_SIZE, rounded);
  if (p == nullptr) throw std::bad_alloc{};
  return p;
}

}  // namespace

Qsbr::Qsbr(SlotId max_slots) : max_slots_(max_slots < 1 ? 1 : max_slots) {
  qsbr_.reset(static_cast<rte_rcu_qsbr*>(aligned_memory(rte_rcu_qsbr_get_memsize(max_slots_))));
  rte_rcu_qsbr_init(qsbr_.get(), max_slots_);
}

void Qsbr::Free::operator()(rte_rcu_qsbr* q) const { std::free(q); }

void Qsbr::register_reader(SlotId slot) { rte_rcu_qsbr_thread_register(qsbr_.get(), slot); }
void Qsbr::unregister_reader(SlotId slot) { rte_rcu_qsbr_thread_unregister(qsbr_.get(), slot); }

void RetireList::drain() {
  while (!entries_.empty()) run_front();
}

void RetireList::retire(Fn free_it, void* context, void* object) {
  entries_.push_back({qsbr_.start(), free_it, context, object});
}

void RetireList::run_front() {
  const Entry e = entries_.front();
  entries_.pop_front();  // first: the call may retire more
  ++reclaimed_;
  e.free_it(e.context, e.object);
}

std::size_t RetireList::reclaim(std::size_t max) {
  std::size_t done = 0;
  Qsbr::Token settled = 0;
  for (; done < max && !entries_.empty(); ++done) {
    const Qsbr::Token token = entries_.front().token;
    if (token > settled) {
      if (!qsbr_.passed(token)) break;
      settled = token;
    }
    run_front();
  }
  return done;
}

void RingFree::operator()(rte_ring* ring) const { std::free(ring); }

std::unique_ptr<rte_ring, RingFree> make_spsc_ring(std::uint32_t capacity) {
  const ssize_t bytes = rte_ring_get_memsize(rte_align32pow2(capacity + 1));
  if (bytes <= 0) return nullptr;
  std::unique_ptr<rte_ring, RingFree> ring{
      static_cast<rte_ring*>(aligned_memory(static_cast<std::size_t>(bytes)))};
  if (rte_ring_init(ring.get(), "spsc", capacity,
                    RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ) != 0)
    return nullptr;
  return ring;
}

}  // namespace lifeline::sync
