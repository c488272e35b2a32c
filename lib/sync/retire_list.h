// Objects that were unlinked and wait for their grace period.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <type_traits>
#include <utility>

#include "sync/qsbr.h"

namespace lifeline::sync {

// First in, first out. Not thread-safe: one writer (the control lcore) retires and reclaims;
// readers never touch it. Nothing here waits: what is not due stays.
class RetireList {
 public:
  explicit RetireList(Qsbr& qsbr) : qsbr_(qsbr) {}
  // As drain().
  ~RetireList() { drain(); }
  RetireList(const RetireList&) = delete;
  RetireList& operator=(const RetireList&) = delete;

  // Runs `free_it(context, object)` on the control lcore after a grace period that starts now.
  using Fn = void (*)(void* context, void* object);
  void retire(Fn free_it, void* context, void* object);

  // Deletes the object after a grace period.
  template <class T>
  void retire(std::unique_ptr<T> object) {
    if (!object) return;
    using Plain = std::remove_const_t<T>;
    retire([](void*, void* p) { delete static_cast<Plain*>(p); }, nullptr,
           const_cast<Plain*>(object.release()));
  }

  // Calls a (move-only) callable after a grace period; it may retire more.
  template <class F>
  void retire_call(F f) {
    retire(
        [](void*, void* p) {
          std::unique_ptr<F> call{static_cast<F*>(p)};
          (*call)();
        },
        nullptr, new F{std::move(f)});
  }

  // Runs up to `max` entries whose grace period has passed; returns how many ran. Called once per
  // control loop; bounded by `max`, so that a mass delete does not hold up control packets.
  std::size_t reclaim(std::size_t max = 256);

  // Runs everything now, whatever the readers do: only when none is online any more (at the end).
  void drain();

  std::size_t pending() const { return entries_.size(); }
  std::uint64_t reclaimed() const { return reclaimed_; }  // in total

 private:
  struct Entry {
    Qsbr::Token token;
    Fn free_it;
    void* context;
    void* object;
  };
  void run_front();

  Qsbr& qsbr_;
  std::deque<Entry> entries_;
  std::uint64_t reclaimed_ = 0;
};

}  // namespace lifeline::sync
