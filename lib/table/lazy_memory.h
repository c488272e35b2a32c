// Memory that costs nothing until it is touched.
#pragma once

#include <cstddef>

namespace lifeline::table {

// Zeroed anonymous memory, aligned to a huge page (2 MiB) and marked for transparent huge pages.
// Given back by the destructor. Allocated by the control lcore; who touches it does not matter.
class LazyMemory {
 public:
  LazyMemory() = default;
  // data() is null if the system has no room for `bytes`. `prefault`: touch it all now.
  LazyMemory(std::size_t bytes, bool prefault);
  ~LazyMemory();
  LazyMemory(LazyMemory&& o) noexcept;
  LazyMemory& operator=(LazyMemory&& o) noexcept;

  void* data() const { return data_; }

 private:
  void* base_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  void* data_ = nullptr;
};

}  // namespace lifeline::table
