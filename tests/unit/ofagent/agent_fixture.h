// A whole agent over fakes, and controllers that talk to it in real bytes.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "fake_backend.h"
#include "fake_rule_writer.h"
#include "ofagent/switch_agent.h"
#include "openflow/codec.h"

namespace lifeline::ofagent {

using openflow::Version;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A controller's end of a connection.
class Peer {
 public:
  Peer(SwitchAgent& agent, ConnectionKind kind, Version version)
      : agent_(agent), version_(version), id_(agent.add_connection(kind)) {
    send(openflow::Hello{});
    run();
    EXPECT_TRUE(next<openflow::Hello>().has_value());
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  ConnectionId id() const { return id_; }
  Version version() const { return version_; }
  // Of the next message that is sent.
  std::uint32_t next_xid() const { return xid_ + 1; }

  // Gives the message to the agent, which has not run yet. Returns its xid.
  std::uint32_t send(const openflow::Message& message) {
    const openflow::Bytes bytes = openflow::encode(message, ++xid_, version_);
    EXPECT_FALSE(bytes.empty()) << "the test's message cannot be said in this version";
    agent_.on_bytes(id_, bytes);
    return xid_;
  }
  // Runs the agent until it has nothing more to do, and collects what it says.
  void run() {
    while (agent_.run()) collect();
    collect();
  }
  void collect() {
    const std::vector<std::byte> out = agent_.take_output(id_);
    input_.insert(input_.end(), out.begin(), out.end());
    while (const auto header = openflow::peek_header(input_)) {
      if (input_.size() < header->length) break;
      const openflow::BytesView one{input_.data(), header->length};
      raw.emplace_back(one.begin(), one.end());
      auto decoded = openflow::decode(one, version_);
      EXPECT_TRUE(decoded.has_value()) << "the agent sent what does not decode";
      if (decoded) inbox.push_back(std::move(*decoded));
      input_.erase(input_.begin(), input_.begin() + header->length);
    }
  }
  // The oldest message, if it is a T; it is taken out. nullopt (and a failure) if it is another.
  template <class T>
  std::optional<T> next() {
    if (inbox.empty()) return std::nullopt;
    last_xid = inbox.front().header.xid;
    T* message = std::get_if<T>(&inbox.front().message);
    EXPECT_NE(message, nullptr) << "another kind of message, alternative "
                                << inbox.front().message.index();
    std::optional<T> out;
    if (message != nullptr) out = std::move(*message);
    inbox.pop_front();
    return out;
  }
  // Sends, runs, and gives the one message that comes back.
  template <class T>
  T ask(const openflow::Message& message) {
    const std::uint32_t xid = send(message);
    run();
    std::optional<T> answer = next<T>();
    EXPECT_TRUE(answer.has_value()) << "no answer";
    EXPECT_EQ(last_xid, xid);
    EXPECT_TRUE(inbox.empty()) << "more than one answer";
    return answer.value_or(T{});
  }
  // All parts of a multipart reply, put together.
  template <class Body>
  Body ask_list(openflow::MultipartRequestBody request) {
    send(openflow::MultipartRequest{.body = std::move(request), .more = false});
    run();
    Body all;
    for (bool more = true; more;) {
      auto part = next<openflow::MultipartReply>();
      if (!part) {
        ADD_FAILURE() << "the reply ends without its last part";
        break;
      }
      more = part->more;
      Body& body = std::get<Body>(part->body);
      all.insert(all.end(), std::make_move_iterator(body.begin()),
                 std::make_move_iterator(body.end()));
    }
    EXPECT_TRUE(inbox.empty());
    return all;
  }
  template <class Body>
  Body ask_one(openflow::MultipartRequestBody request) {
    auto reply = ask<openflow::MultipartReply>(
        openflow::MultipartRequest{.body = std::move(request), .more = false});
    return std::get<Body>(reply.body);
  }
  // Sends what must be refused, and checks how.
  void expect_error(const openflow::Message& message, openflow::ErrorId id) {
    const openflow::Bytes sent = openflow::encode(message, xid_ + 1, version_);
    const auto error = ask<openflow::ErrorMsg>(message);
    const openflow::ErrorNumbers numbers = openflow::error_numbers(id, version_);
    EXPECT_EQ(std::pair(error.type, error.code), std::pair(numbers.type, numbers.code))
        << "is " << openflow::error_name({error.type, error.code}, version_) << ", should be "
        << openflow::error_name(id);
    const openflow::Bytes head(
        sent.begin(),
        sent.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(sent.size(), 64)));
    EXPECT_EQ(error.data, head) << "an error carries the first 64 bytes of what it answers";
  }
  // Sends what must be taken without a word.
  void tell(const openflow::Message& message) {
    send(message);
    run();
    EXPECT_TRUE(inbox.empty()) << "an answer, alternative "
                               << (inbox.empty() ? 0 : inbox.front().message.index());
  }
  bool is_established() const {
    for (const ConnectionInfo& c : agent_.connections()) {
      if (c.id == id_) return c.established;
    }
    return false;
  }

  std::deque<openflow::Decoded> inbox;
  std::vector<openflow::Bytes> raw;
  std::uint32_t last_xid = 0;

 private:
  SwitchAgent& agent_;
  Version version_;
  ConnectionId id_;
  std::uint32_t xid_ = 1000;
  openflow::Bytes input_;
};

class AgentFixture : public testing::Test {
 protected:
  explicit AgentFixture(AgentConfig config = {}) : agent(writer, backend, clock, config) {}

  Peer primary(Version version = Version::k13) {
    return Peer{agent, ConnectionKind::kPrimary, version};
  }
  Peer service(Version version = Version::k13) {
    return Peer{agent, ConnectionKind::kService, version};
  }

  static flow::Instructions output(flow::PortNo port) {
    return flow::Instructions::apply_only({flow::Output{port}});
  }
  static flow::Match in_port(flow::PortNo port) { return flow::Match{}.in_port(port); }
  static openflow::FlowMod add(const flow::Match& match, std::uint16_t priority = 10,
                               flow::PortNo port = 2) {
    openflow::FlowMod m;
    m.match = match;
    m.priority = priority;
    m.instructions = output(port);
    return m;
  }
  static openflow::FlowMod remove(const flow::Match& match = {},
                                  std::uint8_t table_id = kAllTables) {
    openflow::FlowMod m;
    m.command = openflow::FlowModCommand::kDelete;
    m.match = match;
    m.table_id = table_id;
    return m;
  }

  ManualClock clock;
  FakeRuleWriter writer;
  FakeBackend backend;
  SwitchAgent agent;
};

}  // namespace lifeline::ofagent
