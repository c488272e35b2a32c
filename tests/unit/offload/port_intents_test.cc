// On each port control traffic is steered in the form that it has there, and in no other.
#include "offload/port_intents.h"

#include <gtest/gtest.h>

#include "offload/ladder.h"
#include "packet/packet_builder.h"
#include "packet/parse.h"
#include "unit/offload/facts_fixture.h"

namespace lifeline::offload::test {
namespace {

using flow::PortVlan;

constexpr std::uint16_t kManagement = 100;

// (i), as it comes in with this tag; 0: untagged.
packet::FlowKey from_controller(std::uint16_t vid) {
  packet::PacketBuilder b;
  b.eth(kGatewayMac, kLocalMac);
  if (vid != 0) b.vlan(vid);
  return packet::parse(b.ipv4(kController, Ipv4Address::of(10, 0, 0, 1)).tcp(6653, 40000).build(60),
                       1);
}

std::vector<flow::SteeringIntent> intents_on(std::uint16_t management, const PortVlan& port) {
  inband::Facts facts = facts4();
  if (management != 0) facts.vlan = {.kind = flow::ManagementVlan::Kind::kVid, .vid = management};
  return port_intents(inband::steering_intents(facts), facts.vlan, port);
}

// By whatever rung.
bool is_steered(const std::vector<flow::SteeringIntent>& intents, std::uint16_t vid) {
  for (const auto& i : intents) {
    if (i.letter != 'i') continue;
    for (const Step& step : ladder(i))
      if (!step.form.matches(from_controller(vid))) return false;
    return true;
  }
  return false;
}

TEST(PortIntents, WhatNormalTakesForTheManagementVlanIsSteeredAndNothingElse) {
  const std::vector<PortVlan> ports = {
      PortVlan{},
      PortVlan::access(kManagement),
      PortVlan::access(7),
      PortVlan::trunk(std::vector<std::uint16_t>{kManagement}, 0),
      PortVlan::trunk(std::vector<std::uint16_t>{0, 7}, 0),
      PortVlan::trunk(std::vector<std::uint16_t>{kManagement}, 7),
      PortVlan::trunk(std::nullopt, 7),
  };
  for (const PortVlan& port : ports)
    for (const std::uint16_t management : {std::uint16_t{0}, kManagement})
      for (const std::uint16_t vid : {std::uint16_t{0}, std::uint16_t{7}, kManagement})
        EXPECT_EQ(is_steered(intents_on(management, port), vid), port.classify(vid) == management)
            << port.to_string() << ", management VLAN " << management << ", VID " << vid;
}

TEST(PortIntents, AnAccessPortHasThemAllAndInTheirOrder) {
  EXPECT_EQ(names(intents_on(kManagement, PortVlan::access(kManagement))),
            names(intents_on(kManagement, PortVlan{})));
  EXPECT_TRUE(intents_on(kManagement, PortVlan::access(7)).empty());
}

// Its tagged form too is taken by NORMAL there, but a switch sends a native VLAN untagged.
TEST(PortIntents, WhereTheManagementVlanIsNativeItComesUntagged) {
  const auto intents = intents_on(kManagement, PortVlan::trunk(std::nullopt, kManagement));
  EXPECT_TRUE(is_steered(intents, 0));
  EXPECT_FALSE(is_steered(intents, kManagement));
}

TEST(PortIntents, WhereItIsNativeTaggedItComesTagged) {
  const auto intents = intents_on(kManagement, PortVlan::trunk(std::nullopt, kManagement, true));
  EXPECT_TRUE(is_steered(intents, kManagement));
  EXPECT_FALSE(is_steered(intents, 0));
}

TEST(PortIntents, OfAnyVlanThePortsVlansSayNothing) {
  inband::Facts facts = facts4();
  facts.vlan = {.kind = flow::ManagementVlan::Kind::kAny, .vid = 0};
  const auto all = inband::steering_intents(facts);
  EXPECT_EQ(port_intents(all, facts.vlan, PortVlan::access(7)), all);
}

}  // namespace
}  // namespace lifeline::offload::test
