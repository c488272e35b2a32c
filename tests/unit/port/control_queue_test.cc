// Which ports get a control queue, and what the others say.
#include "port/control_queue.h"

#include <gtest/gtest.h>

#include "namespace.h"
#include "port/ethdev_port.h"
#include "port/port_set.h"

namespace lifeline::port {
namespace {

TEST(WhyNoControlQueue, SaysWhatTheDeviceLacks) {
  EXPECT_EQ(why_no_control_queue({"net_ixgbe", 64, 64, true, 128}, 3), "");
  EXPECT_EQ(why_no_control_queue({"net_af_packet", 4, 4, false, 0}, 1),
            "net_af_packet has no redirection table that could keep data out of it");
  EXPECT_EQ(why_no_control_queue({"net_null", 1024, 1024, false, 64}, 1),
            "net_null has no rte_flow");
  EXPECT_EQ(why_no_control_queue({"net_ixgbe", 2, 2, true, 128}, 2),
            "net_ixgbe has 2 RX queues, and all are used");
}

std::unique_ptr<PortSet> make_set(bool control_queues) {
  auto set = PortSet::create(
      {.n_slots = 2, .extra_mbufs = 1024, .control_mbufs = 512, .control_queues = control_queues},
      [](const std::function<void()>& f) { f(); });
  EXPECT_TRUE(set);
  return std::move(*set);
}

TEST(ControlQueue, SwitchedOffIsSaid) {
  const auto set = make_set(false);
  ASSERT_TRUE(set->open({{.name = "n", .device = "net_null61", .port_no = 1}}));
  ASSERT_EQ(set->steering_ports().size(), 1u);
  EXPECT_FALSE(set->steering_ports()[0].queue);
  EXPECT_EQ(set->steering_ports()[0].reason, "switched off (offload.enabled)");
}

// net_tap says yes to validate. Where the kernel has its classifier the port gets its queue, else
// create fails, and the port must run all the same.
TEST(ControlQueue, ATapPortHasOneOrRunsWithoutAndSaysWhy) {
  NEEDS_NAMESPACE();
  const auto set = make_set(true);
  const auto opened = set->open({{.name = "t", .device = "net_tap61,iface=cq0", .port_no = 1}});
  ASSERT_TRUE(opened) << opened.error().message;
  const auto port = set->steering_ports()[0];
  const PortStatus status = *set->status(1);
  if (port.queue) {
    EXPECT_EQ(*port.queue, status.n_rxq);
    EXPECT_EQ(set->view()->rx[0].size(), 1u);
    EXPECT_TRUE(set->view()->find(1)->has_control_queue);
  } else {
    EXPECT_NE(port.reason, "");
    EXPECT_TRUE(set->view()->rx[0].empty());
    EXPECT_FALSE(set->view()->find(1)->has_control_queue);
  }
  EXPECT_TRUE(set->view()->find(1)->usable);
  EXPECT_EQ(set->view()->rx[1].size(), status.n_rxq);
}

}  // namespace
}  // namespace lifeline::port
