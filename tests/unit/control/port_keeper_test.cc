// The keeper's state machine against devices that come, fail and go as the test says.
#include "control/port_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "support/log_capture.h"

namespace lifeline::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kMissing = "no such device";

class FakePorts final : public PortActions {
 public:
  struct Request {
    std::string what;  // "add 1"
    Expected<void> result;
    std::function<void(const Expected<void>&)> answer;
  };

  void add(const port::PortSpec& spec, Done done) override {
    requests.push_back({fmt::format("add {}", spec.port_no), {}, [this, spec, done](const auto& r) {
                          if (r) there[spec.port_no] = spec;
                          done(r);
                        }});
  }
  void remove(flow::PortNo number, Done done) override {
    EXPECT_EQ(there.erase(number), 1u) << "removed what is not there";
    requests.push_back({fmt::format("remove {}", number), {}, done});
  }
  void restart(flow::PortNo number, Done done) override {
    requests.push_back({fmt::format("restart {}", number), {}, [this, number, done](const auto& r) {
                          if (!r) there.erase(number);
                          done(r);
                        }});
  }
  void on_device_event(port::PortSet::OnDeviceEvent call) override { event = std::move(call); }
  void on_arrival(port::PortSet::OnArrival call) override { came = std::move(call); }
  std::optional<ofagent::PortInfo> info(flow::PortNo number) const override {
    if (!there.contains(number)) return std::nullopt;
    return ofagent::PortInfo{.number = number};
  }
  std::uint32_t mtu(flow::PortNo number) const override {
    const auto it = there.find(number);
    return it == there.end() ? 0 : it->second.mtu.value_or(1500);
  }
  void set_vlan(flow::PortNo number, flow::PortVlan) override {
    EXPECT_TRUE(there.contains(number));
  }
  void announce(Change change, const ofagent::PortInfo& info) override {
    const char* const words[] = {"ADD", "DELETE", "MODIFY"};
    told.push_back(fmt::format("{} {}", words[static_cast<int>(change)], info.number));
  }

  // Answers the oldest request, which has to be this one.
  void finish(const std::string& what, Expected<void> result = {}) {
    ASSERT_FALSE(requests.empty()) << what << " was not asked for";
    const Request request = std::move(requests.front());
    requests.pop_front();
    ASSERT_EQ(request.what, what);
    request.answer(result);
  }
  // Answers all with success, and what they lead to.
  void finish_all() {
    for (int i = 0; !requests.empty(); ++i) {
      ASSERT_LT(i, 20) << "it never settles";
      finish(std::string(requests.front().what));
    }
  }

  std::map<flow::PortNo, port::PortSpec> there;
  std::deque<Request> requests;
  std::vector<std::string> told;
  port::PortSet::OnDeviceEvent event;
  port::PortSet::OnArrival came;
};

port::PortSpec spec_of(flow::PortNo number, std::optional<std::uint32_t> mtu = {}) {
  return {.name = fmt::format("p{}", number),
          .device = fmt::format("net_af_packet{0},iface=eth{0}", number),
          .port_no = number,
          .mtu = mtu};
}

class PortKeeperTest : public testing::Test {
 protected:
  // Ports 1 and 2 have been there since the start.
  void begin() {
    ports.there = {{1, spec_of(1)}, {2, spec_of(2)}};
    keeper->begin({spec_of(1), spec_of(2)}, {});
  }
  // Port 1 had no device at the start.
  void begin_without_device() {
    test::ExpectLog(kMissing);
    ports.there = {{2, spec_of(2)}};
    keeper->begin({spec_of(1), spec_of(2)}, {{spec_of(1), kMissing}});
  }
  void want(const std::vector<port::PortSpec>& wanted) {
    keeper->want(wanted, [this](std::vector<std::string> found) {
      ++settled;
      problems = std::move(found);
    });
  }
  void after(Duration d) {
    clock.advance(d);
    keeper->run(clock.now());
  }
  // A try comes after `pause`, not before, and fails.
  void expect_try_after(Duration pause) {
    EXPECT_EQ(keeper->next_deadline(), clock.now() + pause);
    after(pause - 1ms);
    EXPECT_THAT(ports.requests, IsEmpty());
    after(1ms);
    ports.finish("add 1", make_error(kMissing));
  }
  void lose_device(flow::PortNo number) {
    test::ExpectLog("is gone");
    ports.event(number, port::DeviceEvent::kGone);
  }
  void ask_for_reset(flow::PortNo number) {
    test::ExpectLog("asks for a reset");
    ports.event(number, port::DeviceEvent::kWantsReset);
  }

  ManualClock clock;
  FakePorts ports;
  std::unique_ptr<PortKeeper> keeper = std::make_unique<PortKeeper>(ports, clock);
  int settled = 0;
  std::vector<std::string> problems;
};

TEST_F(PortKeeperTest, ADeviceThatIsMissingIsTriedEverLessOftenUpToEightSeconds) {
  begin_without_device();
  for (const Duration pause : {1s, 2s, 4s, 8s, 8s}) expect_try_after(pause);
  ASSERT_EQ(keeper->absent().size(), 1u);
  EXPECT_EQ(keeper->absent()[0].reason, kMissing);
  after(8s);
  ports.finish("add 1");
  EXPECT_THAT(keeper->absent(), IsEmpty());
  EXPECT_THAT(ports.told, ElementsAre("ADD 1"));
  EXPECT_EQ(keeper->next_deadline(), TimePoint::max());
}

TEST_F(PortKeeperTest, ADeviceThatGoesIsTriedAgainAtOnceAndThenFromOneSecondOn) {
  begin();
  lose_device(1);
  EXPECT_THAT(ports.told, ElementsAre("DELETE 1"));
  ports.finish("remove 1");
  ports.finish("add 1", make_error(kMissing));
  for (const Duration pause : {1s, 2s}) expect_try_after(pause);
  after(4s);
  ports.finish("add 1");
  // It was good: the pauses begin anew.
  test::ExpectLog("is gone");
  ports.event(1, port::DeviceEvent::kGone);
  ports.finish("remove 1");
  ports.finish("add 1", make_error(kMissing));
  expect_try_after(1s);
  EXPECT_THAT(ports.told, ElementsAre("DELETE 1", "ADD 1", "DELETE 1"));
}

TEST_F(PortKeeperTest, AnInterfaceThatChangesIsReasonForATryAtOnce) {
  begin_without_device();
  for (const Duration pause : {1s, 2s, 4s}) expect_try_after(pause);
  after(5s);
  keeper->interfaces_changed();
  keeper->run(clock.now());
  ports.finish("add 1");
  EXPECT_THAT(ports.told, ElementsAre("ADD 1"));
}

TEST_F(PortKeeperTest, AnInterfaceThatChangesDuringATryIsReasonForAnotherSoon) {
  begin_without_device();
  after(1s);
  keeper->interfaces_changed();
  ports.finish("add 1", make_error(kMissing));
  expect_try_after(100ms);
  EXPECT_GE(keeper->next_deadline(), clock.now() + 1s) << "the try's own events are no news";
}

TEST_F(PortKeeperTest, ADeviceThatIsPluggedInIsTriedAtOnceAndThenFromOneSecondOn) {
  port::PortSpec nic = spec_of(1);
  nic.device = "03:00.0";
  test::ExpectLog(kMissing);
  keeper->begin({nic}, {{nic, kMissing}});
  for (const Duration pause : {1s, 2s, 4s}) expect_try_after(pause);
  ports.came("0000:04:00.0");
  expect_try_after(8s);
  ports.came("0000:03:00.0");
  expect_try_after(100ms);  // nobody has bound it yet
  for (const Duration pause : {1s, 2s}) expect_try_after(pause);
  after(4s);
  ports.finish("add 1");
  EXPECT_THAT(ports.told, ElementsAre("ADD 1"));
}

TEST_F(PortKeeperTest, ADeviceThatIsBeingUnpluggedIsLeftAloneForASecond) {
  port::PortSpec nic = spec_of(1);
  nic.device = "0000:03:00.0";
  ports.there = {{1, nic}};
  keeper->begin({nic}, {});
  lose_device(1);
  ports.finish("remove 1");
  EXPECT_THAT(ports.requests, IsEmpty());
  for (const Duration pause : {1s, 1s, 2s}) expect_try_after(pause);
  // But for one that comes meanwhile.
  after(4s);
  ports.finish("add 1");
  test::ExpectLog("is gone");
  ports.event(1, port::DeviceEvent::kGone);
  ports.finish("remove 1");
  ports.came("0000:03:00.0");
  expect_try_after(100ms);
  EXPECT_THAT(ports.told, ElementsAre("DELETE 1", "ADD 1", "DELETE 1"));
}

TEST_F(PortKeeperTest, InterfacesOfTheKernelSayNothingOfPciDevices) {
  port::PortSpec nic = spec_of(1);
  nic.device = "0000:03:00.0";
  test::ExpectLog(kMissing);
  keeper->begin({nic}, {{nic, kMissing}});
  keeper->interfaces_changed();
  expect_try_after(1s);
}

TEST_F(PortKeeperTest, ADeviceThatAsksForAResetIsRestartedAndControllersAreTold) {
  begin();
  ask_for_reset(2);
  EXPECT_THAT(ports.told, ElementsAre("MODIFY 2"));
  ports.finish("restart 2");
  EXPECT_THAT(ports.told, ElementsAre("MODIFY 2", "MODIFY 2"));
  EXPECT_THAT(ports.requests, IsEmpty());
}

TEST_F(PortKeeperTest, ADeviceThatDoesNotComeBackFromAResetIsAbsent) {
  begin();
  ask_for_reset(1);
  test::ExpectLog(kMissing);
  ports.finish("restart 1", make_error(kMissing));
  EXPECT_THAT(ports.told, ElementsAre("MODIFY 1", "DELETE 1"));
  expect_try_after(1s);
  EXPECT_EQ(keeper->absent().size(), 1u);
}

TEST_F(PortKeeperTest, WhatADriverSaysOfADeviceThatIsBeingRestartedIsOld) {
  begin();
  ask_for_reset(1);
  ports.event(1, port::DeviceEvent::kGone);  // what the driver says of a device that is down
  ports.finish("restart 1");
  ask_for_reset(1);
  ports.finish("restart 1");
  EXPECT_THAT(ports.requests, IsEmpty());
}

TEST_F(PortKeeperTest, ProblemsAreThoseOfPortsThatHaveToBeThere) {
  begin();
  port::PortSpec optional = spec_of(4);
  optional.optional = true;
  want({spec_of(1), spec_of(2), spec_of(3), optional});
  test::ExpectLog("three");
  test::ExpectLog("four");
  ports.finish("add 3", make_error("three"));
  EXPECT_EQ(settled, 0);
  ports.finish("add 4", make_error("four"));
  EXPECT_EQ(settled, 1);
  EXPECT_THAT(problems, ElementsAre("three"));
}

TEST_F(PortKeeperTest, APortGoesBeforeAnotherTakesItsNumber) {
  begin();
  port::PortSpec heir = spec_of(1);
  heir.name = "heir";
  want({heir, spec_of(2)});
  EXPECT_FALSE(ports.there.contains(1));
  ports.finish("remove 1");
  ports.finish("add 1");
  EXPECT_EQ(ports.there[1].name, "heir");
  EXPECT_EQ(settled, 1);
  EXPECT_THAT(ports.told, ElementsAre("DELETE 1", "ADD 1"));
}

TEST_F(PortKeeperTest, WhatDoesNotChangeIsNotTouched) {
  begin();
  port::PortSpec vlans = spec_of(1);
  vlans.vlan = flow::PortVlan::access(7);
  vlans.optional = true;
  want({vlans, spec_of(2)});
  EXPECT_EQ(settled, 1);
  EXPECT_THAT(ports.requests, IsEmpty());
}

TEST_F(PortKeeperTest, TheSmallestMtuCountsPortsWhoseDevicesAreGone) {
  begin();
  EXPECT_EQ(keeper->smallest_mtu(), 1500u);
  want({spec_of(1), spec_of(2), spec_of(3, 1400)});
  ports.finish("add 3");
  EXPECT_EQ(keeper->smallest_mtu(), 1400u);
  lose_device(3);
  ports.finish("remove 3");
  ports.finish("add 3", make_error(kMissing));
  EXPECT_EQ(keeper->smallest_mtu(), 1400u) << "it will be as narrow when it is back";
  want({spec_of(1), spec_of(2)});
  EXPECT_EQ(keeper->smallest_mtu(), 1500u);
}

TEST_F(PortKeeperTest, AnswersThatComeAfterItsEndAreIgnored) {
  begin();
  want({spec_of(2)});
  keeper.reset();
  ports.finish("remove 1");
  EXPECT_EQ(settled, 0);
}

// A reload that comes while port 1 is in each of its states.
enum class Where { kAbsent, kArriving, kThere, kRestarting, kLeaving };

class ReloadInState : public PortKeeperTest, public testing::WithParamInterface<Where> {
 protected:
  void SetUp() override {
    if (GetParam() == Where::kAbsent || GetParam() == Where::kArriving) {
      begin_without_device();
      if (GetParam() == Where::kArriving) after(1s);
      return;
    }
    begin();
    if (GetParam() == Where::kRestarting) ask_for_reset(1);
    if (GetParam() == Where::kLeaving) lose_device(1);
  }
};

TEST_P(ReloadInState, APortThatIsTakenOutGoes) {
  want({spec_of(2)});
  ports.finish_all();
  EXPECT_EQ(settled, 1);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_FALSE(ports.there.contains(1));
  EXPECT_TRUE(ports.there.contains(2));
  EXPECT_THAT(keeper->absent(), IsEmpty());
  EXPECT_EQ(keeper->next_deadline(), TimePoint::max());
}

TEST_P(ReloadInState, APortThatChangesComesAsItIsWanted) {
  want({spec_of(1, 1300), spec_of(2)});
  ports.finish_all();
  EXPECT_EQ(settled, 1);
  ASSERT_TRUE(ports.there.contains(1));
  EXPECT_EQ(ports.there[1], spec_of(1, 1300));
  EXPECT_EQ(keeper->smallest_mtu(), 1300u);
}

TEST_P(ReloadInState, APortThatIsTakenOutAndGivenBackIsThere) {
  want({spec_of(2)});
  want({spec_of(1), spec_of(2)});
  ports.finish_all();
  ASSERT_TRUE(ports.there.contains(1));
  EXPECT_EQ(ports.there[1], spec_of(1));
  EXPECT_THAT(keeper->absent(), IsEmpty());
}

std::string name_of(const testing::TestParamInfo<Where>& info) {
  const char* const names[] = {"Absent", "Arriving", "There", "Restarting", "Leaving"};
  return names[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(States, ReloadInState,
                         testing::Values(Where::kAbsent, Where::kArriving, Where::kThere,
                                         Where::kRestarting, Where::kLeaving),
                         name_of);

}  // namespace
}  // namespace lifeline::control
