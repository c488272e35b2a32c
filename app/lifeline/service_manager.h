// What systemd is told of the switch's life: the protocol of sd_notify(3), which is a datagram of
// assignments to the socket that NOTIFY_SOCKET names, so that no library is needed for it. Without
// that variable everything here does nothing.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace lifeline {

// Never blocks: what the service manager has no room for is lost, as it is with sd_notify.
class ServiceManager {
 public:
  // Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment.
  ServiceManager();
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready(std::string_view status);
  void reloading();
  void stopping();
  // How often a sign of life is wanted, a quarter of the watchdog's time; zero: no watchdog.
  Duration alive_interval() const { return alive_interval_; }
  // Only from what has to be alive.
  void alive();

 private:
  void tell(std::string_view state);

  int fd_ = -1;
  std::string address_;  // a path, or "@name"
  Duration alive_interval_{};
};

}  // namespace lifeline
