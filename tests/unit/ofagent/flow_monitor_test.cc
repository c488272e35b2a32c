// Flow monitors of the agent: who hears of which change, when, and how much of it.
#include "agent_fixture.h"

namespace lifeline::ofagent {
namespace {

namespace flags = openflow::flow_monitor_flags;
using openflow::ErrorId;
using openflow::FlowMonitorReply;
using openflow::FlowMonitorRequest;
using openflow::FlowUpdate;
using Event = FlowUpdate::Event;

constexpr std::uint16_t kNoInitial = flags::kAll & ~flags::kInitial;

class FlowMonitorTest : public AgentFixture, public testing::WithParamInterface<Version> {
 protected:
  static openflow::MultipartRequestBody watch(FlowMonitorRequest m) {
    return openflow::FlowMonitorsRequest{{std::move(m)}};
  }
  static FlowMonitorRequest everything(std::uint16_t wanted = flags::kAll, std::uint32_t id = 1) {
    return {.id = id, .flags = wanted};
  }
  // What has come since, of all messages; anything but updates fails.
  static FlowMonitorReply heard(Peer& c) {
    c.collect();
    FlowMonitorReply all;
    while (auto reply = c.next<openflow::MultipartReply>()) {
      EXPECT_EQ(c.last_xid, 0u);
      for (FlowUpdate& u : std::get<FlowMonitorReply>(reply->body)) all.push_back(std::move(u));
    }
    return all;
  }
  static std::vector<Event> events(Peer& c) {
    std::vector<Event> all;
    for (const FlowUpdate& u : heard(c)) all.push_back(u.event);
    return all;
  }
};

TEST_P(FlowMonitorTest, TheFirstAnswerHasWhatIsThere) {
  Peer c = service(GetParam());
  c.tell(add(in_port(1), 10, 2));
  c.tell(add(in_port(2), 20, 3));
  const auto dump = c.ask_list<FlowMonitorReply>(watch(everything()));
  ASSERT_EQ(dump.size(), 2u);
  EXPECT_EQ(dump[0].event, Event::kAdded);
  EXPECT_EQ(dump[0].priority, 10);
  EXPECT_TRUE(dump[0].match == in_port(1));
  EXPECT_EQ(dump[0].instructions, output(2));
  EXPECT_TRUE(c.ask_list<FlowMonitorReply>(watch(everything(kNoInitial, 2))).empty());
}

TEST_P(FlowMonitorTest, ChangesAreToldAsTheyHappen) {
  Peer c = service(GetParam());
  Peer watcher = service(GetParam());
  watcher.ask_list<FlowMonitorReply>(watch(everything()));
  c.tell(add(in_port(1)));
  c.tell(add(in_port(1), 10, 3));  // in the place of the first
  openflow::FlowMod modify = add(in_port(1), 10, 4);
  modify.command = openflow::FlowModCommand::kModify;
  modify.table_id = kAllTables;
  c.tell(modify);
  c.tell(modify);  // changes nothing more
  c.tell(remove());
  const FlowMonitorReply all = heard(watcher);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].event, Event::kAdded);
  EXPECT_EQ(all[1].event, Event::kAdded);
  EXPECT_EQ(all[1].instructions, output(3));
  EXPECT_EQ(all[2].event, Event::kModified);
  EXPECT_EQ(all[2].instructions, output(4));
  EXPECT_EQ(all[3].event, Event::kDeleted);
  EXPECT_EQ(all[3].reason, openflow::FlowRemovedReason::kDelete);
}

TEST_P(FlowMonitorTest, OwnChangesAreAbbreviatedOncePerRequestUnlessAskedFor) {
  Peer c = service(GetParam());
  c.ask_list<FlowMonitorReply>(watch(everything(flags::kAll & ~flags::kOwn)));
  c.send(add(in_port(1)));
  c.send(add(in_port(2)));
  c.run();
  heard(c);
  const std::uint32_t xid = c.send(remove());
  c.run();
  const FlowMonitorReply own = heard(c);
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0].event, Event::kAbbreviated);
  EXPECT_EQ(own[0].xid, xid);
  Peer other = service(GetParam());
  other.tell(add(in_port(1)));
  EXPECT_EQ(events(c), std::vector{Event::kAdded});
}

TEST_P(FlowMonitorTest, FiltersAndFlagsDecideWhatIsTold) {
  Peer c = service(GetParam());
  Peer watcher = service(GetParam());
  FlowMonitorRequest m = everything(flags::kAdd | flags::kModify);
  m.out_port = 3;
  m.match = in_port(1);
  watcher.ask_list<FlowMonitorReply>(watch(m));
  c.tell(add(in_port(1), 10, 2));  // outputs elsewhere
  c.tell(add(in_port(2), 10, 3));  // is not covered
  EXPECT_TRUE(heard(watcher).empty());
  c.tell(add(in_port(1), 10, 3));
  const FlowMonitorReply added = heard(watcher);
  ASSERT_EQ(added.size(), 1u);
  EXPECT_EQ(added[0].instructions, flow::Instructions{}) << "actions were not asked for";
  c.tell(add(in_port(1), 10, 4));  // no longer outputs there: news as well
  EXPECT_EQ(events(watcher), std::vector{Event::kAdded});
  c.tell(remove());  // deletions were not asked for
  EXPECT_TRUE(heard(watcher).empty());
}

TEST_P(FlowMonitorTest, UpdatesComeBeforeTheBarrierReply) {
  Peer c = service(GetParam());
  c.ask_list<FlowMonitorReply>(watch(everything()));
  c.send(add(in_port(1)));
  c.send(openflow::BarrierRequest{});
  c.run();
  EXPECT_TRUE(c.next<openflow::MultipartReply>().has_value());
  EXPECT_TRUE(c.next<openflow::BarrierReply>().has_value());
}

TEST_P(FlowMonitorTest, ATimeOutSaysItsReason) {
  Peer c = service(GetParam());
  openflow::FlowMod hard = add(in_port(1));
  hard.hard_timeout = 1;
  c.tell(hard);
  openflow::FlowMod idle = add(in_port(2));
  idle.idle_timeout = 2;
  c.tell(idle);
  c.ask_list<FlowMonitorReply>(watch(everything()));
  for (int i = 0; i < 40; ++i) {
    clock.advance(milliseconds{100});
    agent.run();
  }
  const FlowMonitorReply gone = heard(c);
  ASSERT_EQ(gone.size(), 2u);
  EXPECT_EQ(gone[0].reason, openflow::FlowRemovedReason::kHardTimeout);
  EXPECT_EQ(gone[1].reason, openflow::FlowRemovedReason::kIdleTimeout);
}

TEST_P(FlowMonitorTest, ACancelledMonitorIsSilentAndAnUnknownOneAnError) {
  Peer c = service(GetParam());
  c.ask_list<FlowMonitorReply>(watch(everything()));
  c.tell(openflow::FlowMonitorCancel{1});
  c.tell(add(in_port(1)));
  for (const bool exists : {false, true}) {
    c.send(exists ? openflow::Message(openflow::MultipartRequest{
                        .body = openflow::FlowMonitorsRequest{{everything(), everything()}}})
                  : openflow::Message(openflow::FlowMonitorCancel{1}));
    c.run();
    const auto error = c.next<openflow::ErrorMsg>();
    ASSERT_TRUE(error);
    const ErrorId expected = exists ? ErrorId::kMofcMonitorExists : ErrorId::kMofcUnknownMonitor;
    if (GetParam() == Version::k13) {
      EXPECT_EQ(error->experimenter, openflow::kVendorNicira);
      EXPECT_EQ(error->code, openflow::error_numbers(expected, Version::k13).code);
    } else {
      EXPECT_EQ(error->type, 0xb0c2);
    }
  }
  c.tell(remove());  // of two with one number, neither was taken
}

TEST_P(FlowMonitorTest, MonitorsGoWithTheirConnection) {
  {
    Peer watcher = service(GetParam());
    watcher.ask_list<FlowMonitorReply>(watch(everything()));
    agent.on_closed(watcher.id());
  }
  EXPECT_FALSE(agent.tables().is_watched());
  Peer c = service(GetParam());
  c.tell(add(in_port(1)));
}

TEST_P(FlowMonitorTest, ALongFirstDumpIsSlicedAndStaysTrueWhileOthersChangeTheTables) {
  constexpr std::uint16_t kRules = 3000;
  Peer c = service(GetParam());
  for (std::uint16_t i = 1; i <= kRules; ++i) c.send(add(in_port(i)));
  c.run();
  Peer watcher = service(GetParam());
  watcher.send(openflow::MultipartRequest{.body = watch(everything())});
  int slices = 0;
  for (bool more = true; more; ++slices) {
    // One that was dumped or not yet, by turns; and a new one.
    if (slices < 60) {
      const int gone = slices % 2 == 0 ? 1 + slices : kRules - slices;
      c.send(remove(in_port(static_cast<flow::PortNo>(gone))));
      c.send(add(in_port(static_cast<flow::PortNo>(kRules + 1 + slices))));
    }
    more = agent.run();
    watcher.collect();
    ASSERT_LT(slices, 2000);
  }
  EXPECT_GT(slices, 20);
  c.collect();
  std::map<std::uint32_t, int> known;  // by in_port
  bool dump_over = false;
  watcher.collect();
  while (auto reply = watcher.next<openflow::MultipartReply>()) {
    EXPECT_EQ(watcher.last_xid == 0, dump_over) << "updates come behind the dump";
    if (watcher.last_xid != 0 && !reply->more) dump_over = true;
    for (const FlowUpdate& u : std::get<FlowMonitorReply>(reply->body))
      known[u.match.key.in_port] += u.event == Event::kDeleted ? -1 : 1;
  }
  std::map<std::uint32_t, int> really;
  FlowTables::Cursor cursor;
  Budget budget{1'000'000};
  agent.tables().walk(cursor, {}, budget,
                      [&](const StoredRule& r) { really[r.rule.match.key.in_port] = 1; });
  std::erase_if(known, [](const auto& entry) { return entry.second == 0; });
  EXPECT_EQ(known, really);
}

TEST_P(FlowMonitorTest, AReaderThatIsTooSlowIsPausedAndCatchesUp) {
  constexpr std::uint16_t kRules = 4000;
  Peer c = service(GetParam());
  c.tell(add(in_port(1)));
  c.tell(add(in_port(2)));
  Peer watcher = service(GetParam());
  watcher.ask_list<FlowMonitorReply>(watch(everything()));
  for (std::uint16_t i = 10; i < 10 + kRules; ++i) c.send(add(in_port(i)));
  c.run();
  // In the pause: one deleted that the watcher knows, one that came and goes.
  c.tell(remove(in_port(1)));
  c.tell(add(in_port(3)));
  c.tell(remove(in_port(3)));
  while (agent.run()) {
  }
  watcher.collect();  // reads it all
  while (agent.run()) watcher.collect();
  watcher.collect();
  int paused = 0, resumed = 0, added_before = 0, added_after = 0, deleted = 0;
  for (const openflow::Decoded& d : watcher.inbox) {
    if (std::holds_alternative<openflow::FlowMonitorPaused>(d.message)) ++paused;
    if (std::holds_alternative<openflow::FlowMonitorResumed>(d.message)) ++resumed;
    const auto* reply = std::get_if<openflow::MultipartReply>(&d.message);
    if (reply == nullptr) continue;
    EXPECT_EQ(resumed, 0) << "what was missed comes before the end of the pause is told";
    for (const FlowUpdate& u : std::get<FlowMonitorReply>(reply->body)) {
      if (u.event == Event::kDeleted) {
        ++deleted;
        EXPECT_EQ(u.match.key.in_port, 1u);
      } else {
        ++(paused == 0 ? added_before : added_after);
      }
    }
  }
  EXPECT_EQ(paused, 1);
  EXPECT_EQ(resumed, 1);
  EXPECT_EQ(deleted, 1);
  EXPECT_GT(added_before, 100);
  EXPECT_GT(added_after, 100);
  EXPECT_EQ(added_before + added_after, kRules);
  watcher.inbox.clear();
  c.tell(add(in_port(5)));
  EXPECT_EQ(events(watcher), std::vector{Event::kAdded}) << "after the pause updates go on";
}

INSTANTIATE_TEST_SUITE_P(Versions, FlowMonitorTest, testing::Values(Version::k10, Version::k13),
                         [](const auto& v) {
                           return v.param == Version::k10 ? std::string("OpenFlow10")
                                                          : std::string("OpenFlow13");
                         });

using FlowMonitorBundleTest = FlowMonitorTest;

TEST_F(FlowMonitorBundleTest, ABundleIsToldAtItsCommitAndOneThatFailsNever) {
  Peer c = service();
  Peer watcher = service();
  watcher.ask_list<FlowMonitorReply>(watch(everything()));
  c.tell(add(in_port(9)));
  heard(watcher);
  for (const bool fails : {true, false}) {
    openflow::BundleControl control{.bundle_id = 1};
    c.ask<openflow::BundleControl>(control);
    const auto put = [&](const openflow::FlowMod& m) {
      c.tell(openflow::BundleAdd{.bundle_id = 1,
                                 .message = openflow::encode(m, c.next_xid(), Version::k13)});
    };
    put(add(in_port(1)));
    put(remove(in_port(9)));
    if (fails) {
      openflow::FlowMod overlap = add({});
      overlap.flags = kCheckOverlap;
      put(overlap);
    }
    EXPECT_TRUE(heard(watcher).empty());
    control.type = openflow::BundleControlType::kCommitRequest;
    c.send(control);
    c.run();
    c.inbox.clear();
    if (fails) {
      EXPECT_TRUE(heard(watcher).empty());
    } else {
      EXPECT_EQ(events(watcher), (std::vector{Event::kAdded, Event::kDeleted}));
    }
  }
}

}  // namespace
}  // namespace lifeline::ofagent
