// One OpenFlow connection without its socket: bytes and time in, messages and bytes out.
//
//   Channel channel(config, now);            // a HELLO is in output() at once
//   channel.receive(bytes_from_socket, now);
//   while (auto m = channel.next()) …        // messages for the agent
//   channel.send(reply, m->header.xid);
//   write(socket, channel.output()); channel.consume_output(n);
//   channel.tick(now) at channel.deadline()
//
// HELLO, ECHO and the probes never reach the agent, nor do messages that do not decode: the channel
// answers those itself, in order. Whatever the peer sends, the worst that happens is that this
// channel closes. A closed channel keeps its output (it may hold the error that says why); the
// owner writes what it can and closes the socket.
//
// Not thread-safe. Never blocks, never looks at a clock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "openflow/codec.h"
#include "openflow/messages.h"
#include "openflow/protocol.h"

namespace lifeline::openflow {

struct ChannelConfig {
  // Bit v set: version v is offered (bit 1 = 1.0, bit 4 = 1.3).
  std::uint32_t versions = 1u << 1 | 1u << 4;
  // Silence after which an echo request is sent, and after which (once more) the peer is given up;
  // twice as long, output may wait without moving. Zero: no probes, and output may wait for ever.
  Duration probe_interval = std::chrono::seconds{5};
  // Silence that is too long while the peer's HELLO is awaited.
  Duration hello_timeout = std::chrono::seconds{10};
  // Output bytes above which try_send() drops and wants_input() is false.
  std::size_t output_soft_bytes = 1u << 20;
  // Output bytes above which the channel closes: the peer does not read.
  std::size_t output_hard_bytes = 64u << 20;
};

struct ChannelCounters {
  std::uint64_t rx_messages = 0, rx_bytes = 0;
  std::uint64_t tx_messages = 0, tx_bytes = 0;
  std::uint64_t rx_decode_errors = 0;  // answered with an error
  std::uint64_t tx_dropped = 0;        // by try_send
  std::uint64_t probes_sent = 0;
};

class Channel {
 public:
  enum class State : std::uint8_t {
    kHello,   // waits for the peer's HELLO
    kActive,  // messages flow
    kIdle,    // a probe is out
    kClosed
  };

  Channel(ChannelConfig config, TimePoint now);

  // Any number of bytes, cut anywhere. Ignored when closed.
  void receive(BytesView bytes, TimePoint now);
  // The next message for the agent. Decodes lazily, one message per call.
  std::optional<Decoded> next();
  // The bytes of the message that next() gave last, for an error about it. Valid until the next
  // call of receive() or next().
  BytesView last_message() const { return last_message_; }
  // False while so much output waits that no more should be read from the socket, and while so much
  // input waits that next() should be called first.
  bool wants_input() const;

  // Queues a message; for replies. Before the HELLOs are exchanged nothing may be sent: false.
  bool send(const Message& message, std::uint32_t xid);
  // An encoded message (MultipartWriter makes them).
  bool send_bytes(Bytes message);
  // As send(), but drops the message (false, counted) when the soft bound is reached; for
  // packet-ins and other asynchronous messages.
  bool try_send(const Message& message, std::uint32_t xid);
  // An encoded message that may be of any version; dropped like try_send()'s.
  bool try_send_bytes(BytesView message);
  // Answers `offending`'s header with its error.
  bool send_error(ErrorId id, std::uint32_t xid, BytesView offending = {});
  // A xid for messages of our own; never 0.
  std::uint32_t next_xid();

  // Contiguous bytes to write; may be fewer than output_bytes(). Stays valid until
  // consume_output().
  BytesView output() const;
  std::size_t output_bytes() const { return output_bytes_; }
  void consume_output(std::size_t n);

  void set_probe_interval(Duration interval) { config_.probe_interval = interval; }
  // The way to the peer is another since the probe went out, and TCP backs off: one interval more
  // for the answer, once per probe. Nothing without a probe.
  void extend_probe(TimePoint now);
  // Probes and time-outs: of a peer that is silent, and of one that does not read, whatever it says
  // meanwhile. Call at deadline() or any time.
  void tick(TimePoint now);
  // When tick() has something to do; nullopt: never (closed, or no probes).
  std::optional<TimePoint> deadline() const;

  // Sees each whole message from now on, from the peer and to it, in this order of events: what
  // comes before it is worked on, what goes when it is queued. May not call the channel.
  void set_monitor(std::function<void(BytesView message)> monitor) {
    monitor_ = std::move(monitor);
  }

  // First reason wins. `reason` reads after "closed: ".
  void close(std::string reason);

  State state() const { return state_; }
  bool is_up() const { return state_ == State::kActive || state_ == State::kIdle; }
  bool is_closed() const { return state_ == State::kClosed; }
  // Meaningful once is_up().
  Version version() const { return version_; }
  const std::string& close_reason() const { return close_reason_; }
  const ChannelCounters& counters() const { return counters_; }

 private:
  void send_hello();
  // The next message's bytes in input_; nullopt: not there yet, or the channel has closed.
  std::optional<BytesView> whole_message();
  std::optional<Decoded> handle(BytesView message);
  void on_first_message(const Decoded& decoded);
  bool output_stands(TimePoint now);
  void hello_failed(std::uint32_t xid, std::uint8_t peer_version, const std::string& text);
  void queue(Bytes message);

  ChannelConfig config_;
  State state_ = State::kHello;
  Version version_ = Version::k13;
  std::string close_reason_;
  ChannelCounters counters_;
  std::function<void(BytesView)> monitor_;
  TimePoint last_receive_;  // the last bytes in; at first the start; with a probe out, its time
  bool probe_extended_ = false;
  std::uint32_t xid_ = 0;

  Bytes input_;
  std::size_t input_begin_ = 0;  // bytes of input_ already taken
  BytesView last_message_;
  std::deque<Bytes> output_;
  std::size_t output_begin_ = 0;  // bytes of output_.front() already written
  std::size_t output_bytes_ = 0;
  bool output_moved_ = false;  // since tick() last asked, where requests wait for it
  // Output began to wait, or a part of it went, since tick() last looked; and when that was.
  bool output_changed_ = false;
  TimePoint output_since_;
};

std::string_view state_name(Channel::State state);

}  // namespace lifeline::openflow
