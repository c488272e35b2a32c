// One OpenFlow connection: a stream on one side, the OpenFlow agent on the other.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "control/stream.h"
#include "ofagent/switch_agent.h"

namespace lifeline::control {

class OfSession final : public StreamClient {
 public:
  // Called once, when the connection is over. The owner may not destroy the session inside the
  // call.
  using OnEnd = std::function<void(std::string_view reason)>;

  OfSession(ofagent::SwitchAgent& agent, ofagent::ConnectionKind kind, const Clock& clock,
            Stream::AnySocket socket, OnEnd on_end,
            std::optional<Duration> probe_interval = std::nullopt);
  ~OfSession() override;
  OfSession(const OfSession&) = delete;
  OfSession& operator=(const OfSession&) = delete;

  // After each run of the agent: sends, resumes reading, ends what the agent has given up.
  void poll();
  // Versions are agreed.
  bool established() const;
  std::uint8_t version() const;
  bool ended() const { return ended_; }
  TimePoint last_input() const { return last_input_; }
  void set_probe_interval(Duration interval) { agent_.set_probe_interval(id_, interval); }
  // The way to the peer is another: openflow::Channel::extend_probe().
  void extend_probe() { agent_.extend_probe(id_); }

 private:
  void on_bytes(std::span<const std::byte> bytes) override;
  void take_output(std::vector<std::byte>& out) override;
  bool wants_input() const override;
  void on_closed(std::string_view reason) override;
  void end(std::string_view reason);

  ofagent::SwitchAgent& agent_;
  const Clock& clock_;
  ofagent::ConnectionId id_;
  std::shared_ptr<Stream> stream_;
  OnEnd on_end_;
  TimePoint last_input_;
  bool ended_ = false;
};

}  // namespace lifeline::control
