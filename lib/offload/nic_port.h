// One port's rte_flow as the reconciler sees it. port/ implements it, tests fake it.
#pragma once

#include <cstdint>

#include "base/expected.h"
#include "offload/form.h"

namespace lifeline::offload {

// Calls may take milliseconds: on the device thread only. Errors carry the driver's own message.
class NicPort {
 public:
  using Handle = std::uint64_t;  // names a rule until it is destroyed or the NIC is reset; never 0

  virtual ~NicPort() = default;
  virtual Expected<void> validate(const Form& form) = 0;
  // Steers what the form matches to the control queue. May fail after validate() said yes.
  virtual Expected<Handle> create(const Form& form) = 0;
  virtual Expected<void> destroy(Handle handle) = 0;
};

}  // namespace lifeline::offload
