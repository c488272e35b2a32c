#include "control/controller_link.h"

#include <gtest/gtest.h>

#include <array>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <memory>
#include <vector>

#include "fixture.h"

namespace lifeline::control {
namespace {

using asio::ip::tcp;
using inband::ConnectionState;

// OpenFlow 1.3 HELLO without elements.
constexpr std::array<unsigned char, 8> kHello{4, 0, 0, 8, 0, 0, 0, 1};

class ControllerLinkTest : public ControlFixture {
 protected:
  void SetUp() override {
    acceptor_.open(tcp::v4());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind({asio::ip::address_v4::loopback(), 0});
    port_ = acceptor_.local_endpoint().port();
  }
  void make_link() {
    remote_ = {.id = "tcp:127.0.0.1", .ip = Ipv4Address::of(127, 0, 0, 1), .port = port_};
    ASSERT_TRUE(inband_.set_remotes({remote_}));
    link_ = std::make_unique<ControllerLink>(
        io_, agent_, inband_, clock_,
        LinkTarget{.text = remote_.id, .host = "", .port = port_, .addresses = {remote_.ip}},
        std::chrono::seconds{5});
    link_->start();
  }
  void turn() override {
    ControlFixture::turn();
    if (link_) link_->poll(clock_.now());
  }
  // Takes connections for ever; each gets `hello` if wanted.
  void serve(bool greet, bool close_at_once = false) {
    acceptor_.async_accept([=, this](std::error_code error, tcp::socket socket) {
      if (error) return;
      ++accepted_;
      if (greet) asio::write(socket, asio::buffer(kHello));
      if (!close_at_once) peers_.push_back(std::move(socket));
      serve(greet, close_at_once);
    });
  }
  ConnectionState state() const { return link_->status().state; }
  // A link to a name, with the same port everywhere. 127.0.0.1 has a controller once serve() was
  // called, and nobody listens on the others.
  void make_named_link(std::vector<IpAddress> addresses) {
    link_ = std::make_unique<ControllerLink>(
        io_, agent_, inband_, clock_,
        LinkTarget{.text = "tcp:controller.example",
                   .host = "controller.example",
                   .port = port_,
                   .addresses = std::move(addresses)},
        std::chrono::seconds{5}, LinkTls{},
        LinkEvents{.remotes_changed = [this] { ++remotes_changed_; },
                   .unreachable = [this] { ++unreachable_; }});
    link_->start();
  }
  std::vector<std::string> remote_ids() const {
    std::vector<std::string> ids;
    for (const inband::Remote& remote : link_->remotes()) ids.push_back(remote.id);
    return ids;
  }
  static inline const IpAddress kListens = Ipv4Address::of(127, 0, 0, 1);
  static inline const IpAddress kNobody = Ipv4Address::of(127, 0, 0, 2);
  static inline const IpAddress kNobodyEither = Ipv4Address::of(127, 0, 0, 3);

  tcp::acceptor acceptor_{io_};
  std::uint16_t port_ = 0;
  inband::Remote remote_;
  std::unique_ptr<ControllerLink> link_;
  std::vector<tcp::socket> peers_;
  int accepted_ = 0;
  int remotes_changed_ = 0;
  int unreachable_ = 0;
};

TEST_F(ControllerLinkTest, ConnectsAndAgreesOnAVersion) {
  acceptor_.listen();
  serve(/*greet=*/true);
  make_link();
  run_until([&] { return state() == ConnectionState::kConnected; });
  EXPECT_EQ(link_->status().version, 4);
  EXPECT_EQ(link_->status().sessions, 1u);
  EXPECT_EQ(link_->status().last_error, "");
}

TEST_F(ControllerLinkTest, ItsSessionHasItsProbeInterval) {
  acceptor_.listen();
  serve(/*greet=*/true);
  make_link();
  run_until([&] { return state() == ConnectionState::kConnected; });
  run_until([&] { return agent_.next_deadline() < clock_.now() + std::chrono::seconds{6}; });
  link_->set_probe_interval(std::chrono::hours{1});
  run_until([&] { return agent_.next_deadline() > clock_.now() + std::chrono::minutes{50}; });
}

TEST_F(ControllerLinkTest, FindsAListenerThatComesUpLaterSoonerThanAHumanNotices) {
  make_link();  // bound, not listening: refused
  run_until([&] { return link_->status().attempts >= 3; });
  EXPECT_EQ(link_->status().last_error, "Connection refused");
  const TimePoint ready = clock_.now();
  acceptor_.listen();
  serve(true);
  run_until([&] { return state() == ConnectionState::kConnected; });
  EXPECT_LT(clock_.now() - ready, std::chrono::seconds{1});
}

TEST_F(ControllerLinkTest, ALostSessionIsFollowedByAnotherAtOnce) {
  acceptor_.listen();
  serve(true);
  make_link();
  run_until([&] { return state() == ConnectionState::kConnected; });
  peers_.clear();
  run_until(
      [&] { return link_->status().sessions == 2 && state() == ConnectionState::kConnected; });
  EXPECT_EQ(accepted_, 2);
}

TEST_F(ControllerLinkTest, AControllerThatAcceptsAndClosesCausesNoStorm) {
  acceptor_.listen();
  serve(/*greet=*/false, /*close_at_once=*/true);
  make_link();
  const TimePoint end = clock_.now() + std::chrono::seconds{1};
  run_until([&] { return clock_.now() > end; });
  // 0 + 0 + 50 + 100 + 200 + 400 + 800 ms …
  EXPECT_GE(accepted_, 3);
  EXPECT_LE(accepted_, 8);
}

TEST_F(ControllerLinkTest, GarbageEndsTheSessionAndTheLinkTriesAgain) {
  acceptor_.listen();
  serve(false);
  make_link();
  run_until([&] { return !peers_.empty(); });
  asio::write(peers_.front(), asio::buffer(std::string(64, '\xff')));
  run_until([&] { return accepted_ >= 2; });
  EXPECT_NE(link_->status().last_error, "");
}

TEST_F(ControllerLinkTest, TheInBandAgentIsToldTheState) {
  acceptor_.listen();
  serve(true);
  make_link();
  run_until(
      [&] { return inband_.status().remotes.at(0).connection == ConnectionState::kConnected; });
  acceptor_.close();
  peers_.clear();
  run_until([&] { return inband_.status().remotes.at(0).connection == ConnectionState::kBackOff; });
}

TEST_F(ControllerLinkTest, ASessionWhoseLocalAddressStandsIsLeftAlone) {
  acceptor_.listen();
  serve(true);
  make_link();
  run_until([&] { return state() == ConnectionState::kConnected; });
  link_->check_local_address();
  turn();
  EXPECT_EQ(state(), ConnectionState::kConnected);
  EXPECT_EQ(accepted_, 1);
}

TEST_F(ControllerLinkTest, TryNowDoesNotDisturbASession) {
  acceptor_.listen();
  serve(true);
  make_link();
  run_until([&] { return state() == ConnectionState::kConnected; });
  link_->try_now();
  turn();
  EXPECT_EQ(state(), ConnectionState::kConnected);
  EXPECT_EQ(accepted_, 1);
}

TEST_F(ControllerLinkTest, TheAddressesOfANameAreTriedInOrderUntilOneAnswers) {
  acceptor_.listen();
  serve(true);
  make_named_link({kNobody, kNobodyEither, kListens});
  EXPECT_EQ(link_->remote()->ip, kNobody) << "the first first";
  run_until([&] { return state() == ConnectionState::kConnected; });
  EXPECT_EQ(link_->remote()->ip, kListens);
  EXPECT_EQ(link_->remote()->id, "tcp:controller.example@127.0.0.1");
  EXPECT_EQ(link_->status().target, "tcp:controller.example");
  EXPECT_EQ(unreachable_, 0) << "one of them did answer";
}

TEST_F(ControllerLinkTest, AddressesOfWhichNoneAnswersAreDoubtedAndTriedAgain) {
  make_named_link({kNobody, kNobodyEither});
  run_until([&] { return unreachable_ >= 2; });
  EXPECT_GE(link_->status().attempts, 4u);
}

TEST_F(ControllerLinkTest, ANameWithoutAnAddressWaitsForOneAndThenConnects) {
  acceptor_.listen();
  serve(true);
  make_named_link({});
  EXPECT_EQ(state(), ConnectionState::kIdle);
  EXPECT_FALSE(link_->remote());
  EXPECT_EQ(link_->status().attempts, 0u);
  link_->set_addresses({kListens});
  EXPECT_EQ(link_->status().attempts, 0u) << "the hidden rules come first";
  link_->start();
  link_->start();
  run_until([&] { return state() == ConnectionState::kConnected; });
  EXPECT_EQ(link_->status().attempts, 1u);
}

TEST_F(ControllerLinkTest, ASessionToAnAddressThatTheNameNoLongerHasStaysAndItsRulesWithIt) {
  acceptor_.listen();
  serve(true);
  make_named_link({kListens});
  run_until([&] { return state() == ConnectionState::kConnected; });
  link_->set_addresses({kNobody});
  EXPECT_EQ(remote_ids(), (std::vector<std::string>{"tcp:controller.example@127.0.0.2",
                                                    "tcp:controller.example@127.0.0.1"}));
  link_->poll(clock_.now());
  EXPECT_EQ(state(), ConnectionState::kConnected);
  EXPECT_EQ(link_->status().sessions, 1u);
  EXPECT_EQ(remotes_changed_, 0);
  // When it ends, the next is where the name says, and until that stands the old rules stay.
  peers_.clear();
  run_until([&] { return unreachable_ != 0; });
  EXPECT_EQ(link_->remote()->ip, kNobody);
  EXPECT_EQ(remote_ids().size(), 2u);
  link_->set_addresses({kListens});
  run_until([&] { return state() == ConnectionState::kConnected; });
  EXPECT_EQ(remotes_changed_, 1);
  EXPECT_EQ(remote_ids(), std::vector<std::string>{"tcp:controller.example@127.0.0.1"});
}

TEST_F(ControllerLinkTest, ATryAtAnAddressThatTheNameNoLongerHasIsGivenUpAtOnce) {
  acceptor_.listen();
  serve(true);
  // TEST-NET-1: the SYN finds nobody, or no route.
  make_named_link({Ipv4Address::of(192, 0, 2, 1)});
  link_->set_addresses({kListens});
  run_until([&] { return state() == ConnectionState::kConnected; });
  EXPECT_EQ(link_->remote()->ip, kListens);
}

}  // namespace
}  // namespace lifeline::control
