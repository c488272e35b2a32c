// What comes by control queues: who forwards it, and that it ends where it would have without.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "inband/steering.h"
#include "inband_switch.h"
#include "offload/reconciler.h"
#include "packet/parse.h"
#include "support/frames.h"
#include "support/random.h"
#include "unit/offload/fake_nic.h"

namespace lifeline::datapath::test {
namespace {

DatapathConfig generous() {
  DatapathConfig c;
  // Copies for LOCAL by rates of their own would make two switches differ by the clock.
  c.dhcp_replies_per_s = c.next_hop_arps_per_s = c.path_mtu_per_s = 1'000'000;
  c.inband_per_s = c.upcalls_per_s = c.local_per_s = c.packet_ins_per_s = 1'000'000;
  // So would an address that moves to and fro faster than a person can plug.
  c.learn_repeat_us = 0;
  return c;
}

DatapathConfig with_rate(std::uint32_t foreign_per_s) {
  DatapathConfig c = generous();
  c.foreign_per_s = foreign_per_s;
  return c;
}

struct ControlQueueSwitch : InbandSwitch {
  explicit ControlQueueSwitch(const DatapathConfig& c = generous())
      : InbandSwitch(c, false, true) {}
  ControlQueueCounts counts(PortNo port) const {
    return datapath->control_queue_counts(ports->view()->index_of[port]);
  }
  void steered(PortNo port, const Frame& frame) {
    inject_steered(port, frame);
    settle();
  }
};

Frame arp_of_a_stranger(std::uint8_t n) {
  const MacAddress mac = MacAddress::from_u64(0x020000005000 + n);
  return PacketBuilder()
      .eth(mac, MacAddress::broadcast())
      .arp(1, mac, Ipv4Address::of(10, 0, 1, n), MacAddress{}, Ipv4Address::of(10, 0, 1, 250))
      .build(60);
}

TEST(ControlQueue, TheControlLcoreServesKnownSessionsWithoutAWorker) {
  ControlQueueSwitch s;
  s.inject_steered(1, InbandSwitch::from_controller());
  while (s.datapath->poll_control_queues(32) != 0) {
  }
  s.datapath->poll_control(s, 100);
  EXPECT_EQ(s.take_local().size(), 1u);
  EXPECT_EQ(s.counts(1).known, 1u);
  EXPECT_EQ(s.counts(1).strangers + s.counts(1).foreign, 0u);
}

TEST(ControlQueue, ATurnTakesItsBudgetAndNoMoreAndEveryPortHasItsTurn) {
  ControlQueueSwitch s;
  const std::uint64_t one = s.counts(1).received;
  const std::uint64_t two = s.counts(2).received;
  for (std::uint8_t n = 0; n < 200; ++n) {
    s.inject_steered(1, arp_of_a_stranger(n));
    s.inject_steered(2, arp_of_a_stranger(n));
  }
  EXPECT_EQ(s.datapath->poll_control_queues(40), 40u);
  EXPECT_EQ(s.counts(1).received - one + s.counts(2).received - two, 40u);
  EXPECT_GT(s.counts(1).received, one);
  EXPECT_GT(s.counts(2).received, two);
  // Where the budget is a burst, they take turns.
  for (int turn = 0; turn < 4; ++turn) EXPECT_EQ(s.datapath->poll_control_queues(16), 16u);
  EXPECT_GE(s.counts(1).received - one, 24u);
  EXPECT_GE(s.counts(2).received - two, 24u);
}

TEST(ControlQueue, ForeignPacketsBeyondTheRateGoToAWorkerAndAreForwardedAllTheSame) {
  ControlQueueSwitch s(with_rate(100));  // ten at once
  s.add({}, flow::kPriorityStandalone, {flow::Output{2}});
  for (std::uint8_t n = 0; n < 60; ++n) s.inject_steered(1, arp_of_a_stranger(n));
  s.settle();
  EXPECT_EQ(s.count(2), 60u);
  EXPECT_EQ(s.counts(1).foreign + s.counts(1).excess, 60u);
  EXPECT_GE(s.counts(1).excess, 40u);
  EXPECT_EQ(s.counts(1).dropped, 0u);
}

TEST(ControlQueue, AFloodOfArpTakesNothingFromKnownSessions) {
  ControlQueueSwitch s(with_rate(100));
  s.take_local();
  for (int round = 0; round < 20; ++round) {
    for (std::uint8_t n = 0; n < 200; ++n) s.inject_steered(1, arp_of_a_stranger(n));
    s.inject_steered(1, InbandSwitch::from_controller());
    // No worker: its ring fills, and what does not fit is counted.
    while (s.datapath->poll_control_queues(256) != 0) {
    }
    s.datapath->poll_control(s, 1000);
  }
  EXPECT_EQ(s.take_local().size(), 20u);
  EXPECT_EQ(s.counts(1).known, 20u);
  EXPECT_GT(s.counts(1).dropped, 1000u);
  EXPECT_EQ(s.drops("control_queue_excess"), s.counts(1).dropped);
}

// A control queue of a pool of its own, and egress queues that keep what was sent to them.
struct OwnPool : testing::Test {
  static constexpr unsigned kMbufs = 127;
  // As a NIC does: a frame finds a buffer of the queue's pool, or is lost.
  bool arrives(ControlQueueSwitch& s, const Frame& frame) const {
    rte_mbuf* m = rte_pktmbuf_alloc(pool.get());
    if (m == nullptr) return false;
    std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size())), frame.data(),
                frame.size());
    s.inject_steered(1, m);
    return true;
  }
  unsigned taken() const { return rte_mempool_in_use_count(pool.get()); }

  port::MempoolPtr pool = std::move(*port::make_pool("own", kMbufs, 0, 2048, SOCKET_ID_ANY));
};

TEST_F(OwnPool, ForeignPacketsThatWereSentAndNotFreedTakeNothingOfIt) {
  for (const std::uint32_t rate : {1'000'000u, 100u}) {  // by the control lcore, and by a worker
    ControlQueueSwitch s(with_rate(rate));
    s.add({}, flow::kPriorityStandalone, {flow::Output{2}});
    for (int round = 0; round < 10; ++round) {
      for (std::uint8_t n = 0; n < 20; ++n) EXPECT_TRUE(arrives(s, arp_of_a_stranger(n)));
      s.settle();
      EXPECT_EQ(taken(), 0u);
    }
    EXPECT_EQ(s.counts(1).received, 200u);
    EXPECT_EQ(s.count(2), 200u);
    EXPECT_EQ(s.counts(1).excess > 100, rate == 100);
  }
}

TEST_F(OwnPool, AWorkerThatTakesNothingLeavesItWhatTheRingDoesNotHold) {
  constexpr unsigned kFlood = 5000, kRing = 256;
  pool = std::move(*port::make_pool("larger", kRing + kMbufs, 0, 2048, SOCKET_ID_ANY));
  ControlQueueSwitch s(with_rate(100));
  s.take_local();
  for (unsigned n = 0; n < kFlood; ++n) {
    ASSERT_TRUE(arrives(s, arp_of_a_stranger(static_cast<std::uint8_t>(n))));
    while (s.datapath->poll_control_queues(64) != 0) {
    }
    EXPECT_LE(taken(), kRing);
  }
  EXPECT_TRUE(arrives(s, InbandSwitch::from_controller()));
  while (s.datapath->poll_control_queues(64) != 0) {
  }
  s.datapath->poll_control(s, 1000);
  EXPECT_EQ(s.take_local().size(), 1u);
  EXPECT_GT(s.counts(1).dropped, 1000u);
  s.settle();
  EXPECT_EQ(taken(), 0u);
}

Frame syn_to_controller(std::uint16_t from_port) {
  return PacketBuilder()
      .eth(kHostA, kGatewayMac)
      .ipv4(kIpA, kController)
      .tcp(from_port, 6653, packet::kTcpSyn)
      .build(60);
}

TEST(ControlQueue, ASynFloodToTheControllerTakesNothingFromASwitchBehindUs) {
  ControlQueueSwitch s(with_rate(100));
  // The controller has answered that switch: its session is known.
  s.steered(1, PacketBuilder()
                   .eth(kGatewayMac, kHostA)
                   .ipv4(kController, kIpA)
                   .tcp(6653, 40000, packet::kTcpAck)
                   .build(60));
  (void)s.received(1);
  const std::uint64_t known = s.counts(2).known;
  for (int round = 0; round < 20; ++round) {
    for (std::uint16_t n = 0; n < 200; ++n)
      s.inject_steered(2, syn_to_controller(static_cast<std::uint16_t>(1000 + 200 * round + n)));
    s.inject_steered(2, InbandSwitch::to_controller(kHostA));
    while (s.datapath->poll_control_queues(256) != 0) {
    }
  }
  EXPECT_EQ(s.counts(2).known - known, 20u);
  EXPECT_GT(s.counts(2).excess, 3500u);
}

TEST(ControlQueue, AnAnswerToASynMakesNoSessionKnown) {
  ControlQueueSwitch s;
  s.steered(1, PacketBuilder()
                   .eth(kGatewayMac, kHostA)
                   .ipv4(kController, kIpA)
                   .tcp(6653, 40000, packet::kTcpSyn | packet::kTcpAck)
                   .build(60));
  s.steered(2, InbandSwitch::to_controller(kHostA));
  EXPECT_EQ(s.counts(2).known, 0u);
  EXPECT_EQ(s.counts(2).strangers, 1u);
}

TEST(ControlQueue, ControlTrafficByADataQueueIsNoticedByLetter) {
  ControlQueueSwitch s;
  const std::uint8_t index = s.ports->view()->index_of[1];
  const std::uint64_t before = s.datapath->hidden_by_data_queue(index, 'i' - 'a');
  s.send(1, InbandSwitch::from_controller());
  s.send(1, InbandSwitch::from_controller());
  EXPECT_EQ(s.datapath->hidden_by_data_queue(index, 'i' - 'a'), before + 2);
  s.steered(1, InbandSwitch::from_controller());
  EXPECT_EQ(s.datapath->hidden_by_data_queue(index, 'i' - 'a'), before + 2);
}

// -- the same decision, with offload or without

using offload::test::FakeNic;
using Random = lifeline::test::Random;

// Of the world of InbandSwitch, so that rules, guards and NIC rules are hit and narrowly missed.
Frame random_frame(Random& random) {
  const std::vector<MacAddress> macs{kLocalMac, kGatewayMac, kHostA, kHostB,
                                     MacAddress::broadcast()};
  const std::vector<Ipv4Address> ips{kIpA, kIpB, kLocalIp, kGatewayIp, kController};
  const std::vector<std::uint16_t> tcp_ports{6653, 6633, 80, 40000};
  const std::vector<std::uint16_t> udp_ports{67, 68, 53, 1000};
  MacAddress src = random.pick(macs);
  if (src.is_multicast()) src = kHostA;
  PacketBuilder b;
  b.eth(src, random.pick(macs));
  if (random.one_in(8)) b.vlan(static_cast<std::uint16_t>(random.below(3)));
  switch (random.below(4)) {
    case 0:
      b.arp(static_cast<std::uint16_t>(1 + random.below(2)), src, random.pick(ips),
            random.pick(macs), random.pick(ips));
      break;
    case 1:
      b.ipv4(random.pick(ips), random.pick(ips))
          .udp(random.pick(udp_ports), random.pick(udp_ports));
      break;
    default:
      b.ipv4(random.pick(ips), random.pick(ips))
          .tcp(random.pick(tcp_ports), random.pick(tcp_ports),
               random.one_in(3) ? packet::kTcpSyn : packet::kTcpAck);
  }
  return b.build(60);
}

flow::Rule random_rule(Random& random) {
  flow::Match m;
  if (random.one_in(3)) m.in_port(static_cast<PortNo>(1 + random.below(3)));
  if (random.one_in(3)) m.eth_src(random.one_in(2) ? kHostA : kGatewayMac);
  if (random.one_in(2)) m.eth_type(packet::kEthTypeArp);
  flow::ActionList actions;
  const std::vector<PortNo> outputs{
      1, 2, 3, flow::kPortNormal, flow::kPortLocal, flow::kPortFlood, flow::kPortController};
  if (!random.one_in(5)) actions.push_back(flow::Output{random.pick(outputs)});
  return TestSwitch::rule(m, static_cast<std::uint32_t>(random.below(65536)), actions);
}

// In no order: two lcores may send what one sends, in another order.
using Frames = std::multiset<std::string>;

void add(Frames& to, const Frame& frame) { to.insert(lifeline::test::to_hex(frame)); }

struct Outcome {
  std::array<Frames, 3> out;
  Frames local;
  Frames packet_ins;
  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& o, std::ostream* os) {
  const auto all = [&](const char* where, const Frames& frames) {
    for (const std::string& frame : frames) *os << "\n    " << where << ' ' << frame;
  };
  for (std::size_t p = 0; p < o.out.size(); ++p) all(std::to_string(p + 1).c_str(), o.out[p]);
  all("LOCAL", o.local);
  all("packet-in", o.packet_ins);
}

Outcome outcome(TestSwitch& s) {
  Outcome o;
  for (PortNo p = 1; p <= 3; ++p)
    for (const Frame& f : s.received(p)) add(o.out[p - 1u], f);
  for (const Frame& f : s.take_local()) add(o.local, f);
  for (const PacketInCopy& in : s.take_packet_ins()) add(o.packet_ins, in.frame);
  return o;
}

void same_with_nic(FakeNic nic, const DatapathConfig& config, Random& random) {
  InbandSwitch without(generous());
  ControlQueueSwitch with(config);
  (void)outcome(without);
  (void)outcome(with);
  offload::Reconciler reconciler(nic);
  (void)reconciler.reconcile(inband::steering_intents(with.facts), TimePoint{});
  std::size_t steered = 0;
  for (int n = 0; n < 300; ++n) {
    if (random.one_in(20)) {
      const flow::Rule rule = random_rule(random);
      without.add(rule);
      with.add(rule);
    }
    const Frame frame = random_frame(random);
    const auto port = static_cast<PortNo>(1 + random.below(3));
    const packet::FlowKey key = packet::parse(frame, port);
    without.inject(port, frame);
    if (nic.steers(key)) {
      ++steered;
      with.inject_steered(port, frame);
    } else {
      with.inject(port, frame);
    }
    without.settle();
    with.settle();
    ASSERT_EQ(outcome(with), outcome(without))
        << nic.name << ", packet " << n << ": " << flow::Match{key, {}}.to_string();
  }
  EXPECT_EQ(steered != 0, !nic.rules.empty() && !nic.loses) << nic.name;
}

TEST(SameDecision, WithEveryNicAndWithout) {
  Random random;
  for (const FakeNic& nic : offload::test::all_nics()) same_with_nic(nic, generous(), random);
}

TEST(SameDecision, WithHalfOfItRefused) {
  Random random;
  for (int round = 0; round < 3; ++round) {
    FakeNic nic = offload::test::ice();
    nic.name = "half";
    const std::uint64_t salt = random.u64();
    nic.create_check = [salt](const FakeNic&,
                              const offload::Form& f) -> std::optional<std::string> {
      if (((std::hash<std::string>{}(f.to_string()) ^ salt) & 1) != 0) return "no";
      return std::nullopt;
    };
    same_with_nic(nic, generous(), random);
  }
}

TEST(SameDecision, WhenTheWorkerGetsTheExcess) {
  Random random;
  same_with_nic(offload::test::mlx5(), with_rate(100), random);
}

}  // namespace
}  // namespace lifeline::datapath::test
