// Bundles: what a controller collects is done all or none, in order.
#include "agent_fixture.h"
#include "ofagent/bundles.h"

namespace lifeline::ofagent {
namespace {

using openflow::BundleAdd;
using openflow::BundleControl;
using openflow::BundleControlType;
using openflow::ErrorId;
using openflow::ErrorMsg;

constexpr std::uint16_t kBoth = openflow::bundle_flags::kAtomic | openflow::bundle_flags::kOrdered;

class BundleTest : public AgentFixture {
 protected:
  static BundleControl control(BundleControlType type, std::uint16_t flags = kBoth,
                               std::uint32_t id = 1) {
    return {.bundle_id = id, .type = type, .flags = flags};
  }
  static void open(Peer& peer) {
    const auto reply = peer.ask<BundleControl>(control(BundleControlType::kOpenRequest));
    EXPECT_EQ(reply, control(BundleControlType::kOpenReply));
  }
  // Wraps the message as the next of `peer`, whose xid it must have.
  static BundleAdd wrap(const Peer& peer, const openflow::Message& message) {
    return {.bundle_id = 1,
            .flags = kBoth,
            .message = openflow::encode(message, peer.next_xid(), Version::k13)};
  }
  static void put(Peer& peer, const openflow::Message& message) { peer.tell(wrap(peer, message)); }
  static void commit(Peer& peer) {
    const auto reply = peer.ask<BundleControl>(control(BundleControlType::kCommitRequest));
    EXPECT_EQ(reply, control(BundleControlType::kCommitReply));
  }
  static std::pair<std::uint16_t, std::uint16_t> numbers(const ErrorMsg& error) {
    return {error.type, error.code};
  }
  static std::pair<std::uint16_t, std::uint16_t> numbers(ErrorId id) {
    const auto n = openflow::error_numbers(id, Version::k13);
    return {n.type, n.code};
  }
  // Commits what must fail; returns the errors about the message and about the commit.
  static std::pair<ErrorMsg, ErrorMsg> fail_commit(Peer& peer) {
    peer.send(control(BundleControlType::kCommitRequest));
    peer.run();
    auto first = peer.next<ErrorMsg>();
    auto second = peer.next<ErrorMsg>();
    EXPECT_TRUE(first && second && peer.inbox.empty());
    return {first.value_or(ErrorMsg{}), second.value_or(ErrorMsg{})};
  }
};

TEST_F(BundleTest, APacketOutGoesOnceTheWholeBundleStands) {
  Peer peer = primary();
  open(peer);
  openflow::PacketOut out;
  out.in_port = flow::kPortController;
  out.actions = {flow::Output{flow::kPortTable}};
  out.data = openflow::Bytes(60);
  put(peer, out);
  put(peer, add(in_port(1)));
  EXPECT_TRUE(backend.sent.empty());
  commit(peer);
  EXPECT_EQ(writer.published.size(), 1u);
  ASSERT_EQ(backend.sent.size(), 1u);
  EXPECT_EQ(backend.sent[0].frame, out.data);
  EXPECT_EQ(backend.sent[0].actions, out.actions);

  out.in_port = 77;
  peer.expect_error(wrap(peer, out), ErrorId::kBrcBadPort);
  out.in_port = 1;
  backend.refuse_packet_out = true;
  open(peer);
  put(peer, out);
  commit(peer);
  EXPECT_EQ(agent.counters().packet_out_failed, 1u) << "no room for a packet fails no bundle";
}

TEST_F(BundleTest, IsPublishedInSlicesAndAnsweredWhenItStands) {
  Peer peer = primary();
  Peer other = service(Version::k13);
  open(peer);
  put(peer, add(in_port(1)));
  writer.publish_pieces = 5;
  peer.send(control(BundleControlType::kCommitRequest));
  EXPECT_TRUE(agent.run()) << "there is more";
  other.send(add(in_port(2)));
  EXPECT_TRUE(agent.run());
  peer.collect();
  EXPECT_TRUE(peer.inbox.empty());
  EXPECT_EQ(writer.published.size(), 0u);
  EXPECT_EQ(writer.staged.size(), 1u) << "nobody else changes the tables meanwhile";
  peer.run();
  EXPECT_EQ(peer.next<BundleControl>(), control(BundleControlType::kCommitReply));
  EXPECT_EQ(writer.published.size(), 2u);
}

TEST_F(BundleTest, APacketOutOfABundleThatFailsDoesNotGo) {
  Peer peer = primary();
  open(peer);
  openflow::PacketOut out;
  out.in_port = flow::kPortController;
  out.actions = {flow::Output{1}};
  out.data = openflow::Bytes(60);
  put(peer, out);
  openflow::FlowMod first = add(in_port(1));
  put(peer, first);
  openflow::FlowMod overlapping = add(flow::Match{});
  overlapping.flags = kCheckOverlap;
  put(peer, overlapping);
  const auto [about, commit_error] = fail_commit(peer);
  EXPECT_EQ(numbers(about), numbers(ErrorId::kFmfcOverlap));
  EXPECT_EQ(numbers(commit_error), numbers(ErrorId::kBfcMsgFailed));
  EXPECT_TRUE(backend.sent.empty());
}

TEST_F(BundleTest, NothingHappensBeforeTheCommitAndEverythingAtIt) {
  Peer peer = primary();
  open(peer);
  put(peer, add(in_port(1)));
  put(peer, add(in_port(2)));
  EXPECT_TRUE(writer.staged.empty());
  const int before = writer.n_publish;
  commit(peer);
  EXPECT_EQ(writer.published.size(), 2u);
  EXPECT_EQ(writer.n_publish, before + 1) << "packets must see all of a bundle at once";
}

TEST_F(BundleTest, ChangesOfManySlicesAreOnePublication) {
  Peer peer = primary();
  for (flow::PortNo p = 1; p <= 100; ++p) peer.tell(add(in_port(p)));
  open(peer);
  put(peer, remove());
  for (flow::PortNo p = 1; p <= 100; ++p) put(peer, add(in_port(p), 20));
  const int before = writer.n_publish;
  const auto old_rules = writer.published;
  peer.send(control(BundleControlType::kCommitRequest));
  int slices = 0;
  while (agent.run(Budget{200})) {
    ++slices;
    if (writer.n_publish == before) {
      EXPECT_EQ(writer.published.size(), old_rules.size());
    }
  }
  EXPECT_GT(slices, 10);
  EXPECT_EQ(writer.n_publish, before + 1);
  EXPECT_EQ(writer.published.size(), 100u);
  for (const auto& [id, rule] : writer.published) EXPECT_EQ(rule.priority, 20u);
}

TEST_F(BundleTest, MessagesRunInOrder) {
  Peer peer = primary();
  open(peer);
  put(peer, add(in_port(1)));
  put(peer, remove());
  put(peer, add(in_port(1), 10, 7));
  commit(peer);
  ASSERT_EQ(writer.published.size(), 1u);
  EXPECT_EQ(writer.published.begin()->second.instructions, output(7));
}

TEST_F(BundleTest, AFailureUndoesEverythingAndNamesItsMessage) {
  Peer peer = primary();
  auto keeper = add(in_port(1));
  keeper.cookie = 5;
  keeper.idle_timeout = 100;
  keeper.flags = kSendFlowRem;
  peer.tell(keeper);
  peer.tell(add(in_port(2)));
  const flow::RuleId id = writer.id_of(0, 10, in_port(1));
  writer.counts[id] = {.packets = 9, .bytes = 900};
  clock.advance(seconds{3});

  open(peer);
  auto changed = add(in_port(1), 10, 9);
  changed.cookie = 6;
  changed.flags = kResetCounts;
  put(peer, changed);
  put(peer, remove(in_port(1)));
  put(peer, add(in_port(3)));
  put(peer, remove());
  put(peer, add(in_port(4)));
  auto refused = add(flow::Match{}, 10);
  refused.flags = kCheckOverlap;
  put(peer, refused);
  const std::uint32_t refused_xid = peer.next_xid() - 1;
  put(peer, add(in_port(5)));

  peer.send(control(BundleControlType::kCommitRequest));
  peer.run();
  const auto about_message = peer.next<ErrorMsg>();
  EXPECT_EQ(peer.last_xid, refused_xid);
  const auto about_commit = peer.next<ErrorMsg>();
  EXPECT_EQ(peer.last_xid, peer.next_xid() - 1);
  EXPECT_TRUE(peer.inbox.empty()) << "no flow_removed for what stays";
  ASSERT_TRUE(about_message && about_commit);
  EXPECT_EQ(numbers(*about_message), numbers(ErrorId::kFmfcOverlap));
  openflow::Bytes head = openflow::encode(refused, refused_xid, Version::k13);
  head.resize(openflow::kErrorDataBytes);
  EXPECT_EQ(about_message->data, head);
  EXPECT_EQ(numbers(*about_commit), numbers(ErrorId::kBfcMsgFailed));
  EXPECT_EQ(about_commit->experimenter, openflow::kVendorOnf);

  const auto stats = peer.ask_list<openflow::FlowStatsReply>(openflow::FlowStatsRequest{});
  ASSERT_EQ(stats.size(), 2u);
  EXPECT_EQ(writer.staged.size(), 2u);
  const auto& kept = stats[0].cookie == 5 ? stats[0] : stats[1];
  EXPECT_EQ(kept.cookie, 5u);
  EXPECT_EQ(kept.instructions, output(2));
  EXPECT_EQ(kept.idle_timeout, 100);
  EXPECT_EQ(kept.flags, kSendFlowRem);
  EXPECT_EQ(kept.packet_count, 9u);
  EXPECT_EQ(kept.duration_sec, 3u);
  // The tables go on as if nothing had been.
  peer.tell(add(in_port(3)));
  peer.tell(remove(in_port(2)));
  EXPECT_EQ(agent.tables().size(), 2u);
  clock.advance(seconds{200});
  peer.run();
  EXPECT_EQ(agent.tables().size(), 1u) << "the idle time-out of the restored rule still counts";
}

TEST_F(BundleTest, FlowRemovedComesWithTheCommit) {
  Peer peer = primary();
  auto rule = add(in_port(1));
  rule.flags = kSendFlowRem;
  peer.tell(rule);
  writer.counts[writer.id_of(0, 10, in_port(1))] = {.packets = 4, .bytes = 400};
  open(peer);
  put(peer, remove());
  peer.send(control(BundleControlType::kCommitRequest));
  peer.run();
  const auto removed = peer.next<openflow::FlowRemoved>();
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->reason, openflow::FlowRemovedReason::kDelete);
  EXPECT_EQ(removed->packet_count, 4u);
  EXPECT_TRUE(peer.next<BundleControl>().has_value());
}

TEST_F(BundleTest, ResetCountsTakesPlaceAtTheCommit) {
  Peer peer = primary();
  peer.tell(add(in_port(1)));
  const flow::RuleId id = writer.id_of(0, 10, in_port(1));
  writer.counts[id] = {.packets = 4, .bytes = 400};
  open(peer);
  auto again = add(in_port(1));
  again.flags = kResetCounts;
  put(peer, again);
  EXPECT_EQ(writer.counts[id].packets, 4u);
  commit(peer);
  EXPECT_EQ(writer.counts[id].packets, 0u);
}

TEST_F(BundleTest, WhatIsWrongBySelfIsRefusedWhenAdded) {
  Peer peer = primary();
  open(peer);
  auto bad_table = add(in_port(1));
  bad_table.table_id = 254;
  peer.expect_error(wrap(peer, bad_table), ErrorId::kFmfcBadTableId);
  peer.expect_error(wrap(peer, openflow::BarrierRequest{}), ErrorId::kBfcMsgUnsup);
  peer.expect_error(wrap(peer, openflow::PortMod{.port = 99}), ErrorId::kPmfcBadPort);
  BundleAdd other_xid = wrap(peer, add(in_port(1)));
  other_xid.message[7] ^= std::byte{1};
  peer.expect_error(other_xid, ErrorId::kBfcMsgBadXid);
  BundleAdd other_flags = wrap(peer, add(in_port(1)));
  other_flags.flags = 0;
  peer.expect_error(other_flags, ErrorId::kBfcBadFlags);
  commit(peer);
  EXPECT_TRUE(writer.staged.empty());
}

TEST_F(BundleTest, TheLifeOfABundleHasItsErrors) {
  Peer peer = primary();
  using Type = BundleControlType;
  peer.expect_error(control(Type::kCommitRequest), ErrorId::kBfcBadId);
  peer.expect_error(control(Type::kCloseReply), ErrorId::kBfcBadType);
  peer.expect_error(control(Type::kOpenRequest, 4), ErrorId::kBfcBadFlags);
  open(peer);
  peer.expect_error(control(Type::kOpenRequest), ErrorId::kBfcBundleExist);
  peer.expect_error(control(Type::kCommitRequest, 0), ErrorId::kBfcBadFlags);
  EXPECT_EQ(peer.ask<BundleControl>(control(Type::kCloseRequest)).type, Type::kCloseReply);
  peer.expect_error(control(Type::kCloseRequest), ErrorId::kBfcBundleClosed);
  peer.expect_error(wrap(peer, add(in_port(1))), ErrorId::kBfcBundleClosed);
  EXPECT_EQ(peer.ask<BundleControl>(control(Type::kDiscardRequest)).type, Type::kDiscardReply);
  peer.expect_error(control(Type::kDiscardRequest), ErrorId::kBfcBadId);
  for (std::uint32_t id = 0; id < kMaxBundles; ++id) {
    EXPECT_EQ(peer.ask<BundleControl>(control(Type::kOpenRequest, kBoth, id)).bundle_id, id);
  }
  peer.expect_error(control(Type::kOpenRequest, kBoth, 99), ErrorId::kBfcOutOfBundles);
}

TEST_F(BundleTest, BelongsToItsConnection) {
  Peer peer = primary();
  open(peer);
  put(peer, add(in_port(1)));
  Peer other = primary();
  other.expect_error(control(BundleControlType::kCommitRequest), ErrorId::kBfcBadId);
}

TEST_F(BundleTest, PortModsTakeEffectOnlyIfNothingFails) {
  Peer peer = primary();
  const auto mac = backend.port_map.at(1).mac;
  const openflow::PortMod down{.port = 1, .hw_addr = mac, .config = kPortNoFwd, .mask = kPortNoFwd};
  peer.tell(add(in_port(1)));
  open(peer);
  put(peer, down);
  auto refused = add(flow::Match{}, 10);
  refused.flags = kCheckOverlap;
  put(peer, refused);
  fail_commit(peer);
  EXPECT_EQ(backend.port_map.at(1).config, 0u);

  open(peer);
  put(peer, down);
  peer.send(control(BundleControlType::kCommitRequest));
  peer.run();
  EXPECT_TRUE(peer.next<openflow::PortStatus>().has_value());
  EXPECT_TRUE(peer.next<BundleControl>().has_value());
  EXPECT_EQ(backend.port_map.at(1).config, kPortNoFwd);
}

TEST_F(BundleTest, ASecondaryControllerMayNot) {
  Peer peer = primary();
  peer.ask<openflow::RoleReply>(
      openflow::RoleRequest{.role = openflow::Role::kSlave, .generation_id = 1});
  peer.expect_error(control(BundleControlType::kOpenRequest), ErrorId::kBrcIsSlave);
}

TEST_F(BundleTest, AnotherConnectionWaitsForTheCommitAndIsServedThen) {
  Peer peer = primary();
  Peer other = service();
  open(peer);
  for (flow::PortNo p = 1; p <= 100; ++p) put(peer, add(in_port(p)));
  peer.send(control(BundleControlType::kCommitRequest));
  agent.run(Budget{200});
  other.send(remove());
  other.send(openflow::BarrierRequest{});
  other.run();
  peer.collect();
  EXPECT_TRUE(peer.next<BundleControl>().has_value());
  EXPECT_TRUE(other.next<openflow::BarrierReply>().has_value());
  EXPECT_EQ(agent.tables().size(), 0u) << "the deletion came after the bundle";
}

}  // namespace
}  // namespace lifeline::ofagent
