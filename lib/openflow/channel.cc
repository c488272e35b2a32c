#include "openflow/channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "openflow/message_type.h"

namespace lifeline::openflow {
namespace {

// Small messages share a buffer up to this size, so that one write carries many.
constexpr std::size_t kCoalesceBytes = 64 * 1024;
// Unread input above this: the agent is behind, the socket may wait.
constexpr std::size_t kInputHighBytes = 256 * 1024;

std::uint8_t highest(std::uint32_t versions) {
  return static_cast<std::uint8_t>(versions == 0 ? 0 : 31 - std::countl_zero(versions));
}

// All versions from 1.0 up to `version` (1.3.5, 6.3.1: what a HELLO without a bitmap means).
std::uint32_t versions_up_to(std::uint8_t version) {
  return version >= 31 ? ~1u : (2u << version) - 2u;
}

std::string version_list(std::uint32_t versions) {
  std::string text;
  for (unsigned v = 1; v < 32; ++v) {
    if ((versions >> v & 1) != 0) text += fmt::format("{}{:#04x}", text.empty() ? "" : ", ", v);
  }
  return text.empty() ? "none" : text;
}

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

// Types a peer may send in any version.
bool is_symmetric(std::uint8_t type) { return type <= type::kEchoReply; }

}  // namespace

std::string_view state_name(Channel::State state) {
  switch (state) {
    case Channel::State::kHello: return "hello";
    case Channel::State::kActive: return "active";
    case Channel::State::kIdle: return "idle";
    case Channel::State::kClosed: return "closed";
  }
  return "?";
}

Channel::Channel(ChannelConfig config, TimePoint now)
    : config_(config), last_receive_(now), output_since_(now) {
  // Two formats are spoken, whatever the configuration says.
  config_.versions &=
      1u << static_cast<unsigned>(Version::k10) | 1u << static_cast<unsigned>(Version::k13);
  version_ = highest(config_.versions) == static_cast<std::uint8_t>(Version::k10) ? Version::k10
                                                                                  : Version::k13;
  if (config_.versions == 0) {
    close("no OpenFlow version is allowed by the configuration");
    return;
  }
  send_hello();
}

void Channel::send_hello() {
  Hello hello;
  if (std::popcount(config_.versions) > 1) hello.versions = config_.versions;
  queue(encode(hello, next_xid(), version_));
}

std::uint32_t Channel::next_xid() {
  if (++xid_ == 0) ++xid_;
  return xid_;
}

void Channel::receive(BytesView bytes, TimePoint now) {
  if (is_closed() || bytes.empty()) return;
  last_receive_ = now;
  if (state_ == State::kIdle) state_ = State::kActive;
  counters_.rx_bytes += bytes.size();
  last_message_ = {};
  if (input_begin_ > 0) {
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(input_begin_));
    input_begin_ = 0;
  }
  input_.insert(input_.end(), bytes.begin(), bytes.end());
}

std::optional<BytesView> Channel::whole_message() {
  const BytesView waiting = BytesView(input_).subspan(input_begin_);
  const auto header = peek_header(waiting);
  if (is_closed() || !header) return std::nullopt;
  const auto refuse = [&](ErrorId id, std::string reason) {
    const std::size_t have =
        std::min<std::size_t>(waiting.size(), std::max<std::size_t>(header->length, kHeaderBytes));
    queue(encode(make_error_msg(id, version_, waiting.first(have)), header->xid, version_));
    close(std::move(reason));
    return std::nullopt;
  };
  // All of this is judged by the header alone: garbage is not waited for.
  if (header->length < kHeaderBytes)
    return refuse(
        ErrorId::kBrcBadLen,
        fmt::format("peer sent a message of {} bytes, shorter than a header", header->length));
  if (state_ == State::kHello && header->type > type::kError) {
    hello_failed(header->xid, header->version, "expected HELLO first");
    return std::nullopt;
  }
  if (is_up() && header->version != static_cast<std::uint8_t>(version_) &&
      !is_symmetric(header->type))
    return refuse(ErrorId::kBrcBadVersion,
                  fmt::format("peer sent OpenFlow version {:#04x} where {:#04x} was agreed on",
                              header->version, static_cast<unsigned>(version_)));
  if (waiting.size() < header->length) return std::nullopt;
  return waiting.first(header->length);
}

std::optional<Decoded> Channel::next() {
  while (const auto bytes = whole_message()) {
    input_begin_ += bytes->size();
    ++counters_.rx_messages;
    last_message_ = *bytes;
    if (monitor_) monitor_(*bytes);
    std::optional<Decoded> message = handle(*bytes);
    if (message) return message;
  }
  return std::nullopt;
}

std::optional<Decoded> Channel::handle(BytesView bytes) {
  const auto header = peek_header(bytes).value_or(Header{});
  if (is_up() && header.type == type::kHello) return std::nullopt;  // a second HELLO says nothing
  if (header.type == type::kEchoRequest) {
    // Answered without decoding: the reply is the request with another type.
    Bytes reply(bytes.begin(), bytes.end());
    reply[0] = static_cast<std::byte>(version_);
    reply[1] = static_cast<std::byte>(type::kEchoReply);
    queue(std::move(reply));
    return std::nullopt;
  }
  if (header.type == type::kEchoReply) return std::nullopt;  // receive() noticed the life in it
  auto decoded = decode(bytes, version_);
  if (!decoded) {
    ++counters_.rx_decode_errors;
    queue(encode(decoded.error().to_message(), decoded.error().xid, version_));
    return std::nullopt;
  }
  if (state_ == State::kHello) {
    on_first_message(*decoded);
    return std::nullopt;
  }
  return std::move(*decoded);
}

void Channel::on_first_message(const Decoded& decoded) {
  if (const auto* error = std::get_if<ErrorMsg>(&decoded.message)) {
    close(fmt::format("peer refused the connection: {}",
                      error_name({error->type, error->code}, version_)));
    return;
  }
  const auto& hello = std::get<Hello>(decoded.message);
  const std::uint32_t theirs = hello.versions.value_or(versions_up_to(decoded.header.version));
  const std::uint32_t common = theirs & config_.versions;
  if (common == 0) {
    hello_failed(decoded.header.xid, decoded.header.version,
                 fmt::format("we speak OpenFlow {}, the peer {}", version_list(config_.versions),
                             version_list(theirs)));
    return;
  }
  version_ = static_cast<Version>(highest(common));
  state_ = State::kActive;
}

void Channel::hello_failed(std::uint32_t xid, std::uint8_t peer_version, const std::string& text) {
  // In the peer's version if we can: it may not read another.
  const auto version =
      peer_version < static_cast<std::uint8_t>(Version::k13) ? Version::k10 : Version::k13;
  const ErrorNumbers numbers = error_numbers(ErrorId::kHfcIncompatible, version);
  const auto* raw = reinterpret_cast<const std::byte*>(text.data());
  queue(encode(
      ErrorMsg{.type = numbers.type, .code = numbers.code, .data = Bytes(raw, raw + text.size())},
      xid, version));
  close("version negotiation failed: " + text);
}

bool Channel::wants_input() const {
  return !is_closed() && output_bytes_ < config_.output_soft_bytes &&
         input_.size() - input_begin_ < kInputHighBytes;
}

void Channel::queue(Bytes message) {
  if (is_closed() || message.empty()) return;
  if (monitor_) monitor_(message);
  ++counters_.tx_messages;
  counters_.tx_bytes += message.size();
  if (output_bytes_ == 0) output_changed_ = true;
  output_bytes_ += message.size();
  // Never into the front buffer: the owner may be writing it.
  if (output_.size() >= 2 && output_.back().size() + message.size() <= kCoalesceBytes) {
    output_.back().insert(output_.back().end(), message.begin(), message.end());
  } else {
    output_.push_back(std::move(message));
  }
  if (output_bytes_ > config_.output_hard_bytes)
    close(fmt::format("peer does not read: {} bytes wait for it", output_bytes_));
}

bool Channel::send(const Message& message, std::uint32_t xid) {
  if (!is_up()) return false;
  return send_bytes(encode(message, xid, version_));
}

bool Channel::send_bytes(Bytes message) {
  if (!is_up() || message.empty()) return false;
  queue(std::move(message));
  return !is_closed();
}

bool Channel::try_send(const Message& message, std::uint32_t xid) {
  if (!is_up()) return false;
  if (output_bytes_ >= config_.output_soft_bytes) {
    ++counters_.tx_dropped;
    return false;
  }
  return send(message, xid);
}

bool Channel::try_send_bytes(BytesView message) {
  if (!is_up()) return false;
  if (output_bytes_ >= config_.output_soft_bytes) {
    ++counters_.tx_dropped;
    return false;
  }
  return send_bytes(Bytes(message.begin(), message.end()));
}

bool Channel::send_error(ErrorId id, std::uint32_t xid, BytesView offending) {
  return send(make_error_msg(id, version_, offending), xid);
}

BytesView Channel::output() const {
  if (output_.empty()) return {};
  return BytesView(output_.front()).subspan(output_begin_);
}

void Channel::consume_output(std::size_t n) {
  n = std::min(n, output_bytes_);
  if (n > 0) output_moved_ = output_changed_ = true;
  output_bytes_ -= n;
  while (n > 0) {
    const std::size_t in_front = output_.front().size() - output_begin_;
    if (n < in_front) {
      output_begin_ += n;
      return;
    }
    n -= in_front;
    output_.pop_front();
    output_begin_ = 0;
  }
}

std::optional<TimePoint> Channel::deadline() const {
  if (is_closed()) return std::nullopt;
  if (state_ == State::kHello) return last_receive_ + config_.hello_timeout;
  if (config_.probe_interval <= Duration::zero()) return std::nullopt;
  const TimePoint probe = last_receive_ + config_.probe_interval;
  if (output_bytes_ == 0) return probe;
  return std::min(probe, output_since_ + 2 * config_.probe_interval);
}

void Channel::extend_probe(TimePoint now) {
  if (state_ != State::kIdle || probe_extended_) return;
  probe_extended_ = true;
  last_receive_ = now;
  output_since_ = std::max(output_since_, now - config_.probe_interval);
}

// True: for too long. A peer that writes and does not read is not silent, so that no probe finds
// it.
bool Channel::output_stands(TimePoint now) {
  if (output_bytes_ == 0 || std::exchange(output_changed_, false)) {
    output_since_ = now;
    return false;
  }
  return is_up() && config_.probe_interval > Duration::zero() &&
         now >= output_since_ + 2 * config_.probe_interval;
}

void Channel::tick(TimePoint now) {
  if (output_stands(now)) {
    close(fmt::format("peer does not read: {} bytes wait for it since {:g} s", output_bytes_,
                      seconds(now - output_since_)));
    return;
  }
  const auto due = deadline();
  if (!due || now < *due) return;
  if (is_up() && output_moved_ && !wants_input()) {
    // The peer reads a long answer slowly, and until it has, nobody reads what it says.
    output_moved_ = false;
    last_receive_ = now;
    return;
  }
  switch (state_) {
    case State::kHello:
      close(fmt::format("no HELLO from the peer in {:g} s", seconds(config_.hello_timeout)));
      return;
    case State::kActive:
      queue(encode(EchoRequest{}, next_xid(), version_));
      ++counters_.probes_sent;
      if (!is_closed()) state_ = State::kIdle;
      probe_extended_ = false;
      last_receive_ = now;
      return;
    case State::kIdle:
      close(fmt::format("no answer to the inactivity probe in {:g} s{}",
                        seconds(config_.probe_interval),
                        output_bytes_ == 0 ? "" : ", and the peer does not read"));
      return;
    case State::kClosed: return;
  }
}

void Channel::close(std::string reason) {
  if (is_closed()) return;
  state_ = State::kClosed;
  close_reason_ = std::move(reason);
  input_.clear();
  input_begin_ = 0;
}

}  // namespace lifeline::openflow
