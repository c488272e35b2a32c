#include "table/lazy_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <utility>

namespace lifeline::table {

LazyMemory::LazyMemory(std::size_t bytes, bool prefault) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  // A small table would waste most of a huge page, and a test makes many.
  const std::size_t align = bytes < kHugePage ? 4096 : kHugePage;
  mapped_bytes_ = ((bytes + align - 1) & ~(align - 1)) + (align == kHugePage ? align : 0);
  base_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base_ == MAP_FAILED) {
    base_ = nullptr;
    return;
  }
  const auto start = reinterpret_cast<std::uintptr_t>(base_);
  data_ = reinterpret_cast<void*>((start + align - 1) & ~(align - 1));
  // Advice: where the kernel has no huge pages it works without.
  if (align == kHugePage) madvise(data_, bytes, MADV_HUGEPAGE);
  if (prefault) std::memset(data_, 0, bytes);
}

LazyMemory::~LazyMemory() {
  if (base_ != nullptr) munmap(base_, mapped_bytes_);
}

LazyMemory::LazyMemory(LazyMemory&& o) noexcept
    : base_(std::exchange(o.base_, nullptr)),
      mapped_bytes_(o.mapped_bytes_),
      data_(std::exchange(o.data_, nullptr)) {}

LazyMemory& LazyMemory::operator=(LazyMemory&& o) noexcept {
  std::swap(base_, o.base_);
  std::swap(mapped_bytes_, o.mapped_bytes_);
  std::swap(data_, o.data_);
  return *this;
}

}  // namespace lifeline::table
