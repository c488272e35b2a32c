#include "control/controller_link.h"

#include <algorithm>
#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace lifeline::control {
namespace {

using inband::ConnectionState;

// A link-local address is by the local port, whatever it is called now (0: it is not there).
asio::ip::tcp::endpoint endpoint_of(const inband::Remote& remote, std::uint32_t local_ifindex) {
  if (remote.ip.is_v4()) return {asio::ip::address_v4(remote.ip.v4().value.host()), remote.port};
  const Ipv6Address& ip = remote.ip.v6();
  return {asio::ip::address_v6(ip.bytes, ip.is_link_local() ? local_ifindex : 0), remote.port};
}

// Asked of the kernel, not remembered from notifications, of which some may be lost. Says yes when
// in doubt, as with net.ipv4.ip_nonlocal_bind.
bool is_ours(asio::io_context& io, const asio::ip::address& address) {
  const asio::ip::udp::endpoint endpoint(address, 0);
  std::error_code error;
  asio::ip::udp::socket socket(io);
  socket.open(endpoint.protocol(), error);
  if (error) return true;
  socket.bind(endpoint, error);
  // By number: Asio's error category does not know this one as a std::errc.
  return error.value() != EADDRNOTAVAIL;
}

// An echo that takes longer than this to be answered may be one that went the wrong way.
constexpr Duration kEchoTime = std::chrono::milliseconds{250};

constexpr std::size_t kMostReasonsTold = 16;

// The kernel would reach the remote now, from whatever address. Sends nothing.
bool has_source_for(asio::io_context& io, const asio::ip::tcp::endpoint& remote) {
  const asio::ip::udp::endpoint endpoint(remote.address(), remote.port());
  std::error_code error;
  asio::ip::udp::socket socket(io);
  socket.open(endpoint.protocol(), error);
  if (!error) socket.connect(endpoint, error);
  return !error;
}

}  // namespace

ControllerLink::ControllerLink(asio::io_context& io, ofagent::SwitchAgent& agent,
                               inband::InbandAgent& inband, const Clock& clock, LinkTarget target,
                               Duration probe_interval, LinkTls tls, LinkEvents events)
    : io_(io),
      agent_(agent),
      inband_(inband),
      clock_(clock),
      target_(std::move(target)),
      probe_interval_(probe_interval),
      tls_(std::move(tls)),
      events_(std::move(events)),
      addresses_(target_.addresses),
      socket_(io),
      timer_(io),
      state_since_(clock.now()) {}

ControllerLink::~ControllerLink() { ++attempt_; }

std::vector<inband::Remote> ControllerLink::remotes() const {
  std::vector<inband::Remote> out;
  for (const IpAddress& ip : addresses_.all()) out.push_back(target_.remote(ip));
  return out;
}

void ControllerLink::start() {
  if (!session_ && !connecting_ && !waiting_ && !shaking_hands_) connect();
}

void ControllerLink::set_addresses(std::vector<IpAddress> addresses) {
  const bool busy = session_ || connecting_ || shaking_hands_;
  if (!addresses_.set(std::move(addresses), busy && remote_ ? &remote_->ip : nullptr)) return;
  if (remote_) go_on_from(remote_->ip);
  // A SYN to where the controller is no longer is not waited for.
  if (!connecting_ || addresses_.is_current(remote_->ip)) return;
  ++attempt_;
  connecting_ = false;
  std::error_code ignored;
  socket_.close(ignored);
  retry_after(Duration::zero());
}

// The next try is at the same address, if the name still means it.
void ControllerLink::go_on_from(const IpAddress& ip) {
  const auto& current = addresses_.current();
  const auto it = std::find(current.begin(), current.end(), ip);
  next_ = it == current.end() ? 0 : static_cast<std::size_t>(it - current.begin());
}

void ControllerLink::next_address() {
  if (++next_ < addresses_.current().size()) return;
  next_ = 0;
  events_.unreachable();
}

// False: there is none.
bool ControllerLink::choose_remote() {
  const auto& current = addresses_.current();
  if (current.empty()) return false;
  if (next_ >= current.size()) next_ = 0;
  inband::Remote chosen = target_.remote(current[next_]);
  if (remote_ == chosen) return true;
  if (remote_) inband_.set_remote_state(remote_->id, ConnectionState::kIdle, "another address");
  inband_.set_remote_state(chosen.id, state_, "tried now");
  remote_ = std::move(chosen);
  return true;
}

void ControllerLink::connect() {
  waiting_ = false;
  if (!choose_remote()) return enter(ConnectionState::kIdle, "the name has no address yet");
  const std::uint64_t attempt = ++attempt_;
  attempt_since_ = clock_.now();
  ++tries_;
  connecting_ = true;
  resent_ = false;
  std::error_code error;
  socket_.close(error);
  enter(ConnectionState::kConnecting, "");
  const auto endpoint = endpoint_of(*remote_, inband_.local_ifindex());
  socket_.open(endpoint.protocol(), error);
  if (error) return on_connect_failed(error.message(), back_off_.after_unreachable());

  timer_.expires_after(back_off_.connect_timeout());
  timer_.async_wait([this, attempt](std::error_code aborted) {
    if (aborted || attempt != attempt_) return;
    on_connect_failed("no answer", back_off_.after_timeout());
  });
  socket_.async_connect(endpoint, [this, attempt](std::error_code failure) {
    if (failure == asio::error::operation_aborted || attempt != attempt_) return;
    if (failure) return on_connect_failed(failure.message(), back_off_.after_unreachable());
    on_connected();
  });
}

void ControllerLink::on_connected() {
  ++attempt_;
  connecting_ = false;
  timer_.cancel();
  back_off_.answered();
  session_since_ = clock_.now();
  missed_echo_told_ = false;
  std::error_code gone;
  local_address_ = socket_.local_endpoint(gone).address();
  Stream::Socket stream(std::move(socket_));
  socket_ = asio::ip::tcp::socket(io_);
  tune_tcp(stream);
  if (tls_.handshakes != nullptr) return shake_hands(std::move(stream));
  begin_session(std::move(stream));
}

void ControllerLink::shake_hands(Stream::Socket socket) {
  const std::uint64_t attempt = attempt_;
  const std::weak_ptr<const bool> alive = alive_;
  shaking_hands_ = true;
  tls_.handshakes->begin(
      TlsHandshakes::Side::kConnect, std::move(socket),
      {.name = tls_.peer_name, .ip = remote_->ip, .refusal = {}},
      [this, attempt, alive](Expected<TlsConnection> made) {
        if (alive.expired() || attempt != attempt_) return;
        shaking_hands_ = false;
        if (!made) return on_session_end(made.error().message);
        begin_session(Stream::TlsSocket(std::move(made->socket), made->ssl.release()));
      });
}

void ControllerLink::begin_session(Stream::AnySocket socket) {
  session_ = std::make_unique<OfSession>(
      agent_, ofagent::ConnectionKind::kPrimary, clock_, std::move(socket),
      [this](std::string_view reason) { on_session_end(reason); }, probe_interval_);
}

void ControllerLink::set_probe_interval(Duration interval) {
  probe_interval_ = interval;
  if (session_) session_->set_probe_interval(interval);
}

void ControllerLink::on_connect_failed(std::string_view why, Duration delay) {
  ++attempt_;
  connecting_ = false;
  timer_.cancel();
  std::error_code ignored;
  socket_.close(ignored);
  // Tries are many and their reasons alternate; only the first failure of an outage is news.
  if (last_error_.empty()) log::info("control", "{}: cannot connect: {}", remote_->id, why);
  last_error_ = why;
  enter(ConnectionState::kBackOff, why);
  next_address();
  retry_after(delay);
}

void ControllerLink::on_session_end(std::string_view reason) {
  const bool was_connected = state_ == ConnectionState::kConnected;
  // A controller that refuses us, or whose certificate we refuse, is tried for ever; each reason is
  // news once. They may alternate: who closes with our HELLO unread resets.
  const bool is_told = std::find(told_.begin(), told_.end(), reason) != told_.end();
  if (was_connected || (!is_told && told_.size() < kMostReasonsTold)) {
    log::info("control", "{}: connection {}: {}", remote_->id, was_connected ? "lost" : "failed",
              reason);
    if (!was_connected) told_.emplace_back(reason);
  }
  last_error_ = reason;
  // We are inside a call of the session: it goes when that has returned.
  asio::post(io_, [gone = std::shared_ptr<OfSession>(std::move(session_))] {});
  enter(ConnectionState::kBackOff, reason);
  go_on_from(remote_->ip);
  if (!was_connected) next_address();
  retry_after(back_off_.after_session(clock_.now() - session_since_));
}

void ControllerLink::retry_after(Duration delay) {
  waiting_ = true;
  const std::uint64_t attempt = attempt_;
  timer_.expires_after(delay);
  timer_.async_wait([this, attempt](std::error_code aborted) {
    if (!aborted && attempt == attempt_) connect();
  });
}

void ControllerLink::poll(TimePoint now) {
  if (!session_) return;
  session_->poll();
  if (!session_) return;
  if (state_ != ConnectionState::kConnected && session_->established()) {
    ++sessions_;
    last_error_.clear();
    told_.clear();
    enter(ConnectionState::kConnected, "handshake done");
    log::info("control", "{}: connected", remote_->id);
    if (addresses_.settle(remote_->ip)) events_.remotes_changed();
  }
  // The agent asks for an echo after one interval of silence. Without an answer soon after, the
  // next hop may have moved: let the kernel look while TCP is still trying.
  const Duration silence = now - session_->last_input();
  if (silence < probe_interval_) {
    missed_echo_told_ = false;
  } else if (!missed_echo_told_ && silence >= probe_interval_ + kEchoTime) {
    missed_echo_told_ = true;
    inband_.on_missed_echo(remote_->id);
  }
  // The new way is no older than the silence: TCP, which backs off, has yet to try it.
  if (silence >= probe_interval_ &&
      inband_.way_changed_at(remote_->id) > session_->last_input() + probe_interval_)
    session_->extend_probe();
}

TimePoint ControllerLink::next_deadline() const {
  if (!session_ || missed_echo_told_) return TimePoint::max();
  return session_->last_input() + probe_interval_ + kEchoTime;
}

void ControllerLink::try_now() {
  // Waiting ends by itself within kUnreachableDelay, or is the price of closing on us. A SYN may be
  // lost for good: it is sent again, but once per try, as events may come faster than round trips.
  if (!connecting_ || resent_) return;
  if (clock_.now() - attempt_since_ < BackOff::kFirstConnectTimeout) return;
  connect();
  resent_ = true;
}

void ControllerLink::check_local_address() {
  if (!session_ || session_->ended() || local_address_.is_unspecified()) return;
  // Without another address to speak from the session waits: this one may come back in time.
  if (is_ours(io_, local_address_) ||
      !has_source_for(io_, endpoint_of(*remote_, inband_.local_ifindex())))
    return;
  on_session_end("the local address " + local_address_.to_string() + " is gone");
}

void ControllerLink::enter(ConnectionState state, std::string_view why) {
  // Between two tries in a row the state is "connecting" to everybody but us.
  if (state == ConnectionState::kConnecting && state_ == ConnectionState::kBackOff) return;
  if (state == state_) return;
  state_ = state;
  state_since_ = clock_.now();
  if (remote_) inband_.set_remote_state(remote_->id, state, why);
}

ControllerLink::Status ControllerLink::status() const {
  return {.target = target_.text,
          .state = state_,
          .in_state = clock_.now() - state_since_,
          .version = session_ ? session_->version() : std::uint8_t{0},
          .sessions = sessions_,
          .attempts = tries_,
          .last_error = last_error_};
}

}  // namespace lifeline::control
