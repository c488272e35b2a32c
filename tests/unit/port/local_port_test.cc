#include "port/local_port.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "namespace.h"
#include "port/kernel_interface.h"

namespace lifeline::port {
namespace {

constexpr MacAddress kMac{{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};

class LocalPortTest : public testing::Test {
 protected:
  void SetUp() override { NEEDS_NAMESPACE(); }

  std::unique_ptr<LocalPort> make(LocalPortConfig config = {.name = "lltap0", .mac = kMac}) {
    auto made = LocalPort::create(config);
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }

  // Reads until a frame of this ether type comes (the kernel speaks IPv6 of its own accord).
  static Frame read_type(LocalPort& port, std::uint16_t ether_type) {
    for (int i = 0; i < 50; ++i) {
      pollfd p{port.fd(), POLLIN, 0};
      if (poll(&p, 1, 2000) != 1) break;
      rte_mbuf* burst[32];
      const std::uint32_t n = port.read_burst(burst, 32);
      Frame found;
      for (std::uint32_t k = 0; k < n; ++k) {
        const Frame f = contents(burst[k]);
        if (found.empty() && (f[12] << 8 | f[13]) == ether_type) found = f;
        rte_pktmbuf_free(burst[k]);
      }
      if (!found.empty()) return found;
    }
    return {};
  }

  static std::uint64_t counter(const LocalPort& port, std::string_view name) {
    for (const auto& c : port.counters())
      if (c.name == name) return c.value;
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  MempoolPtr pool_ = std::move(make_pool("test", 64, 0, 2048, SOCKET_ID_ANY).value());
};

TEST_F(LocalPortTest, HasTheConfiguredMacAndMtuAndIsUp) {
  auto port = make({.name = "lltap0", .mac = kMac, .mtu = 1400});
  ASSERT_TRUE(port);
  EXPECT_TRUE(port->present());
  EXPECT_EQ(port->mac(), kMac);
  EXPECT_EQ(port->mtu(), 1400u);
  EXPECT_TRUE(port->up());
  const auto kernel = find_interface("lltap0");
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel->mac, kMac);
  EXPECT_EQ(kernel->if_index, port->if_index());
}

TEST_F(LocalPortTest, TheKernelAnswersAnArpRequestWrittenInSegments) {
  auto port = make();
  ASSERT_TRUE(port);
  ASSERT_TRUE(ip("addr add 10.9.0.1/24 dev lltap0"));
  Frame request{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 9, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                1,    2,    0,    0,    0,    0,    9, 10, 9, 0, 2, 0, 0, 0, 0, 0, 0, 10, 9, 0, 1};
  rte_mbuf* head = to_mbuf(pool_.get(), Frame(request.begin(), request.begin() + 20));
  rte_mbuf* tail = to_mbuf(pool_.get(), Frame(request.begin() + 20, request.end()));
  ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
  EXPECT_TRUE(port->write(head));
  const Frame reply = read_type(*port, 0x0806);
  ASSERT_GE(reply.size(), 42u);
  EXPECT_EQ(reply[21], 2) << "an ARP reply";
  EXPECT_EQ(MacAddress::from_bytes(&reply[6]), kMac);
  EXPECT_EQ(counter(*port, "local_written_packets"), 1u);
  EXPECT_GE(counter(*port, "local_read_packets"), 1u);
  EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0u);
}

TEST_F(LocalPortTest, FramesOfTheHostCarryFullChecksums) {
  auto port = make();
  ASSERT_TRUE(port);
  ASSERT_TRUE(ip("addr add 10.9.1.1/24 dev lltap0"));
  ASSERT_TRUE(ip("neigh add 10.9.1.2 lladdr 02:00:00:00:00:09 dev lltap0"));
  const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(0x0a090102);
  ASSERT_EQ(sendto(s, "odd", 3, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 3);
  close(s);
  const Frame f = read_type(*port, 0x0800);
  ASSERT_GE(f.size(), 14u + 20 + 8 + 3);
  // One's complement sum of pseudo header and UDP, checksum included, is all ones.
  std::uint32_t sum = 17 + 11;
  const auto add = [&](std::size_t at, std::size_t n) {
    for (std::size_t i = 0; i < n; i += 2)
      sum += static_cast<std::uint32_t>(f[at + i] << 8 | (i + 1 < n ? f[at + i + 1] : 0));
  };
  add(26, 8);
  add(34, 11);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  EXPECT_EQ(sum, 0xffffu);
}

TEST_F(LocalPortTest, ARenameIsFollowedAndTheDescriptorGoesOn) {
  auto port = make();
  ASSERT_TRUE(port);
  const std::uint32_t index = port->if_index();
  ASSERT_TRUE(ip("link set lltap0 down") && ip("link set lltap0 name renamed0") &&
              ip("link set renamed0 up"));
  port->check();
  EXPECT_EQ(port->name(), "renamed0");
  EXPECT_EQ(port->if_index(), index);
  EXPECT_TRUE(port->present());
  EXPECT_TRUE(port->write(to_mbuf(pool_.get(), test_frame(1))));
}

TEST_F(LocalPortTest, ADeletionIsNoticedAndTheInterfaceCanBeMadeAgain) {
  auto port = make();
  ASSERT_TRUE(port);
  ASSERT_TRUE(ip("link del lltap0"));
  rte_mbuf* burst[4];
  std::uint32_t n = port->read_burst(burst, 4);  // frames from before may come first
  rte_pktmbuf_free_bulk(burst, n);
  EXPECT_FALSE(port->write(to_mbuf(pool_.get(), test_frame(1))));
  port->check();
  EXPECT_FALSE(port->present());
  EXPECT_EQ(port->fd(), -1);
  EXPECT_FALSE(port->write(to_mbuf(pool_.get(), test_frame(1))));
  EXPECT_EQ(port->read_burst(burst, 4), 0u);
  EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0u);

  ASSERT_TRUE(port->recreate());
  EXPECT_TRUE(port->present());
  EXPECT_EQ(port->mac(), kMac);
  EXPECT_TRUE(port->up());
  EXPECT_TRUE(port->write(to_mbuf(pool_.get(), test_frame(1))));
}

TEST_F(LocalPortTest, ReadAloneNoticesADeletion) {
  auto port = make();
  ASSERT_TRUE(port);
  ASSERT_TRUE(ip("link del lltap0"));
  pollfd p{port->fd(), POLLIN, 0};
  EXPECT_EQ(poll(&p, 1, 2000), 1) << "epoll would not have woken up";
  for (int i = 0; i < 4 && port->present(); ++i) {
    rte_mbuf* burst[64];
    rte_pktmbuf_free_bulk(burst, port->read_burst(burst, 64));
  }
  EXPECT_FALSE(port->present());
}

TEST_F(LocalPortTest, AnInterfaceThatIsDownRefusesFramesUnderACounterOfThatName) {
  auto port = make();
  ASSERT_TRUE(port);
  ASSERT_TRUE(ip("link set lltap0 down"));
  EXPECT_FALSE(port->write(to_mbuf(pool_.get(), test_frame(1))));
  EXPECT_EQ(counter(*port, "local_write_down"), 1u);
  EXPECT_TRUE(port->present());
  port->check();
  EXPECT_FALSE(port->up());
}

TEST_F(LocalPortTest, AFrameTooShortForEthernetIsCountedNotFatal) {
  auto port = make();
  ASSERT_TRUE(port);
  EXPECT_FALSE(port->write(to_mbuf(pool_.get(), Frame(5, 0))));
  EXPECT_EQ(counter(*port, "local_write_error"), 1u);
  EXPECT_TRUE(port->present());
}

TEST_F(LocalPortTest, AFrameLongerThanTheBuffersIsDroppedByNameNotCut) {
  auto port = make();
  ASSERT_TRUE(port);
  ASSERT_TRUE(ip("link set lltap0 mtu 9000") && ip("addr add 10.9.2.1/24 dev lltap0") &&
              ip("neigh add 10.9.2.2 lladdr 02:00:00:00:00:09 dev lltap0"));
  const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(0x0a090202);
  const std::string big(5000, 'x');
  ASSERT_GT(sendto(s, big.data(), big.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  ASSERT_EQ(sendto(s, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 1);
  close(s);
  EXPECT_EQ(read_type(*port, 0x0800).size(), 14u + 20 + 8 + 1) << "the short one comes through";
  EXPECT_EQ(counter(*port, "local_read_too_long"), 1u);
}

TEST_F(LocalPortTest, AnEmptyPoolLosesFramesUnderACounterAndRecovers) {
  auto port = make({.name = "lltap0", .mac = kMac, .n_mbufs = 64});
  ASSERT_TRUE(port);
  ASSERT_TRUE(ip("addr add 10.9.3.1/24 dev lltap0") &&
              ip("neigh add 10.9.3.2 lladdr 02:00:00:00:00:09 dev lltap0"));
  const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(0x0a090302);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(sendto(s, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 1);
  close(s);
  rte_mbuf* burst[128];
  const std::uint32_t n = port->read_burst(burst, 128);
  EXPECT_EQ(n, 64u);
  EXPECT_EQ(counter(*port, "local_read_no_mbuf"), 1u);
  rte_pktmbuf_free_bulk(burst, n);
  const std::uint32_t again = port->read_burst(burst, 128);
  EXPECT_GT(again, 0u);
  rte_pktmbuf_free_bulk(burst, again);
}

TEST_F(LocalPortTest, AnEmptyPoolAsksForWhatTxRingsHold) {
  std::vector<rte_mbuf*> in_tx_rings;
  int asked = 0;
  auto port =
      make({.name = "lltap0", .mac = kMac, .n_mbufs = 64, .reclaim = [&] {
              ++asked;
              rte_pktmbuf_free_bulk(in_tx_rings.data(), static_cast<unsigned>(in_tx_rings.size()));
              in_tx_rings.clear();
            }});
  ASSERT_TRUE(port);
  ASSERT_TRUE(ip("addr add 10.9.3.1/24 dev lltap0") &&
              ip("neigh add 10.9.3.2 lladdr 02:00:00:00:00:09 dev lltap0"));
  const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(0x0a090302);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(sendto(s, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 1);
  close(s);
  std::uint32_t total = 0;
  std::array<rte_mbuf*, 32> burst;
  while (const std::uint32_t n = port->read_burst(burst.data(), burst.size())) {
    total += n;
    in_tx_rings.insert(in_tx_rings.end(), burst.begin(), burst.begin() + n);
  }
  EXPECT_GE(total, 100u);
  EXPECT_GE(asked, 1);
  EXPECT_EQ(counter(*port, "local_read_no_mbuf"), 0u);
  rte_pktmbuf_free_bulk(in_tx_rings.data(), static_cast<unsigned>(in_tx_rings.size()));
}

TEST_F(LocalPortTest, AnMtuBeyondTheBuffersIsRefused) {
  auto port = make();
  ASSERT_TRUE(port);
  EXPECT_TRUE(port->set_mtu(1300));
  EXPECT_EQ(find_interface("lltap0")->mtu, 1300u);
  const auto refused = port->set_mtu(9000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "interface lltap0: MTU 9000 needs larger buffers than it was made with (2048 bytes)");
}

TEST_F(LocalPortTest, ErrorsSayWhatToDo) {
  auto port = make();
  ASSERT_TRUE(port);
  const auto held = LocalPort::create({.name = "lltap0", .mac = kMac});
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().message,
            "interface lltap0 is held by another process (another lifeline?): stop it, or choose "
            "another local.name");
  ASSERT_TRUE(ip("link add llveth0 type veth peer name llveth1"));
  const auto no_tap = LocalPort::create({.name = "llveth0", .mac = kMac});
  EXPECT_TRUE(ip("link del llveth0"));
  ASSERT_FALSE(no_tap);
  EXPECT_EQ(no_tap.error().message,
            "interface llveth0 exists and is no TAP: choose another local.name, or delete it with "
            "`ip link del llveth0`");
  const auto multicast = LocalPort::create({.name = "x", .mac = MacAddress::broadcast()});
  ASSERT_FALSE(multicast);
  EXPECT_EQ(multicast.error().message, "local port x: ff:ff:ff:ff:ff:ff is no unicast MAC");
  const auto long_name = LocalPort::create({.name = "sixteen-bytes-xx", .mac = kMac});
  ASSERT_FALSE(long_name);
  EXPECT_EQ(long_name.error().message,
            "local port: 'sixteen-bytes-xx' is no interface name: 1 to 15 bytes");
}

}  // namespace
}  // namespace lifeline::port
