// One switch per bridge and run directory, and one per local port. The lock is the kernel's
// (flock), so it ends with the process, however that ends: nothing has to be cleaned up after kill
// -9.
#pragma once

#include <string>

#include "base/expected.h"

namespace lifeline {

class InstanceLock {
 public:
  // Takes `path` (made if missing, its directory too) and writes our pid and, in the next line,
  // `who` there. The error says who holds it.
  static Expected<InstanceLock> take(const std::string& path, const std::string& who);

  InstanceLock(InstanceLock&& other) noexcept;
  InstanceLock& operator=(InstanceLock&& other) = delete;
  ~InstanceLock();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_;
};

// The lock of a local port: one for each network interface name of a network namespace, whatever
// the bridge and run_dir are.
std::string local_port_lock_path(const std::string& interface);

}  // namespace lifeline
