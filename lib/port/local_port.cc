#include "port/local_port.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <rte_lcore.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "port/kernel_interface.h"

namespace lifeline::port {
namespace {

constexpr std::uint32_t kEthernetBytes = 14;
constexpr std::uint32_t kTwoTagsBytes = 8;
constexpr std::uint32_t kMinRoomBytes = 2048;
constexpr std::uint32_t kNeighbourRetransmitMs = 100;

// Where the end of a frame goes that is longer than an mbuf, so that it is seen to be too long
// rather than cut. Control lcore only, contents never read.
std::array<std::uint8_t, 65536> overflow;

tl::unexpected<Error> open_error(int error) {
  if (error == ENOENT || error == ENODEV || error == ENXIO)
    return make_error(
        "/dev/net/tun is not there ({}): modprobe tun, or give the container the "
        "device",
        std::strerror(error));
  if (error == EACCES || error == EPERM)
    return make_error("/dev/net/tun may not be opened ({}): run as root or with CAP_NET_ADMIN",
                      std::strerror(error));
  return make_error("/dev/net/tun: {}", std::strerror(error));
}

tl::unexpected<Error> attach_error(const std::string& name, int error) {
  if (error == EBUSY)
    return make_error(
        "interface {} is held by another process (another lifeline?): stop it, or "
        "choose another local.name",
        name);
  if (error == EINVAL)
    return make_error(
        "interface {} exists and is no TAP: choose another local.name, or delete it "
        "with `ip link del {}`",
        name, name);
  if (error == EPERM || error == EACCES)
    return make_error("interface {} may not be made ({}): run as root or with CAP_NET_ADMIN", name,
                      std::strerror(error));
  return make_error("interface {} cannot be made: {}", name, std::strerror(error));
}

}  // namespace

Expected<std::unique_ptr<LocalPort>> LocalPort::create(const LocalPortConfig& config) {
  if (config.name.empty() || config.name.size() >= IFNAMSIZ)
    return make_error("local port: '{}' is no interface name: 1 to 15 bytes", config.name);
  if (config.mac.is_zero() || config.mac.is_multicast())
    return make_error("local port {}: {} is no unicast MAC", config.name, config.mac.to_string());
  std::unique_ptr<LocalPort> self(new LocalPort(config));
  auto pool = self->make_larger_pool(config.n_mbufs);
  if (!pool) return tl::make_unexpected(pool.error());
  self->pool_ = std::move(*pool);
  if (auto opened = self->open(); !opened) return tl::make_unexpected(opened.error());
  return self;
}

Expected<MempoolPtr> LocalPort::make_larger_pool(std::uint32_t n_mbufs) const {
  const std::uint32_t largest = std::max(config_.mtu, config_.largest_mtu);
  const std::uint32_t room =
      std::max(kMinRoomBytes, (largest + kEthernetBytes + kTwoTagsBytes + 63u) & ~63u);
  return make_pool("local", std::max(n_mbufs, 64u), 0, room, SOCKET_ID_ANY);
}

void LocalPort::use(MempoolPtr pool) {
  rte_pktmbuf_free(std::exchange(spare_, nullptr));
  old_pools_.push_back(std::exchange(pool_, std::move(pool)));
}

LocalPort::~LocalPort() {
  rte_pktmbuf_free(spare_);
  if (fd_ >= 0) close(fd_);
}

Expected<void> LocalPort::open() {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return open_error(errno);
  ifreq ifr{};
  std::memcpy(ifr.ifr_name, config_.name.data(), config_.name.size());
  ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &ifr) != 0) {
    const int error = errno;
    close(fd);
    return attach_error(config_.name, error);
  }
  const auto fail = [&](const char* what, int error) {
    close(fd);
    return make_error("interface {}: {}: {}", config_.name, what, std::strerror(error));
  };
  // No checksum or segmentation offload: the frames go out of ports that have none.
  if (ioctl(fd, TUNSETOFFLOAD, 0ul) != 0) return fail("cannot turn offloads off", errno);
  if (const int e = disable_tx_offload(config_.name); e != 0)
    return fail("cannot turn TX checksum offload off", e);
  if (const int e = set_interface_mac(config_.name, config_.mac); e != 0)
    return fail("cannot set the MAC", e);
  if (const int e = set_interface_mtu(config_.name, config_.mtu); e != 0)
    return fail(fmt::format("cannot set the MTU to {}", config_.mtu).c_str(), e);
  if (config_.persistent && ioctl(fd, TUNSETPERSIST, 1ul) != 0)
    return fail("cannot be made to outlive the process", errno);
  // The next hop is looked for behind ports that come and go: ask ten times a second, not once.
  // Where /proc/sys is read-only the kernel's second has to do.
  for (const char* family : {"ipv4", "ipv6"})
    set_neighbour_retransmit_ms(family, config_.name, kNeighbourRetransmitMs);
  if (config_.up) {
    if (const int e = set_interface_up(config_.name); e != 0) return fail("cannot set it up", e);
  }
  fd_ = fd;
  name_ = config_.name;
  check();
  return {};
}

bool LocalPort::still_there() const {
  ifreq ifr{};
  return fd_ >= 0 && ioctl(fd_, TUNGETIFF, &ifr) == 0;
}

void LocalPort::close_gone() {
  if (fd_ >= 0) close(fd_);  // leaves every epoll set, too
  fd_ = -1;
  if_index_ = 0;
  up_ = false;
}

void LocalPort::check() {
  if (fd_ < 0) return;
  ifreq ifr{};
  if (ioctl(fd_, TUNGETIFF, &ifr) != 0) {
    close_gone();
    return;
  }
  name_ = std::string(ifr.ifr_name, strnlen(ifr.ifr_name, IFNAMSIZ));
  const auto found = find_interface(name_);
  if (!found) {  // moved to another network namespace: ours to read and write, not to see
    if_index_ = 0;
    up_ = false;
    return;
  }
  if_index_ = found->if_index;
  mac_ = found->mac;
  mtu_ = found->mtu;
  up_ = found->up;
}

Expected<void> LocalPort::set_mtu(std::uint32_t mtu) {
  if (fd_ < 0) return make_error("interface {} is gone", config_.name);
  const std::uint32_t room = rte_pktmbuf_data_room_size(pool_.get()) - RTE_PKTMBUF_HEADROOM;
  if (mtu + kEthernetBytes + kTwoTagsBytes > room)
    return make_error("interface {}: MTU {} needs larger buffers than it was made with ({} bytes)",
                      name_, mtu, room);
  if (const int e = set_interface_mtu(name_, mtu); e != 0)
    return make_error("interface {}: cannot set the MTU to {}: {}", name_, mtu, std::strerror(e));
  config_.mtu = mtu;
  mtu_ = mtu;
  return {};
}

Expected<void> LocalPort::recreate() {
  if (fd_ >= 0 && !still_there()) close_gone();
  if (fd_ >= 0) return {};
  return open();
}

// False when there is nothing more to read now. *out stays nullptr when a frame was lost.
bool LocalPort::read_one(rte_mbuf** out) {
  *out = nullptr;
  if (spare_ == nullptr) spare_ = rte_pktmbuf_alloc(pool_.get());
  if (spare_ == nullptr && config_.reclaim) {
    config_.reclaim();
    spare_ = rte_pktmbuf_alloc(pool_.get());
  }
  std::array<iovec, 2> parts{};
  std::size_t room = 0;
  int n_parts = 0;
  if (spare_ != nullptr) {
    room = rte_pktmbuf_tailroom(spare_);
    parts[static_cast<std::size_t>(n_parts++)] = {rte_pktmbuf_mtod(spare_, void*), room};
  }
  parts[static_cast<std::size_t>(n_parts++)] = {overflow.data(), overflow.size()};
  const ssize_t n = readv(fd_, parts.data(), n_parts);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    ++counts_.read_error;
    if (!still_there()) close_gone();
    return false;
  }
  if (spare_ == nullptr) {
    ++counts_.read_no_mbuf;
    return false;
  }
  const auto length = static_cast<std::size_t>(n);
  if (length > room) {
    ++counts_.read_too_long;
    return true;
  }
  spare_->data_len = static_cast<std::uint16_t>(length);
  spare_->pkt_len = static_cast<std::uint32_t>(length);
  ++counts_.read_packets;
  counts_.read_bytes += length;
  *out = std::exchange(spare_, nullptr);
  return true;
}

std::uint32_t LocalPort::read_burst(rte_mbuf** out, std::uint32_t max) {
  std::uint32_t n = 0;
  // Frames that are too long use up the budget too, so that a burst ends in any case.
  for (std::uint32_t tries = 0; tries < max && fd_ >= 0; ++tries) {
    rte_mbuf* m = nullptr;
    if (!read_one(&m)) break;
    if (m != nullptr) out[n++] = m;
  }
  return n;
}

void LocalPort::note_write_error(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM: ++counts_.write_full; return;
    case EIO: ++counts_.write_down; return;  // tun_get_user() says so while IFF_UP is off
    default: ++counts_.write_error;
  }
  if (!still_there()) close_gone();
}

bool LocalPort::write(rte_mbuf* frame) {
  constexpr std::size_t kMaxSegments = 32;
  std::array<iovec, kMaxSegments> parts;
  int n_parts = 0;
  const std::uint32_t length = frame->pkt_len;
  bool written = false;
  if (fd_ < 0) {
    ++counts_.write_down;
  } else if (frame->nb_segs > kMaxSegments) {
    ++counts_.write_error;
  } else {
    for (rte_mbuf* m = frame; m != nullptr; m = m->next)
      parts[static_cast<std::size_t>(n_parts++)] = {rte_pktmbuf_mtod(m, void*), m->data_len};
    written = writev(fd_, parts.data(), n_parts) == static_cast<ssize_t>(length);
    if (!written) note_write_error(errno);
  }
  rte_pktmbuf_free(frame);
  if (written) {
    ++counts_.written_packets;
    counts_.written_bytes += length;
  }
  return written;
}

std::array<LocalPortCounter, 10> LocalPort::counters() const {
  const Counts& c = counts_;
  return {{
      {"local_read_packets", "frames from the host", c.read_packets},
      {"local_read_bytes", "bytes from the host", c.read_bytes},
      {"local_written_packets", "frames to the host", c.written_packets},
      {"local_written_bytes", "bytes to the host", c.written_bytes},
      {"local_read_no_mbuf", "lost from the host: the local pool was empty", c.read_no_mbuf},
      {"local_read_too_long", "lost from the host: longer than the configured MTU allows",
       c.read_too_long},
      {"local_read_error", "reads that failed", c.read_error},
      {"local_write_full", "lost to the host: the kernel had no room", c.write_full},
      {"local_write_down", "lost to the host: the interface is down or gone", c.write_down},
      {"local_write_error", "lost to the host: the kernel refused the frame", c.write_error},
  }};
}

}  // namespace lifeline::port
