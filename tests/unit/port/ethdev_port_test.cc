#include "port/ethdev_port.h"

#include <gtest/gtest.h>

#include "namespace.h"

namespace lifeline::port {
namespace {

std::string error_of(const PortSpec& spec) {
  const auto port = EthdevPort::attach(spec);
  return port ? "" : port.error().message;
}

TEST(AttachErrors, NameTheDeviceAndWhatToDo) {
  EXPECT_EQ(error_of({.name = "a", .device = ""}), "port a: no device given");
  EXPECT_EQ(error_of({.name = "a", .device = "net_nosuch0"}),
            "port a: device net_nosuch0 cannot be used: no DPDK driver for that name; existing "
            "devices: net_null7");
  EXPECT_EQ(error_of({.name = "a", .device = "net_af_packet0"}),
            "port a: device net_af_packet0 cannot be used: it needs an interface: "
            "'net_af_packet0,iface=eth1'");
  EXPECT_EQ(error_of({.name = "a", .device = "net_af_packet0,iface=nosuch"}),
            "port a: device net_af_packet0,iface=nosuch cannot be used: there is no interface "
            "'nosuch' in this network namespace (see `ip link`)");
  EXPECT_EQ(error_of({.name = "a", .device = "0000:fe:1f.7"}),
            "port a: device 0000:fe:1f.7 cannot be used: this machine has no such PCI device "
            "(lspci)");
  EXPECT_EQ(error_of({.name = "a", .device = "lo"}),
            "port a: device lo cannot be used: that is an interface of the kernel: write "
            "'net_af_packet0,iface=lo', or bind its NIC to vfio-pci and give the PCI address");
  EXPECT_EQ(error_of({.name = "a", .device = "net_null1,size=nonsense,bad=1"}),
            "port a: device net_null1,size=nonsense,bad=1 cannot be used: the driver refuses the "
            "device or its arguments; DPDK's own log says why");
}

TEST(AttachErrors, AFailureLeavesNoDeviceBehind) {
  EXPECT_NE(error_of({.name = "a", .device = "net_null1,bad=1"}), "");
  EXPECT_EQ(error_of({.name = "a", .device = "net_null1"}), "");
  EXPECT_EQ(error_of({.name = "a", .device = "net_null1"}), "") << "removed by the destructor";
}

TEST(DeviceName, CutsArgumentsAndCompletesPciAddresses) {
  EXPECT_EQ(device_name("net_af_packet0,iface=eth1"), "net_af_packet0");
  EXPECT_EQ(device_name("03:00.0"), "0000:03:00.0");
  EXPECT_EQ(device_name("0001:03:00.0"), "0001:03:00.0");
}

TEST(Mempools, HaveRoomForTheDatapathsMetadata) {
  auto pool = make_pool("test", 16, 0, 2048, SOCKET_ID_ANY);
  ASSERT_TRUE(pool);
  EXPECT_EQ(rte_pktmbuf_priv_size(pool->get()), 64);
  EXPECT_GE(rte_pktmbuf_data_room_size(pool->get()), 2048 + RTE_PKTMBUF_HEADROOM);
}

TEST(Mempools, TooLittleMemoryIsAnErrorThatSaysHowToGiveMore) {
  const auto pool = make_pool("test", 10'000'000, 0, 2048, SOCKET_ID_ANY);
  ASSERT_FALSE(pool);
  EXPECT_NE(pool.error().message.find("no memory for 10000000 mbufs of the test pool"),
            std::string::npos)
      << pool.error().message;
  EXPECT_NE(pool.error().message.find("larger -m"), std::string::npos);
}

}  // namespace
}  // namespace lifeline::port
