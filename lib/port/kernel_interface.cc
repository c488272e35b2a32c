#include "port/kernel_interface.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace lifeline::port {
namespace {

// A socket to ask with, for the time of one question: it belongs to the network namespace that the
// caller is in now.
class IoctlSocket {
 public:
  IoctlSocket() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~IoctlSocket() {
    if (fd_ >= 0) close(fd_);
  }
  IoctlSocket(const IoctlSocket&) = delete;
  IoctlSocket& operator=(const IoctlSocket&) = delete;
  // 0, or errno.
  int ask(unsigned long request, ifreq& ifr) const {
    return ioctl(fd_, request, &ifr) == 0 ? 0 : errno;
  }

 private:
  int fd_;
};

bool set_name(ifreq& ifr, const std::string& name) {
  std::memset(&ifr, 0, sizeof(ifr));
  if (name.empty() || name.size() >= IFNAMSIZ) return false;
  std::memcpy(ifr.ifr_name, name.data(), name.size());
  return true;
}

}  // namespace

std::optional<KernelInterface> find_interface(const std::string& name) {
  const IoctlSocket socket;
  ifreq ifr;
  KernelInterface out;
  out.name = name;
  if (!set_name(ifr, name) || socket.ask(SIOCGIFINDEX, ifr) != 0) return std::nullopt;
  out.if_index = static_cast<std::uint32_t>(ifr.ifr_ifindex);
  if (socket.ask(SIOCGIFFLAGS, ifr) != 0) return std::nullopt;
  out.up = (ifr.ifr_flags & IFF_UP) != 0;
  out.running = (ifr.ifr_flags & IFF_RUNNING) != 0;
  if (socket.ask(SIOCGIFMTU, ifr) != 0) return std::nullopt;
  out.mtu = static_cast<std::uint32_t>(ifr.ifr_mtu);
  if (socket.ask(SIOCGIFHWADDR, ifr) != 0) return std::nullopt;
  out.mac = MacAddress::from_bytes(ifr.ifr_hwaddr.sa_data);
  return out;
}

std::optional<KernelInterface> find_interface(std::uint32_t if_index) {
  std::array<char, IFNAMSIZ> name{};
  if (if_index == 0 || if_indextoname(if_index, name.data()) == nullptr) return std::nullopt;
  return find_interface(std::string(name.data()));
}

int set_interface_mac(const std::string& name, MacAddress mac) {
  const IoctlSocket socket;
  ifreq ifr;
  if (!set_name(ifr, name)) return EINVAL;
  ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(ifr.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  return socket.ask(SIOCSIFHWADDR, ifr);
}

int set_interface_mtu(const std::string& name, std::uint32_t mtu) {
  const IoctlSocket socket;
  ifreq ifr;
  if (!set_name(ifr, name)) return EINVAL;
  ifr.ifr_mtu = static_cast<int>(mtu);
  return socket.ask(SIOCSIFMTU, ifr);
}

int set_interface_up(const std::string& name) {
  const IoctlSocket socket;
  ifreq ifr;
  if (!set_name(ifr, name)) return EINVAL;
  if (const int error = socket.ask(SIOCGIFFLAGS, ifr); error != 0) return error;
  if ((ifr.ifr_flags & IFF_UP) != 0) return 0;
  ifr.ifr_flags = static_cast<short>(ifr.ifr_flags | IFF_UP);
  return socket.ask(SIOCSIFFLAGS, ifr);
}

int disable_tx_offload(const std::string& name) {
  const IoctlSocket socket;
  int worst = 0;
  // TSO and GSO depend on checksum offload, but saying so again costs nothing.
  for (const int command : {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM}) {
    ifreq ifr;
    if (!set_name(ifr, name)) return EINVAL;
    ethtool_value value{static_cast<std::uint32_t>(command), 0};
    ifr.ifr_data = reinterpret_cast<char*>(&value);
    const int error = socket.ask(SIOCETHTOOL, ifr);
    // EOPNOTSUPP: the interface has no such offload, which is as good as off.
    if (error != 0 && error != EOPNOTSUPP) worst = error;
  }
  return worst;
}

int set_neighbour_retransmit_ms(const char* family, const std::string& name, std::uint32_t ms) {
  const std::string path = fmt::format("/proc/sys/net/{}/neigh/{}/retrans_time_ms", family, name);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const std::string text = std::to_string(ms);
  const int error = ::write(fd, text.data(), text.size()) < 0 ? errno : 0;
  ::close(fd);
  return error;
}

}  // namespace lifeline::port
