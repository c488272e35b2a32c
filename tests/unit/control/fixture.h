// An OpenFlow agent on fakes, an in-band agent on a kernel that knows nothing, and real sockets on
// loopback.
#pragma once

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <optional>

#include "control/control_loop.h"
#include "inband/agent.h"
#include "unit/ofagent/fake_backend.h"
#include "unit/ofagent/fake_rule_writer.h"

namespace lifeline::control {

class SilentKernel final : public inband::KernelView {
 public:
  Expected<std::optional<netlink::Link>> link_by_name(std::string_view) override {
    return std::optional<netlink::Link>{};
  }
  Expected<std::optional<netlink::Link>> link_by_index(std::uint32_t) override {
    return std::optional<netlink::Link>{};
  }
  Expected<netlink::Route> route_to(const IpAddress&, std::uint32_t) override {
    netlink::Route route;
    route.type = netlink::Route::Type::kLocal;
    return route;
  }
  Expected<std::optional<netlink::Neighbour>> neighbour(const IpAddress&, std::uint32_t) override {
    return std::optional<netlink::Neighbour>{};
  }
  Expected<void> resolve(const IpAddress&, std::uint32_t) override { return {}; }
  Expected<void> probe(const IpAddress&, std::uint32_t) override { return {}; }
};

class NoGuards final : public flow::GuardWriter {
 public:
  void set_guards(const flow::Guards&) override {}
};

class ControlFixture : public testing::Test {
 protected:
  // Runs sockets and agent, as the control loop does, until the condition holds (or 10 s have
  // passed).
  template <class Condition>
  void run_until(Condition condition) {
    const TimePoint give_up = clock_.now() + std::chrono::seconds{10};
    while (!condition() && clock_.now() < give_up) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds{5});
      turn();
    }
    ASSERT_TRUE(condition());
  }
  // What the loop does for its connections in a turn.
  virtual void turn() { agent_.run(); }

  SteadyClock clock_;
  asio::io_context io_;
  ofagent::FakeRuleWriter rules_;
  ofagent::FakeBackend backend_;
  ofagent::SwitchAgent agent_{rules_, backend_, clock_, {}};
  SilentKernel kernel_;
  ofagent::FakeRuleWriter hidden_rules_;
  NoGuards guards_;
  inband::InbandAgent inband_{kernel_, hidden_rules_, guards_, clock_};
};

}  // namespace lifeline::control
