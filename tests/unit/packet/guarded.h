// Bytes that end where the readable memory ends: reading one too many is a crash, in every build.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <span>

namespace lifeline::packet::test {

class GuardedBytes {
 public:
  GuardedBytes() {
    void* p =
        mmap(nullptr, kBytes + page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    base_ = p == MAP_FAILED ? nullptr : static_cast<std::byte*>(p);
    if (base_ != nullptr) mprotect(base_ + kBytes, page(), PROT_NONE);
  }
  ~GuardedBytes() { munmap(base_, kBytes + page()); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  // Valid until the next call. At most kBytes.
  std::span<const std::byte> hold(std::span<const std::byte> bytes) {
    std::byte* p = base_ + kBytes - bytes.size();
    if (!bytes.empty()) std::memcpy(p, bytes.data(), bytes.size());
    return {p, bytes.size()};
  }

 private:
  static constexpr std::size_t kBytes = 64 * 1024;
  static std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
  std::byte* base_ = nullptr;
};

}  // namespace lifeline::packet::test
