#include "control/tls_handshakes.h"

#include <gtest/gtest.h>

#include <asio/ip/tcp.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace lifeline::control {
namespace {

using UnixSocket = asio::local::stream_protocol::socket;

// What needs no certificates; tests/e2e/test_tls.py has the rest.
class TlsHandshakesTest : public testing::Test {
 protected:
  void start(config::Tls files) {
    handshakes_ = std::make_unique<TlsHandshakes>(io_, std::move(files));
    thread_ = std::thread([this] { handshakes_->run(); });
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    handshakes_->stop();
    thread_.join();
  }
  void begin() {
    UnixSocket ours(io_);
    asio::local::connect_pair(ours, peer_);
    handshakes_->begin(TlsHandshakes::Side::kConnect, TlsHandshakes::Socket(std::move(ours)), {},
                       [this](Expected<TlsConnection> made) {
                         answer_ = made ? "connected" : made.error().message;
                       });
  }
  std::string answer() {
    const auto keep_running = asio::make_work_guard(io_);
    for (int i = 0; i < 1000 && !answer_; ++i) io_.run_one_for(std::chrono::milliseconds{10});
    return answer_.value_or("no answer");
  }

  asio::io_context io_;
  UnixSocket peer_{io_};
  std::optional<std::string> answer_;
  std::unique_ptr<TlsHandshakes> handshakes_;
  std::thread thread_;
};

TEST_F(TlsHandshakesTest, AFileThatIsMissingIsNamedWithItsKey) {
  start({.ca = "/nonexistent/cacert.pem", .certificate = "", .private_key = ""});
  begin();
  const std::string text = answer();
  EXPECT_EQ(text.rfind("tls.ca: /nonexistent/cacert.pem cannot be used: ", 0), 0u) << text;
}

TEST_F(TlsHandshakesTest, AHandshakeThatIsUnderWayAtTheEndGetsNoAnswerAndKeepsNothing) {
  start({.ca = "/nonexistent/cacert.pem", .certificate = "", .private_key = ""});
  begin();
  handshakes_->stop();
  thread_.join();
  handshakes_.reset();
  SUCCEED();  // AddressSanitizer and the leak check judge
}

}  // namespace
}  // namespace lifeline::control
