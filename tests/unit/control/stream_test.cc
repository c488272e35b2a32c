#include "control/stream.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <string>

namespace lifeline::control {
namespace {

using UnixSocket = asio::local::stream_protocol::socket;

class FakeClient final : public StreamClient {
 public:
  void on_bytes(std::span<const std::byte> bytes) override {
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void take_output(std::vector<std::byte>& out) override {
    if (to_send.empty()) return;
    const std::size_t n = std::min(piece, to_send.size());
    out.resize(n);
    std::memcpy(out.data(), to_send.data(), n);
    to_send.erase(0, n);
  }
  bool wants_input() const override { return reads; }
  void on_closed(std::string_view reason) override {
    ++closed;
    close_reason = reason;
  }

  std::string received;
  std::string to_send;
  std::size_t piece = 1 << 20;
  bool reads = true;
  int closed = 0;
  std::string close_reason;
};

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    UnixSocket ours(io_);
    asio::local::connect_pair(ours, peer_);
    stream_ = std::make_shared<Stream>(Stream::Socket(std::move(ours)), client_);
    stream_->start();
  }
  // Runs handlers until the condition holds.
  template <class Condition>
  void run_until(Condition condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) {
      io_.restart();  // it stops whenever nothing is pending
      io_.run_one_for(std::chrono::milliseconds{10});
    }
    ASSERT_TRUE(condition());
  }

  asio::io_context io_;
  UnixSocket peer_{io_};
  FakeClient client_;
  std::shared_ptr<Stream> stream_;
};

TEST_F(StreamTest, BytesArriveInOrder) {
  asio::write(peer_, asio::buffer("hello", 5));
  run_until([&] { return client_.received.size() == 5; });
  asio::write(peer_, asio::buffer(" there", 6));
  run_until([&] { return client_.received == "hello there"; });
}

TEST_F(StreamTest, AClientThatDoesNotWantInputIsNotReadFor) {
  client_.reads = false;
  // The read that start() began still takes what comes first; nothing after it.
  asio::write(peer_, asio::buffer("a", 1));
  run_until([&] { return client_.received == "a"; });
  asio::write(peer_, asio::buffer("b", 1));
  stream_->kick();
  io_.restart();
  io_.poll();
  EXPECT_EQ(client_.received, "a");
  client_.reads = true;
  stream_->kick();
  run_until([&] { return client_.received == "ab"; });
}

TEST_F(StreamTest, OutputIsPulledPieceByPieceUntilNothingIsLeft) {
  client_.piece = 1000;
  client_.to_send.assign(100'000, 'x');
  stream_->kick();
  std::string got;
  peer_.non_blocking(true);
  run_until([&] {
    char buffer[4096];
    std::error_code error;
    const std::size_t n = peer_.read_some(asio::buffer(buffer), error);
    got.append(buffer, n);
    return got.size() == 100'000;
  });
  EXPECT_TRUE(client_.to_send.empty());
}

TEST_F(StreamTest, APeerThatDoesNotReadStopsThePullingAndNothingElse) {
  client_.piece = 64 * 1024;
  client_.to_send.assign(16 << 20, 'x');
  stream_->kick();
  for (int i = 0; i < 1000; ++i) io_.poll();
  EXPECT_GT(client_.to_send.size(),
            std::size_t{8} << 20);  // the kernel took what it buffers, no more
  asio::write(peer_, asio::buffer("still heard", 11));
  run_until([&] { return client_.received == "still heard"; });
}

TEST_F(StreamTest, APeerThatClosesIsReportedOnceWithAReason) {
  peer_.close();
  run_until([&] { return client_.closed > 0; });
  EXPECT_EQ(client_.close_reason, "closed by peer");
  stream_->kick();
  io_.restart();
  io_.poll();
  EXPECT_EQ(client_.closed, 1);
}

TEST_F(StreamTest, CloseSendsWhatIsQueuedAndReportsNothing) {
  client_.to_send = "last words";
  client_.piece = 3;
  stream_->close();
  stream_.reset();
  io_.restart();
  io_.poll();
  std::string got;
  std::error_code error;
  asio::read(peer_, asio::dynamic_buffer(got), error);
  EXPECT_EQ(got, "last words");
  EXPECT_EQ(client_.closed, 0);
}

}  // namespace
}  // namespace lifeline::control
