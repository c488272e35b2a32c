#include "agent_fixture.h"

namespace lifeline::ofagent {
namespace {

using openflow::ErrorId;
using openflow::Role;
using openflow::RoleReply;
using openflow::RoleRequest;

class RolesTest : public AgentFixture {};

TEST_F(RolesTest, AMasterMakesTheFormerOneASlaveWhoMayOnlyRead) {
  Peer a = primary();
  Peer b = primary();
  EXPECT_EQ(a.ask<RoleReply>(RoleRequest{}).role, Role::kEqual);
  EXPECT_EQ(a.ask<RoleReply>(RoleRequest{Role::kMaster, 1}).role, Role::kMaster);
  EXPECT_EQ(b.ask<RoleReply>(RoleRequest{Role::kMaster, 2}).role, Role::kMaster);
  EXPECT_EQ(a.ask<RoleReply>(RoleRequest{}).role, Role::kSlave);
  a.expect_error(add(in_port(1)), ErrorId::kBrcIsSlave);
  a.expect_error(openflow::PacketOut{.data = openflow::Bytes(60)}, ErrorId::kBrcIsSlave);
  a.expect_error(openflow::PortMod{.port = 1}, ErrorId::kBrcIsSlave);
  EXPECT_EQ(a.ask_list<openflow::PortDescReply>(openflow::PortDescRequest{}).size(), 3u);
  b.tell(add(in_port(1)));
}

TEST_F(RolesTest, ASecondaryMayReadTableFeaturesAndConfigurationButSetNeither) {
  Peer a = primary();
  a.ask<RoleReply>(RoleRequest{Role::kSlave, 1});
  a.expect_error(openflow::SetConfig{}, ErrorId::kBrcIsSlave);
  openflow::TableFeaturesRequest set;
  set.tables.resize(1);
  const openflow::MultipartRequest request{.body = set, .more = false};
  a.expect_error(request, ErrorId::kBrcIsSlave);
  a.ask<openflow::GetConfigReply>(openflow::GetConfigRequest{});
  EXPECT_FALSE(a.ask_list<openflow::TableFeaturesReply>(openflow::TableFeaturesRequest{}).empty());
  a.ask<RoleReply>(RoleRequest{Role::kEqual, 1});
  a.expect_error(request, ErrorId::kTffcEperm);
}

TEST_F(RolesTest, AnOlderGenerationIsStale) {
  Peer a = primary();
  a.ask<RoleReply>(RoleRequest{Role::kSlave, 10});
  a.expect_error(RoleRequest{Role::kMaster, 9}, ErrorId::kRrfcStale);
  EXPECT_EQ(a.ask<RoleReply>(RoleRequest{Role::kMaster, 10}).generation_id, 10u);
  EXPECT_EQ(a.ask<RoleReply>(RoleRequest{Role::kEqual, 3}).role, Role::kEqual)
      << "equal needs no generation";
  // Generations go round.
  a.ask<RoleReply>(RoleRequest{Role::kMaster, 1ull << 62});
  a.ask<RoleReply>(RoleRequest{Role::kMaster, 1ull << 63});
  a.ask<RoleReply>(RoleRequest{Role::kMaster, 3ull << 62});
  a.ask<RoleReply>(RoleRequest{Role::kMaster, 5});
}

TEST_F(RolesTest, ASlaveGetsPortStatusButNoPacketIns) {
  Peer a = primary();
  a.ask<RoleReply>(RoleRequest{Role::kSlave, 1});
  const openflow::Bytes frame(60);
  agent.packet_in({.frame = frame, .reason = PacketInReason::kAction, .in_port = 1});
  a.run();
  EXPECT_TRUE(a.inbox.empty());
  agent.port_changed(SwitchAgent::PortChange::kModified, *backend.port(1));
  a.run();
  EXPECT_TRUE(a.next<openflow::PortStatus>());
}

TEST_F(RolesTest, AsynchronousMasksAreKeptAndTold) {
  Peer a = primary();
  auto reply = a.ask<openflow::GetAsyncReply>(openflow::GetAsyncRequest{});
  EXPECT_EQ(reply.packet_in, (std::array<std::uint32_t, 2>{3, 0}));
  EXPECT_EQ(reply.port_status, (std::array<std::uint32_t, 2>{7, 7}));
  EXPECT_EQ(reply.flow_removed, (std::array<std::uint32_t, 2>{15, 0}));
  openflow::SetAsync set;
  set.packet_in = {1, 1};
  set.port_status = {1, 0};
  set.flow_removed = {0, 8};
  a.tell(set);
  reply = a.ask<openflow::GetAsyncReply>(openflow::GetAsyncRequest{});
  EXPECT_EQ(reply.packet_in, set.packet_in);
  EXPECT_EQ(reply.port_status, set.port_status);
  EXPECT_EQ(reply.flow_removed, set.flow_removed);
  agent.port_changed(SwitchAgent::PortChange::kModified, *backend.port(1));
  a.run();
  EXPECT_TRUE(a.inbox.empty());
}

class PortsTest : public AgentFixture {
 protected:
  openflow::PortMod mod(flow::PortNo port, std::uint32_t config, std::uint32_t mask) {
    return {
        .port = port,
        .hw_addr = backend.port_map.count(port) != 0 ? backend.port_map.at(port).mac : MacAddress{},
        .config = config,
        .mask = mask};
  }
};

TEST_F(PortsTest, PortModSetsFlagsAlsoOfLocalAndTellsEverybody) {
  Peer a = primary();
  Peer b = primary(Version::k10);
  a.send(mod(flow::kPortLocal, kPortDown | kPortNoFwd, kPortDown));
  a.run();
  EXPECT_EQ(backend.port_map.at(flow::kPortLocal).config, kPortDown);
  const auto status = a.next<openflow::PortStatus>();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->reason, openflow::PortReason::kModify);
  EXPECT_EQ(status->port.no, flow::kPortLocal);
  EXPECT_EQ(status->port.config, kPortDown);
  b.collect();
  EXPECT_TRUE(b.next<openflow::PortStatus>());
  a.tell(mod(flow::kPortLocal, kPortDown, kPortDown));  // nothing new, nothing to tell
}

TEST_F(PortsTest, NoFloodAndNoStpOf10AreTaken) {
  Peer c = service(Version::k10);
  c.tell(mod(1, kPortNoFlood | kPortNoStp, kPortNoFlood | kPortNoStp));
  EXPECT_EQ(backend.port_map.at(1).config, kPortNoFlood);
}

TEST_F(PortsTest, AWrongPortModIsRefused) {
  Peer c = primary();
  c.expect_error(mod(9, 0, kPortDown), ErrorId::kPmfcBadPort);
  openflow::PortMod m = mod(1, kPortDown, kPortDown);
  m.hw_addr = MacAddress::from_u64(5);
  c.expect_error(m, ErrorId::kPmfcBadHwAddr);
  m = mod(1, 0, 0);
  m.advertise = 1;
  c.expect_error(m, ErrorId::kPmfcBadAdvertise);
  EXPECT_EQ(backend.port_map.at(1).config, 0u);
}

TEST_F(PortsTest, PortsThatComeAndGoAreAnnounced) {
  Peer c = primary();
  backend.add_port(3, "p3");
  agent.port_changed(SwitchAgent::PortChange::kAdded, *backend.port(3));
  agent.port_changed(SwitchAgent::PortChange::kDeleted, *backend.port(3));
  c.run();
  EXPECT_EQ(c.next<openflow::PortStatus>()->reason, openflow::PortReason::kAdd);
  EXPECT_EQ(c.next<openflow::PortStatus>()->reason, openflow::PortReason::kDelete);
}

}  // namespace
}  // namespace lifeline::ofagent
