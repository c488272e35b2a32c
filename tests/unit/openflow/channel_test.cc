#include "openflow/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lifeline::openflow {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

class ChannelTest : public ::testing::Test {
 protected:
  TimePoint now_{seconds{1000}};

  Channel make(ChannelConfig config = {}) { return Channel(config, now_); }

  // All that the channel wants to write, as messages.
  static std::vector<Bytes> drain(Channel& channel) {
    Bytes all;
    while (!channel.output().empty()) {
      const BytesView part = channel.output();
      all.insert(all.end(), part.begin(), part.end());
      channel.consume_output(part.size());
    }
    std::vector<Bytes> messages;
    for (std::size_t at = 0; at < all.size();) {
      const auto header = peek_header(BytesView(all).subspan(at));
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
      messages.emplace_back(begin, begin + header->length);
      at += header->length;
    }
    return messages;
  }

  void give(Channel& channel, const Message& message, std::uint32_t xid, Version version) {
    channel.receive(encode(message, xid, version), now_);
  }

  Channel make_up(Version version, ChannelConfig config = {}) {
    Channel channel = make(config);
    drain(channel);
    give(channel, Hello{}, 1, version);
    EXPECT_FALSE(channel.next());
    EXPECT_TRUE(channel.is_up());
    EXPECT_EQ(channel.version(), version);
    return channel;
  }

  template <class T>
  static T only_message(Channel& channel, Version version) {
    const auto messages = drain(channel);
    EXPECT_EQ(messages.size(), 1u);
    if (messages.empty()) return {};
    const auto decoded = decode(messages.back(), version);
    EXPECT_TRUE(decoded);
    return std::get<T>(decoded->message);
  }
};

TEST_F(ChannelTest, SaysHelloAtOnceWithItsHighestVersionAndTheBitmap) {
  Channel channel = make();
  EXPECT_EQ(channel.output()[0], std::byte{4});
  EXPECT_EQ(only_message<Hello>(channel, Version::k13).versions, 0x12u);
  EXPECT_FALSE(channel.send(BarrierReply{}, 1));
}

TEST_F(ChannelTest, AgreesOnTheHighestCommonVersionWithoutABitmap) {
  make_up(Version::k10);
  make_up(Version::k13);
  Channel channel = make();
  Bytes hello = encode(Hello{}, 1, Version::k13);
  hello[0] = std::byte{6};  // OpenFlow 1.5, and everything below
  channel.receive(hello, now_);
  channel.next();
  EXPECT_EQ(channel.version(), Version::k13);
  EXPECT_TRUE(channel.is_up());
}

TEST_F(ChannelTest, ABitmapBeatsTheHeadersVersion) {
  Channel channel = make();
  Bytes hello = encode(Hello{1u << 1 | 1u << 5}, 1, Version::k13);
  hello[0] = std::byte{5};
  channel.receive(hello, now_);
  channel.next();
  EXPECT_TRUE(channel.is_up());
  EXPECT_EQ(channel.version(), Version::k10);
}

TEST_F(ChannelTest, WithoutACommonVersionTheErrorSaysSoAndTheChannelCloses) {
  Channel channel = make({.versions = 1u << 4});
  drain(channel);
  give(channel, Hello{}, 33, Version::k10);
  EXPECT_FALSE(channel.next());
  EXPECT_TRUE(channel.is_closed());
  EXPECT_THAT(channel.close_reason(), HasSubstr("we speak OpenFlow 0x04, the peer 0x01"));
  const auto messages = drain(channel);
  ASSERT_EQ(messages.size(), 1u);
  const auto decoded = decode(messages[0], Version::k10);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->header.xid, 33u);
  const auto& error = std::get<ErrorMsg>(decoded->message);
  EXPECT_EQ(error.type, 0);
  EXPECT_EQ(error.code, 0);
}

TEST_F(ChannelTest, MessagesComeOutHoweverTheBytesAreCut) {
  Channel channel = make_up(Version::k13);
  Bytes all;
  for (std::uint32_t xid = 1; xid <= 3; ++xid) {
    const Bytes m = encode(BarrierRequest{}, xid, Version::k13);
    all.insert(all.end(), m.begin(), m.end());
  }
  std::vector<std::uint32_t> xids;
  for (const std::byte b : all) {
    channel.receive(BytesView(&b, 1), now_);
    while (const auto m = channel.next()) xids.push_back(m->header.xid);
  }
  EXPECT_EQ(xids, (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST_F(ChannelTest, AnswersAnEchoWithItsData) {
  Channel channel = make_up(Version::k10);
  const Bytes data(300, std::byte{0x5a});
  give(channel, EchoRequest{data}, 4, Version::k10);
  EXPECT_FALSE(channel.next());
  EXPECT_EQ(only_message<EchoReply>(channel, Version::k10).data, data);
}

TEST_F(ChannelTest, AMessageThatDoesNotDecodeIsAnsweredInOrderAndTheNextOneStillComes) {
  Channel channel = make_up(Version::k13);
  Bytes bad = encode(BarrierRequest{}, 5, Version::k13);
  bad[1] = std::byte{200};
  channel.receive(bad, now_);
  give(channel, BarrierRequest{}, 6, Version::k13);
  const auto m = channel.next();
  ASSERT_TRUE(m);
  EXPECT_EQ(m->header.xid, 6u);
  const auto error = only_message<ErrorMsg>(channel, Version::k13);
  EXPECT_EQ((ErrorNumbers{error.type, error.code}), (ErrorNumbers{1, 1}));
  EXPECT_EQ(error.data, bad);
  EXPECT_EQ(channel.counters().rx_decode_errors, 1u);
}

TEST_F(ChannelTest, GarbageInsteadOfAHelloClosesWithoutWaitingForItsLength) {
  Channel channel = make();
  drain(channel);
  const std::string http = "GET / HTTP/1.1\r\n";
  channel.receive(BytesView(reinterpret_cast<const std::byte*>(http.data()), http.size()), now_);
  EXPECT_FALSE(channel.next());
  EXPECT_TRUE(channel.is_closed());
  EXPECT_THAT(channel.close_reason(), HasSubstr("expected HELLO"));
}

TEST_F(ChannelTest, ALengthBelowTheHeaderCloses) {
  Channel channel = make_up(Version::k13);
  Bytes bad = encode(BarrierRequest{}, 5, Version::k13);
  bad[3] = std::byte{7};
  channel.receive(bad, now_);
  EXPECT_FALSE(channel.next());
  EXPECT_TRUE(channel.is_closed());
  EXPECT_THAT(channel.close_reason(), HasSubstr("shorter than a header"));
}

TEST_F(ChannelTest, AnotherVersionAfterTheHelloCloses) {
  Channel channel = make_up(Version::k13);
  give(channel, BarrierRequest{}, 5, Version::k10);
  EXPECT_FALSE(channel.next());
  EXPECT_TRUE(channel.is_closed());
  EXPECT_THAT(channel.close_reason(), HasSubstr("version 0x01"));
}

TEST_F(ChannelTest, ASilentPeerIsProbedThenGivenUp) {
  Channel channel = make_up(Version::k13);
  EXPECT_EQ(channel.deadline(), now_ + seconds{5});
  channel.tick(now_ + seconds{4});
  EXPECT_EQ(channel.output_bytes(), 0u);
  channel.tick(now_ + seconds{5});
  EXPECT_EQ(channel.state(), Channel::State::kIdle);
  only_message<EchoRequest>(channel, Version::k13);
  EXPECT_TRUE(channel.is_up());
  channel.tick(now_ + seconds{10});
  EXPECT_TRUE(channel.is_closed());
  EXPECT_THAT(channel.close_reason(), HasSubstr("inactivity probe"));
}

TEST_F(ChannelTest, AProbeMayBeExtendedOnceAndOnlyWhileItIsOut) {
  Channel channel = make_up(Version::k13);
  channel.extend_probe(now_ + seconds{4});
  EXPECT_EQ(channel.deadline(), now_ + seconds{5});
  channel.tick(now_ + seconds{5});
  channel.extend_probe(now_ + seconds{8});
  channel.extend_probe(now_ + seconds{9});
  channel.tick(now_ + seconds{12});
  EXPECT_TRUE(channel.is_up());
  channel.tick(now_ + seconds{13});
  EXPECT_TRUE(channel.is_closed());
}

TEST_F(ChannelTest, AnythingReceivedKeepsTheChannelUp) {
  Channel channel = make_up(Version::k13);
  for (int i = 0; i < 5; ++i) {
    now_ += seconds{5};
    channel.tick(now_);
    EXPECT_EQ(channel.state(), Channel::State::kIdle);
    drain(channel);
    give(channel, EchoReply{}, 1, Version::k13);
    EXPECT_EQ(channel.state(), Channel::State::kActive);
    EXPECT_FALSE(channel.next());
  }
  EXPECT_EQ(channel.counters().probes_sent, 5u);
}

TEST_F(ChannelTest, APeerThatNeverSaysHelloIsGivenUp) {
  Channel channel = make();
  channel.tick(*channel.deadline());
  EXPECT_TRUE(channel.is_closed());
  EXPECT_THAT(channel.close_reason(), HasSubstr("no HELLO"));
}

TEST_F(ChannelTest, AsynchronousMessagesAreDroppedWhenThePeerDoesNotReadAndRepliesAreKept) {
  Channel channel = make_up(Version::k13, {.output_soft_bytes = 1000});
  const PacketIn packet_in{.data = Bytes(400)};
  int sent = 0;
  for (int i = 0; i < 10; ++i) sent += channel.try_send(packet_in, 0) ? 1 : 0;
  EXPECT_EQ(sent, 3);
  EXPECT_EQ(channel.counters().tx_dropped, 7u);
  EXPECT_FALSE(channel.wants_input());
  EXPECT_TRUE(channel.send(BarrierReply{}, 9));
  EXPECT_EQ(drain(channel).size(), 4u);
  EXPECT_TRUE(channel.wants_input());
}

TEST_F(ChannelTest, APeerThatNeverReadsIsClosedBeforeItEatsTheMemory) {
  Channel channel = make_up(Version::k13, {.output_hard_bytes = 5000});
  bool open = true;
  for (int i = 0; i < 100 && open; ++i) open = channel.send(EchoRequest{Bytes(100)}, 1);
  EXPECT_TRUE(channel.is_closed());
  EXPECT_LT(channel.output_bytes(), 6000u);
}

TEST_F(ChannelTest, APeerThatWritesAndDoesNotReadIsGivenUpInTheTimeOfASilentOne) {
  Channel channel = make_up(Version::k13);
  for (int i = 0; i < 10 && channel.is_up(); ++i) {
    give(channel, EchoRequest{Bytes(100)}, 1, Version::k13);
    EXPECT_FALSE(channel.next());
    EXPECT_LE(*channel.deadline(), now_ + seconds{10});
    channel.tick(now_);
    now_ += seconds{2};
  }
  EXPECT_EQ(now_, TimePoint{seconds{1012}});
  EXPECT_THAT(channel.close_reason(), HasSubstr("does not read"));
}

TEST_F(ChannelTest, APeerThatReadsLittleButAgainAndAgainIsKept) {
  Channel channel = make_up(Version::k13);
  for (int i = 0; i < 20; ++i) {
    give(channel, EchoRequest{Bytes(100)}, 1, Version::k13);
    EXPECT_FALSE(channel.next());
    channel.consume_output(1);
    channel.tick(now_);
    now_ += seconds{4};
  }
  EXPECT_TRUE(channel.is_up()) << channel.close_reason();
}

TEST_F(ChannelTest, OutputThatBeginsToWaitAfterALongRestHasItsWholeTime) {
  Channel channel = make_up(Version::k13);
  channel.tick(now_);
  now_ += seconds{60};
  give(channel, EchoRequest{}, 1, Version::k13);
  EXPECT_FALSE(channel.next());
  channel.tick(now_);
  EXPECT_TRUE(channel.is_up()) << channel.close_reason();
}

TEST_F(ChannelTest, TheBufferThatIsBeingWrittenIsNotMovedByMoreMessages) {
  Channel channel = make_up(Version::k13);
  channel.send(BarrierReply{}, 1);
  const BytesView writing = channel.output();
  for (std::uint32_t i = 2; i < 2000; ++i) channel.send(BarrierReply{}, i);
  EXPECT_EQ(channel.output().data(), writing.data());
  EXPECT_EQ(peek_header(writing)->xid, 1u);
  EXPECT_EQ(drain(channel).size(), 1999u);
}

}  // namespace
}  // namespace lifeline::openflow
