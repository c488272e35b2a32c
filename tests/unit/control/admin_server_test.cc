#include "control/admin_server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <asio/connect.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace lifeline::control {
namespace {

using nlohmann::json;
using UnixSocket = asio::local::stream_protocol::socket;

// The server on its own thread, as the control lcore would run it; tests are blocking clients.
class AdminServerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lifeline-admin-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/br0.ctl";
  }
  void TearDown() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    server_.reset();
    std::filesystem::remove_all(directory_);
  }
  void start(AdminServer::Handler handler) {
    server_ = std::make_unique<AdminServer>(io_, path_, std::move(handler));
    const auto listening = server_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
    thread_ = std::thread([this] { io_.run(); });
  }
  std::string ask(const std::string& line) {
    UnixSocket socket(client_io_);
    socket.connect(asio::local::stream_protocol::endpoint(path_));
    std::error_code error;
    asio::write(socket, asio::buffer(line), error);
    std::string reply;
    asio::read(socket, asio::dynamic_buffer(reply), error);
    return reply;
  }

  std::string directory_;
  std::string path_;
  asio::io_context io_;
  asio::io_context client_io_;
  std::unique_ptr<AdminServer> server_;
  std::thread thread_;
};

std::unique_ptr<AdminReply> echo(const json& request) { return admin_reply({{"asked", request}}); }

TEST_F(AdminServerTest, AnswersARequestAndClosesTheConnection) {
  start(echo);
  EXPECT_EQ(json::parse(ask("{\"command\": \"status\"}\n"))["asked"]["command"], "status");
}

TEST_F(AdminServerTest, AnAnswerMayComeLaterAndOthersAreServedMeanwhile) {
  std::promise<AdminDone> asked;
  start([&asked](const json& request) {
    if (!request.contains("later")) return echo(request);
    return admin_reply_later([&asked](AdminDone done) { asked.set_value(std::move(done)); });
  });
  UnixSocket socket(client_io_);
  socket.connect(asio::local::stream_protocol::endpoint(path_));
  asio::write(socket, asio::buffer(std::string("{\"later\": true}\n")));
  const AdminDone done = asked.get_future().get();
  EXPECT_TRUE(json::parse(ask("{}\n")).contains("asked"));
  EXPECT_EQ(socket.available(), 0u);
  asio::post(io_, [&done] { done({{"late", true}}); });
  std::string reply;
  std::error_code error;
  asio::read(socket, asio::dynamic_buffer(reply), error);
  EXPECT_EQ(json::parse(reply), json({{"late", true}}));
}

TEST_F(AdminServerTest, OnlyRootMayConnect) {
  start(echo);
  struct stat st {};
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(AdminServerTest, WhatIsNoJsonObjectGetsAnErrorAndTheServerGoesOn) {
  start(echo);
  for (const char* line : {"\n", "hello\n", "[1, 2]\n", "{\"command\": \n", "\xff\xfe\n"}) {
    EXPECT_TRUE(json::parse(ask(line)).contains("error")) << line;
  }
  EXPECT_TRUE(json::parse(ask("{}\n")).contains("asked"));
}

TEST_F(AdminServerTest, ALineWithoutEndIsCutOffAtItsBound) {
  start(echo);
  EXPECT_EQ(ask(std::string(1 << 20, 'x')), "");
  EXPECT_TRUE(json::parse(ask("{}\n")).contains("asked"));
}

TEST_F(AdminServerTest, ALongReplyArrivesInPieces) {
  class Numbers final : public AdminReply {
   public:
    bool next(std::string& out) override {
      out += std::to_string(i_) + (i_ == 9999 ? "]" : ",");
      if (i_ == 0) out.insert(0, "[");
      return ++i_ < 10'000;
    }

   private:
    int i_ = 0;
  };
  start([](const json&) { return std::make_unique<Numbers>(); });
  EXPECT_EQ(json::parse(ask("{}\n")).size(), 10'000u);
}

// A reply that goes on until the client has had enough, as a capture does.
class Watching final : public AdminReply {
 public:
  explicit Watching(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
  ~Watching() override { --alive_; }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
  bool next(std::string& out) override {
    if (finished_) out += "end";
    if (!std::exchange(begun_, true)) out += "begin,";
    return !finished_;
  }
  std::optional<std::chrono::milliseconds> pause() const override {
    return std::chrono::milliseconds{1};
  }
  void finish() override { finished_ = true; }

 private:
  std::atomic<int>& alive_;
  bool begun_ = false;
  bool finished_ = false;
};

TEST_F(AdminServerTest, AReplyThatGoesOnEndsWhenTheClientShutsDownItsSide) {
  std::atomic<int> alive{0};
  start([&](const json&) { return std::make_unique<Watching>(alive); });
  UnixSocket socket(client_io_);
  socket.connect(asio::local::stream_protocol::endpoint(path_));
  asio::write(socket, asio::buffer("{}\n", 3));
  std::array<char, 6> begin{};
  asio::read(socket, asio::buffer(begin));
  EXPECT_EQ(std::string(begin.data(), begin.size()), "begin,");
  EXPECT_EQ(alive, 1);
  socket.shutdown(UnixSocket::shutdown_send);
  std::string rest;
  std::error_code error;
  asio::read(socket, asio::dynamic_buffer(rest), error);
  EXPECT_EQ(rest, "end");
}

TEST_F(AdminServerTest, AReplyThatGoesOnEndsWithAClientThatIsGone) {
  std::atomic<int> alive{0};
  start([&](const json&) { return std::make_unique<Watching>(alive); });
  {
    UnixSocket socket(client_io_);
    socket.connect(asio::local::stream_protocol::endpoint(path_));
    asio::write(socket, asio::buffer("{}\n", 3));
    std::array<char, 6> begin{};
    asio::read(socket, asio::buffer(begin));
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (alive != 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(alive, 0);
}

TEST_F(AdminServerTest, AStaleSocketFileOfAKilledSwitchIsReplaced) {
  {
    UnixSocket::protocol_type::acceptor left_behind(client_io_);
    left_behind.open();
    left_behind.bind(asio::local::stream_protocol::endpoint(path_));
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  start(echo);
  EXPECT_TRUE(json::parse(ask("{}\n")).contains("asked"));
}

TEST_F(AdminServerTest, TheSocketFileGoesWithTheServer) {
  start(echo);
  io_.stop();
  thread_.join();
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(AdminServerTest, APathThatIsTooLongIsAnErrorThatSaysSo) {
  AdminServer server(io_, "/tmp/" + std::string(200, 'x'), echo);
  const auto listening = server.listen();
  ASSERT_FALSE(listening);
  EXPECT_NE(listening.error().message.find("longer than a unix socket allows"), std::string::npos);
}

}  // namespace
}  // namespace lifeline::control
