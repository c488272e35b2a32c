#include "control/listener.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "fixture.h"
#include "support/log_capture.h"

namespace lifeline::control {
namespace {

using UnixSocket = asio::local::stream_protocol::socket;

constexpr std::array<unsigned char, 8> kHello{4, 0, 0, 8, 0, 0, 0, 1};
constexpr std::array<unsigned char, 12> kEcho{4, 2, 0, 12, 0, 0, 0, 7, 'p', 'i', 'n', 'g'};

class ListenerTest : public ControlFixture {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lifeline-listener-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    where_.path = directory_ + "/br0.mgmt";
    listener_ = std::make_unique<Listener>(io_, agent_, clock_, where_);
    const auto listening = listener_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
  }
  void TearDown() override {
    listener_.reset();
    std::filesystem::remove_all(directory_);
  }
  void turn() override {
    ControlFixture::turn();
    listener_->poll();
  }
  UnixSocket connect() {
    UnixSocket socket(io_);
    socket.connect(asio::local::stream_protocol::endpoint(where_.path));
    socket.non_blocking(true);
    return socket;
  }
  // What has come within the run, at least `n` bytes.
  std::string receive(UnixSocket& socket, std::size_t n) {
    std::string got;
    run_until([&] {
      std::array<char, 4096> buffer;
      std::error_code error;
      got.append(buffer.data(), socket.read_some(asio::buffer(buffer), error));
      return got.size() >= n;
    });
    return got;
  }

  std::string directory_;
  config::Listener where_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, AClientShakesHandsAndGetsItsEchoBack) {
  UnixSocket client = connect();
  asio::write(client, asio::buffer(kHello));
  asio::write(client, asio::buffer(kEcho));
  const std::string got = receive(client, 8 + 12);
  EXPECT_NE(got.find(std::string("\4\3\0\14\0\0\0\7ping", 12)), std::string::npos);
}

TEST_F(ListenerTest, OnlyRootMayConnect) {
  struct stat st {};
  ASSERT_EQ(::stat(where_.path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(ListenerTest, GarbageClosesThatConnectionOnly) {
  UnixSocket good = connect();
  UnixSocket bad = connect();
  asio::write(good, asio::buffer(kHello));
  receive(good, 8);
  run_until([&] { return listener_->sessions() == 2; });
  asio::write(bad, asio::buffer(std::string(64, '\xee')));
  run_until([&] { return listener_->sessions() == 1; });
  asio::write(good, asio::buffer(kEcho));
  EXPECT_NE(receive(good, 12).find("ping"), std::string::npos);
}

TEST_F(ListenerTest, AConnectionThatIsClosedIsForgotten) {
  {
    UnixSocket client = connect();
    run_until([&] { return listener_->sessions() == 1; });
  }
  run_until([&] { return listener_->sessions() == 0; });
  EXPECT_TRUE(agent_.connections().empty());
}

TEST_F(ListenerTest, MoreConnectionsThanTheBoundAreRefusedAndCounted) {
  test::ExpectLog("refused a connection");
  std::vector<UnixSocket> clients;
  for (std::size_t i = 0; i < Listener::kMaxSessions + 3; ++i) {
    clients.push_back(connect());
    run_until([&] { return listener_->sessions() + listener_->refused() == i + 1; });
  }
  EXPECT_EQ(listener_->sessions(), Listener::kMaxSessions);
  EXPECT_EQ(listener_->refused(), 3u);
}

TEST_F(ListenerTest, APortThatIsTakenIsAnErrorThatNamesIt) {
  asio::ip::tcp::acceptor taken(io_, {asio::ip::address_v4::loopback(), 0});
  config::Listener where{.kind = config::Listener::Kind::kTcp,
                         .port = taken.local_endpoint().port()};
  Listener second(io_, agent_, clock_, where);
  const auto listening = second.listen();
  ASSERT_FALSE(listening);
  EXPECT_NE(listening.error().message.find(where.to_string()), std::string::npos);
}

}  // namespace
}  // namespace lifeline::control
