// Each profile accepts and refuses what its driver's source says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_errno.h>

#include "flow_builder.h"
#include "test_port.h"

namespace testnic {
namespace {

constexpr rte_ether_addr kMac{{0x02, 0, 0, 0, 0, 0x42}};
constexpr std::uint32_t kController = 0x0a000001, kSwitch = 0x0a000002;

// Creates; the errno of the refusal, or 0.
int create(TestPort& port, Flow& flow) { return flow.create(port.id()) != nullptr ? 0 : rte_errno; }

Flow to_controller() { return Flow().eth().ipv4(0, kController, 6).tcp(0, 6653).to_queue(1); }
Flow from_controller() { return Flow().eth().ipv4(kController, 0, 6).tcp(6653, 0).to_queue(1); }

TEST(Profile, FullMatchesFieldsOfArp) {
  TestPort port("profile=full");
  EXPECT_EQ(Flow().eth().arp(1, kSwitch).to_queue(1).validate(port.id()), 0);
}

TEST(Profile, MlxHasNoArpAndWantsAStartedPort) {
  TestPort port("profile=mlx5");
  EXPECT_EQ(Flow().eth().arp(1).to_queue(1).validate(port.id()), ENOTSUP);
  EXPECT_EQ(Flow().eth_dst(kMac, 0x0806).to_queue(1).validate(port.id()), 0);
  EXPECT_EQ(Flow().eth().ipv4(0, kController).count().to_queue(1).validate(port.id()), 0);
  EXPECT_EQ(to_controller().priority(5).validate(port.id()), ENOTSUP);
  EXPECT_EQ(Flow().eth_type(0x0806).count().validate(port.id()), EINVAL) << "no fate";
  port.stop();
  Flow late = to_controller();
  EXPECT_EQ(late.validate(port.id()), 0);
  EXPECT_EQ(create(port, late), ENODEV);
  EXPECT_STREQ(late.message(), "port not started");
  port.start();
}

TEST(Profile, IgbHasEightEtherTypesAndEightFiveTuples) {
  TestPort port("profile=igb");
  for (std::uint16_t i = 0; i < 8; ++i) {
    Flow type = Flow().eth_type(static_cast<std::uint16_t>(0x8800 + i)).to_queue(1);
    ASSERT_EQ(create(port, type), 0) << type.message();
    Flow tuple = Flow()
                     .eth()
                     .ipv4(0, kController, 6)
                     .tcp(0, static_cast<std::uint16_t>(100 + i))
                     .to_queue(1);
    ASSERT_EQ(create(port, tuple), 0) << tuple.message();
  }
  Flow ninth_type = Flow().eth_type(0x0806).to_queue(1);
  EXPECT_EQ(ninth_type.validate(port.id()), 0) << "validate does not count";
  EXPECT_EQ(create(port, ninth_type), ENOSYS);
  EXPECT_STREQ(ninth_type.message(), "Failed to create flow.");
  Flow ninth_tuple = to_controller();
  EXPECT_EQ(create(port, ninth_tuple), ENOSYS);
}

TEST(Profile, IgbComparesNoMacAndNoIpByEtherType) {
  TestPort port("profile=igb");
  EXPECT_EQ(Flow().eth_dst(kMac, 0x0806).to_queue(1).validate(port.id()), EINVAL);
  EXPECT_EQ(Flow().eth_type(0x0800).to_queue(1).validate(port.id()), EINVAL);
  EXPECT_EQ(Flow().eth_type(0x0806).drop().validate(port.id()), EINVAL);
  EXPECT_EQ(to_controller().priority(8).validate(port.id()), EINVAL);
  EXPECT_EQ(to_controller().priority(7).validate(port.id()), 0);
  Flow partial = Flow().eth().ipv4(0, kController, 6, 0xffffff00).tcp(0, 6653).to_queue(1);
  EXPECT_EQ(partial.validate(port.id()), 0);
  EXPECT_EQ(create(port, partial), EINVAL) << "masks are looked at by create only";
  Flow twice = to_controller(), again = to_controller();
  EXPECT_EQ(create(port, twice), 0);
  EXPECT_EQ(create(port, again), EEXIST);
}

TEST(Profile, IxgbeFlowDirectorHasOneMaskForAll) {
  TestPort port("profile=ixgbe");
  Flow five = to_controller().priority(1);
  EXPECT_EQ(create(port, five), 0) << "a 5-tuple filter: priority 1 to 7";
  Flow first = Flow().eth().ipv4(0, kController).tcp(0, 6653).to_queue(1);
  EXPECT_EQ(create(port, first), 0) << first.message();
  Flow same_mask = Flow().eth().ipv4(0, kSwitch).udp(0, 67).to_queue(1);
  EXPECT_EQ(create(port, same_mask), 0);
  Flow other = Flow().eth().ipv4(kController, 0).tcp(6653, 0).to_queue(1);
  EXPECT_EQ(other.validate(port.id()), 0);
  EXPECT_EQ(create(port, other), EINVAL);
}

TEST(Profile, I40eHasOneInputSetPerPacketType) {
  TestPort port("profile=i40e");
  Flow h = to_controller(), i = from_controller();
  EXPECT_EQ(create(port, h), 0) << h.message();
  EXPECT_EQ(i.validate(port.id()), 0);
  EXPECT_EQ(create(port, i), EPERM);
  EXPECT_STREQ(i.message(), "Conflict with the first rule's input set.");
  Flow other_type = Flow().eth().ipv4(0, kController).udp(67, 68).to_queue(1);
  EXPECT_EQ(create(port, other_type), 0) << "UDP is another packet type";
  Flow arp = Flow().eth_dst(kMac, 0x0806).to_queue(1);
  EXPECT_EQ(create(port, arp), 0) << "the ether-type filter has MAC addresses";
  EXPECT_EQ(to_controller().priority(1).validate(port.id()), EINVAL);
}

TEST(Profile, IceTakesMacAndFiveTupleButNoArp) {
  TestPort port("profile=ice");
  Flow h = Flow().eth_dst(kMac).ipv4(0, kController).tcp(0, 6653).to_queue(1);
  EXPECT_EQ(create(port, h), 0) << h.message();
  Flow arp = Flow().eth().arp(1).to_queue(1);
  EXPECT_EQ(create(port, arp), EINVAL);
  Flow by_type = Flow().eth_dst(kMac, 0x0806).to_queue(1);
  EXPECT_EQ(create(port, by_type), 0);
  EXPECT_EQ(to_controller().priority(2).validate(port.id()), EINVAL);
}

TEST(Profile, TapRefusesAtCreateWhatFlowerCannotDo) {
  TestPort port("profile=tap");
  Flow ports = Flow().eth().ipv4(0, 0, 6).tcp(0, 6640, 0xfff0).to_queue(1);
  EXPECT_EQ(ports.validate(port.id()), 0);
  EXPECT_EQ(create(port, ports), ENOTSUP);
  Flow arp = Flow().eth_type(0x0806).to_queue(1), again = Flow().eth_type(0x0806).to_queue(1);
  EXPECT_EQ(create(port, arp), 0);
  EXPECT_EQ(create(port, again), EEXIST);
  Flow tagged = Flow().eth().vlan(10).ipv4(0, kController).to_queue(1);
  EXPECT_EQ(create(port, tagged), EEXIST) << "shares a priority with a rule without VLAN";
  Flow elsewhere = Flow().eth().vlan(10).ipv4(0, kController).to_queue(1).priority(1);
  EXPECT_EQ(create(port, elsewhere), 0);
  Flow with_protocol = from_controller().priority(2);
  Flow without = Flow().eth().ipv4(kController, 0).tcp(6653, 0).to_queue(1).priority(2);
  EXPECT_EQ(create(port, with_protocol), 0);
  EXPECT_EQ(create(port, without), EEXIST) << "TCP is the protocol: the same key";
  EXPECT_EQ(Flow().eth_type(0x0806).count().to_queue(1).validate(port.id()), ENOTSUP);
  EXPECT_EQ(Flow().eth_type(0x0806).to_queue(2).validate(port.id()), ERANGE);
}

TEST(Profile, AValidatingLiarCreatesNothing) {
  TestPort port("profile=validates");
  Flow flow = to_controller();
  EXPECT_EQ(flow.validate(port.id()), 0);
  EXPECT_EQ(create(port, flow), ENOTSUP);
}

TEST(Profile, NoneHasNoRteFlow) {
  TestPort port("profile=none");
  EXPECT_EQ(to_controller().validate(port.id()), ENOSYS);
}

TEST(Profile, TheArgumentCapacityIsKeptTo) {
  TestPort port("profile=mlx5,capacity=1");
  Flow first = to_controller(), second = from_controller();
  EXPECT_EQ(create(port, first), 0);
  EXPECT_EQ(create(port, second), ENOMEM);
}

}  // namespace
}  // namespace testnic
