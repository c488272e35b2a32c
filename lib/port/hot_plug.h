// What the kernel and EAL's buses say of devices that come and go.
//
// A device that comes: the kernel's uevent, which EAL listens to. It is there, but seldom usable
// yet: a driver has to be bound to it (vfio-pci), and of that EAL hears nothing.
//
// A device that is to go: vfio-pci asks for it, by an interrupt of the device, and the kernel waits
// until it is closed, asking again every 10 s. What nobody asked for (a NIC is pulled out, a driver
// other than vfio-pci) is said by the uevent afterwards.
#pragma once

#include <rte_dev.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "port/device_thread.h"

namespace lifeline::port {

enum class PlugEvent : std::uint8_t { kCame, kGoes };

class HotPlug {
 public:
  // The name is EAL's ("0000:03:00.0").
  using Call = std::function<void(const std::string& device, PlugEvent event)>;

  // Calls `call` by thread.poll(), until this ends. Both on the control lcore. Where the kernel
  // does not let us listen, only what buses say by themselves comes, and the log says so.
  HotPlug(DeviceThread& thread, Call call);
  ~HotPlug();
  HotPlug(const HotPlug&) = delete;
  HotPlug& operator=(const HotPlug&) = delete;

 private:
  static void on_event(const char* device, rte_dev_event_type event, void* self);

  DeviceThread& thread_;
  std::shared_ptr<const Call> call_;  // answers hold it weakly
  bool listens_ = false;
};

}  // namespace lifeline::port
