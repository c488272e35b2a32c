// Of 22.11's ABI these calls are not part yet.
#define ALLOW_EXPERIMENTAL_API

#include "port/hot_plug.h"

#include <rte_pause.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace lifeline::port {

HotPlug::HotPlug(DeviceThread& thread, Call call)
    : thread_(thread), call_(std::make_shared<const Call>(std::move(call))) {
  int rc = rte_dev_event_callback_register(nullptr, on_event, this);
  if (rc == 0) rc = rte_dev_event_monitor_start();
  listens_ = rc == 0;
  if (!listens_)
    log::info("port",
              "the kernel does not tell of devices that are plugged in ({}): they are looked for",
              std::strerror(-rc));
}

HotPlug::~HotPlug() {
  if (listens_) rte_dev_event_monitor_stop();
  // -EAGAIN: a call is under way. It only posts a message.
  while (rte_dev_event_callback_unregister(nullptr, on_event, this) == -EAGAIN) rte_pause();
}

// On EAL's interrupt thread.
void HotPlug::on_event(const char* device, rte_dev_event_type event, void* self) {
  if (device == nullptr || (event != RTE_DEV_EVENT_ADD && event != RTE_DEV_EVENT_REMOVE)) return;
  HotPlug& plug = *static_cast<HotPlug*>(self);
  plug.thread_.post([] { return 0; },
                    [call = std::weak_ptr(plug.call_), name = std::string(device),
                     what = event == RTE_DEV_EVENT_ADD ? PlugEvent::kCame : PlugEvent::kGoes](int) {
                      if (const auto alive = call.lock()) (*alive)(name, what);
                    });
}

}  // namespace lifeline::port
