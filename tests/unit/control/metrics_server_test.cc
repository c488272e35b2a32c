#include "control/metrics_server.h"

#include <gtest/gtest.h>

#include <asio/connect.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <thread>
#include <vector>

#include "control/metrics_page.h"

namespace lifeline::control {
namespace {

using asio::ip::tcp;
constexpr char kGet[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

class Pieces final : public AdminReply {
 public:
  bool next(std::string& out) override {
    out += "piece\n";
    return ++n_ < 1000;
  }

 private:
  int n_ = 0;
};

// The server on its own thread, as the control lcore would run it; tests are blocking clients.
class MetricsServerTest : public testing::Test {
 protected:
  void TearDown() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  void start(MetricsServer::Options options = {}) {
    if (options.address.is_zero()) options.address = *IpAddress::parse("127.0.0.1");
    server_ = std::make_unique<MetricsServer>(
        io_, options, [this](const IpAddress&) { return ours_.load(); },
        [] { return std::make_unique<Pieces>(); });
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().message;
    port_ = server_->port();
    thread_ = std::thread([this] { io_.run(); });
  }
  tcp::socket connect(const char* address = "127.0.0.1") {
    tcp::socket socket(client_io_);
    socket.connect({asio::ip::make_address(address), port_});
    return socket;
  }
  static std::string rest_of(tcp::socket& socket) {
    std::string reply;
    std::error_code error;
    asio::read(socket, asio::dynamic_buffer(reply), error);
    return reply;
  }
  std::string ask(const std::string& request) {
    tcp::socket socket = connect();
    std::error_code error;
    asio::write(socket, asio::buffer(request), error);
    return rest_of(socket);
  }

  std::atomic<bool> ours_{true};
  asio::io_context io_;
  asio::io_context client_io_;
  std::unique_ptr<MetricsServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(MetricsServerTest, AScraperGetsThePageInPieces) {
  start();
  const std::string reply = ask(kGet);
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\n")) << reply.substr(0, 200);
  EXPECT_NE(reply.find("application/openmetrics-text; version=1.0.0"), std::string::npos);
  EXPECT_EQ(reply.size() - reply.find("piece"), 6000u);
  EXPECT_TRUE(ask("HEAD /metrics HTTP/1.1\n\n").ends_with("\r\n\r\n"));
}

TEST_F(MetricsServerTest, WhatItDoesNotHaveIsRefusedByItsNumber) {
  start();
  EXPECT_TRUE(ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(ask("PUT /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 501 "));
  EXPECT_TRUE(ask("GET /metrics HTTP/2\r\n\r\n").starts_with("HTTP/1.1 505 "));
  EXPECT_TRUE(ask("\x16\x03\x01 garbage\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask(std::string(20'000, 'x')).starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(ask(kGet).starts_with("HTTP/1.1 200 "));
}

TEST_F(MetricsServerTest, SilentClientsAreCutOffAndMakeRoom) {
  MetricsServer::Options options;
  options.max_connections = 2;
  options.client_timeout = std::chrono::milliseconds{200};
  start(options);
  tcp::socket first = connect();
  tcp::socket second = connect();
  // A third one is closed at once, while the two are there, without an answer.
  EXPECT_EQ(ask(kGet), "");
  EXPECT_EQ(rest_of(first), "");
  EXPECT_EQ(rest_of(second), "");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  std::string reply;
  while (reply.empty() && std::chrono::steady_clock::now() < deadline) reply = ask(kGet);
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 "));
}

TEST_F(MetricsServerTest, LoopbackIsServedWhateverTheLocalPortHas) {
  MetricsServer::Options options;
  options.address = *IpAddress::parse("::1");
  ours_ = false;
  start(options);
  tcp::socket loopback = connect("::1");
  asio::write(loopback, asio::buffer(kGet, sizeof kGet - 1));
  EXPECT_TRUE(rest_of(loopback).starts_with("HTTP/1.1 200 "));
}

TEST_F(MetricsServerTest, ALoopbackPortThatIsTakenIsAnError) {
  start();
  asio::io_context io;
  MetricsServer::Options options;
  options.address = *IpAddress::parse("127.0.0.1");
  options.port = port_;
  MetricsServer second(
      io, options, [](const IpAddress&) { return true; },
      [] { return std::make_unique<Pieces>(); });
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("cannot listen on 127.0.0.1"), std::string::npos);
}

// bind() would fail: no interface of the machine has it.
TEST(MetricsServer, WaitsUntilTheLocalPortHasTheAddress) {
  asio::io_context io;
  int asked = 0;
  MetricsServer::Options options;
  options.address = *IpAddress::parse("192.0.2.77");
  options.retry = std::chrono::milliseconds{1};
  MetricsServer server(
      io, options,
      [&](const IpAddress& address) {
        EXPECT_EQ(address, *IpAddress::parse("192.0.2.77"));
        ++asked;
        return false;
      },
      [] { return std::make_unique<Pieces>(); });
  ASSERT_TRUE(server.start());
  for (int i = 0; i < 3; ++i) io.run_one();
  EXPECT_GE(asked, 3);
  EXPECT_EQ(server.port(), 0);
}

TEST(MetricsPage, LabelValuesAreEscaped) {
  EXPECT_EQ(label_value("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
  EXPECT_EQ(label_value("\xff\t"), "??");
}

}  // namespace
}  // namespace lifeline::control
