// Where an EthdevPort comes from and goes to: devices found, created, removed.
#include <net/if.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/log.h"
#include "port/ethdev_port.h"
#include "port/kernel_interface.h"

namespace lifeline::port {
namespace {

bool is_pci_address(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
         name.find(':') != std::string_view::npos && name.find('.') != std::string_view::npos;
}

std::string known_devices() {
  std::string names;
  // RTE_ETH_FOREACH_DEV narrows without a cast.
  for (std::uint64_t next = rte_eth_find_next_owned_by(0, RTE_ETH_DEV_NO_OWNER);
       next < RTE_MAX_ETHPORTS; next = rte_eth_find_next_owned_by(
                                    static_cast<std::uint16_t>(next + 1), RTE_ETH_DEV_NO_OWNER)) {
    const auto id = static_cast<std::uint16_t>(next);
    std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
    if (rte_eth_dev_get_name_by_port(id, name.data()) != 0) continue;
    if (!names.empty()) names += ", ";
    names += name.data();
  }
  return names.empty() ? "none" : names;
}

std::uint64_t next_life() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

std::optional<std::uint16_t> find_device(const std::string& name) {
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
  return std::nullopt;
}

// Why a device that is not there could not be created. `rc` is rte_dev_probe's.
std::string why_not(const std::string& device, int rc) {
  const std::string base = device_name(device);
  const std::string iface = device_argument(device, "iface");
  if (base.starts_with("net_af_packet")) {
    if (iface.empty()) return fmt::format("it needs an interface: '{},iface=eth1'", base);
    if (if_nametoindex(iface.c_str()) == 0)
      return fmt::format("there is no interface '{}' in this network namespace (see `ip link`)",
                         iface);
  }
  if (is_pci_address(base))
    return "is it there (lspci), bound to vfio-pci (dpdk-devbind.py), and allowed with EAL's -a?";
  if (if_nametoindex(base.c_str()) != 0)
    return fmt::format(
        "that is an interface of the kernel: write 'net_af_packet0,iface={}', or "
        "bind its NIC to vfio-pci and give the PCI address",
        base);
  if (geteuid() != 0 && (rc == -EPERM || rc == -EACCES || base.starts_with("net_af_packet") ||
                         base.starts_with("net_tap")))
    return "it needs root, or CAP_NET_RAW and CAP_NET_ADMIN";
  if (rc == -EEXIST || rc == -EBUSY) return "it is in use already";
  // What the vdev bus says when no driver knows the name.
  if (rc == -EFAULT || rc == -ENOENT || rc == -ENODEV)
    return fmt::format("no DPDK driver for that name; existing devices: {}", known_devices());
  // Many drivers return a bare -1, so the number would only mislead.
  return "the driver refuses the device or its arguments; DPDK's own log says why";
}

}  // namespace

std::string device_argument(std::string_view arguments, std::string_view key) {
  while (!arguments.empty()) {
    const std::size_t comma = std::min(arguments.find(','), arguments.size());
    const std::string_view one = arguments.substr(0, comma);
    const std::size_t equals = one.find('=');
    if (equals != std::string_view::npos && one.substr(0, equals) == key)
      return std::string(one.substr(equals + 1));
    arguments.remove_prefix(std::min(comma + 1, arguments.size()));
  }
  return {};
}

std::string device_name(const std::string& device) {
  std::string name = device.substr(0, device.find(','));
  // A PCI address without its domain, as lspci prints it.
  if (is_pci_address(name) && std::count(name.begin(), name.end(), ':') == 1)
    name.insert(0, "0000:");
  return name;
}

EthdevPort::EthdevPort(PortSpec spec, const std::string& made_from)
    : spec_(std::move(spec)),
      made_from_(made_from.empty() ? spec_.device : made_from),
      life_(next_life()) {}

Expected<std::unique_ptr<EthdevPort>> EthdevPort::attach(const PortSpec& spec,
                                                         const std::string& made_from) {
  std::unique_ptr<EthdevPort> self(new EthdevPort(spec, made_from));
  if (auto found = self->find_or_create(); !found) return tl::make_unexpected(found.error());
  rte_eth_dev_info info{};
  if (const int rc = rte_eth_dev_info_get(self->ethdev_id_, &info); rc != 0)
    return make_error("port {}: device {} does not describe itself: {}", spec.name, spec.device,
                      std::strerror(-rc));
  DeviceLimits& limits = self->limits_;
  limits.driver = info.driver_name != nullptr ? info.driver_name : "unknown";
  limits.max_rxq = info.max_rx_queues;
  limits.max_txq = info.max_tx_queues;
  limits.reta_size = info.reta_size;
  // net_null and the like take an RSS configuration but have nothing to spread.
  limits.has_rss =
      info.flow_type_rss_offloads != 0 && info.reta_size != 0 && limits.driver != "net_null";
  PortStatus& status = self->status_;
  status.port_no = spec.port_no;
  status.name = spec.name;
  status.device = spec.device;
  status.driver = limits.driver;
  status.if_index = info.if_index;
  return self;
}

Expected<void> EthdevPort::bring_up(const std::string& iface) const {
  // An interface that is down receives nothing. Open vSwitch brings it up, too.
  const auto found = find_interface(iface);
  if (!found || found->up) return {};
  if (const int e = set_interface_up(iface); e != 0)
    return make_error("port {}: interface {} cannot be set up: {}", spec_.name, iface,
                      std::strerror(e));
  log::info("port", "port {}: interface {} was down and is up now", spec_.name, iface);
  return {};
}

Expected<void> EthdevPort::find_or_create() {
  const std::string base = device_name(spec_.device);
  if (spec_.device.empty()) return make_error("port {}: no device given", spec_.name);
  if (const auto id = find_device(base)) {
    ethdev_id_ = *id;
  } else {
    if (base.starts_with("net_af_packet")) {
      // The PMD would only say "invalid argument"; and a half-made device is worse than none.
      const std::string iface = device_argument(made_from_, "iface");
      if (iface.empty() || if_nametoindex(iface.c_str()) == 0)
        return make_error("port {}: device {} cannot be used: {}", spec_.name, spec_.device,
                          why_not(made_from_, -EINVAL));
      // Before the PMD binds its sockets: one bound to an interface that is down keeps ENETDOWN for
      // its first send, and that burst stays in the ring until the next one.
      if (auto ok = bring_up(iface); !ok) return ok;
    }
    // EAL would tell the journal each time that it is asked.
    if (is_pci_address(base) && access(("/sys/bus/pci/devices/" + base).c_str(), F_OK) != 0)
      return make_error(
          "port {}: device {} cannot be used: this machine has no such PCI device "
          "(lspci)",
          spec_.name, spec_.device);
    const int rc = rte_dev_probe(made_from_.c_str());
    const auto made = rc == 0 ? find_device(base) : std::nullopt;
    if (!made)
      return make_error("port {}: device {} cannot be used: {}", spec_.name, spec_.device,
                        why_not(made_from_, rc == 0 ? -ENODEV : rc));
    ethdev_id_ = *made;
    created_ = true;
  }
  rte_eth_dev_owner owner{};
  if (rte_eth_dev_owner_get(ethdev_id_, &owner) == 0 && owner.id != RTE_ETH_DEV_NO_OWNER) {
    ethdev_id_ = kNoEthdev;  // not ours to close
    return make_error("port {}: device {} belongs to {}: use that one", spec_.name, spec_.device,
                      owner.name);
  }
  return {};
}

std::string EthdevPort::device_arguments() const {
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(ethdev_id_, &info) != 0 || info.device == nullptr) return {};
  const rte_devargs* devargs = rte_dev_devargs(info.device);
  return devargs != nullptr && devargs->args != nullptr ? devargs->args : "";
}

void EthdevPort::close() {
  unwatch();
  if (ethdev_id_ == kNoEthdev) return;
  stop();
  rte_eth_dev_info info{};
  int rc = rte_eth_dev_info_get(ethdev_id_, &info);
  // Removing the device closes the ethdev, too.
  rc = created_ && rc == 0 ? rte_dev_remove(info.device) : rte_eth_dev_close(ethdev_id_);
  if (rc != 0) log::debug("port", "port {}: close: {}", spec_.name, rc);
  ethdev_id_ = kNoEthdev;
}

// A NIC with several ports, or a port and its representors, is one device to EAL.
bool EthdevPort::shares_device(const rte_device* device) const {
  for (std::uint32_t id = 0; id < RTE_MAX_ETHPORTS; ++id) {
    rte_eth_dev_info other{};
    const auto n = static_cast<std::uint16_t>(id);
    if (n != ethdev_id_ && rte_eth_dev_is_valid_port(n) != 0 &&
        rte_eth_dev_info_get(n, &other) == 0 && other.device == device)
      return true;
  }
  return false;
}

std::string EthdevPort::detach() {
  if (ethdev_id_ == kNoEthdev) return {};
  rte_eth_dev_info info{};
  std::string again;
  if (rte_eth_dev_info_get(ethdev_id_, &info) == 0 && info.device != nullptr &&
      !shares_device(info.device)) {
    const std::string arguments = device_arguments();
    if (!arguments.empty() && spec_.device.find(',') == std::string::npos)
      again = spec_.device + "," + arguments;
    created_ = true;  // as good as: close() removes it
  }
  close();
  return again;
}

bool EthdevPort::is_there() const {
  if (ethdev_id_ == kNoEthdev || rte_eth_dev_is_removed(ethdev_id_) == 1) return false;
  // Devices that live on an interface of the kernel, and do not notice when that is deleted.
  for (const char* name : {"net_af_packet", "net_af_xdp", "net_pcap", "net_tap"})
    if (limits_.driver == name && status_.if_index != 0)
      return find_interface(status_.if_index).has_value();
  return true;
}

Expected<void> EthdevPort::restart() {
  stop();
  const int rc = rte_eth_dev_reset(ethdev_id_);
  if (rc != 0 && rc != -ENOTSUP)
    return make_error("port {}: device {} cannot be reset: {}", spec_.name, spec_.device,
                      std::strerror(-rc));
  control_pool_ = wanted_control_pool_;
  life_ = next_life();
  if (auto ok = configure_queues(); !ok) return ok;
  return start();
}

int EthdevPort::on_ethdev_event(std::uint16_t, rte_eth_event_type event, void* self, void*) {
  static_cast<EthdevPort*>(self)->on_event_(
      event == RTE_ETH_EVENT_INTR_RMV ? DeviceEvent::kGone : DeviceEvent::kWantsReset);
  return 0;
}

void EthdevPort::watch(std::function<void(DeviceEvent)> on_event) {
  if (ethdev_id_ == kNoEthdev || on_event_) return;
  on_event_ = std::move(on_event);
  for (const auto event : {RTE_ETH_EVENT_INTR_RMV, RTE_ETH_EVENT_INTR_RESET})
    if (const int rc = rte_eth_dev_callback_register(ethdev_id_, event, on_ethdev_event, this);
        rc != 0)
      log::debug("port", "port {}: events: {}", spec_.name, std::strerror(-rc));
}

void EthdevPort::unwatch() {
  if (!on_event_) return;
  // -EAGAIN: a call is under way. It only posts a message.
  for (const auto event : {RTE_ETH_EVENT_INTR_RMV, RTE_ETH_EVENT_INTR_RESET})
    while (rte_eth_dev_callback_unregister(ethdev_id_, event, on_ethdev_event, this) == -EAGAIN)
      rte_pause();
  on_event_ = {};
}

}  // namespace lifeline::port
