// Quiescent-state-based reclamation: who may still be looking at what was unlinked.
//
// Readers (workers, and the control lcore where it processes packets itself) say once per loop that
// they hold nothing; a writer takes a token after unlinking and learns, without waiting, when every
// reader has said so since. A thin owner of rte_rcu_qsbr, in heap memory: it needs no EAL.
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <memory>

#include "sync/slot.h"

namespace lifeline::sync {

class Qsbr {
 public:
  using Token = std::uint64_t;

  // `max_slots`: 1..kMaxSlots readers may register.
  explicit Qsbr(SlotId max_slots = kMaxSlots);
  Qsbr(const Qsbr&) = delete;
  Qsbr& operator=(const Qsbr&) = delete;

  SlotId max_slots() const { return max_slots_; }

  // A registered reader starts offline. Registering twice is harmless. Any thread; `slot` below
  // max_slots(). Unregister only what is offline.
  void register_reader(SlotId slot);
  void unregister_reader(SlotId slot);

  // By the reader itself. Between online() and offline() it may hold pointers to published objects,
  // across no quiescent() call. A reader that sleeps goes offline first: nobody waits for it then.
  void online(SlotId slot) { rte_rcu_qsbr_thread_online(qsbr_.get(), slot); }
  void offline(SlotId slot) { rte_rcu_qsbr_thread_offline(qsbr_.get(), slot); }
  void quiescent(SlotId slot) { rte_rcu_qsbr_quiescent(qsbr_.get(), slot); }

  // By a writer: everything unlinked or published before start() is settled once passed(token):
  // each reader has been quiescent or offline since. Tokens grow. Neither call blocks. A writer
  // that is a reader too counts like the others: its token passes after its own quiescent().
  Token start() { return rte_rcu_qsbr_start(qsbr_.get()); }
  bool passed(Token token) { return rte_rcu_qsbr_check(qsbr_.get(), token, false) == 1; }

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* q) const;
  };
  SlotId max_slots_;
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
};

}  // namespace lifeline::sync
