// Which subtable alone has changed of late, and since when. Internal to the tables.
//
// Controllers change many rules of one kind in a row: of one subtable. A reader that knows it, once
// per loop, proves a cached decision with one load (Tables::recent()), whatever tables there are.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

#include "table/change_hint.h"
#include "table/change_marks.h"
#include "table/subtable.h"

namespace lifeline::table {

// Written by the writer; recent() by any online reader, lock-free. `since_` never falls and is
// stored before the subtable that it is about: a reader that takes them the other way round may
// find it too late, and prove less, never too early.
class RecentChange {
 public:
  // -- readers
  Recent recent() const {
    const Subtable* subtable = subtable_.load(std::memory_order_acquire);
    if (subtable == nullptr) return {};
    return {since_.load(std::memory_order_relaxed), subtable->number(), subtable->marks()};
  }

  // -- the writer
  // A number for a subtable that no other has or will have.
  std::uint32_t take_number() {
    // Four thousand million later numbers would come again: from there on, no hints.
    return next_number_ == ChangeHint::kNoSubtable ? next_number_ : next_number_++;
  }
  // After the subtable has marked it.
  void changed(const Subtable* subtable) {
    if (subtable_.load(std::memory_order_relaxed) == subtable) return;
    forget();
    subtable_.store(subtable, std::memory_order_release);
  }
  // Everything may have changed at `version`.
  void touched(std::uint64_t version) { not_before(version); }
  // Before the subtable is retired.
  void forget(const Subtable* subtable) {
    if (subtable_.load(std::memory_order_relaxed) == subtable) forget();
  }

 private:
  void forget() {
    const Subtable* subtable = subtable_.load(std::memory_order_relaxed);
    if (subtable != nullptr) not_before(subtable->last_change());
    subtable_.store(nullptr, std::memory_order_relaxed);
  }
  void not_before(std::uint64_t version) {
    since_.store(std::max(version, since_.load(std::memory_order_relaxed)),
                 std::memory_order_relaxed);
  }

  std::atomic<const Subtable*> subtable_{nullptr};
  std::atomic<std::uint64_t> since_{0};
  std::uint32_t next_number_ = 0;
};

}  // namespace lifeline::table
