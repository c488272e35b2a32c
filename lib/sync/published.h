// A pointer to an immutable object that one writer replaces under many readers.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "sync/retire_list.h"

namespace lifeline::sync {

// Owns the current object. read() from any online reader; the rest by the single writer.
template <class T>
class Published {
 public:
  Published() = default;
  explicit Published(std::unique_ptr<const T> first) : current_(first.release()) {}
  ~Published() { delete current_.load(std::memory_order_relaxed); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Null until the first publish(). Valid until the reader's next quiescent state.
  const T* read() const { return current_.load(std::memory_order_acquire); }

  // Readers see the new object from now on; the old one is deleted after a grace period.
  void publish(std::unique_ptr<const T> next, RetireList& retired) {
    std::unique_ptr<const T> old{current_.exchange(next.release(), std::memory_order_acq_rel)};
    retired.retire(std::move(old));
  }

 private:
  std::atomic<const T*> current_{nullptr};
};

}  // namespace lifeline::sync
