// One switch per bridge and run directory. The lock is the kernel's (flock), so it ends with the
// process, however that ends: nothing has to be cleaned up after kill -9.
#pragma once

#include <string>

#include "base/expected.h"

namespace lifeline {

class InstanceLock {
 public:
  // Takes `path` (made if missing, its directory too) and writes our pid there. The error names the
  // pid that holds it.
  static Expected<InstanceLock> take(const std::string& path);

  InstanceLock(InstanceLock&& other) noexcept;
  InstanceLock& operator=(InstanceLock&& other) = delete;
  ~InstanceLock();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace lifeline
